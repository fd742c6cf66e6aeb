"""What keeping costs: the bytes that stay, and the days of everybody's recordings they take the room of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from vmsd.model.keeping import KeptPeriod, merged
from vmsd.services.storage import DiskWatch
from vmsd.store.scope import Scope
from vmsd.store.segments import Place, Segments

CameraStretch = tuple[int, int, int]
"""A camera's number, and from when to when, in ms."""


@dataclass(frozen=True)
class Cost:
    """`retention_days` of the whole volume; None before anything was measured."""

    bytes: int
    retention_days: float | None


class Costs:
    def __init__(self, scope: Scope, watch: DiskWatch) -> None:
        self._segments = Segments(scope)
        self._watch = watch

    async def of(self, asked: Sequence[Iterable[CameraStretch]]) -> Sequence[Cost]:
        """What there is now of the stretches of each one asked about; a file that is in several counts once."""
        places = [places_of(stretches) for stretches in asked]
        sizes = iter(await self._segments.sizes([place for own in places for place in own]))
        return [self._cost(sum(next(sizes) for _ in own)) for own in places]

    def _cost(self, size: int) -> Cost:
        capacity = self._watch.capacity
        if capacity is None or capacity.bytes_per_day <= 0:
            return Cost(size, None)
        return Cost(size, round(size / capacity.bytes_per_day, 4))


def still_kept(periods: Iterable[KeptPeriod]) -> Sequence[CameraStretch]:
    return [(one.camera_id, one.start_ms, one.end_ms) for one in periods if one.released_ms is None]


def places_of(stretches: Iterable[CameraStretch]) -> Sequence[Place]:
    """Where to look. What begins before the end of the place before is counted there, if it reaches into this one."""
    by_camera: dict[int, list[tuple[int, int]]] = {}
    for camera_id, start_ms, end_ms in stretches:
        by_camera.setdefault(camera_id, []).append((start_ms, end_ms))
    found: list[Place] = []
    for camera_id, own in by_camera.items():
        before_us = -1
        for start_ms, end_ms in merged(own):
            found.append(Place(camera_id, start_ms * 1000, end_ms * 1000, before_us))
            before_us = end_ms * 1000
    return found
