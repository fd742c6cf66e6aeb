"""Publishers over RTSP: what relays and pushing cameras speak; it serves no readers."""

import asyncio
import re
import time
import uuid
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from auth import Auth, Credentials, DeniedError, read_credentials
from logs import Journal
from paths import NotConfiguredError, Path, Paths
from quantities import parse_duration
from rtp import Assembler
from sdp import Media, read_sdp

from web import split_address

_REASONS = {
    200: "OK",
    400: "Bad Request",
    401: "Unauthorized",
    404: "Not Found",
    405: "Method Not Allowed",
    461: "Unsupported Transport",
}
_PUBLIC = "DESCRIBE, ANNOUNCE, SETUP, PLAY, RECORD, PAUSE, GET_PARAMETER, TEARDOWN"
_MAX_HEADER_LINES = 64
_MAX_BODY_BYTES = 1024 * 1024


@dataclass(frozen=True)
class Request:
    method: str
    url: str
    headers: dict[str, str]
    body: str


class RefusedError(Exception):
    """The request is answered with a status and the connection goes on."""

    def __init__(self, status: int, headers: dict[str, str] | None = None) -> None:
        super().__init__(_REASONS[status])
        self.status = status
        self.headers = headers or {}


class RtspServer:
    """Lives on the loop."""

    def __init__(self, values: dict[str, Any], paths: Paths, auth: Auth, journal: Journal) -> None:
        self._paths = paths
        self._auth = auth
        self._journal = journal
        self._address: str = values["rtspAddress"]
        self._timeout_s = parse_duration(values["readTimeout"])
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    async def start(self) -> None:
        host, port = split_address(self._address)
        self._server = await asyncio.start_server(self._serve, host, port)
        self._journal.info(f"[RTSP] started with listeners on {self._address} (TCP/RTSP)")

    async def close(self) -> None:
        self._journal.info("[RTSP] closing")
        if self._server:
            self._server.close()
        for writer in list(self._writers):
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        host, port = writer.get_extra_info("peername")[:2]
        label = f"[RTSP] [conn {host}:{port}]"
        self._journal.info(f"{label} opened")
        session = Session(writer, host, self._paths, self._auth)
        try:
            await session.run(reader, self._timeout_s, self._journal)
            reason = "terminated"
        except (OSError, EOFError, ValueError, TimeoutError) as error:
            reason = str(error) or type(error).__name__
        finally:
            session.leave()
            self._writers.discard(writer)
            writer.close()
        self._journal.info(f"{label} closed: {reason}")


class Session:
    """One connection; the source of a path from RECORD to its end."""

    kind = "rtspSession"

    def __init__(self, writer: asyncio.StreamWriter, client: str, paths: Paths, auth: Auth) -> None:
        self.id = str(uuid.uuid4())
        self._writer = writer
        self._client = client
        self._paths = paths
        self._auth = auth
        self._path: Path | None = None
        self._medias: list[Media] = []
        self._channels: dict[int, int] = {}
        self._assemblers: list[Assembler] = []

    def start(self) -> None:
        """Nothing to do: a publisher starts by itself."""

    def close(self) -> None:
        self._writer.close()

    def leave(self) -> None:
        """Free the path, when it is still this session's."""
        if self._path and self._path.source is self:
            self._path.adopt(None)

    async def run(self, reader: asyncio.StreamReader, timeout_s: float, journal: Journal) -> None:
        while True:
            async with asyncio.timeout(timeout_s):
                first = await reader.readexactly(1)
                if first == b"$":
                    head = await reader.readexactly(3)
                    packet = await reader.readexactly(int.from_bytes(head[1:], "big"))
                    request = None
                else:
                    request = await _read_request(reader, first)
            if request is None:
                if not self._media(head[0], packet):
                    return
            elif not await self._handle(request, journal):
                return

    async def _handle(self, request: Request, journal: Journal) -> bool:
        """Answer; False when the session has ended."""
        try:
            headers = await self._act(request)
            self._answer(request, 200, headers)
        except DeniedError as denied:
            if not denied.ask:
                journal.warn(f"[RTSP] [conn {self._client}] failed to authenticate: authentication failed")
            self._answer(request, 401, {"WWW-Authenticate": 'Basic realm="mediamtx"'})
        except NotConfiguredError as error:
            journal.info(f"[RTSP] [conn {self._client}] {error}")
            self._answer(request, 400, {})
        except RefusedError as error:
            self._answer(request, error.status, error.headers)
        else:
            if request.method == "RECORD" and self._path:
                journal.info(f"[RTSP] [session {self.id[:8]}] is publishing to path '{self._path.name}'")
            return request.method != "TEARDOWN"
        return True

    async def _act(self, request: Request) -> dict[str, str]:
        if request.method in ("OPTIONS", "GET_PARAMETER", "SET_PARAMETER", "TEARDOWN"):
            return {"Public": _PUBLIC}
        if request.method == "ANNOUNCE":
            await self._announce(request)
            return {}
        if request.method == "SETUP" and self._path:
            return {"Transport": self._set_up(request), "Session": self.id}
        if request.method == "RECORD" and self._path:
            self._record(self._path)
            return {"Session": self.id}
        raise RefusedError(404 if request.method in ("DESCRIBE", "PLAY", "SETUP") else 405)

    async def _announce(self, request: Request) -> None:
        name = urlsplit(request.url).path.strip("/")
        path = self._paths.get(name)
        given = read_credentials(request.headers.get("authorization", ""))
        await self._auth.check("publish", name, self._client, given or Credentials())
        if path.conf["source"] != "publisher" or (path.source and not path.conf["overridePublisher"]):
            raise RefusedError(400)
        self._medias, self._path = read_sdp(request.body), path

    def _set_up(self, request: Request) -> str:
        transport = request.headers.get("transport", "")
        if "TCP" not in transport.upper():
            raise RefusedError(461)
        index = len(set(self._channels.values()))
        for number, media in enumerate(self._medias):
            if media.control and request.url.rstrip("/").endswith(media.control):
                index = number
        channels = re.search(r"interleaved=(\d+)", transport)
        channel = int(channels[1]) if channels else 2 * index
        self._channels[channel] = index
        return f"RTP/AVP/TCP;unicast;interleaved={channel}-{channel + 1}"

    def _record(self, path: Path) -> None:
        old = path.source
        path.adopt(self)
        if old:
            old.close()
        began_s = time.monotonic()
        self._assemblers = [Assembler(media.track, began_s) for media in self._medias]
        path.open(self, [media.track for media in self._medias])

    def _media(self, channel: int, packet: bytes) -> bool:
        """Take a packet; False when the path has gone on to another source."""
        index = self._channels.get(channel)
        if index is None or index >= len(self._assemblers) or self._path is None:
            return True
        samples = self._assemblers[index].feed(packet)
        return all(self._path.write(self, index, sample) for sample in samples)

    def _answer(self, request: Request, status: int, headers: dict[str, str]) -> None:
        lines = [f"RTSP/1.0 {status} {_REASONS[status]}", f"CSeq: {request.headers.get('cseq', '0')}"]
        lines += ["Server: mediamtx", *(f"{name}: {value}" for name, value in headers.items())]
        self._writer.write("\r\n".join([*lines, "", ""]).encode())


async def _read_request(reader: asyncio.StreamReader, first: bytes) -> Request:
    start = (first + await reader.readline()).decode(errors="replace").split()
    if len(start) != 3:  # noqa: PLR2004  method, URL, version
        raise ValueError("this is not RTSP")
    headers = {}
    for _ in range(_MAX_HEADER_LINES):
        line = (await reader.readline()).decode(errors="replace").strip()
        if not line:
            break
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    size = int(headers.get("content-length", "0"))
    if not 0 <= size <= _MAX_BODY_BYTES:
        raise ValueError("RTSP body is too large")
    body = (await reader.readexactly(size)).decode(errors="replace")
    return Request(start[0], start[1], headers, body)
