"""What a city's recordings take, and whether the days its plan promises will be kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from vmsd.clock import Clock
from vmsd.model.city import City
from vmsd.model.person import Rights
from vmsd.services.storage import Capacity, DiskWatch
from vmsd.store.scope import Scope
from vmsd.store.segments import CameraTotal, Segments

DAY_MS = 86_400_000


@dataclass(frozen=True)
class Promise:
    """`held_days` is what the disk holds at the rate of the last 24 h beside what may not be deleted.

    It is None before anything was measured. `breaks_ms` is when the first recording will have to go too early, None
    when none will. `protected_days` are days of everybody's recordings that have no room for what is kept.
    """

    promised_days: int
    held_days: float | None
    breaks_ms: int | None
    protected_bytes: int = 0
    protected_days: float | None = None


@dataclass(frozen=True)
class CameraStorage:
    total: CameraTotal
    promise: Promise


@dataclass(frozen=True)
class CityStorage:
    cameras: Sequence[CameraStorage]
    bytes: int
    segments: int
    promise: Promise


class Storage:
    def __init__(self, scope: Scope, city: City, rights: Rights, watch: DiskWatch, clock: Clock) -> None:
        self._segments = Segments(scope)
        self._city = city
        self._rights = rights
        self._watch = watch
        self._clock = clock

    async def get(self) -> CityStorage:
        """Of the cameras the caller may see."""
        totals = [one for one in await self._segments.totals() if self._rights.on(one.group_id, one.camera_id)]
        cameras = [CameraStorage(one, self._promise(one)) for one in totals]
        protected_bytes = sum(one.promise.protected_bytes for one in cameras)
        return CityStorage(
            cameras=cameras,
            bytes=sum(one.bytes for one in totals),
            segments=sum(one.segments for one in totals),
            promise=self._judge(self._city.retention_days, protected_bytes),
        )

    def _promise(self, camera: CameraTotal) -> Promise:
        """One with fewer days of its own was promised only those."""
        capacity, city_days = self._watch.capacity, self._city.retention_days
        protected = capacity.protected.get((self._city.id, camera.camera_id), 0) if capacity else 0
        return self._judge(min(city_days, camera.retention_days or city_days), protected)

    def _judge(self, promised_days: int, protected_bytes: int) -> Promise:
        capacity = self._watch.capacity
        promise = judge(promised_days, capacity, self._clock.wall_ms())
        cost = capacity.days_of(protected_bytes) if capacity else None
        return replace(promise, protected_bytes=protected_bytes, protected_days=cost)


def judge(promised_days: int, capacity: Capacity | None, now_ms: int) -> Promise:
    """The whole volume is shared: the oldest recording goes first, whosever it is."""
    if capacity is None or capacity.held_days is None:
        return Promise(promised_days, None, None)
    held_days = capacity.held_days
    if held_days >= promised_days:
        return Promise(promised_days, held_days, None)
    return Promise(promised_days, held_days, _breaks_ms(capacity, now_ms))


def _breaks_ms(capacity: Capacity, now_ms: int) -> int:
    """When the room is used up: from then on the oldest goes, and it is younger than promised by then."""
    left_bytes = max(0, capacity.room_bytes - capacity.footage_bytes)
    return now_ms + round(left_bytes / capacity.bytes_per_day * DAY_MS)
