"""One track of a flat MP4 while it is put together: the tables of its samples."""

from __future__ import annotations

from pathlib import Path

from vmsd.video.fragments import TrackRun, is_sync
from vmsd.video.layouts import Layout
from vmsd.video.spool import RunLengths, Spool

LONGEST = 0xFFFFFFFF


class ClipTrack:
    """Times count in the track's own ticks from the first sample of the whole clip on.

    A sample plays until the next begins, however long its file said: so tracks keep step with each other.
    """

    def __init__(self, layout: Layout, folder: Path) -> None:
        self.kind = layout.track.kind
        self.timescale = layout.track.timescale
        self.picture = layout.picture
        self.entries: list[bytes] = []
        self.codecs: list[str] = []
        self.first_at = 0
        self.first_shift = 0
        self.durations = RunLengths(folder)
        self.shifts = RunLengths(folder)
        self.sizes = Spool("I", folder)
        self.syncs = Spool("I", folder)
        self.chunks = Spool("Q", folder)
        self.chunk_runs = Spool("I", folder)
        self._chunk_kind = (0, 0)
        self._last_at = 0
        self._last_duration = 0

    @property
    def end(self) -> int:
        return self._last_at + self._last_duration

    def entry_of(self, layout: Layout) -> int:
        """The number, from 1, of the description of samples that look like this."""
        if layout.entry not in self.entries:
            self.entries.append(layout.entry)
            self.codecs.append(layout.track.codec)
        return self.entries.index(layout.entry) + 1

    def add(self, run: TrackRun, at: int, place: int, entry: int) -> None:
        """Samples that begin at the tick `at` and lie from `place` on in the clip's data."""
        count, known = len(run.sizes), len(self.sizes)
        if known:
            at = max(at, self._last_at + 1)
            self.durations.add(min(at - self._last_at, LONGEST))
        else:
            self.first_at, self.first_shift = at, run.shifts[0]
        self.durations.extend(run.durations[:-1])
        self._last_duration = run.durations[-1]
        self._last_at = at + sum(run.durations[:-1])
        self.sizes.extend(run.sizes)
        self.shifts.extend(run.shifts)
        self.syncs.extend([number for number, flags in enumerate(run.flags, known + 1) if is_sync(flags)])
        self.chunks.extend((place,))
        if self._chunk_kind != (count, entry):
            self._chunk_kind = (count, entry)
            self.chunk_runs.extend((len(self.chunks), count, entry))

    def finish(self) -> None:
        self.durations.add(self._last_duration)
        self.durations.finish()
        self.shifts.finish()

    @property
    def has_shifts(self) -> bool:
        """Whether any sample is shown at another time than it is decoded."""
        first = next(self.shifts.pairs.blocks(), None)
        return len(self.shifts.pairs) > 2 or (first is not None and first[1] != 0)  # noqa: PLR2004 - one pair

    @property
    def all_sync(self) -> bool:
        return len(self.syncs) == len(self.sizes)

    def close(self) -> None:
        spools = (self.durations.pairs, self.shifts.pairs, self.sizes, self.syncs, self.chunks, self.chunk_runs)
        for spool in spools:
            spool.close()
