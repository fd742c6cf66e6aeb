"""The RTSP side of a generated camera: one connection, media interleaved in it."""

from __future__ import annotations

import asyncio
import re
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable

    from vmsd.demo.camera_auth import Gate
    from vmsd.demo.camera_stream import Burst, Stream

_METHODS = "OPTIONS, DESCRIBE, SETUP, PLAY, PAUSE, GET_PARAMETER, SET_PARAMETER, TEARDOWN"
_REASONS = {
    200: "OK", 400: "Bad Request", 401: "Unauthorized", 404: "Not Found", 454: "Session Not Found",
    455: "Method Not Valid in This State", 461: "Unsupported Transport", 501: "Not Implemented",
}  # fmt: skip
_INTERLEAVED = re.compile(r"interleaved=(\d{1,3})")
_TRACK = re.compile(r"^(.*)/trackID=(\d)$")
_SLOW_CLIENT_BYTES = 8 << 20
_STALL_AFTER_S = 3.0
_FRAME_MARK = b"$"


@dataclass(frozen=True)
class Request:
    method: str
    url: str
    headers: dict[str, str]

    @property
    def path(self) -> str:
        """As a camera compares it: with the query, without a slash at the end."""
        split = urlsplit(self.url)
        return (f"{split.path}?{split.query}" if split.query else split.path).rstrip("/")


@dataclass(frozen=True)
class Answer:
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: str = ""
    challenges: tuple[str, ...] = ()

    def encode(self, sequence: str) -> bytes:
        lines = [f"RTSP/1.0 {self.status} {_REASONS[self.status]}", f"CSeq: {sequence}"]
        lines += [f"WWW-Authenticate: {challenge}" for challenge in self.challenges]
        lines += [f"{key}: {value}" for key, value in self.headers.items()]
        body = self.body.encode()
        lines += [f"Content-Length: {len(body)}"] if body else []
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


class Connection:
    """Answers one client and carries its media; `streams` finds a stream by its path."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        streams: Callable[[str], Stream | None],
        gate: Gate,
    ) -> None:
        self._reader, self._writer, self._streams, self._gate = reader, writer, streams, gate
        self._session = secrets.token_hex(8)
        self._channels: dict[int, int] = {}  # track -> first channel
        self._waits_for_key = True
        self._stalls_at: float | None = None
        self._set_up: Stream | None = None
        self.playing: Stream | None = None

    async def serve(self) -> None:
        """Return when the client has gone, said nonsense, or torn its session down."""
        try:
            while request := await self._read():
                answer = self._answer(request)
                self._writer.write(answer.encode(request.headers.get("cseq", "0")))
                await self._writer.drain()
                if request.method == "PLAY" and answer.status == 200:  # noqa: PLR2004
                    self._play()
                if request.method == "TEARDOWN":
                    break
        except (OSError, EOFError, asyncio.LimitOverrunError, ValueError):
            pass
        finally:
            self.playing = None
            self._writer.close()

    async def swallow(self) -> None:
        """Accept and never answer."""
        while await self._reader.read(4096):
            pass

    def abort(self) -> None:
        self._writer.transport.abort()

    async def _read(self) -> Request | None:
        while (first := await self._reader.read(1)) == _FRAME_MARK:
            head = await self._reader.readexactly(3)
            await self._reader.readexactly(int.from_bytes(head[1:], "big"))
        if not first:
            return None
        text = (first + await self._reader.readuntil(b"\r\n\r\n")).decode("utf-8", "replace").lstrip()
        start, *lines = text.split("\r\n")
        method, url, _version = start.split(" ")
        pairs = (line.partition(":") for line in lines if ":" in line)
        headers = {key.strip().lower(): value.strip() for key, _, value in pairs}
        await self._reader.readexactly(min(int(headers.get("content-length", "0")), 1 << 16))
        return Request(method, url, headers)

    def _answer(self, request: Request) -> Answer:
        if request.method == "OPTIONS":
            return Answer(headers={"Public": _METHODS})
        if not self._gate.admits(request.method, request.headers.get("authorization", "")):
            return Answer(401, challenges=tuple(self._gate.challenges()))
        match request.method:
            case "DESCRIBE":
                answer = self._describe(request)
            case "SETUP":
                answer = self._setup(request)
            case "PLAY" | "PAUSE":
                self.playing = None
                answer = self._with_session() if self._set_up else Answer(455)
            case "GET_PARAMETER" | "SET_PARAMETER" | "TEARDOWN":
                answer = self._with_session()
            case _:
                answer = Answer(501)
        return answer

    def _with_session(self, **headers: str) -> Answer:
        return Answer(headers={"Session": f"{self._session};timeout=60", **headers})

    def _describe(self, request: Request) -> Answer:
        if (stream := self._streams(request.path)) is None:
            return Answer(404)
        head = {"Content-Type": "application/sdp", "Content-Base": request.url.rstrip("/") + "/"}
        return Answer(headers=head, body=stream.sdp())

    def _setup(self, request: Request) -> Answer:
        found = _TRACK.match(request.path)
        stream = self._streams(found[1].rstrip("/")) if found else None
        if found is None or stream is None or int(found[2]) >= stream.tracks:
            return Answer(404)
        transport = request.headers.get("transport", "")
        if "RTP/AVP/TCP" not in transport:
            return Answer(461)
        asked = _INTERLEAVED.search(transport)
        channel = min(int(asked[1]), 254) if asked else 2 * int(found[2])
        self._channels[int(found[2])] = channel
        self._set_up = stream
        return self._with_session(Transport=f"RTP/AVP/TCP;unicast;interleaved={channel}-{channel + 1}")

    def _play(self) -> None:
        self._waits_for_key = True
        self.playing = self._set_up
        if self.playing and self.playing.spec.fault == "stall":
            self._stalls_at = asyncio.get_running_loop().time() + _STALL_AFTER_S

    def carry(self, burst: Burst) -> None:
        """Media for this client, from its first keyframe on; one that does not read is dropped."""
        if self._waits_for_key and not burst.keyframe:
            return
        if self._stalls_at is not None and asyncio.get_running_loop().time() > self._stalls_at:
            return
        self._waits_for_key = False
        frames = bytearray()
        for track, is_report, packet in burst.packets:
            if track in self._channels:
                frames += _FRAME_MARK + bytes([self._channels[track] + is_report])
                frames += len(packet).to_bytes(2, "big") + packet
        self._writer.write(frames)
        if self._writer.transport.get_write_buffer_size() > _SLOW_CLIENT_BYTES:
            self.abort()
