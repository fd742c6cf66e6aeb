"""Writes a stream to disk as fMP4 segments of short parts, and starts over two seconds after an error."""

import os
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO

from boxes import MVHD_DURATION_AT, write_header, write_mtxi, write_part
from logs import Journal
from quantities import NS_PER_S, parse_duration, parse_size
from tracks import Sample, Track, describe_codecs

_RESTART_PAUSE_S = 2
_DRIFT_TOLERANCE_NS = 5 * NS_PER_S
_MAX_START_DISTANCE_NS = NS_PER_S


class RecordingError(Exception):
    """This instance of the recorder cannot go on."""


@dataclass(frozen=True)
class Recipe:
    """The record keys of a path."""

    template: str
    part_ns: int
    segment_ns: int
    max_part_bytes: int

    @classmethod
    def of(cls, conf: dict[str, str], name: str) -> "Recipe":
        return cls(
            template=conf["recordPath"].replace("%path", name) + ".mp4",
            part_ns=round(parse_duration(conf["recordPartDuration"]) * NS_PER_S),
            segment_ns=round(parse_duration(conf["recordSegmentDuration"]) * NS_PER_S),
            max_part_bytes=parse_size(conf["recordMaxPartSize"]),
        )

    def file(self, ntp_ns: int) -> Path:
        """Name a segment by its start, in the local zone."""
        seconds, rest = divmod(ntp_ns, NS_PER_S)
        start = datetime.fromtimestamp(seconds).astimezone()
        offset = start.strftime("%z")
        name = self.template
        for code in "YmdHMS":
            name = name.replace(f"%{code}", start.strftime(f"%{code}"))
        name = name.replace("%f", f"{rest // 1000:06d}")
        return Path(name.replace("%z", "Z" if offset == "+0000" else offset).replace("%s", str(seconds)))


class Recorder:
    """Not safe to call from two threads at once; its owner holds a lock."""

    def __init__(self, recipe: Recipe, tracks: Sequence[Track], journal: Journal, prefix: str) -> None:
        self._recipe = recipe
        self._journal = journal
        self._prefix = f"{prefix} [recorder]"
        self._tracks = {index: track for index, track in enumerate(tracks) if track.is_recordable}
        self._retry_at = 0.0
        self._instance: _Instance | None = None
        self._start()
        for index, track in enumerate(tracks, start=1):
            if not track.is_recordable:
                journal.warn(f"{self._prefix} skipping track {index} ({track.codec})")

    def write(self, index: int, sample: Sample) -> None:
        if self._instance is None:
            if not self._tracks or time.monotonic() < self._retry_at:
                return
            self._start()
        if self._instance is None or index not in self._tracks:
            return
        try:
            self._instance.write(index, sample)
        except (OSError, RecordingError) as error:
            self._journal.error(f"{self._prefix} {_reason(error)}")
            self._instance.abandon()
            self._instance = None
            self._retry_at = time.monotonic() + _RESTART_PAUSE_S

    def close(self) -> None:
        self._journal.info(f"{self._prefix} recording stopped")
        if self._instance:
            self._instance.abandon()
        self._instance = None

    def _start(self) -> None:
        if not self._tracks:
            self._journal.warn(f"{self._prefix} no supported tracks found, skipping recording")
            return
        self._instance = _Instance(self._recipe, self._tracks, self._warn)
        self._journal.info(f"{self._prefix} recording {describe_codecs(list(self._tracks.values()))}")

    def _warn(self, text: str) -> None:
        self._journal.warn(f"{self._prefix} {text}")


class _Lane:
    """A track on its way to disk; one sample waits for the next to tell its duration."""

    def __init__(self, number: int, track: Track) -> None:
        self.number = number
        self.track = track
        self.waiting: Sample | None = None
        self.started = False
        self.origin: tuple[int, int] | None = None  # dts_ns, ntp_ns of the first sample

    def ns(self, dts: int) -> int:
        return dts * NS_PER_S // self.track.clock

    def check_drift(self, dts_ns: int, ntp_ns: int) -> None:
        if self.origin is None:
            self.origin = (dts_ns, ntp_ns)
        drift_ns = (ntp_ns - self.origin[1]) - (dts_ns - self.origin[0])
        if abs(drift_ns) > _DRIFT_TOLERANCE_NS:
            raise RecordingError("detected drift between recording duration and absolute time, resetting")


class _Instance:
    """One unbroken run of segments under one stream id."""

    def __init__(self, recipe: Recipe, tracks: dict[int, Track], warn: Callable[[str], None]) -> None:
        self.recipe = recipe
        self.stream_id = uuid.uuid4().bytes
        self._warn = warn
        self._lanes = {index: _Lane(n, track) for n, (index, track) in enumerate(tracks.items(), start=1)}
        self._has_video = False
        self._segment: _Segment | None = None
        self._next_number = 0

    def write(self, index: int, incoming: Sample) -> None:
        lane = self._lanes[index]
        if lane.track.is_video:
            if not lane.started and not incoming.key:
                return
            lane.started = self._has_video = True
        sample, lane.waiting = lane.waiting, incoming
        if sample is None:
            return
        incoming.dts = max(incoming.dts, sample.dts)
        sample.duration = incoming.dts - sample.dts
        dts_ns = lane.ns(sample.dts)
        lane.check_drift(dts_ns, sample.ntp_ns)
        if self._segment is None:
            self._segment = self._open(dts_ns, sample.ntp_ns)
        elif dts_ns < self._segment.start_ns:
            self._warn(f"sample of track {lane.number} received too late, discarding")
            return
        self._segment.write(lane, sample, dts_ns)
        self._switch(lane, incoming)

    def abandon(self) -> None:
        """Close what can be closed; what fails is left on disk as it is."""
        try:
            if self._segment:
                self._segment.close()
        except OSError:
            pass
        self._segment = None

    def _switch(self, lane: _Lane, following: Sample) -> None:
        if self._segment is None or not following.key or (self._has_video and not lane.track.is_video):
            return
        if lane.ns(following.dts) - self._segment.start_ns < self.recipe.segment_ns:
            return
        segment, self._segment = self._segment, None
        segment.close()
        self._segment = self._open(*self._next_start())

    def _next_start(self) -> tuple[int, int]:
        heads = [(lane.ns(s.dts), s.ntp_ns) for lane in self._lanes.values() if (s := lane.waiting)]
        newest_ns = max(dts_ns for dts_ns, _ in heads)
        return min(head for head in heads if newest_ns - head[0] <= _MAX_START_DISTANCE_NS)

    def _open(self, dts_ns: int, ntp_ns: int) -> "_Segment":
        number, self._next_number = self._next_number, self._next_number + 1
        mtxi = write_mtxi(self.stream_id, number, dts_ns, ntp_ns)
        return _Segment(self.recipe, list(self._lanes.values()), mtxi, dts_ns, ntp_ns)


class _Segment:
    """One file; it appears on disk with its first whole part."""

    def __init__(self, recipe: Recipe, lanes: list[_Lane], mtxi: bytes, start_ns: int, ntp_ns: int) -> None:
        self.start_ns = start_ns
        self._recipe = recipe
        self._lanes = lanes
        self._mtxi = mtxi
        self._ntp_ns = ntp_ns
        self._end_ns = start_ns
        self._file: IO[bytes] | None = None
        self._part: _Part | None = None
        self._next_part = 0

    def write(self, lane: _Lane, sample: Sample, dts_ns: int) -> None:
        end_ns = dts_ns + lane.ns(sample.duration)
        self._end_ns = max(self._end_ns, end_ns)
        if self._part and self._part.duration_ns >= self._recipe.part_ns:
            self._flush()
        if self._part is None:
            self._part = _Part(self._next_part, dts_ns)
            self._next_part += 1
        base = (dts_ns - self.start_ns) * lane.track.clock // NS_PER_S
        self._part.add(lane.number, base, sample, end_ns)
        if self._part.size_bytes > self._recipe.max_part_bytes:
            raise RecordingError("reached maximum part size")

    def close(self) -> None:
        try:
            if self._part:
                self._flush()
        finally:
            if self._file:
                self._finish(self._file)

    def _flush(self) -> None:
        part, self._part = self._part, None
        if self._file is None:
            self._file = self._create()
        if part:
            _write_all(self._file, write_part(part.number, part.tracks()))

    def _create(self) -> IO[bytes]:
        path = self._recipe.file(self._ntp_ns)
        path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        file = path.open("wb", buffering=0)
        try:
            tracks = [(lane.number, lane.track) for lane in self._lanes]
            _write_all(file, write_header(tracks, self._mtxi))
        except OSError:
            file.close()
            raise
        return file

    def _finish(self, file: IO[bytes]) -> None:
        duration_ms = (self._end_ns - self.start_ns) // 1_000_000
        try:
            os.pwrite(file.fileno(), duration_ms.to_bytes(4, "big"), MVHD_DURATION_AT)
        finally:
            file.close()


class _Part:
    def __init__(self, number: int, start_ns: int) -> None:
        self.number = number
        self.size_bytes = 0
        self._start_ns = start_ns
        self._end_ns = start_ns
        self._tracks: dict[int, tuple[int, list[Sample]]] = {}

    @property
    def duration_ns(self) -> int:
        return self._end_ns - self._start_ns

    def add(self, number: int, base: int, sample: Sample, end_ns: int) -> None:
        self._tracks.setdefault(number, (base, []))[1].append(sample)
        self.size_bytes += len(sample.payload)
        self._end_ns = max(self._end_ns, end_ns)

    def tracks(self) -> list[tuple[int, int, Sequence[Sample]]]:
        return [(number, base, samples) for number, (base, samples) in self._tracks.items()]


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"write: {error.strerror.lower()}"
    return str(error)


def _write_all(file: IO[bytes], data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[file.write(left) :]
