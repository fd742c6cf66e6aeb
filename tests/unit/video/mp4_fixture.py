"""Writes recordings laid out as MediaMTX 1.20.1 lays them out, from pictures of a generated camera."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from datetime import UTC
from functools import lru_cache

from vmsd.demo.camera_encoder import AccessUnit, VideoEncoder, VideoSpec, nal_type

EPOCH_MS = 1_795_258_714_000
STREAM_ID = bytes(range(16))
TIMESCALE = 90_000
_SYNC, _NOT_SYNC = 0x02000000, 0x01010000


def box(kind: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return struct.pack(">I4s", len(body) + 8, kind) + body


def full(kind: bytes, version: int, flags: int, *parts: bytes) -> bytes:
    return box(kind, struct.pack(">I", version << 24 | flags), *parts)


def u32(*values: int) -> bytes:
    return struct.pack(f">{len(values)}I", *(value & 0xFFFFFFFF for value in values))


def avcc(sets: tuple[bytes, ...]) -> bytes:
    sps = next(nal for nal in sets if nal_type("h264", nal) == 7)
    pps = next(nal for nal in sets if nal_type("h264", nal) == 8)
    head = bytes([1, *sps[1:4], 0xFF, 0xE1])
    return head + struct.pack(">H", len(sps)) + sps + b"\x01" + struct.pack(">H", len(pps)) + pps


def mtxi(number: int = 0, dts_ns: int = 0, ntp_ns: int = EPOCH_MS * 1_000_000) -> bytes:
    return full(b"mtxi", 0, 0, STREAM_ID, struct.pack(">Qqq", number, dts_ns, ntp_ns))


def video_trak(width: int, height: int, config: bytes, entry: bytes = b"avc1", record: bytes = b"avcC") -> bytes:
    visual = bytes(24) + struct.pack(">HH", width, height) + bytes(50)
    return trak(1, b"vide", TIMESCALE, box(entry, visual, box(record, config)))


def sound_trak() -> bytes:
    return trak(2, b"soun", 8000, box(b"ipcm", bytes(16) + struct.pack(">HHIHH", 1, 16, 0, 8000, 0)))


def trak(number: int, handler: bytes, timescale: int, entry: bytes) -> bytes:
    table = box(b"stbl", full(b"stsd", 0, 0, u32(1), entry), full(b"stts", 0, 0, u32(0)))
    return box(
        b"trak",
        full(b"tkhd", 0, 3, u32(0, 0, number, 0, 0), bytes(60)),
        box(
            b"mdia",
            full(b"mdhd", 0, 0, u32(0, 0, timescale, 0), bytes(4)),
            full(b"hdlr", 0, 0, bytes(4), handler, bytes(13)),
            box(b"minf", table),
        ),
    )


def header(*traks: bytes, duration_ms: int = 0, udta: bytes = b"") -> bytes:
    mvhd = full(b"mvhd", 0, 0, u32(0, 0, 1000, duration_ms), bytes(80))
    trex = b"".join(full(b"trex", 0, 0, u32(number, 1, 0, 0, 0)) for number in range(1, len(traks) + 1))
    moov = box(b"moov", mvhd, *traks, box(b"mvex", trex), box(b"udta", udta) if udta else b"")
    return box(b"ftyp", b"mp42", u32(1), b"mp41mp42isomhlsf") + moov


@dataclass(frozen=True)
class Sample:
    data: bytes
    duration: int
    is_sync: bool
    shift: int = 0


def fragment(sequence: int, starts: dict[int, int], samples: dict[int, list[Sample]]) -> bytes:
    """One moof and mdat; `starts` and `samples` by track, and the trafs stand in the order of the dict."""

    def moof(first: int) -> bytes:
        trafs, at = [], first
        for track, run in samples.items():
            trafs.append(_traf(track, starts[track], run, at))
            at += sum(len(sample.data) for sample in run)
        return box(b"moof", full(b"mfhd", 0, 0, u32(sequence)), *trafs)

    data = b"".join(sample.data for run in samples.values() for sample in run)
    return moof(len(moof(0)) + 8) + box(b"mdat", data)


def _traf(track: int, start: int, run: list[Sample], data_offset: int) -> bytes:
    has_flags = any(not sample.is_sync for sample in run)
    has_shift = any(sample.shift for sample in run)
    flags = 0x301 | (0x400 if has_flags else 0) | (0x800 if has_shift else 0)
    rows = b"".join(
        u32(
            sample.duration,
            len(sample.data),
            *([_SYNC if sample.is_sync else _NOT_SYNC] if has_flags else []),
            *([sample.shift] if has_shift else []),
        )
        for sample in run
    )
    return box(
        b"traf",
        full(b"tfhd", 0, 0x020000, u32(track)),
        full(b"tfdt", 1, 0, struct.pack(">Q", start)),
        full(b"trun", 1, flags, u32(len(run), data_offset), rows),
    )


@lru_cache(maxsize=8)
def pictures(count: int = 40, width: int = 320, height: int = 240) -> tuple[tuple[bytes, ...], tuple[AccessUnit, ...]]:
    """(parameter sets, access units) of a 10 fps camera with a keyframe each second."""
    encoder = VideoEncoder(VideoSpec(width, height, fps=10, gop_s=1), "Fixture", UTC)
    units = [unit for index in range(count) for unit in encoder.encode(index, EPOCH_MS + index * 100)]
    return encoder.parameter_sets, tuple(units)


def sample_of(unit: AccessUnit, duration: int = TIMESCALE // 10) -> Sample:
    data = b"".join(struct.pack(">I", len(nal)) + nal for nal in unit.nals)
    return Sample(data, duration, unit.keyframe)


@dataclass(frozen=True)
class Recording:
    """`parts[n]` plays from n seconds on; part 0 begins at `header_bytes`."""

    head: bytes
    parts: tuple[bytes, ...]

    @property
    def data(self) -> bytes:
        return self.head + b"".join(self.parts)


@lru_cache(maxsize=8)
def recording(seconds: int = 4, *, sound: bool = False, duration_ms: int = 0, number: int = 0) -> Recording:
    """As the server leaves it when it is killed (`duration_ms=0`) or when it closes it."""
    sets, units = pictures(10 * seconds)
    traks = [video_trak(320, 240, avcc(sets)), *([sound_trak()] if sound else [])]
    parts = []
    for second in range(seconds):
        video = [sample_of(unit) for unit in units[10 * second : 10 * second + 10]]
        tone = [Sample(bytes(320), 160, is_sync=True)] * 50
        runs = {2: tone, 1: video} if sound else {1: video}
        parts.append(fragment(second, {1: second * TIMESCALE, 2: second * 8000}, runs))
    return Recording(header(*traks, duration_ms=duration_ms, udta=mtxi(number)), tuple(parts))
