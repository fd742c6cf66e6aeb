"""RTP as cameras send it: payloads of each codec, sequence numbers and sender reports."""

from __future__ import annotations

import secrets
import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

MOST_PAYLOAD_BYTES = 1400
VIDEO_CLOCK_HZ = 90_000
_VERSION = 0x80
_MARKER = 0x80
_SENDER_REPORT = 200
_UNIX_TO_NTP_S = 2_208_988_800
_FU_A = 28
_FU_H265 = 49


def h264_payloads(nals: Iterable[bytes]) -> Iterator[bytes]:
    """RFC 6184, packetization mode 1: whole NAL units, or FU-A when they are too long."""
    for nal in nals:
        if len(nal) <= MOST_PAYLOAD_BYTES:
            yield nal
        else:
            indicator = bytes([nal[0] & 0xE0 | _FU_A])
            yield from _fragments(indicator, nal[0] & 0x1F, nal[1:])


def h265_payloads(nals: Iterable[bytes]) -> Iterator[bytes]:
    """RFC 7798: whole NAL units, or fragmentation units."""
    for nal in nals:
        if len(nal) <= MOST_PAYLOAD_BYTES:
            yield nal
        else:
            indicator = bytes([nal[0] & 0x81 | _FU_H265 << 1, nal[1]])
            yield from _fragments(indicator, nal[0] >> 1 & 0x3F, nal[2:])


def _fragments(indicator: bytes, kind: int, body: bytes) -> Iterator[bytes]:
    size = MOST_PAYLOAD_BYTES - len(indicator) - 1
    for at in range(0, len(body), size):
        start, end = at == 0, at + size >= len(body)
        yield indicator + bytes([start << 7 | end << 6 | kind]) + body[at : at + size]


def aac_payload(frame: bytes) -> bytes:
    """RFC 3640 AAC-hbr with one frame: 13 bits of size, 3 bits of index."""
    return struct.pack(">HH", 16, len(frame) << 3) + frame


class Sender:
    """The numbering of one track; every client of the track gets the same packets."""

    def __init__(self, payload_type: int, clock_hz: int) -> None:
        self.clock_hz = clock_hz
        self._payload_type = payload_type
        self._source = secrets.randbits(32)
        self._sequence = secrets.randbits(16)
        self._packets = self._octets = 0

    def packets(self, payloads: Sequence[bytes], timestamp: int) -> list[bytes]:
        """Packets of one access unit; the last one carries the marker."""
        sent = []
        for number, payload in enumerate(payloads, 1):
            marker = _MARKER if number == len(payloads) else 0
            head = struct.pack(
                ">BBHII",
                _VERSION,
                marker | self._payload_type,
                self._sequence,
                timestamp & 0xFFFFFFFF,
                self._source,
            )
            sent.append(head + payload)
            self._sequence = (self._sequence + 1) & 0xFFFF
            self._octets += len(payload)
        self._packets += len(payloads)
        return sent

    def report(self, epoch_ms: int, timestamp: int) -> bytes:
        """RTCP sender report: which wall clock this timestamp stands for."""
        seconds, ms = divmod(epoch_ms, 1000)
        return struct.pack(
            ">BBHIIIIII",
            _VERSION,
            _SENDER_REPORT,
            6,
            self._source,
            (seconds + _UNIX_TO_NTP_S) & 0xFFFFFFFF,
            (ms << 32) // 1000,
            timestamp & 0xFFFFFFFF,
            self._packets & 0xFFFFFFFF,
            self._octets & 0xFFFFFFFF,
        )
