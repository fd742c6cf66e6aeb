"""Cameras that push: an RTMP server for publishers; it serves no readers."""

import asyncio
import uuid
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import amf
from auth import Auth, Credentials, DeniedError
from flv import Tag, make_sample, make_track, read_audio, read_video
from logs import Journal
from paths import NotConfiguredError, Path, Paths
from quantities import parse_duration
from rtmp_chunks import AUDIO, COMMAND, DATA, PEER_BANDWIDTH, VIDEO, WINDOW_ACK, Chunks, Message

from web import split_address

if TYPE_CHECKING:
    from tracks import Track

_WINDOW_BYTES = 2_500_000
_TRACKS_WAIT_S = 1.0


class RejectedError(Exception):
    """The publisher cannot be taken."""


class RtmpServer:
    """Lives on the loop."""

    def __init__(self, values: dict[str, Any], paths: Paths, auth: Auth, journal: Journal) -> None:
        self._paths = paths
        self._auth = auth
        self._journal = journal
        self._address: str = values["rtmpAddress"]
        self._timeout_s = parse_duration(values["readTimeout"])
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    async def start(self) -> None:
        host, port = split_address(self._address)
        self._server = await asyncio.start_server(self._serve, host, port)
        self._journal.info(f"[RTMP] started with listener on {self._address} (TCP/RTMP)")

    async def close(self) -> None:
        self._journal.info("[RTMP] closing")
        if self._server:
            self._server.close()
        for writer in list(self._writers):
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        host, port = writer.get_extra_info("peername")[:2]
        label = f"[RTMP] [conn {host}:{port}]"
        self._journal.info(f"{label} opened")
        publisher = Publisher(Chunks(reader, writer), writer, host, self._paths, self._auth)
        try:
            await publisher.run(self._timeout_s, self._journal, label)
            reason = "EOF"
        except (OSError, EOFError, ValueError, TimeoutError, RejectedError, NotConfiguredError) as error:
            reason = str(error) or type(error).__name__
        except DeniedError:
            reason = "failed to authenticate: authentication failed"
            self._journal.warn(f"{label} {reason}")
        finally:
            publisher.leave()
            self._writers.discard(writer)
            writer.close()
        self._journal.info(f"{label} closed: {reason}")


class Publisher:
    """One connection; the source of a path from its first frames to its end."""

    kind = "rtmpConn"

    def __init__(self, chunks: Chunks, writer: asyncio.StreamWriter, client: str, paths: Paths, auth: Auth) -> None:
        self.id = str(uuid.uuid4())
        self._chunks = chunks
        self._writer = writer
        self._client = client
        self._paths = paths
        self._auth = auth
        self._app = ""
        self._path: Path | None = None
        self._tracks: dict[str, Track] = {}
        self._indexes: dict[str, int] = {}
        self._origin_ms: int | None = None
        self._awaited: set[str] | None = None

    def start(self) -> None:
        """Nothing to do: a publisher starts by itself."""

    def close(self) -> None:
        self._writer.close()

    def leave(self) -> None:
        """Free the path, when it is still this publisher's."""
        if self._path and self._path.source is self:
            self._path.adopt(None)

    async def run(self, timeout_s: float, journal: Journal, label: str) -> None:
        async with asyncio.timeout(timeout_s):
            await self._chunks.greet()
        while True:
            async with asyncio.timeout(timeout_s):
                message = await self._chunks.read()
            if message.kind == COMMAND:
                if await self._command(amf.read_values(message.body), message.stream_id):
                    return
                if self._path and not self._indexes:
                    journal.info(f"{label} is publishing to path '{self._path.name}'")
            elif message.kind == DATA:
                self._metadata(amf.read_values(message.body))
            elif not self._media(message):
                return

    async def _command(self, values: list[Any], stream_id: int) -> bool:
        """Act on a command; True when it ends the stream."""
        name, number, *arguments = (*values, "", 0)[: max(2, len(values))]
        if name == "connect":
            self._connect(number, arguments)
        elif name == "createStream":
            self._reply("_result", number, None, 1)
        elif name == "publish":
            await self._publish(str(arguments[1]) if len(arguments) > 1 else "", stream_id)
        elif name == "play":
            raise RejectedError("the stand-in serves no RTMP readers")
        elif name in ("releaseStream", "FCPublish"):
            self._reply("_result", number, None)
        return name in ("deleteStream", "FCUnpublish", "closeStream")

    def _connect(self, number: float, arguments: list[Any]) -> None:
        details = arguments[0] if arguments and isinstance(arguments[0], dict) else {}
        parts = urlsplit(str(details.get("tcUrl", "")))
        self._app = parts.path.strip("/") or str(details.get("app", ""))
        self._app += f"?{parts.query}" if parts.query else ""
        self._chunks.write(WINDOW_ACK, _WINDOW_BYTES.to_bytes(4, "big"))
        self._chunks.write(PEER_BANDWIDTH, _WINDOW_BYTES.to_bytes(4, "big") + b"\x02")
        self._chunks.widen()
        status = {"level": "status", "code": "NetConnection.Connect.Success", "description": "ok"}
        self._reply("_result", number, {"fmsVer": "FMS/3,0,1,123", "capabilities": 31}, status)

    def _reply(self, *values: Any, stream_id: int = 0) -> None:
        self._chunks.write(COMMAND, amf.write_values(*values), stream_id, lane=3)

    async def _publish(self, key: str, stream_id: int) -> None:
        app, _, app_query = self._app.partition("?")
        key, _, key_query = key.partition("?")
        name = "/".join(part for part in (app, key) if part).strip("/")
        query = parse_qs(key_query or app_query)
        given = Credentials(query.get("user", [""])[0], query.get("pass", [""])[0])
        path = self._paths.get(name)
        await self._auth.check("publish", name, self._client, given)
        if path.conf["source"] != "publisher":
            raise RejectedError(f"can't publish to path '{name}' since 'source' is not 'publisher'")
        if path.source and not path.conf["overridePublisher"]:
            raise RejectedError(f"someone is already publishing to path '{name}'")
        self._path = path
        status = {"level": "status", "code": "NetStream.Publish.Start", "description": "publish start"}
        self._reply("onStatus", 4, None, status, stream_id=stream_id)

    def _metadata(self, values: list[Any]) -> None:
        facts = next((value for value in values if isinstance(value, dict)), {})
        self._awaited = {kind for kind in ("video", "audio") if facts.get(f"{kind}codecid")}

    def _media(self, message: Message) -> bool:
        """Take a frame; False when the path has gone on to another source."""
        if self._path is None:
            return True
        tag = {VIDEO: read_video, AUDIO: read_audio}[message.kind](message.body)
        if tag is None:
            return True
        kind = "video" if message.kind == VIDEO else "audio"
        if tag.config:
            if kind not in self._indexes:
                self._tracks[kind] = make_track(tag)
            return True
        if self._origin_ms is None:
            self._origin_ms = message.timestamp_ms
        if not self._indexes and not self._open(self._path, message.timestamp_ms - self._origin_ms):
            return True
        return self._write(self._path, kind, tag, message.timestamp_ms - self._origin_ms)

    def _open(self, path: Path, waited_ms: int) -> bool:
        """Offer the stream once every announced track has told its configuration."""
        if (self._awaited or {"video"}) - set(self._tracks) and waited_ms < _TRACKS_WAIT_S * 1000:
            return False
        kinds = [kind for kind in ("video", "audio") if kind in self._tracks]
        if not kinds:
            raise RejectedError("no supported tracks found")
        old = path.source
        path.adopt(self)
        if old:
            old.close()
        self._indexes = {kind: index for index, kind in enumerate(kinds)}
        return path.open(self, [self._tracks[kind] for kind in kinds])

    def _write(self, path: Path, kind: str, tag: Tag, dts_ms: int) -> bool:
        index = self._indexes.get(kind)
        if index is None:
            return path.source is self
        return path.write(self, index, make_sample(self._tracks[kind], tag, dts_ms))
