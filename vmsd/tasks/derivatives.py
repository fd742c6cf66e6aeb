"""Makes of closed recordings what lets them be replayed at once.

Reads: rows of closed recordings, the recordings. Writes: replay indexes and sheets of pictures, under `.derived/`.
Keeps true: a recording that was closed has both soon after, the newest first, and what was purged has none; the work
is spread thin, and decoding leaves every other process its turn.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from typing import BinaryIO, ClassVar

import structlog

from vmsd.errors import BadMedia, DecoderLost
from vmsd.host.tree import Folder
from vmsd.services.derived import Derived, Kind
from vmsd.services.disk_thread import DiskThread
from vmsd.services.live_states import CameraKey
from vmsd.services.storage import DiskWatch
from vmsd.store.system import CameraFolder, System
from vmsd.video import sheets
from vmsd.video.cuts import Cuts
from vmsd.video.cuts_file import encode
from vmsd.video.fmp4 import Header, Keyframe, SyncSample, read_header, read_keyframe
from vmsd.video.sheets import Sheet
from vmsd.video.worker import Tile, Worker

log = structlog.get_logger()

WORK_S = 2.0
"""After so long a pass begins with no other recording."""
MOST_SKIPPED = 10_000


class Derivatives:
    name: ClassVar[str] = "derivatives"
    every_s: ClassVar[float] = 5.0
    deadline_s: ClassVar[float] = 120.0

    def __init__(self, system: System, derived: Derived, worker: Worker, watch: DiskWatch) -> None:
        self._system = system
        self._derived = derived
        self._worker = worker
        self._watch = watch
        self._thread = DiskThread("derivatives")
        self._turn = 0
        self._visited: dict[CameraKey, int] = {}
        self._done: dict[CameraKey, int | None] = {}
        self._skipped: set[tuple[CameraKey, int]] = set()

    async def once(self) -> None:
        """One recording of each camera that has something new, and one camera looked at for what is to be tidied.

        Who was visited longest ago comes first: a camera with thousands of old recordings holds up nobody.
        """
        if not self._watch.volume.ok:
            return
        folders, newest = await self._system.folders(), await self._system.newest_closed()
        waiting = sorted(folders, key=lambda one: self._visited.get(one.key, 0))
        due = [one for one in waiting if self._done.get(one.key, 0) != newest.get(one.key)]
        ends_s = self._now_s() + WORK_S
        for folder in due + [one for one in waiting[:1] if one not in due]:
            await self._visit(folder)
            if self._now_s() >= ends_s:
                return

    async def _visit(self, folder: CameraFolder) -> None:
        self._turn += 1
        self._visited[folder.key] = self._turn
        place, starts = Folder(folder.city, folder.camera), await self._system.closed_starts(folder.key)
        await self._thread.run(self._derived.tidy, place, starts)
        made = await self._thread.run(self._derived.made, place)
        if not self._watch.ok:
            return
        missing = [one for one in starts if made.get(one) != set(Kind) and (folder.key, one) not in self._skipped]
        if missing:
            await self._make(folder.key, place, missing[0], made.get(missing[0], set()))
        if len(missing) <= 1:
            self._done[folder.key] = starts[0] if starts else None

    async def _make(self, key: CameraKey, folder: Folder, start_us: int, made: set[Kind]) -> None:
        """A recording whose pass was cut short, or that cannot be read, is left alone until the next start."""
        if len(self._skipped) >= MOST_SKIPPED:
            self._skipped.clear()
        self._skipped.add((key, start_us))
        try:
            found = await self._thread.run(self._derived.make_cuts, folder, start_us)
            if Kind.CUTS not in made:
                await self._thread.run(self._derived.write, folder, start_us, Kind.CUTS, encode(found))
            if Kind.SHEET not in made:
                picture = await self._draw(folder, start_us, found)
                await self._thread.run(self._derived.write, folder, start_us, Kind.SHEET, picture)
        except BadMedia as error:
            log.debug("derived.not_made", camera_id=folder.camera, error=str(error))
        except OSError as error:
            self._watch.report(error)
            log.debug("derived.not_made", camera_id=folder.camera, error=error.strerror)
        else:
            self._skipped.discard((key, start_us))

    async def _draw(self, folder: Folder, start_us: int, found: Cuts) -> bytes:
        """The sheet; empty when no picture of the recording can be decoded. `DecoderLost` when nobody knows that."""
        chosen = sheets.pick(found)
        if not chosen:
            return b""
        lost: DecoderLost | None = None
        handle = await self._thread.run(self._derived.open_handle, folder, start_us)
        with os.fdopen(handle, "rb", buffering=0) as video:
            header = await self._thread.run(read_header, video)
            tiles: list[Tile] = []
            times_ms: list[int] = []
            for sample in chosen:
                try:
                    tile = await self._tile(await self._thread.run(_keyframe, video, header, sample), tiles)
                except DecoderLost as error:
                    tile, lost = None, error
                if tile is not None:
                    tiles.append(tile)
                    times_ms.append(sample.time_ms)
        if lost is not None and not tiles:
            raise lost
        return await self._joined(tiles, times_ms)

    async def _tile(self, keyframe: Keyframe | None, before: Sequence[Tile]) -> Tile | None:
        if keyframe is None:
            return None
        try:
            return await self._worker.tile(keyframe, before[0] if before else None)
        except DecoderLost:
            raise
        except BadMedia:
            return None

    async def _joined(self, tiles: Sequence[Tile], times_ms: Sequence[int]) -> bytes:
        if not tiles:
            return b""
        jpeg = await self._worker.sheet(tiles)
        return sheets.inscribe(jpeg, Sheet(tiles[0].width, tiles[0].height, tuple(times_ms)))

    def _now_s(self) -> float:
        return asyncio.get_running_loop().time()


def _keyframe(video: BinaryIO, header: Header, sample: SyncSample) -> Keyframe | None:
    try:
        return read_keyframe(video, header, sample)
    except BadMedia:
        return None
