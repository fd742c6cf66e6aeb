"""Compares every folder on the volume with the database: the disk is the truth, the database follows.

Reads: names of all segment files, headers of unknown ones. Writes: rows of segments; cities and cameras that
only the disk remembers. Keeps true: a file has a row, a row has a file, and no file is ever touched.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import ClassVar
from uuid import UUID

import structlog

from vmsd.clock import Clock
from vmsd.host.tree import Folder
from vmsd.model.city import Plan
from vmsd.model.segment import Segment, SegmentFlag, SegmentState
from vmsd.services.clock_trust import Timekeeper
from vmsd.services.index import RecordingIndex
from vmsd.services.live_states import CameraKey
from vmsd.services.segment_files import Followed, SegmentFiles
from vmsd.services.storage import DiskWatch
from vmsd.store.segment_clocks import NO_BOOT, SegmentClock
from vmsd.store.system import CameraFolder, System
from vmsd.tasks.indexer import segment_row

log = structlog.get_logger()

ROUND_S = 600.0
"""Every folder is compared once in so long."""
BUDGET_S = 2.0
"""How long one pass may go on taking up folders."""
CHUNK = 1000
"""New files per transaction."""
BELIEVED = 20
BELIEVED_SHARE = 0.05
"""More missing files than both: that is no clean-up, that is a disk that lies, and no row is dropped."""
RECOVERED_PLAN: Plan = "premium"
"""A city known only from its folder keeps its recordings as long as any plan does."""


class Scanner:
    name: ClassVar[str] = "scanner"
    every_s: ClassVar[float] = 2.0
    deadline_s: ClassVar[float] = 300.0

    def __init__(
        self,
        *,
        system: System,
        files: SegmentFiles,
        index: RecordingIndex,
        watch: DiskWatch,
        keeper: Timekeeper,
        clock: Clock,
    ) -> None:
        self._system = system
        self._files = files
        self._index = index
        self._watch = watch
        self._keeper = keeper
        self._clock = clock
        self._queue: deque[CameraFolder] = deque()
        self._round_s: float | None = None
        self._missing: list[tuple[CameraFolder, int]] = []
        self.taken_up = 0
        """Files given a row since the start."""

    @property
    def left(self) -> int:
        """Folders still to be compared in this round."""
        return len(self._queue)

    async def once(self) -> None:
        if not self._watch.volume.ok or not (self._queue or self._due()):
            return
        if not self._queue:
            await self._begin_round()
        until_s = self._clock.monotonic() + BUDGET_S
        while self._queue and self._clock.monotonic() < until_s:
            await self._compare_first()
        if not self._queue:
            await self._end_round()

    def _due(self) -> bool:
        return self._round_s is None or self._clock.monotonic() - self._round_s >= ROUND_S

    async def _begin_round(self) -> None:
        await self._recover_unknown()
        self._queue.extend(await self._system.folders())
        self._missing = []

    async def _recover_unknown(self) -> None:
        known = {Folder(one.city, one.camera) for one in await self._system.folders()}
        ignored = 0
        for folder in await self._files.folders():
            if folder not in known and not await self._recover(folder):
                ignored += 1
        if ignored > self._index.ignored_folders:
            log.warning("scan.ignored_folders", folders=ignored)
        self._index.ignored_folders = ignored

    async def _recover(self, folder: Folder) -> bool:
        if not (_is_uuid(folder.city) and _is_uuid(folder.camera)) or not await self._files.starts(folder):
            return False
        now_ms = self._clock.wall_ms()
        recovered = await self._system.recover(folder.city, folder.camera, RECOVERED_PLAN, now_ms)
        if recovered:
            log.warning("camera.recovered", city_id=folder.city, camera_id=folder.camera)
        return recovered

    async def _compare_first(self) -> None:
        """Rows are read before names: a file that comes between has no row yet, none seems to vanish.

        What is being renamed is asked last: under whichever name it was found, it is neither new nor gone.
        """
        camera = self._queue[0]
        folder = Folder(camera.city, camera.camera)
        known = await self._system.starts(camera.key)
        present = await self._files.starts(folder)
        moves = await self._system.clocks.moves(camera.key)
        unknown = [start for start in present if start not in known.union(moves.values())]
        if unknown:
            newest_us = present[0]
            await self._take_up(camera.key, folder, unknown[:CHUNK], newest_us)
        if len(unknown) <= CHUNK:
            self._queue.popleft()
            self._missing += [(camera, start) for start in known.difference(present, moves)]

    async def _take_up(self, key: CameraKey, folder: Folder, starts: Sequence[int], newest_us: int) -> None:
        found = await self._files.glance([Followed(key, folder, start) for start in starts])
        rows = [self._row(file, newest_us) for file in found if not (file.gone or file.failed)]
        await self._files.sync_volume()
        doubted = [row for row in rows if row.flags & SegmentFlag.CLOCK_UNTRUSTED]
        await self._system.clocks.note(SegmentClock(key, row.start_us, NO_BOOT, 0) for row in doubted)
        await self._system.put_new(rows)
        self.taken_up += len(rows)

    def _row(self, file: Followed, newest_us: int) -> Segment:
        doubted = self._keeper.begun and not self._keeper.trusted
        flags = SegmentFlag.CLOCK_UNTRUSTED if doubted else SegmentFlag(0)
        running = file.start_us == newest_us and not file.patched
        return segment_row(file, SegmentState.RUNNING if running else SegmentState.CLOSED, flags)

    async def _end_round(self) -> None:
        self._round_s = self._clock.monotonic()
        missing, self._missing = self._missing, []
        gone = await self._surely_gone(missing)
        most = max(BELIEVED, BELIEVED_SHARE * await self._system.count_segments())
        unbelieved = len(gone) if len(gone) > most else 0
        if unbelieved and not self._index.missing_files:
            log.error("index.files_missing", files=unbelieved)
        self._index.missing_files = unbelieved
        if gone and not unbelieved:
            await self._drop(gone)
        self._index.complete = True

    async def _surely_gone(self, missing: Sequence[tuple[CameraFolder, int]]) -> list[tuple[CameraKey, int]]:
        """Those whose name is not there at a second look, on a volume that is there after it."""
        files = [Followed(one.key, Folder(one.city, one.camera), start) for one, start in missing]
        present = await self._files.present(files)
        if not await self._watch.confirm_ok():
            return []
        absent = [file for file, there in zip(files, present, strict=True) if not there]
        moves = {key: await self._system.clocks.moves(key) for key in {file.key for file in absent}}
        return [(file.key, file.start_us) for file in absent if file.start_us not in moves[file.key]]

    async def _drop(self, gone: Sequence[tuple[CameraKey, int]]) -> None:
        log.warning("index.files_vanished", files=len(gone))
        for first in range(0, len(gone), CHUNK):
            await self._system.drop_vanished(gone[first : first + CHUNK], self._clock.wall_ms())


async def rebuild(scanner: Scanner, index: RecordingIndex, progress: Callable[[int, int], None]) -> int:
    """Fill the database from the disk, offline; `progress` is told folders left and files taken up.

    The watch must have found its volume in order before. Hashes are left to the daemon.
    """
    while not index.complete:
        await scanner.once()
        progress(scanner.left, scanner.taken_up)
    return scanner.taken_up


def _is_uuid(text: str) -> bool:
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False
