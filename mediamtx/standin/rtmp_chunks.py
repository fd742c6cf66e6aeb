"""The RTMP chunk stream: handshake, and whole messages in and out."""

import asyncio
import os
from dataclasses import dataclass

SET_CHUNK_SIZE, WINDOW_ACK, PEER_BANDWIDTH, AUDIO, VIDEO, DATA, COMMAND = 1, 5, 6, 8, 9, 18, 20
ACKNOWLEDGEMENT = 3
_VERSION = 3
_HANDSHAKE_BYTES = 1536
_DEFAULT_CHUNK_BYTES = 128
_OUT_CHUNK_BYTES = 4096
_EXTENDED = 0xFFFFFF
_MAX_MESSAGE_BYTES = 16 * 1024 * 1024
_ACK_EVERY_BYTES = 1_000_000


@dataclass(slots=True)
class Message:
    kind: int
    stream_id: int
    timestamp_ms: int
    body: bytes


@dataclass(slots=True)
class _Lane:
    timestamp_ms: int = 0
    delta_ms: int = 0
    length: int = 0
    kind: int = 0
    stream_id: int = 0
    extended: bool = False
    body: bytearray | None = None


class Chunks:
    """One connection, after `greet`."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._in_size = _DEFAULT_CHUNK_BYTES
        self._out_size = _DEFAULT_CHUNK_BYTES
        self._lanes: dict[int, _Lane] = {}
        self._received = self._acknowledged = 0

    async def greet(self) -> None:
        hello = await self._reader.readexactly(1 + _HANDSHAKE_BYTES)
        if hello[0] != _VERSION:
            raise ValueError("this is not RTMP")
        random = bytes(8) + os.urandom(_HANDSHAKE_BYTES - 8)
        self._writer.write(bytes((_VERSION,)) + random + hello[1:])
        await self._reader.readexactly(_HANDSHAKE_BYTES)

    async def read(self) -> Message:
        """Wait for the next whole message that is not the chunk stream's own business."""
        while True:
            message = await self._chunk()
            if message is None:
                continue
            self._acknowledge()
            if message.kind == SET_CHUNK_SIZE:
                self._in_size = max(1, int.from_bytes(message.body[:4], "big") & 0x7FFFFFFF)
            elif message.kind in (AUDIO, VIDEO, DATA, COMMAND):
                return message

    def write(self, kind: int, body: bytes, stream_id: int = 0, lane: int = 2) -> None:
        header = bytes((lane,)) + bytes(3) + len(body).to_bytes(3, "big") + bytes((kind,))
        header += stream_id.to_bytes(4, "little")
        pieces = [body[at : at + self._out_size] for at in range(0, len(body), self._out_size)]
        self._writer.write(header + bytes((0xC0 | lane,)).join(pieces))

    def widen(self) -> None:
        self.write(SET_CHUNK_SIZE, _OUT_CHUNK_BYTES.to_bytes(4, "big"))
        self._out_size = _OUT_CHUNK_BYTES

    async def _take(self, count: int) -> bytes:
        self._received += count
        return await self._reader.readexactly(count)

    async def _chunk(self) -> Message | None:
        first = (await self._take(1))[0]
        number = first & 0x3F
        if number < 2:  # noqa: PLR2004  longer forms of the chunk stream id
            number = 64 + int.from_bytes(await self._take(number + 1), "little")
        lane = self._lanes.setdefault(number, _Lane())
        await self._header(lane, first >> 6)
        if lane.body is None:
            lane.body = bytearray()
        lane.body += await self._take(min(self._in_size, lane.length - len(lane.body)))
        if len(lane.body) < lane.length:
            return None
        body, lane.body = bytes(lane.body), None
        return Message(lane.kind, lane.stream_id, lane.timestamp_ms, body)

    async def _header(self, lane: _Lane, form: int) -> None:
        fields = await self._take((11, 7, 3, 0)[form])
        time_ms = int.from_bytes(fields[:3], "big")
        if form < 3:  # noqa: PLR2004  only form 3 brings no time of its own
            lane.extended = time_ms == _EXTENDED
        if lane.extended:
            time_ms = int.from_bytes(await self._take(4), "big")
        if form <= 1:
            lane.length, lane.kind = int.from_bytes(fields[3:6], "big"), fields[6]
        if form == 0:
            lane.stream_id = int.from_bytes(fields[7:11], "little")
            lane.timestamp_ms, lane.delta_ms = time_ms, 0
        elif lane.body is None:
            lane.delta_ms = lane.delta_ms if form == 3 else time_ms  # noqa: PLR2004
            lane.timestamp_ms += lane.delta_ms
        if lane.length > _MAX_MESSAGE_BYTES:
            raise ValueError("RTMP message is too large")

    def _acknowledge(self) -> None:
        if self._received - self._acknowledged >= _ACK_EVERY_BYTES:
            self._acknowledged = self._received
            self.write(ACKNOWLEDGEMENT, (self._received & 0xFFFFFFFF).to_bytes(4, "big"))
