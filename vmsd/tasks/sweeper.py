"""The only thing that deletes video: by age as the plans say, then by space, oldest first, with a reason.

Reads: segments, plans, what is kept, the volume's usage, the clock's trust. Writes: deletes files; rows become purges.
Keeps true: mark, unlink, make durable, drop, in that order, so that a crash is a resume; the rows are dropped once at
the end of a pass, with one row of the audit log for each city and reason. Never a running segment, never what
somebody keeps, never on a volume that is not ours, never by age with a clock not trusted, nor what was named by such a
clock before it must be old enough in any case. By space the clock has no say: the order of the names decides.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from operator import itemgetter
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
from vmsd.store.deletable import Stretch, free_stretches
from vmsd.store.system import CameraFolder, System

log = structlog.get_logger()

HOUR_S = 3600
HOUR_MS = HOUR_S * 1000
DAY_US = 86_400_000_000
HOURLY_SHARE = 0.02
"""Of all segments, so much at most goes by age in an hour: whatever went wrong, there is time to notice."""
ROOM_FACTOR = 1.5
"""Room is made up to so many times the breaker's headroom, so that the breaker stays closed."""
MOST_ROOM_SHARE = 0.5
"""No headroom is worth more than half of the volume: that setting is wrong, not the recordings."""
REST_S = 600.0
"""Once nothing is overdue, nobody looks for so long; who makes room makes it for so long: it spares the audit log."""
MOST_REST_SHARE = 0.01
"""But no more than this of the volume."""
BY_AGE = (PurgeReason.RETENTION_PLAN, PurgeReason.RETENTION_CAMERA, PurgeReason.PLAN_CHANGED)

Key = tuple[int, int]
Place = tuple[int, int, int]


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
        self._past: deque[tuple[float, int]] = deque()
        self._remembers = False
        self._found_by_age = 0
        self._rested_s: float | None = None
        self._left = 0
        self._gone: list[Segment] = []
        self._stuck: set[Place] = set()
        self._tidied: set[Key] = set()
        self._cameras: Mapping[Key, CameraFolder] = {}

    async def once(self) -> None:
        """What was deleted is written down however the pass ends; what a crash leaves, the next pass finishes."""
        if not await self._watch.confirm_ok():
            return
        self._left, self._gone, self._stuck, self._cameras = self._rules.purge_cap, [], set(), {}
        try:
            await self._finish_marked()
            await self._sweep_by_age()
            await self._sweep_by_space()
        finally:
            await self._drop()
        await self._tidy()
        if self._stuck:
            raise OSError(f"{len(self._stuck)} recordings could not be deleted")

    async def _folders(self) -> Mapping[Key, CameraFolder]:
        """Asked for once in a pass, and only by one that has something to delete."""
        self._cameras = self._cameras or {one.key: one for one in await self._system.folders()}
        return self._cameras

    async def _finish_marked(self) -> None:
        """What was marked before a crash, what could not be deleted before, and what the indexer has found empty."""
        marked: dict[Place, Segment] = {}
        while fresh := await self._marked(marked.keys()):
            marked |= {place(one): one for one in fresh}
            await self._unlink(fresh)
        self._found_by_age = sum(one.purge_reason in BY_AGE for one in marked.values())

    async def _marked(self, seen: Collection[Place]) -> list[Segment]:
        found = await self._system.garbage(self._rules.purge_batch + len(seen))
        return [one for one in found if place(one) not in seen]

    async def _sweep_by_age(self) -> None:
        """The clock is asked again for every batch: one that jumps meanwhile ends the sweep."""
        if self._rested_s is not None and self._clock.monotonic() - self._rested_s < REST_S:
            return
        while (now_ms := self._keeper.trusted_ms()) is not None:
            due = await self._due(now_ms)
            if not due or not await self._delete_by_age(due, now_ms):
                return

    async def _due(self, now_ms: int) -> Sequence[Segment]:
        """The next batch: nothing when no more may go now, or when there is none, and then there is time to rest."""
        stretches = await self._overdue(now_ms)
        batch = min(self._rules.purge_batch, self._left, await self._allowance()) if stretches else 0
        due = await self._some_of(stretches, batch) if batch > 0 else []
        self._rested_s = self._clock.monotonic() if not stretches or (batch > 0 and not due) else None
        return due

    async def _overdue(self, now_ms: int) -> Sequence[Stretch]:
        """Where there may be something older than it was to be kept, and nobody keeps it."""
        keys = await self._system.overdue(now_ms)
        if not keys:
            return []
        cameras, kept = await self._folders(), await self._system.kept()
        limits = {key: now_ms * 1000 - cameras[key].kept_days * DAY_US for key in keys if key in cameras}
        return list(free_stretches(kept, limits))

    async def _delete_by_age(self, due: Sequence[Segment], now_ms: int) -> int:
        """How many went."""
        cameras, by_reason = await self._folders(), dict[PurgeReason, list[Segment]]()
        for one in due:
            by_reason.setdefault(cameras[key_of(one)].reason(one, now_ms), []).append(one)
        went = 0
        for reason, segments in by_reason.items():
            count = await self._delete(segments, reason)
            self._past.append((self._clock.monotonic(), count))
            went += count
        return went

    async def _allowance(self) -> int:
        """How many segments may still go by age within this hour; what went before a restart counts as if just now."""
        now_s = self._clock.monotonic()
        if not self._remembers:
            purged = await self._system.purged_since(self._clock.wall_ms() - HOUR_MS, BY_AGE)
            self._past, self._remembers = deque([(now_s, purged + self._found_by_age)]), True
        while self._past and now_s - self._past[0][0] >= HOUR_S:
            self._past.popleft()
        share = round(HOURLY_SHARE * await self._system.count_segments())
        return max(self._rules.purge_batch, share) - sum(count for _, count in self._past)

    async def _sweep_by_space(self) -> None:
        """A batch is no more than what is missing, and the disk is asked again after each."""
        rest_s = 0.0
        while self._left > 0 and await self._watch.confirm_ok() and self._watch.usage is not None:
            lacking = self._lacking(self._watch.usage, rest_s)
            if lacking is None:
                return
            stretches = list(free_stretches(await self._system.kept(), dict.fromkeys(await self._folders())))
            oldest = await self._oldest_first(stretches, min(self._rules.purge_batch, self._left))
            if not await self._delete(enough(oldest, lacking), PurgeReason.SPACE):
                return
            rest_s = REST_S

    def _lacking(self, usage: DiskUsage, rest_s: float) -> int | None:
        """Bytes that have to go, 0 when only inodes are short; None when there is room enough, and for `rest_s`."""
        target = (1 - self._rules.sweep_used) * usage.total_bytes
        rate = max(self._index.total_bytes_per_s(), self._watch.breaker.bytes_per_s)
        headroom = max(self._rules.headroom_bytes, self._rules.headroom_hours * HOUR_S * rate)
        target = max(target, min(ROOM_FACTOR * headroom, MOST_ROOM_SHARE * usage.total_bytes))
        target += min(rest_s * rate, MOST_REST_SHARE * usage.total_bytes)
        if usage.free_bytes < target:
            return round(target - usage.free_bytes)
        return 0 if usage.inodes_used_ratio > self._rules.sweep_used else None

    async def _some_of(self, stretches: Sequence[Stretch], count: int) -> list[Segment]:
        """All are due: those of one folder together, for a folder is made durable once in a batch."""
        due: list[Segment] = []
        for start_us, stretch in await self._heads(stretches):
            if len(due) >= count:
                break
            due += await self._system.free(replace(stretch, from_us=start_us), count - len(due))
        return due

    async def _heads(self, stretches: Sequence[Stretch]) -> Sequence[tuple[int, Stretch]]:
        return sorted(await self._system.heads(stretches), key=itemgetter(0)) if stretches else []

    async def _oldest_first(self, stretches: Sequence[Stretch], count: int) -> list[Segment]:
        """The oldest segments of all stretches together that may be deleted.

        Stretches come in the order of their oldest one, and are asked only while they can still matter.
        """
        oldest: list[Segment] = []
        for start_us, stretch in await self._heads(stretches):
            if len(oldest) >= count and start_us >= oldest[count - 1].start_us:
                break
            free = await self._system.free(replace(stretch, from_us=start_us), count)
            oldest = list(heapq.merge(oldest, free, key=lambda one: one.start_us))[:count]
        return oldest

    async def _delete(self, segments: Sequence[Segment], reason: PurgeReason) -> int:
        """Mark a batch as garbage and delete its files: how many were marked, which may be fewer, or none."""
        if not segments:
            return 0
        marked = await self._system.mark(segments, reason)
        self._left -= len(marked)
        await self._unlink(marked)
        return len(marked)

    async def _unlink(self, marked: Sequence[Segment]) -> None:
        """What cannot be deleted holds up nothing else; it is tried again in the next pass."""
        if marked:
            gone = await self._thread.run(unlink, self._tree, await self._folders(), marked)
            self._gone += gone
            self._stuck |= {place(one) for one in marked} - {place(one) for one in gone}

    async def _drop(self) -> None:
        """The files are gone for good: their rows become lines of the ledger."""
        if self._gone:
            await self._system.drop_garbage(self._gone, self._clock.wall_ms())
            log.info("recordings.purged", segments=len(self._gone), bytes=sum(one.bytes for one in self._gone))

    async def _tidy(self) -> None:
        """Remove the folders of removed cameras once they are empty."""
        removed = [one for one in await self._system.folders(removed=True) if one.key not in self._tidied]
        if removed:
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


def key_of(segment: Segment) -> Key:
    return (segment.city_id, segment.camera_id)


def place(segment: Segment) -> Place:
    return (segment.city_id, segment.camera_id, segment.start_us)


def unlink(tree: Tree, cameras: Mapping[Key, CameraFolder], garbage: Iterable[Segment]) -> list[Segment]:
    """Delete the files, folder by folder; those that surely are gone, durably. A folder that fails, fails alone."""
    by_camera: dict[Key, list[Segment]] = {}
    for segment in garbage:
        by_camera.setdefault(key_of(segment), []).append(segment)
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
