"""Adds up what the volume holds and for how long it will do, for the promise meter.

Reads: the daily totals, plans, usage. Writes: `DiskWatch.capacity`. Keeps true: it is at most a pass old.
"""

from __future__ import annotations

from typing import ClassVar

from vmsd.clock import Clock
from vmsd.config import Disk
from vmsd.services.capacity import Demand, held_days
from vmsd.services.index import RecordingIndex
from vmsd.services.storage import Capacity, DiskWatch
from vmsd.store.system import CameraDays, System

DAY_S = 86_400
DAY_MS = DAY_S * 1000


class Accountant:
    name: ClassVar[str] = "accountant"
    every_s: ClassVar[float] = 60.0
    deadline_s: ClassVar[float] = 30.0

    def __init__(self, system: System, watch: DiskWatch, index: RecordingIndex, rules: Disk, clock: Clock) -> None:
        self._system = system
        self._watch = watch
        self._index = index
        self._rules = rules
        self._clock = clock

    async def once(self) -> None:
        usage = self._watch.usage
        if usage is None:
            return
        today, day_ms = divmod(self._clock.wall_ms(), DAY_MS)
        days = {one.key: one for one in await self._system.days(today)}
        cameras = {one.key: one for one in await self._system.folders()}
        rates = {key: self._bytes_per_day(one, today, day_ms) for key, one in days.items()}
        demands = [Demand(rate, cameras[key].kept_days) for key, rate in rates.items() if key in cameras]
        footage_bytes = sum(one.bytes for one in days.values())
        reserve = max((1 - self._rules.sweep_used) * usage.total_bytes, 1.5 * self._rules.headroom_bytes)
        room_bytes = max(0, round(footage_bytes + usage.free_bytes - reserve))
        self._watch.capacity = Capacity(
            bytes_per_day=sum(rates.values()),
            room_bytes=room_bytes,
            footage_bytes=footage_bytes,
            held_days=held_days(demands, room_bytes),
            oldest_ms=min((one.first_day * DAY_MS for one in days.values()), default=None),
        )

    def _bytes_per_day(self, one: CameraDays, today: int, day_ms: int) -> float:
        """The last 24 h from the daily totals; for a camera younger than that, the rate of right now."""
        if one.first_day >= today - 1 and one.bytes == one.today_bytes + one.yesterday_bytes:
            now = self._index.bytes_per_s(one.key) * DAY_S
            if one.first_day == today or now:
                return now
        return one.today_bytes + one.yesterday_bytes * (1 - day_ms / DAY_MS)
