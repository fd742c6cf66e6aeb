"""What of one city goes by age next, and when: as the sweeper will judge it, with a clock that is trusted."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass

from vmsd.model.camera import Camera
from vmsd.model.city import City
from vmsd.model.segment import PurgeReason
from vmsd.services.recordings import CityRecordings, Recording, after_us, chunk_of, earliest
from vmsd.store.scope import Scope
from vmsd.store.segments import Segments

HOUR_MS = 3_600_000
DAY_MS = 86_400_000


@dataclass(frozen=True)
class Expiring:
    """`rule` is why it goes at `expires_ms`, or soon after."""

    recording: Recording
    expires_ms: int
    rule: PurgeReason


@dataclass(frozen=True)
class ExpiringPage:
    """`next` is the cursor of the page after this one; None when this is the last."""

    items: Sequence[Expiring]
    next: str | None


@dataclass(frozen=True)
class Soon:
    """How much goes within a time, of how many cameras, and when the first of it does."""

    recordings: int
    bytes: int
    cameras: int
    first_ms: int


class CityExpiry:
    """`trusted_ms` is the time by which recordings expire: None while nothing goes by age at all."""

    def __init__(
        self, scope: Scope, city: City, recordings: CityRecordings, trusted_ms: Callable[[], int | None]
    ) -> None:
        self._segments = Segments(scope)
        self._city = city
        self._recordings = recordings
        self._trusted_ms = trusted_ms

    async def list(
        self, cameras: Sequence[Camera], within_h: float, *, after: str | None = None, limit: int = 50
    ) -> ExpiringPage:
        """The next to go first. `after` is the `next` of the page before; `NotFound` when it is of no such camera."""
        kept_ms = {camera.id: self._kept_days(camera) * DAY_MS for camera in cameras}
        place = None if after is None else self._recordings.place(after, cameras)
        until_ms = self._until_ms(within_h)
        if until_ms is None:
            return ExpiringPage((), None)
        async with AsyncExitStack() as stack:
            reels = {}
            for camera in cameras:
                own_us = kept_ms[camera.id] * 1000
                there = place and (place[0] + kept_ms[place[1]] * 1000 - own_us, place[1])
                reel = self._reel(camera, until_ms * 1000 - own_us, after_us(there, camera), chunk_of(limit, cameras))
                reels[camera.id] = await stack.enter_async_context(aclosing(reel))
            found = await earliest(reels, limit + 1, lambda one: one.start_us + kept_ms[one.camera_id] * 1000)
        by_number = {camera.id: camera for camera in cameras}
        items = [self._expiring(one, by_number[one.segment.camera_id]) for one in found[:limit]]
        return ExpiringPage(items, items[-1].recording.id if len(found) > limit else None)

    async def _reel(self, camera: Camera, limit_us: int, after: int, chunk: int) -> AsyncGenerator[Recording, None]:
        """One camera's, read a few at a time; none of them is kept for anything."""
        full = True
        while full:
            found = await self._segments.expiring(camera.id, limit_us, after_us=after, limit=chunk)
            full = len(found) == chunk
            after = found[-1].start_us if found else after
            for one in found:
                yield self._recordings.shown(one, camera)

    async def soon(self, cameras: Sequence[Camera], within_h: float) -> Soon | None:
        """One question to the index, however many cameras; None when nothing goes."""
        until_ms = self._until_ms(within_h)
        if until_ms is None:
            return None
        kept_ms = {camera.id: self._kept_days(camera) * DAY_MS for camera in cameras}
        totals = await self._segments.expiring_totals(
            {number: (until_ms - own_ms) * 1000 for number, own_ms in kept_ms.items()}
        )
        if not totals:
            return None
        return Soon(
            recordings=sum(one.segments for one in totals),
            bytes=sum(one.bytes for one in totals),
            cameras=len(totals),
            first_ms=min(one.first_end_us // 1000 + kept_ms[one.camera_id] for one in totals),
        )

    def _until_ms(self, within_h: float) -> int | None:
        now_ms = self._trusted_ms()
        return None if now_ms is None else now_ms + round(within_h * HOUR_MS)

    def _kept_days(self, camera: Camera) -> int:
        return min(self._city.retention_days, camera.retention_days or self._city.retention_days)

    def _expiring(self, recording: Recording, camera: Camera) -> Expiring:
        days = self._kept_days(camera)
        rule = PurgeReason.RETENTION_PLAN if days == self._city.retention_days else PurgeReason.RETENTION_CAMERA
        return Expiring(recording, recording.segment.end_ms + days * DAY_MS, rule)
