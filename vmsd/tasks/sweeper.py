"""The only thing that deletes video: by age as the plans say, then by space, oldest first, with a reason.

Reads: segments, plans, the volume's usage, the clock's trust. Writes: deletes files; rows become purges.
Keeps true: mark, unlink, make durable, drop, in that order, so that a crash is a resume. Never a running
segment, never a preserved one, never on a volume that is not ours, never by age with a clock not trusted.
By space the clock has no say: the order of the names decides what is oldest.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import ClassVar

import structlog

from vmsd.clock import Clock
from vmsd.config import Disk
from vmsd.host.disk import DiskUsage
from vmsd.host.tree import Folder, Tree
from vmsd.model.segment import PurgeReason, Segment
from vmsd.services.clock_trust import Timekeeper
from vmsd.services.disk_thread import DiskThread
from vmsd.services.index import RecordingIndex
from vmsd.services.storage import DiskWatch
from vmsd.store.system import CameraFolder, System

log = structlog.get_logger()

HOUR_S = 3600
DAY_US = 86_400_000_000
HOURLY_SHARE = 0.02
"""Of all segments, so much at most goes by age in an hour: whatever went wrong, there is time to notice."""
ROOM_FACTOR = 1.5
"""Room is made up to so many times the breaker's headroom, so that the breaker stays closed."""
MOST_ROOM_SHARE = 0.5
"""No headroom is worth more than half of the volume: that setting is wrong, not the recordings."""

Key = tuple[int, int]


class Sweeper:
    name: ClassVar[str] = "sweeper"
    every_s: float
    deadline_s: ClassVar[float] = 300.0

    def __init__(
        self,
        *,
        system: System,
        tree: Tree,
        watch: DiskWatch,
        index: RecordingIndex,
        keeper: Timekeeper,
        rules: Disk,
        clock: Clock,
    ) -> None:
        self._system = system
        self._tree = tree
        self._watch = watch
        self._index = index
        self._keeper = keeper
        self._rules = rules
        self.every_s = rules.sweep_every_s
        self._clock = clock
        self._thread = DiskThread("sweeper")
        self._by_age: deque[tuple[float, int]] = deque()
        self._left = 0
        self._stuck: set[tuple[int, int, int]] = set()
        self._tidied: set[Key] = set()

    async def once(self) -> None:
        if not await self._watch.confirm_ok():
            return
        self._left, self._stuck = self._rules.purge_cap, set()
        cameras = {one.key: one for one in await self._system.folders()}
        await self._finish(cameras)
        await self._sweep_by_age(cameras)
        await self._sweep_by_space(cameras)
        await self._tidy(cameras)
        if self._stuck:
            raise OSError(f"{len(self._stuck)} recordings could not be deleted")

    async def _sweep_by_age(self, cameras: Mapping[Key, CameraFolder]) -> None:
        now_ms = self._keeper.trusted_ms()
        if now_ms is None:
            return
        limits = {key: now_ms * 1000 - one.kept_days * DAY_US for key, one in cameras.items()}
        oldest = await self._system.oldest()
        for key in [key for key, start_us in oldest.items() if start_us < limits.get(key, 0)]:
            while await self._sweep_old(cameras, key):
                pass

    async def _sweep_old(self, cameras: Mapping[Key, CameraFolder], key: Key) -> bool:
        """Delete a batch of what a camera has kept for long enough; False when there is no more now.

        The clock is asked again for every batch: one that jumps meanwhile ends the sweep.
        """
        batch = min(self._rules.purge_batch, self._left, await self._allowance())
        now_ms = self._keeper.trusted_ms()
        if batch <= 0 or now_ms is None:
            return False
        free = await self._system.free(key, 0, batch)
        limit_us = now_ms * 1000 - cameras[key].kept_days * DAY_US
        due = [one for one in free if one.end_ms * 1000 < limit_us]
        self._by_age.append((self._clock.monotonic(), len(due)))
        return await self._delete(cameras, due, cameras[key].reason) and len(due) == batch

    async def _allowance(self) -> int:
        """How many segments may still go by age within this hour."""
        now_s = self._clock.monotonic()
        while self._by_age and now_s - self._by_age[0][0] >= HOUR_S:
            self._by_age.popleft()
        share = round(HOURLY_SHARE * await self._system.count_segments())
        return max(self._rules.purge_batch, share) - sum(count for _, count in self._by_age)

    async def _sweep_by_space(self, cameras: Mapping[Key, CameraFolder]) -> None:
        """A batch is no more than what is missing, and the disk is asked again after each."""
        while self._left > 0 and await self._watch.confirm_ok() and self._watch.usage is not None:
            lacking = self._lacking(self._watch.usage)
            if lacking is None:
                return
            oldest = await self._oldest_first(min(self._rules.purge_batch, self._left))
            if not await self._delete(cameras, enough(oldest, lacking), PurgeReason.SPACE):
                return

    def _lacking(self, usage: DiskUsage) -> int | None:
        """Bytes that have to go, 0 when only inodes are short; None when there is room enough."""
        target = (1 - self._rules.sweep_used) * usage.total_bytes
        rate = max(self._index.total_bytes_per_s(), self._watch.breaker.bytes_per_s)
        headroom = max(self._rules.headroom_bytes, self._rules.headroom_hours * HOUR_S * rate)
        target = max(target, min(ROOM_FACTOR * headroom, MOST_ROOM_SHARE * usage.total_bytes))
        if usage.free_bytes < target:
            return round(target - usage.free_bytes)
        return 0 if usage.inodes_used_ratio > self._rules.sweep_used else None

    async def _oldest_first(self, count: int) -> list[Segment]:
        """The oldest segments of all cameras together that may be deleted.

        Cameras come in the order of their oldest one, and are asked only while they can still matter.
        """
        heads = sorted((start_us, key) for key, start_us in (await self._system.oldest()).items())
        oldest: list[Segment] = []
        for start_us, key in heads:
            if len(oldest) >= count and start_us >= oldest[count - 1].start_us:
                break
            free = await self._system.free(key, start_us, count)
            oldest = list(heapq.merge(oldest, free, key=lambda one: one.start_us))[:count]
        return oldest

    async def _delete(
        self, cameras: Mapping[Key, CameraFolder], segments: Sequence[Segment], reason: PurgeReason
    ) -> bool:
        """Mark a batch as garbage and finish it; False when there was nothing to delete."""
        if not segments:
            return False
        await self._system.mark(segments, reason)
        self._left -= len(segments)
        await self._finish(cameras)
        log.info("recordings.purged", segments=len(segments), reason=reason)
        return True

    async def _finish(self, cameras: Mapping[Key, CameraFolder]) -> None:
        """Everything that is marked, now or before a crash: unlink, make durable, drop the rows.

        What cannot be deleted holds up nothing else; it is tried again in the next pass.
        """
        while garbage := await self._garbage():
            gone = await self._thread.run(unlink, self._tree, cameras, garbage)
            await self._system.drop_garbage(gone, self._clock.wall_ms())
            self._stuck |= {place(one) for one in garbage} - {place(one) for one in gone}

    async def _garbage(self) -> list[Segment]:
        found = await self._system.garbage(self._rules.purge_batch + len(self._stuck))
        return [one for one in found if place(one) not in self._stuck]

    async def _tidy(self, cameras: Mapping[Key, CameraFolder]) -> None:
        """Remove the folders of removed cameras once they are empty."""
        removed = [one for key, one in cameras.items() if one.removed and key not in self._tidied]
        self._tidied |= {one.key for one in await self._thread.run(remove_empty, self._tree, removed)}


def enough(oldest: Iterable[Segment], lacking_bytes: int) -> list[Segment]:
    """As many of the oldest as it takes, one at least."""
    chosen: list[Segment] = []
    for segment in oldest:
        if chosen and lacking_bytes <= 0:
            break
        chosen.append(segment)
        lacking_bytes -= segment.bytes
    return chosen


def place(segment: Segment) -> tuple[int, int, int]:
    return (segment.city_id, segment.camera_id, segment.start_us)


def unlink(tree: Tree, cameras: Mapping[Key, CameraFolder], garbage: Iterable[Segment]) -> list[Segment]:
    """Delete the files, folder by folder; those that surely are gone, durably. A folder that fails, fails alone."""
    by_camera: dict[Key, list[Segment]] = {}
    for segment in garbage:
        by_camera.setdefault((segment.city_id, segment.camera_id), []).append(segment)
    gone: list[Segment] = []
    for key, segments in by_camera.items():
        folder = Folder(cameras[key].city, cameras[key].camera)
        with suppress(OSError):
            names = set(tree.unlink(folder, [one.file_name for one in segments]))
            gone += [one for one in segments if one.file_name in names]
    return gone


def remove_empty(tree: Tree, cameras: Iterable[CameraFolder]) -> list[CameraFolder]:
    """Those whose folder is not there any more."""
    return [one for one in cameras if tree.remove_if_empty(Folder(one.city, one.camera))]
