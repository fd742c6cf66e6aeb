"""Reads recordings as MediaMTX writes them: fragmented MP4, whole, growing, torn or hostile."""

from __future__ import annotations

import os
from collections import deque
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from vmsd.errors import BadMedia
from vmsd.video import boxes, fragments
from vmsd.video.fragments import Fragment, SyncSample
from vmsd.video.header import Header, Mtxi, Track, read_header

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "Extent", "Fragment", "Header", "Keyframe", "Mtxi", "Scan", "SyncSample", "Track",
    "frame_rate_of_hls", "keyframe_of_hls", "measure", "moofs", "read_header", "read_keyframe", "scan",
]  # fmt: skip

MOST_FRAGMENTS = 50_000  # of one scan: almost 14 hours of 1 s parts
MOST_SYNC_SAMPLES = 50_000  # of one scan
MOST_KEYFRAME_BYTES = 16 << 20
MOST_MOOF_BYTES = 1 << 20
_HARMLESS = (b"styp", b"free", b"skip", b"sidx", b"emsg", b"prft")
_FIRST_READ_BYTES = 4096  # holds a whole moof of one second and the head of its mdat


@dataclass(frozen=True, slots=True)
class Scan:
    """Whole fragments, in order; `more` when a limit was reached: go on at `valid_bytes`."""

    fragments: tuple[Fragment, ...]
    valid_bytes: int
    more: bool


@dataclass(frozen=True, slots=True)
class Extent:
    """What hopping from box to box tells: where the last whole fragment ends, in bytes and in time."""

    valid_bytes: int
    end_ms: int
    fragments: int


@dataclass(frozen=True, slots=True)
class Keyframe:
    """One picture that needs no other to be decoded; `data` is length-prefixed as in MP4."""

    codec: str
    extradata: bytes
    data: bytes
    width: int
    height: int


class _Pair(NamedTuple):
    """A moof and its mdat, both whole; `seen` are the first bytes of the moof."""

    start: int
    moof_bytes: int
    mdat: tuple[int, int]
    seen: bytes


def scan(file: BinaryIO, header: Header, offset: int | None = None) -> Scan:
    """Fragments from `offset` (first: the end of the header) to the first that is not whole and sound."""
    at = header.header_bytes if offset is None else offset
    found: list[Fragment] = []
    samples = 0
    for pair in _pairs(file, at):
        try:
            fragment = fragments.parse(header, _moof(file, pair), pair.start, pair.mdat)
        except BadMedia:
            break
        found.append(fragment)
        at = pair.mdat[1]
        samples += len(fragment.keyframes)
        if len(found) >= MOST_FRAGMENTS or samples >= MOST_SYNC_SAMPLES:
            return Scan(tuple(found), at, more=True)
    return Scan(tuple(found), at, more=False)


def measure(file: BinaryIO, header: Header, offset: int | None = None) -> Extent:
    """Answer the cheap question: reads heads of boxes, and samples of the last fragment only."""
    at = header.header_bytes if offset is None else offset
    last: deque[_Pair] = deque(maxlen=2)
    count = 0
    for pair in _pairs(file, at):
        last.append(pair)
        count += 1
    while last:
        pair = last.pop()
        try:
            end = fragments.parse(header, _moof(file, pair), pair.start, pair.mdat)
        except BadMedia:
            count -= 1
        else:
            return Extent(pair.mdat[1], end.start_ms + end.duration_ms, count)
    return Extent(at, 0, 0)


def moofs(file: BinaryIO, offset: int) -> Iterator[tuple[bytes, int, tuple[int, int]]]:
    """Each whole fragment from `offset` on: its moof, where that lies, and where its data lie."""
    for pair in _pairs(file, offset):
        yield _moof(file, pair), pair.start, pair.mdat


def _pairs(file: BinaryIO, offset: int) -> Iterator[_Pair]:
    """Whole pairs of moof and mdat; ends quietly at anything else."""
    end = file.seek(0, os.SEEK_END)
    while offset < end:
        file.seek(offset)
        seen = file.read(_FIRST_READ_BYTES)
        try:
            kind, _, size = boxes.head(seen)
            if kind in _HARMLESS:
                offset += size
                continue
            if kind != b"moof" or size > MOST_MOOF_BYTES:
                return
            data_kind, head_bytes, data_size = boxes.head(_at(file, offset, size, seen))
        except BadMedia:
            return
        mdat = (offset + size + head_bytes, offset + size + data_size)
        if data_kind != b"mdat" or mdat[1] > end:
            return
        yield _Pair(offset, size, mdat, seen)
        offset = mdat[1]


def _at(file: BinaryIO, offset: int, skip: int, seen: bytes) -> bytes:
    """Head of the box `skip` bytes on, from the bytes already seen when they reach that far."""
    if skip + boxes.LARGE_HEAD_BYTES <= len(seen):
        return seen[skip : skip + boxes.LARGE_HEAD_BYTES]
    file.seek(offset + skip)
    return file.read(boxes.LARGE_HEAD_BYTES)


def _moof(file: BinaryIO, pair: _Pair) -> bytes:
    if pair.moof_bytes <= len(pair.seen):
        return pair.seen[: pair.moof_bytes]
    file.seek(pair.start)
    return file.read(pair.moof_bytes)


def read_keyframe(source: Path | BinaryIO, header: Header, sample: SyncSample) -> Keyframe:
    """BadMedia when the file no longer holds it."""
    if isinstance(source, Path):
        with source.open("rb", buffering=0) as file:
            return read_keyframe(file, header, sample)
    track = header.video
    if track is None or not 0 < sample.size <= MOST_KEYFRAME_BYTES:
        raise BadMedia("there is no such keyframe")
    source.seek(sample.offset)
    data = source.read(sample.size)
    if len(data) < sample.size:
        raise BadMedia("the keyframe is cut off")
    return Keyframe(track.codec, track.extradata, data, track.width, track.height)


def keyframe_of_hls(init: bytes, segment: bytes) -> tuple[Keyframe, int]:
    """Newest keyframe of an HLS segment (or part), and how many ms after the segment's start it is shown."""
    header = read_header(BytesIO(init))
    file = BytesIO(segment)
    fragments = scan(file, header, 0).fragments
    samples = [sample for fragment in fragments for sample in fragment.keyframes]
    if not samples:
        raise BadMedia("the segment holds no keyframe")
    return read_keyframe(file, header, samples[-1]), max(0, samples[-1].time_ms - fragments[0].start_ms)


def frame_rate_of_hls(init: bytes, segment: bytes) -> float | None:
    """Frames per second in an HLS segment; None when it holds none. BadMedia when it is none."""
    fragments = scan(BytesIO(segment), read_header(BytesIO(init)), 0).fragments
    duration_ms = sum(fragment.duration_ms for fragment in fragments)
    frames = sum(fragment.frames for fragment in fragments)
    return round(1000 * frames / duration_ms, 1) if duration_ms and frames else None
