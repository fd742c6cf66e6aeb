"""Puts a period of recorded files into one flat MP4 that plays anywhere, without touching a single sample.

Within one recorder's run a file follows the one before by the recorder's own clock; otherwise by the wall clock of
the files' names. What is missing in between is left out, and playing goes on.
"""

from __future__ import annotations

import errno
import os
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import accumulate
from operator import attrgetter
from pathlib import Path
from typing import BinaryIO

from vmsd.errors import BadMedia
from vmsd.video.clip import Clip, Source, Tell
from vmsd.video.clip_track import ClipTrack
from vmsd.video.flat import MOVIE_TIMESCALE, first_ns, head, showing_of
from vmsd.video.fmp4 import moofs, read_header
from vmsd.video.fragments import TrackRun, is_sync, runs_of
from vmsd.video.header import Header, Mtxi
from vmsd.video.layouts import Layout, read_layouts
from vmsd.video.spans import NS_PER_MS, NS_PER_S, TOLERANCE_NS, Spans
from vmsd.video.spool import Spool
from vmsd.video.track_runs import beginning, further_ns, rounded, scaled, slice_of

SEAMS_PER_S = 10
"""A file that begins within a tenth of a second after the one before it has lost nothing."""
_NO_FILE = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EINVAL}
"""In the place of the file there is nothing, or a folder, a link, a pipe."""
_PLAYED_EVERYWHERE = {"h264", "aac", "mp3"}


@dataclass(frozen=True)
class _File:
    """One recorded file in the clip: `base_ns` is where its own zero lies in the clip's time."""

    source: Source
    layouts: Mapping[int, Layout]
    main: int
    mtxi: Mtxi | None
    base_ns: int
    from_tick: int
    until_ns: int
    joined: bool

    @property
    def zero_ns(self) -> int:
        """Its zero by the wall clock."""
        return self.source.start_us * 1000

    @property
    def timescale(self) -> int:
        return self.layouts[self.main].track.timescale

    def from_tick_of(self, run: TrackRun) -> int:
        """From where on its samples are wanted."""
        own = self.layouts[run.track_id].track.timescale
        return self.from_tick if run.track_id == self.main else -(-self.from_tick * own // self.timescale)

    def until_tick_of(self, run: TrackRun) -> int:
        return -(-self.until_ns * self.layouts[run.track_id].track.timescale // NS_PER_S)


def stitch(sources: Iterable[Source], start_ms: int, end_ms: int, folder: Path, tell: Tell) -> Clip | None:
    """The clip of `[start_ms, end_ms)`; None when no sample of it can be read.

    `sources` are in the order of their starts. It begins with the keyframe at or before the start, which an edit list
    hides. `folder` is for the tables of long clips. Of a damaged file it takes what is whole.
    """
    stitcher = Stitcher(start_ms, end_ms, folder, tell)
    with ExitStack() as unfinished:
        unfinished.callback(stitcher.close)
        for source in sources:
            stitcher.take(source)
        clip = stitcher.finish()
        unfinished.pop_all()
    return clip


class Stitcher:
    """Reads every file's tables once; of the samples it only notes where they lie."""

    def __init__(self, start_ms: int, end_ms: int, folder: Path, tell: Tell) -> None:
        self._period = (start_ms, end_ms)
        self._folder = folder
        self._tell = tell
        self._notes: set[str] = set()
        self._begin()

    def _begin(self) -> None:
        self._spans = Spans(*self._period)
        self._tracks: dict[tuple[str, int, bytes], ClipTrack] = {}
        self._ranges = Spool("Q", self._folder)
        self._open_range = (0, 0)
        self._sources: list[tuple[Source, int]] = []
        self._placed = 0
        self._before: _File | None = None
        self._reached_ns = 0
        self._shown_ns = 0
        self._awaits_sync = True

    def take(self, source: Source) -> None:
        try:
            with source.opened() as handle, os.fdopen(handle, "rb", buffering=0, closefd=False) as video:
                header = read_header(video)
                opened = self._open(source, header, read_layouts(video, header), video)
                if opened is not None:
                    self._take(opened, header, video)
        except OSError as error:
            if error.errno not in _NO_FILE:
                raise
            self._notes.add("file_missing")
        except BadMedia:
            self._notes.add("file_damaged")

    def _open(self, source: Source, header: Header, layouts: Mapping[int, Layout], video: BinaryIO) -> _File | None:
        """Where the file lies in the clip; None when it holds nothing of the period."""
        main = header.video or next(iter(header.tracks), None)
        zero_ns = source.start_us * 1000
        if main is None or zero_ns >= self._spans.end_ns:
            return None
        joined_ns = self._joined_base(header.mtxi)
        if joined_ns is not None and zero_ns <= self._spans.start_ns and len(self._sources) == 1:
            # By its name this file has the wanted start: what the one before it has by its own name, it has as well.
            self.close()
            self._begin()
            joined_ns = None
        until_ns = self._spans.end_ns - zero_ns
        if joined_ns is not None:
            return _File(source, layouts, main.id, header.mtxi, joined_ns, 0, until_ns, joined=True)
        from_tick = 0
        if zero_ns < self._spans.start_ns:
            wanted = (self._spans.start_ns - zero_ns) * main.timescale // NS_PER_S
            found = beginning(self._fragments(video, header), main.id, wanted)
            if found is None:
                return None
            from_tick, shown_tick = found
            if self._before is None:
                shown_ns = max(self._spans.start_ns - zero_ns, shown_tick * NS_PER_S // main.timescale)
                self._shown_ns = shown_ns - from_tick * NS_PER_S // main.timescale
        base_ns = self._parted_base(source, from_tick * NS_PER_S // main.timescale)
        return _File(source, layouts, main.id, header.mtxi, base_ns, from_tick, until_ns, joined=False)

    def _joined_base(self, mtxi: Mtxi | None) -> int | None:
        """The clip's time at the file's zero, when it goes on without a break."""
        later_ns = further_ns(self._before.mtxi, mtxi) if self._before else None
        if self._before is None or later_ns is None:
            return None
        base_ns = self._before.base_ns + later_ns
        return base_ns if abs(base_ns - self._reached_ns) <= TOLERANCE_NS else None

    def _parted_base(self, source: Source, from_ns: int) -> int:
        """The same of one that does not: as much later as the wall clock says, or at once."""
        before = self._before
        if before is None:
            return -from_ns
        base_ns = before.base_ns + (source.start_us - before.source.start_us) * 1000
        begins_ns = base_ns + from_ns
        if begins_ns < self._reached_ns - TOLERANCE_NS:
            self._notes.add("overlap")
        near = self._reached_ns <= begins_ns <= self._reached_ns + TOLERANCE_NS
        return base_ns if near else self._reached_ns - from_ns

    def _take(self, file: _File, header: Header, video: BinaryIO) -> None:
        self._awaits_sync = not file.joined
        taken, ranges_before = False, self._range_count
        for runs in self._fragments(video, header):
            taken |= self._take_runs(file, runs, first=not taken)
            if all(run.start >= file.until_tick_of(run) for run in runs):
                break
        if taken:
            self._close_range()
            self._sources.append((file.source, self._range_count - ranges_before))
            self._before = file

    def _fragments(self, video: BinaryIO, header: Header) -> Iterator[list[TrackRun]]:
        """Up to the first that makes no sense."""
        for moof, place, mdat in moofs(video, header.header_bytes):
            self._tell(0)
            try:
                yield runs_of(header, moof, place, mdat)
            except BadMedia:
                self._notes.add("file_damaged")
                return

    def _take_runs(self, file: _File, runs: list[TrackRun], *, first: bool) -> bool:
        kept = [cut for run in runs if (cut := self._cut(file, run)) is not None]
        for run in sorted(kept, key=attrgetter("offset")):
            layout = file.layouts[run.track_id]
            track = self._track(layout)
            ticked = scaled(run, layout.track.timescale, track.timescale)
            at = ticked.start + rounded(file.base_ns * track.timescale, NS_PER_S)
            if run.track_id == file.main:
                whole = first and file.joined and at - track.end <= track.timescale // SEAMS_PER_S
                self._cover(file, run, joined=whole)
            place = self._place(run.offset, sum(run.sizes))
            track.add(ticked, at, place, track.entry_of(layout))
            self._reached_ns = max(self._reached_ns, track.end * NS_PER_S // track.timescale)
        return bool(kept)

    def _cut(self, file: _File, run: TrackRun) -> TrackRun | None:
        """What is wanted of it: not before the beginning, nor from the end on, and pictures from a keyframe on."""
        if not run.sizes:
            return None
        first, last = 0, len(run.sizes)
        from_tick, until_tick = file.from_tick_of(run), file.until_tick_of(run)
        end = run.start + sum(run.durations)
        if run.start < from_tick or end > until_tick:
            starts = list(accumulate(run.durations[:-1], initial=run.start))
            first, last = bisect_left(starts, from_tick), bisect_left(starts, until_tick)
        if run.track_id == file.main and self._awaits_sync:
            first = next((at for at in range(first, last) if is_sync(run.flags[at])), last)
            self._awaits_sync = first == last
        if first >= last:
            return None
        return slice_of(run, first, last) if last - first < len(run.sizes) else run

    def _track(self, layout: Layout) -> ClipTrack:
        track = self._tracks.get(layout.key)
        if track is None:
            track = self._tracks[layout.key] = ClipTrack(layout, self._folder)
        return track

    def _place(self, offset: int, count: int) -> int:
        """Note a range to be copied; where it will lie in the clip's data."""
        start, end = self._open_range
        if offset != end:
            self._close_range()
            start = offset
        self._open_range = (start, offset + count)
        self._placed += count
        return self._placed - count

    def _close_range(self) -> None:
        start, end = self._open_range
        if end > start:
            self._ranges.extend((start, end - start))
        self._open_range = (0, 0)

    @property
    def _range_count(self) -> int:
        return len(self._ranges) // 2

    def _cover(self, file: _File, run: TrackRun, *, joined: bool) -> None:
        """Note the wall time of pictures."""
        ordinary = max(run.durations) * NS_PER_S <= TOLERANCE_NS * file.timescale
        durations = (sum(run.durations),) if ordinary else run.durations
        moments = [tick * NS_PER_S // file.timescale for tick in accumulate(durations, initial=run.start)]
        at_ns, wall_ns = file.base_ns + moments[0], [file.zero_ns + moment for moment in moments]
        if ordinary:
            self._spans.add(wall_ns[0], wall_ns[1], at_ns, joined=joined)
        else:
            self._spans.add_slow(wall_ns, at_ns, joined=joined)

    def finish(self) -> Clip | None:
        """None when there is nothing."""
        if not self._spans:
            self.close()
            return None
        for track in self._tracks.values():
            track.finish()
        tracks = sorted(self._tracks.values(), key=lambda track: track.kind, reverse=True)
        from_ns, until_ns = max(self._shown_ns, min(map(first_ns, tracks))), self._spans.reached_ns
        shown = [(track, part) for track in tracks if (part := showing_of(track, from_ns, until_ns)) is not None]
        if not shown:
            self.close()
            return None
        duration = rounded((until_ns - from_ns) * MOVIE_TIMESCALE, NS_PER_S)
        spans = self._spans.listed(from_ns)
        codecs = tuple(dict.fromkeys(codec for track in tracks for codec in track.codecs))
        self._notes |= {f"codec_{codec}" for codec in codecs if codec not in _PLAYED_EVERYWHERE}
        kinds = [key[:2] for key in self._tracks]
        if any(len(track.entries) > 1 for track in tracks) or len(set(kinds)) < len(kinds):
            self._notes.add("codec_changed")
        return Clip(
            spans=spans,
            duration_ms=(until_ns - from_ns) // NS_PER_MS,
            codecs=codecs,
            notes=frozenset(self._notes),
            head=head(shown, duration, spans[0].start_ms, self._placed),
            data_bytes=self._placed,
            sources=self._sources,
            ranges=self._ranges,
            tracks=tracks,
        )

    def close(self) -> None:
        self._ranges.close()
        for track in self._tracks.values():
            track.close()
