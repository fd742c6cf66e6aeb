"""Sets the names of recordings right that were made while the clock was wrong, once it is trusted.

The file's name and its row say when; the bytes are never touched. First the journal (`corrected_us`), then the file's
name, made durable, then the row: a crash anywhere is a resume.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from enum import Enum
from itertools import groupby

import structlog

from vmsd.clock import Clock, rfc3339
from vmsd.host.tree import Folder, Tree
from vmsd.model.audit import Action, Entry, Subject
from vmsd.model.segment import segment_file_name
from vmsd.services.audit import AuditLog
from vmsd.services.clock_trust import STEP_MS, Timekeeper, offset_ms
from vmsd.services.disk_thread import DiskThread
from vmsd.services.storage import DiskWatch
from vmsd.store.database import Database
from vmsd.store.segment_clocks import Doubted, SegmentClocks

log = structlog.get_logger()

BATCH = 128


class Outcome(Enum):
    """What came of giving a file its new name."""

    MOVED = "moved"
    TAKEN = "taken"
    """Something came to be there meanwhile."""
    GONE = "gone"
    """Nothing has either name: the scanner finds that out."""


Outcomes = list[tuple[Doubted, Outcome]]


class ClockCorrections:
    def __init__(
        self,
        *,
        database: Database,
        tree: Tree,
        watch: DiskWatch,
        keeper: Timekeeper,
        audit: AuditLog,
        clock: Clock,
        boot_id: str,
    ) -> None:
        self._database = database
        self._clocks = SegmentClocks(database)
        self._tree = tree
        self._watch = watch
        self._keeper = keeper
        self._audit = audit
        self._clock = clock
        self._boot_id = boot_id
        self._thread = DiskThread("clock-corrections")

    async def finish(self) -> None:
        """Go on with what was being renamed when the daemon ended."""
        while moving := await self._clocks.moving(BATCH):
            if not await self._watch.confirm_ok():
                return
            outcomes = await self._thread.run(rename_all, self._tree, moving)
            await self._clocks.forget_moves(_with(Outcome.TAKEN, outcomes))
            await self._clocks.forget_moves(_with(Outcome.GONE, outcomes), self._clock.wall_ms())
            for _, camera in groupby(_with(Outcome.MOVED, outcomes), lambda one: (one.city_id, one.camera_id)):
                await self._follow(list(camera))

    async def correct(self) -> None:
        """Judge the segments of this boot by the clock of now, which must be a trusted one."""
        now_ms = self._keeper.trusted_ms()
        if now_ms is None:
            return
        await self._clocks.settle_others(self._boot_id, now_ms)
        while pending := await self._clocks.pending(self._boot_id, BATCH):
            offset, now_ms = offset_ms(self._clock), self._keeper.trusted_ms()
            if now_ms is None or not await self._watch.confirm_ok():
                return
            wrong = [one for one in pending if abs(offset - one.offset_ms) > STEP_MS]
            await self._clocks.trust([one for one in pending if one not in wrong])
            if wrong:
                await self._clocks.begin_moves([await self._aimed(one, offset) for one in wrong])
                await self.finish()

    async def _aimed(self, segment: Doubted, offset: int) -> Doubted:
        """Where it belongs; a microsecond later where something is already."""
        start_us = max(0, segment.start_us + (offset - segment.offset_ms) * 1000)
        folder = Folder(segment.city, segment.camera)
        while await self._clocks.is_taken(segment, start_us) or await self._thread.run(
            self._tree.exists, folder, segment_file_name(start_us)
        ):
            start_us += 1
        return replace(segment, corrected_us=start_us)

    async def _follow(self, moved: Sequence[Doubted]) -> None:
        """The rows of one camera's files, and a line in the audit log."""
        first, now_ms = moved[0], self._clock.wall_ms()
        starts = [one.corrected_us // 1000 for one in moved if one.corrected_us is not None]
        entry = Entry(
            Action.CLOCK_CORRECTED,
            city_id=first.city_id,
            subject=Subject("camera", first.camera),
            facts={
                "recordings": len(moved),
                "shift_ms": first.shift_ms,
                "first": rfc3339(min(starts)),
                "last": rfc3339(max(starts)),
            },
        )
        async with self._database.write() as transaction:
            for one in moved:
                await self._clocks.move(transaction, one, now_ms)
            await self._audit.append(transaction, entry, now_ms)
        log.info("recordings.renamed", camera_id=first.camera, recordings=len(moved), shift_ms=first.shift_ms)


def rename_all(tree: Tree, moving: Sequence[Doubted]) -> Outcomes:
    """A file under its new name is there durably."""
    return [(one, _rename(tree, one)) for one in moving]


def _with(outcome: Outcome, outcomes: Outcomes) -> list[Doubted]:
    return [one for one, found in outcomes if found is outcome]


def _rename(tree: Tree, segment: Doubted) -> Outcome:
    folder, name = Folder(segment.city, segment.camera), segment_file_name(segment.start_us)
    new_name = segment_file_name(segment.corrected_us or segment.start_us)
    try:
        tree.rename(folder, name, new_name)
    except FileExistsError:
        return Outcome.TAKEN
    except FileNotFoundError:
        if not tree.exists(folder, new_name):
            return Outcome.GONE
        tree.sync(folder)
    return Outcome.MOVED
