"""Compares disk and database at night and on demand, and reads recordings again to see that they are what they were.

Reads: names and sizes of all files, rows of segments, the bytes of hashed recordings at a bounded rate. Writes: the
flag of what was altered, files of strangers into quarantine, the results. Keeps true: nothing is ever deleted; when
too much is wrong at once nothing is moved or marked any more. Rows without a file are counted here and dropped by
the scanner, which finds them too; files without a row it takes up.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from vmsd.clock import Clock
from vmsd.config import Integrity as Rules
from vmsd.host.tree import FileFacts, Folder, Tree
from vmsd.services.clock_trust import Timekeeper
from vmsd.services.disk_thread import DiskThread
from vmsd.services.index import RecordingIndex
from vmsd.services.integrity import Findings, Integrity, compare, is_too_much
from vmsd.services.rereading import Rereading, Verdict, read_on
from vmsd.services.storage import DiskWatch
from vmsd.store.integrity import CheckedFolder, Cursor, HashedSegment
from vmsd.store.segment_clocks import SegmentClocks

BUDGET_S = 1.0
"""How long one pass may go on comparing folders."""
QUARANTINE = ".quarantine"
QUIET_S = 10.0
"""A stranger's file that has changed within so long may still be somebody's work."""
SAVE_EVERY_S = 30.0
AHEAD = 64
BURST_S = 4.0
"""What was not read while nobody looked is not made up for beyond so long."""


@dataclass
class Work:
    """One check on its way."""

    began_s: float
    folders: deque[CheckedFolder]
    cursor: Cursor
    until: Cursor
    """Where it began to read: there the circle is closed."""
    wrong: int = 0
    changed: list[Cursor] = field(default_factory=list)
    foreign: list[tuple[CheckedFolder, FileFacts]] = field(default_factory=list)
    found_s: float = 0.0
    reading: Rereading | None = None
    queue: deque[HashedSegment] = field(default_factory=deque)
    wrapped: bool = False
    read: bool = False
    saved_s: float = 0.0
    misread: int = 0


class IntegrityTask:
    name: ClassVar[str] = "integrity"
    every_s: ClassVar[float] = 2.0
    deadline_s: ClassVar[float] = 120.0

    def __init__(
        self,
        integrity: Integrity,
        *,
        clocks: SegmentClocks,
        tree: Tree,
        watch: DiskWatch,
        index: RecordingIndex,
        keeper: Timekeeper,
        rules: Rules,
        clock: Clock,
    ) -> None:
        self._integrity = integrity
        self._clocks = clocks
        self._tree = tree
        self._watch = watch
        self._index = index
        self._keeper = keeper
        self._rules = rules
        self._clock = clock
        self._thread = DiskThread("integrity")
        self._work: Work | None = None
        self._passed_s: float | None = None
        self._left_bytes = 0.0

    async def once(self) -> None:
        """Not before the first whole comparison by the scanner: until then, rows are missing for a good reason."""
        await self._integrity.load()
        if not (self._watch.volume.ok and self._index.complete):
            return
        if self._integrity.running is None:
            await self._begin_if_due()
        if self._integrity.running is not None:
            await self._go_on(self._work or await self._begin())

    async def _begin_if_due(self) -> None:
        now_ms = self._keeper.trusted_ms()
        if now_ms is not None:
            await self._integrity.begin_if_due(now_ms)

    async def _begin(self) -> Work:
        now_s, cursor = self._clock.monotonic(), self._integrity.last_cursor()
        folders = deque(await self._integrity.checks.folders())
        self._work = Work(now_s, folders, cursor, cursor, saved_s=now_s)
        self._passed_s, self._left_bytes = None, 0.0
        return self._work

    async def _go_on(self, work: Work) -> None:
        if not await self._watch.confirm_ok():
            return
        if work.folders:
            await self._compare_some(work)
        elif not work.read:
            await self._read_some(work)
        elif self._clock.monotonic() - work.found_s >= QUIET_S or not work.foreign:
            await self._quarantine(work)
            await self._end()
        if self._work is not None and self._clock.monotonic() - work.saved_s > SAVE_EVERY_S:
            await self._integrity.save(work.cursor)
            work.saved_s = self._clock.monotonic()

    async def _end(self) -> None:
        work, self._work = self._work, None
        if work is not None:
            await self._integrity.end(work.cursor)

    async def _stop(self) -> None:
        self._integrity.counts.stopped = True
        await self._end()

    async def _compare_some(self, work: Work) -> None:
        until_s = self._clock.monotonic() + BUDGET_S
        while work.folders and self._clock.monotonic() < until_s:
            await self._compare(work, work.folders.popleft())
        if work.folders:
            return
        counts = self._integrity.counts
        if is_too_much(work.wrong, counts.files + counts.missing):
            await self._stop()
            return
        for place in work.changed:
            await self._accuse(place, "another size")

    async def _compare(self, work: Work, folder: CheckedFolder) -> None:
        """Rows before names; what does not fit is asked once more, since both change all the time."""
        place, counts = Folder(folder.city, folder.camera), self._integrity.counts
        rows = await self._integrity.checks.rows(folder)
        found = compare(await self._thread.run(self._tree.files, place), rows)
        if found.missing or found.unknown or found.changed:
            await self._ask_again(folder, found)
        counts.files += found.files
        counts.bytes += found.bytes
        counts.missing += len(found.missing)
        counts.unknown += len(found.unknown)
        work.changed += [Cursor(folder.city_id, folder.camera_id, start) for start in found.changed]
        work.foreign += [(folder, facts) for facts in found.foreign]
        work.wrong += len(found.missing) + len(found.unknown) + len(found.changed) + len(found.foreign)
        if found.foreign:
            work.found_s = self._clock.monotonic()

    async def _ask_again(self, folder: CheckedFolder, found: Findings) -> None:
        key = (folder.city_id, folder.camera_id)
        again = await self._thread.run(self._tree.files, Folder(folder.city, folder.camera))
        moves = await self._clocks.moves(key)
        second = compare(again, await self._integrity.checks.rows(folder))
        newest = max(found.unknown, default=0)
        found.missing &= second.missing - moves.keys()
        found.unknown &= second.unknown - set(moves.values())
        found.unknown -= {newest} if self._is_just_born(newest) else set()
        found.changed &= second.changed

    def _is_just_born(self, start_us: int) -> bool:
        return abs(self._clock.wall_ms() - start_us // 1000) < QUIET_S * 1000

    async def _read_some(self, work: Work) -> None:
        """As much as the rate allows since the last pass."""
        now_s = self._clock.monotonic()
        passed_s = self.every_s if self._passed_s is None else now_s - self._passed_s
        self._passed_s = now_s
        most = self._rules.bytes_per_s
        self._left_bytes = min(BURST_S * most, self._left_bytes + most * passed_s)
        while self._left_bytes > 0 and not work.read:
            await self._read_one(work)
        if now_s - work.began_s > self._rules.hours * 3600:
            work.read = True

    async def _read_one(self, work: Work) -> None:
        if work.reading is None:
            segment = await self._next(work)
            if segment is None:
                work.read = True
                return
            work.reading = Rereading(segment)
        reading = work.reading
        self._left_bytes -= await self._thread.run(read_on, self._tree, reading, round(self._left_bytes) + 1)
        if reading.verdict is not None:
            work.reading = await self._judge(work, reading)

    async def _next(self, work: Work) -> HashedSegment | None:
        """The next one of the circle; None once it is closed."""
        if not work.queue:
            work.queue.extend(await self._integrity.checks.next(work.cursor, AHEAD))
            if not work.queue and not work.wrapped:
                work.wrapped, work.cursor = True, Cursor()
                work.queue.extend(await self._integrity.checks.next(work.cursor, AHEAD))
        segment = work.queue.popleft() if work.queue else None
        if segment is None or (work.wrapped and segment.place > work.until):
            work.queue.clear()
            return None
        return segment

    async def _judge(self, work: Work, reading: Rereading) -> Rereading | None:
        """What is to be read next of the same file, if anything."""
        counts, segment = self._integrity.counts, reading.segment
        if reading.verdict is Verdict.DIFFERENT and not reading.second:
            return Rereading(segment, second=True)
        work.cursor = segment.place
        if reading.verdict is Verdict.SAME:
            counts.hashed += 1
        elif reading.verdict is Verdict.UNREADABLE and reading.error is not None:
            counts.unreadable += 1
            self._watch.report(reading.error)
        elif reading.verdict is Verdict.DIFFERENT:
            counts.hashed += 1
            work.misread += 1
            if is_too_much(work.misread, counts.hashed):
                work.foreign.clear()
                await self._stop()
                work.read = True
            elif segment.place not in work.changed:
                await self._accuse(segment.place, reading.found, segment)
        return None

    async def _accuse(self, place: Cursor, found: str, read: HashedSegment | None = None) -> None:
        """Mark it, unless it is not the recording any more that was found wrong."""
        segment = await self._integrity.checks.find(place)
        if segment is not None and read in (None, segment):
            await self._integrity.note_altered(segment, found)
            self._integrity.counts.altered += 1

    async def _quarantine(self, work: Work) -> None:
        """Files that are no recordings and have not changed since they were found."""
        folders = {folder for folder, _ in work.foreign}
        now = {folder: set(await self._files(folder)) for folder in folders}
        for folder, facts in work.foreign:
            if facts in now[folder] and await self._watch.confirm_ok():
                await self._move(folder, facts)

    async def _files(self, folder: CheckedFolder) -> Sequence[FileFacts]:
        return await self._thread.run(self._tree.files, Folder(folder.city, folder.camera))

    async def _move(self, folder: CheckedFolder, facts: FileFacts) -> None:
        place = Folder(folder.city, folder.camera)
        await self._integrity.note_quarantined(folder, facts)
        await self._thread.run(self._tree.set_aside, place, facts.name, QUARANTINE)
        self._integrity.counts.quarantined += 1
