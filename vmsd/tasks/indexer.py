"""Follows what MediaMTX is writing: makes it durable, reads how far it is whole, and keeps its rows.

Reads: the folders' change times, the tails of running segments. Writes: rows of segments, `RecordingIndex`.
Keeps true: what a row promises is on the disk (file, then folder, then row), never older than one pass.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

import structlog

from vmsd.clock import Clock
from vmsd.errors import StorageFull
from vmsd.host.boot import read_boot_id
from vmsd.host.tree import Folder
from vmsd.model.segment import PurgeReason, Segment, SegmentFlag, SegmentState
from vmsd.services.clock_trust import Timekeeper
from vmsd.services.index import RecordingIndex
from vmsd.services.live_states import CameraKey
from vmsd.services.naming_clock import NamingClock
from vmsd.services.segment_files import Followed, SegmentFiles
from vmsd.services.storage import DiskWatch
from vmsd.store.segment_clocks import NO_BOOT, SegmentClock
from vmsd.store.system import CameraFolder, System

log = structlog.get_logger()

STILL_S = 60.0
"""A segment that has not grown for so long is closed, until it grows again."""
SLEPT_S = 30.0
"""After a longer pause nobody knows when the bytes came that were found: they count in no rate."""
NEWCOMERS = 4
"""Files taken up per folder and pass, newest first; what is older the scanner finds."""

CLOCK_FLAGS = SegmentFlag.CLOCK_UNTRUSTED | SegmentFlag.CLOCK_CORRECTED

Place = tuple[CameraKey, int]


@dataclass(frozen=True)
class Tracked:
    """A file that may still grow; `still_since_s` is monotonic.

    `stored` is what its row says of the file, without what others add to the row: hash and decisions.
    `dated` once it is known by which clock it was named; `clock` is what is still to be written down of that.
    `sealed` is one that was hashed before it was taken up.
    """

    file: Followed
    flags: SegmentFlag
    still_since_s: float
    stored: Segment | None = None
    looked: bool = False
    dated: bool = False
    clock: SegmentClock | None = None
    sealed: bool = False

    @property
    def may_change(self) -> bool:
        """False for what its writer has closed and vmsd has hashed: other bytes in it are no recording."""
        return self.file.failed is None and not (self.sealed and self.file.patched)

    @property
    def place(self) -> Place:
        return (self.file.key, self.file.start_us)


class Indexer:
    name: ClassVar[str] = "indexer"
    every_s: ClassVar[float] = 4.0
    deadline_s: ClassVar[float] = 60.0

    def __init__(
        self,
        *,
        system: System,
        files: SegmentFiles,
        index: RecordingIndex,
        watch: DiskWatch,
        keeper: Timekeeper,
        clock: Clock,
        boot_id: str | None = None,
    ) -> None:
        self._system = system
        self._files = files
        self._index = index
        self._watch = watch
        self._keeper = keeper
        self._clock = clock
        self._boot_id = read_boot_id() if boot_id is None else boot_id
        self._naming = NamingClock(clock)
        self._tracked: dict[Place, Tracked] = {}
        self._newest_us: dict[CameraKey, int] = {}
        self._changed_ns: dict[Folder, int] = {}
        self._again: set[Folder] = set()
        self._resumed = False
        self._passed_s: float | None = None
        self._full = False

    async def once(self) -> None:
        if not (self._watch.volume.ok and self._keeper.begun):
            return
        self._keeper.look()
        self._naming.look()
        cameras = {Folder(one.city, one.camera): one for one in await self._system.folders()}
        self._index.keep_only({one.key for one in cameras.values()})
        await self._resume(cameras)
        await self._notice(cameras)
        await self._follow()

    async def _resume(self, cameras: Mapping[Folder, CameraFolder]) -> None:
        """Once: go on with what was running when the daemon ended."""
        if self._resumed:
            return
        folders = {one.key: folder for folder, one in cameras.items()}
        for row in await self._system.running():
            key = (row.city_id, row.camera_id)
            self._track(_followed(row, folders[key]), row)
        self._resumed = True

    async def _notice(self, cameras: Mapping[Folder, CameraFolder]) -> None:
        """Find new files in the folders that have changed.

        A folder is read again one pass later: its time of change is too coarse to tell two changes apart.
        """
        times = await self._files.changed_ns(list(cameras))
        changed = {folder for folder, time in times.items() if self._changed_ns.get(folder) != time}
        for folder in changed | (self._again & times.keys()):
            await self._take_up(folder, cameras[folder].key)
        self._changed_ns, self._again = times, changed

    async def _take_up(self, folder: Folder, key: CameraKey) -> None:
        tail = await self._files.starts(folder, self._clock.wall_ms() * 1000)
        if not tail:
            return
        moving = (await self._system.clocks.moves(key)).values()
        known = await self._system.starts(key, tail[-1])
        self._newest_us[key] = tail[0]
        present = known.union(moving)
        newcomers = [start for start in tail if start not in present and (key, start) not in self._tracked]
        for start_us in newcomers[:NEWCOMERS]:
            self._track(Followed(key, folder, start_us), None)
        if tail[0] in known and (key, tail[0]) not in self._tracked:
            row = await self._system.find(key, tail[0])
            if row is not None:
                self._track(_followed(row, folder), row)

    def _track(self, file: Followed, row: Segment | None) -> None:
        flags = SegmentFlag(0) if row is None else row.flags & CLOCK_FLAGS
        sealed = row is not None and row.sha256 is not None
        tracked = Tracked(file, flags, self._clock.monotonic(), row and _facts(row), sealed=sealed)
        self._tracked[tracked.place] = tracked

    async def _follow(self) -> None:
        now_s = self._clock.monotonic()
        counting = self._passed_s is not None and now_s - self._passed_s < SLEPT_S
        self._passed_s = now_s
        before = list(self._tracked.values())
        found = await self._files.look([one.file for one in before])
        seen = [self._seen(one, file) for one, file in zip(before, found, strict=True)]
        after = [self._dated(was, one, counting=counting) for was, one in zip(before, seen, strict=True)]
        self._tracked = {one.place: one for one in after if not one.file.gone}
        self._publish(counting=counting)
        await self._write_rows()
        self._tracked = {place: one for place, one in self._tracked.items() if self._may_grow(one)}

    def _seen(self, tracked: Tracked, file: Followed) -> Tracked:
        if file.failed is not None:
            self._watch.report(file.failed)
            if tracked.file.failed is None:
                log.warning("segment.unreadable", file=file.name, error=file.failed.strerror)
        still_since_s = self._clock.monotonic() if file.grown_bytes else tracked.still_since_s
        return replace(tracked, file=file, still_since_s=still_since_s)

    def _dated(self, was: Tracked, tracked: Tracked, *, counting: bool) -> Tracked:
        """Find out by which clock the file was named: at the first look, or once it is seen to grow."""
        file = tracked.file
        if tracked.dated or file.gone or file.failed is not None:
            return tracked
        growing = was.looked and counting and file.duration_ms > was.file.duration_ms
        offset_ms = self._naming.offset_of(file.end_ms, growing=growing)
        tracked = replace(tracked, looked=True, dated=offset_ms is not None)
        if offset_ms is None:
            unknown = tracked.stored is None and not self._keeper.trusted
            return self._doubted(tracked, NO_BOOT, 0) if unknown else tracked
        right = self._naming.is_present(offset_ms) and (self._keeper.trusted or tracked.stored is not None)
        if right and not tracked.flags & SegmentFlag.CLOCK_UNTRUSTED:
            return tracked
        return self._doubted(tracked, self._boot_id, offset_ms)

    def _doubted(self, tracked: Tracked, boot_id: str, offset_ms: int) -> Tracked:
        clock = SegmentClock(tracked.file.key, tracked.file.start_us, boot_id, offset_ms)
        return replace(tracked, flags=tracked.flags | SegmentFlag.CLOCK_UNTRUSTED, clock=clock)

    def _publish(self, *, counting: bool) -> None:
        for tracked in self._tracked.values():
            file = tracked.file
            self._index.note_grown(file.key, file.grown_bytes if counting else 0)
            if file.keyframe is not None and file.start_us == self._newest_us.get(file.key):
                self._index.note_newest(file.key, file)

    async def _write_rows(self) -> None:
        """All that changed, in one transaction; what a full database refuses, the next pass writes again."""
        rows = {place: self._row(one) for place, one in self._tracked.items() if one.may_change}
        changed = {place: row for place, row in rows.items() if row != self._tracked[place].stored}
        clocks = {place: one.clock for place, one in self._tracked.items() if one.clock and place in rows}
        try:
            await self._system.clocks.note(clocks.values())
            await self._system.put(list(changed.values()))
        except StorageFull:
            if not self._full:
                log.warning("index.full", waiting=len(changed))
            self._full = True
            return
        self._full = False
        for place, row in rows.items():
            self._tracked[place] = replace(self._tracked[place], stored=row, clock=None)

    def _row(self, tracked: Tracked) -> Segment:
        state = SegmentState.CLOSED if self._closed(tracked) else SegmentState.RUNNING
        return segment_row(tracked.file, state, tracked.flags)

    def _closed(self, tracked: Tracked) -> bool:
        file = tracked.file
        if file.patched:
            return True
        still = self._clock.monotonic() - tracked.still_since_s > STILL_S
        return file.grown_bytes == 0 and (still or self._has_newer(file))

    def _has_newer(self, file: Followed) -> bool:
        return self._newest_us.get(file.key, 0) > file.start_us

    def _may_grow(self, tracked: Tracked) -> bool:
        """False for what needs no more looks: its row says closed, and it has had time to prove that."""
        if tracked.stored is None or tracked.stored.state is SegmentState.RUNNING or tracked.file.failed:
            return True
        if tracked.file.patched:
            return False
        still = self._clock.monotonic() - tracked.still_since_s > STILL_S
        return not (still and self._has_newer(tracked.file))


def segment_row(file: Followed, state: SegmentState, flags: SegmentFlag) -> Segment:
    """The row of a file as it was seen: an empty one that is closed is garbage, a torn one is damaged."""
    if state is SegmentState.CLOSED and file.bytes == 0:
        return replace(file.segment(SegmentState.GARBAGE, flags), purge_reason=PurgeReason.EMPTY)
    torn = state is SegmentState.CLOSED and file.damaged
    flags |= SegmentFlag.DAMAGED if torn else SegmentFlag(0)
    flags |= SegmentFlag.CLOCK_CORRECTED if file.renamed else SegmentFlag(0)
    return file.segment(state, flags)


def _facts(row: Segment) -> Segment:
    return replace(row, flags=row.flags & (SegmentFlag.DAMAGED | CLOCK_FLAGS), sha256=None)


def _followed(row: Segment, folder: Folder) -> Followed:
    return Followed(
        key=(row.city_id, row.camera_id),
        folder=folder,
        start_us=row.start_us,
        bytes=row.bytes,
        valid_bytes=row.valid_bytes,
        duration_ms=row.duration_ms,
        fresh=False,
    )
