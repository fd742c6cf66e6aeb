"""Adds up what the volume holds and for how long it will do, for the promise meter, and stops cameras in time.

Reads: the daily totals, what is kept, plans, usage. Writes: `DiskWatch.capacity`; which cameras may not record.
Keeps true: the capacity is at most a pass old; while hardly anything may be deleted, what is left lasts a day.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar

from vmsd.clock import Clock
from vmsd.config import Disk
from vmsd.host.disk import DiskUsage
from vmsd.services.capacity import Demand, held_days_beside
from vmsd.services.index import RecordingIndex
from vmsd.services.rationing import Rationing, Supply
from vmsd.services.storage import Capacity, DiskWatch
from vmsd.store.deletable import Key
from vmsd.store.system import CameraDays, System

DAY_S = 86_400
DAY_MS = DAY_S * 1000


class Accountant:
    name: ClassVar[str] = "accountant"
    every_s: ClassVar[float] = 60.0
    deadline_s: ClassVar[float] = 30.0

    def __init__(
        self,
        system: System,
        watch: DiskWatch,
        index: RecordingIndex,
        rules: Disk,
        clock: Clock,
        rationing: Rationing,
    ) -> None:
        self._system = system
        self._watch = watch
        self._index = index
        self._rules = rules
        self._clock = clock
        self._rationing = rationing

    async def once(self) -> None:
        usage = self._watch.usage
        if usage is None:
            return
        today, day_ms = divmod(self._clock.wall_ms(), DAY_MS)
        days = {one.key: one for one in await self._system.days(today)}
        cameras = {one.key: one for one in await self._system.folders()}
        rates = {key: self._bytes_per_day(one, today, day_ms) for key, one in days.items()}
        demands = [Demand(rate, cameras[key].kept_days) for key, rate in rates.items() if key in cameras]
        kept = await self._system.protected.bytes(await self._system.kept())
        footage_bytes = sum(one.bytes for one in days.values())
        room_bytes = max(0, round(footage_bytes + usage.free_bytes - self._reserve(usage)))
        before = self._watch.capacity
        capacity = self._watch.capacity = Capacity(
            bytes_per_day=sum(rates.values()),
            room_bytes=room_bytes,
            footage_bytes=footage_bytes,
            held_days=held_days_beside(demands, room_bytes, by_day(kept), today),
            oldest_ms=min((one.first_day * DAY_MS for one in days.values()), default=None),
            protected={key: sum(of_camera.values()) for key, of_camera in kept.items()},
            shortage=before.shortage if before else None,
        )
        if self._watch.volume.ok:
            shortage = await self._rationing.judge(self._supply(usage, capacity, rates))
            self._watch.capacity = replace(capacity, shortage=shortage)

    def _reserve(self, usage: DiskUsage) -> float:
        """What the sweeper keeps free."""
        return max((1 - self._rules.sweep_used) * usage.total_bytes, 1.5 * self._rules.headroom_bytes)

    def _supply(self, usage: DiskUsage, capacity: Capacity, rates: Mapping[Key, float]) -> Supply:
        free = max(0, capacity.footage_bytes - capacity.protected_bytes)
        stops = max((1 - self._rules.breaker_used) * usage.total_bytes, self._rules.headroom_bytes)
        return Supply(
            spare_bytes=free + max(0.0, usage.free_bytes - self._reserve(usage)),
            last_bytes=free + max(0.0, usage.free_bytes - stops),
            protected_bytes=capacity.protected_bytes,
            rates=rates,
        )

    def _bytes_per_day(self, one: CameraDays, today: int, day_ms: int) -> float:
        """The last 24 h from the daily totals; for a camera younger than that, the rate of right now."""
        if one.first_day >= today - 1 and one.bytes == one.today_bytes + one.yesterday_bytes:
            now = self._index.bytes_per_s(one.key) * DAY_S
            if one.first_day == today or now:
                return now
        return one.today_bytes + one.yesterday_bytes * (1 - day_ms / DAY_MS)


def by_day(kept: Mapping[Key, Mapping[int, int]]) -> Mapping[int, int]:
    """Of all cameras together."""
    total: Counter[int] = Counter()
    for days in kept.values():
        total.update(days)
    return total
