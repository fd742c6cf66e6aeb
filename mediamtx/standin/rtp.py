"""RTP payloads put together again to access units."""

import time
from dataclasses import dataclass, field

from tracks import AAC, G711, H264, Sample, Track, expand_g711

_HEADER_BYTES = 12
_AAC_FRAME = 1024
_STAP_A, _FU_A = 24, 28
_AGGREGATE, _FU = 48, 49
_MAX_UNIT_BYTES = 8 * 1024 * 1024


@dataclass
class Assembler:
    """Packets of one track in, samples out; times count from `began_s`, the monotonic start of the stream."""

    track: Track
    began_s: float
    _first: int | None = None
    _offset: int = 0
    _last_raw: int = 0
    _wraps: int = 0
    _last_dts: int = 0
    _units: list[bytes] = field(default_factory=list)
    _fragment: bytearray | None = None

    def feed(self, packet: bytes) -> list[Sample]:
        payload, timestamp, marker = _split(packet)
        if not payload:
            return []
        pts = self._pts(timestamp)
        if not self.track.is_video:
            return [self._sample(at, data, key=True) for at, data in self._sound(payload, pts)]
        self._collect(payload)
        if not marker or not self._units:
            return []
        units, self._units = self._units, []
        data, key = self.track.pack(units)
        return [self._sample(pts, data, key=key)] if data else []

    def _pts(self, timestamp: int) -> int:
        """Unwrapped, and moved so that the first packet lies at its arrival."""
        if self._first is None:
            self._first = self._last_raw = timestamp
            self._offset = round((time.monotonic() - self.began_s) * self.track.clock) - timestamp
        step = (timestamp - self._last_raw) & 0xFFFFFFFF
        if step < 1 << 31 and timestamp < self._last_raw:
            self._wraps += 1
        if step >= 1 << 31 and timestamp > self._last_raw:
            return timestamp + ((self._wraps - 1) << 32) + self._offset
        if step < 1 << 31:
            self._last_raw = timestamp
        return timestamp + (self._wraps << 32) + self._offset

    def _sample(self, pts: int, data: bytes, *, key: bool) -> Sample:
        self._last_dts = dts = max(pts, self._last_dts)
        return Sample(dts, pts - dts, time.time_ns(), key, data)

    def _sound(self, payload: bytes, pts: int) -> list[tuple[int, bytes]]:
        if self.track.codec == G711:
            return [(pts, expand_g711(payload, mulaw=self.track.mulaw))]
        if self.track.codec != AAC:
            return [(pts, payload)]
        count = int.from_bytes(payload[:2], "big") // 16
        at, frames = 2 + 2 * count, []
        for number in range(count):
            size = int.from_bytes(payload[2 + 2 * number : 4 + 2 * number], "big") >> 3
            frames.append((pts + number * _AAC_FRAME, payload[at : at + size]))
            at += size
        return frames

    def _collect(self, payload: bytes) -> None:
        if self.track.codec == H264:
            kind = payload[0] & 0x1F
            if kind == _STAP_A:
                self._units += _unpack(payload[1:])
            elif kind == _FU_A:
                self._join(payload[1], bytes(((payload[0] & 0xE0) | (payload[1] & 0x1F),)), payload[2:])
            else:
                self._units.append(payload)
            return
        kind = (payload[0] >> 1) & 0x3F
        if kind == _AGGREGATE:
            self._units += _unpack(payload[2:])
        elif kind == _FU:
            first = (payload[0] & 0x81) | (payload[2] & 0x3F) << 1
            self._join(payload[2], bytes((first, payload[1])), payload[3:])
        else:
            self._units.append(payload)

    def _join(self, header: int, start: bytes, data: bytes) -> None:
        if header & 0x80:
            self._fragment = bytearray(start)
        if self._fragment is None:
            return
        self._fragment += data
        if header & 0x40:
            self._units.append(bytes(self._fragment))
        if header & 0x40 or len(self._fragment) > _MAX_UNIT_BYTES:
            self._fragment = None


def _split(packet: bytes) -> tuple[bytes, int, bool]:
    """Payload, timestamp and marker; an empty payload for what is no RTP."""
    if len(packet) < _HEADER_BYTES or packet[0] >> 6 != 2:  # noqa: PLR2004  the version
        return b"", 0, False
    at = _HEADER_BYTES + 4 * (packet[0] & 0x0F)
    if packet[0] & 0x10:
        at += 4 + 4 * int.from_bytes(packet[at + 2 : at + 4], "big")
    end = len(packet) - (packet[-1] if packet[0] & 0x20 else 0)
    return packet[at:end], int.from_bytes(packet[4:8], "big"), bool(packet[1] & 0x80)


def _unpack(data: bytes) -> list[bytes]:
    units, at = [], 0
    while at + 2 < len(data):
        size = int.from_bytes(data[at : at + 2], "big")
        units.append(data[at + 2 : at + 2 + size])
        at += 2 + size
    return [unit for unit in units if unit]
