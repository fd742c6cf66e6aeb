"""Reads one `moof` box: when its video plays, and where its keyframes lie."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, NamedTuple

from vmsd.errors import BadMedia
from vmsd.video import boxes
from vmsd.video.boxes import number

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vmsd.video.header import Header, Track

MOST_SAMPLES = 1 << 16  # of one fragment
MOST_RUNS = 256  # of one fragment; MediaMTX writes one
MOST_SYNC_SAMPLES = 512  # of one fragment; a part of 1 s of MJPEG has 60 at most
LATEST_MS = 366 * 86_400_000  # no recording is longer than a year
_LEAST_SYNC_BYTES = 8

_NOT_SYNC = 0x10000
# tfhd flags, in the order of the fields they announce, with their sizes
_BASE_OFFSET, _DESCRIPTION, _DURATION, _SIZE, _FLAGS = 0x1, 0x2, 0x8, 0x10, 0x20
_TFHD_FIELDS = ((_BASE_OFFSET, 8), (_DESCRIPTION, 4), (_DURATION, 4), (_SIZE, 4), (_FLAGS, 4))
_DEFAULTS = (_DURATION, _SIZE, _FLAGS)
# trun flags
_DATA_OFFSET, _FIRST_FLAGS = 0x1, 0x4
_SAMPLE_FIELDS = (0x100, 0x200, 0x400, 0x800)  # duration, size, flags, composition offset
_SIGN, _SPAN = 1 << 31, 1 << 32


class SyncSample(NamedTuple):
    """A keyframe in a file; its time counts from the start of the segment, as it is shown."""

    offset: int
    size: int
    time_ms: int


@dataclass(frozen=True, slots=True)
class Fragment:
    """One moof and its mdat; times are of the video (of the sound when it has no video)."""

    offset: int
    size: int
    start_ms: int
    duration_ms: int
    keyframes: tuple[SyncSample, ...]
    video_bytes: int
    frames: int


class TrackRun(NamedTuple):
    """Samples of one track that follow each other, in time and, from `offset` on, in the file; one entry each."""

    track_id: int
    start: int
    offset: int
    durations: tuple[int, ...]
    sizes: tuple[int, ...]
    flags: tuple[int, ...]
    shifts: tuple[int, ...]


class _Run(NamedTuple):
    """One `trun` box, its columns unpacked."""

    durations: tuple[int, ...]
    sizes: tuple[int, ...]
    flags: tuple[int, ...]
    shifts: tuple[int, ...]
    data_offset: int


class _Traf(NamedTuple):
    track: Track
    start: int
    base: int
    runs: tuple[_Run, ...]


def parse(header: Header, moof: bytes, place: int, mdat: tuple[int, int]) -> Fragment:
    """`moof` starts at `place` in the file and its data lie in `mdat`; BadMedia when they do not."""
    traf = _traf(moof, *_main(header, moof), place, min(MOST_SAMPLES, mdat[1] - mdat[0]))
    timescale, is_video = traf.track.timescale, traf.track.kind == "video"
    start_ms = traf.start * 1000 // timescale
    end_ms = (traf.start + sum(sum(run.durations) for run in traf.runs)) * 1000 // timescale
    if end_ms > LATEST_MS:
        raise BadMedia("a fragment lies beyond any recording")
    keyframes = tuple(_keyframes(traf, mdat)) if is_video else ()
    video_bytes = sum(sum(run.sizes) for run in traf.runs) if is_video else 0
    frames = sum(len(run.sizes) for run in traf.runs) if is_video else 0
    return Fragment(place, mdat[1] - place, start_ms, end_ms - start_ms, keyframes, video_bytes, frames)


def runs_of(header: Header, moof: bytes, place: int, mdat: tuple[int, int]) -> list[TrackRun]:
    """Every sample of every known track, in no order of tracks; BadMedia when any lies outside `mdat`."""
    known = {track.id: track for track in header.tracks}
    found: list[TrackRun] = []
    budget = min(MOST_SAMPLES, mdat[1] - mdat[0])
    for kind, *span in boxes.children(moof, *boxes.get(moof, (0, len(moof)), b"moof")):
        if kind != b"traf":
            continue
        track = known.get(number(moof, boxes.get(moof, (span[0], span[1]), b"tfhd")[0] + 4, 4))
        if track is not None:
            found += _track_runs(_traf(moof, track, (span[0], span[1]), place, budget), mdat)
    return found


def _track_runs(traf: _Traf, mdat: tuple[int, int]) -> Iterator[TrackRun]:
    start, latest = traf.start, LATEST_MS * traf.track.timescale // 1000
    for run in traf.runs:
        offset, end = traf.base + run.data_offset, start + sum(run.durations)
        if offset < mdat[0] or offset + sum(run.sizes) > mdat[1] or end > latest:
            raise BadMedia("samples lie outside their fragment")
        shifts = tuple(map(_signed, run.shifts)) if any(run.shifts) else run.shifts
        yield TrackRun(traf.track.id, start, offset, run.durations, run.sizes, run.flags, shifts)
        start = end


def is_sync(flags: int) -> bool:
    """Whether a sample with these flags needs no other to be decoded."""
    return not flags & _NOT_SYNC


def _main(header: Header, moof: bytes) -> tuple[Track, tuple[int, int]]:
    """Where the fragment speaks of its video, or of its sound when it has no video; their order is random."""
    spans = {}
    for kind, start, end in boxes.children(moof, *boxes.get(moof, (0, len(moof)), b"moof")):
        if kind == b"traf":
            head, _ = boxes.get(moof, (start, end), b"tfhd")
            spans[number(moof, head + 4, 4)] = (start, end)
    known = [track for track in header.tracks if track.id in spans]
    track = next((track for track in known if track.kind == "video"), None) or next(iter(known), None)
    if track is None:
        raise BadMedia("a fragment holds no known track")
    return track, spans[track.id]


def _traf(moof: bytes, track: Track, span: tuple[int, int], place: int, budget: int) -> _Traf:
    """`budget` is how many samples there may be: never more than bytes to hold them."""
    defaults, base, start = (track.default_duration, track.default_size, track.default_flags), place, None
    runs: list[_Run] = []
    for kind, begin, end in boxes.children(moof, *span):
        if kind == b"tfhd":
            defaults, base = _tfhd(moof, begin, defaults, place)
        elif kind == b"tfdt":
            start = number(moof, begin + 4, 8 if number(moof, begin, 1) == 1 else 4)
        elif kind == b"trun":
            runs.append(_run(moof, begin, end, defaults, budget))
            budget -= len(runs[-1].sizes)
            if len(runs) > MOST_RUNS:
                raise BadMedia("a fragment is cut into too many runs")
    if start is None:
        raise BadMedia("a fragment does not say when it plays")
    return _Traf(track, start, base, tuple(runs))


def _tfhd(moof: bytes, at: int, defaults: tuple[int, int, int], place: int) -> tuple[tuple[int, int, int], int]:
    """Duration, size, flags of samples that say nothing themselves, and where their offsets count from."""
    flags, at = number(moof, at, 4), at + 8
    own = {}
    for flag, size in _TFHD_FIELDS:
        if flags & flag:
            own[flag], at = number(moof, at, size), at + size
    duration, size, sync = (own.get(flag, old) for flag, old in zip(_DEFAULTS, defaults, strict=True))
    return (duration, size, sync), own.get(_BASE_OFFSET, place)


def _run(moof: bytes, start: int, end: int, defaults: tuple[int, int, int], budget: int) -> _Run:
    flags, count, at = number(moof, start, 4), number(moof, start + 4, 4), start + 8
    data_offset = first_flags = None
    if flags & _DATA_OFFSET:
        data_offset, at = _signed(number(moof, at, 4)), at + 4
    if flags & _FIRST_FLAGS:
        first_flags, at = number(moof, at, 4), at + 4
    present = [field for field in _SAMPLE_FIELDS if flags & field]
    if count > budget or at + 4 * len(present) * count > end:
        raise BadMedia("a fragment claims more samples than it can hold")
    values = struct.unpack_from(f">{len(present) * count}I", moof, at)
    columns = {field: values[column :: len(present)] for column, field in enumerate(present)}
    filled = [
        columns.get(field, (default,) * count) for field, default in zip(_SAMPLE_FIELDS, (*defaults, 0), strict=True)
    ]
    if first_flags is not None and count:
        filled[2] = (first_flags, *filled[2][1:])
    return _Run(filled[0], filled[1], filled[2], filled[3], data_offset or 0)


def _keyframes(traf: _Traf, mdat: tuple[int, int]) -> Iterator[SyncSample]:
    clock, found = traf.start, 0
    for run in traf.runs:
        offsets = accumulate(run.sizes, initial=traf.base + run.data_offset)
        times = accumulate(run.durations, initial=clock)
        for size, flags, shift, offset, time in zip(run.sizes, run.flags, run.shifts, offsets, times, strict=False):
            if not flags & _NOT_SYNC:
                found += 1
                outside = offset < mdat[0] or offset + size > mdat[1] or size < _LEAST_SYNC_BYTES
                if outside or found > MOST_SYNC_SAMPLES:
                    raise BadMedia("a keyframe lies outside its fragment")
                shown = max(0, time + _signed(shift))
                yield SyncSample(offset, size, shown * 1000 // traf.track.timescale)
        clock += sum(run.durations)


def _signed(value: int) -> int:
    return value - _SPAN if value & _SIGN else value
