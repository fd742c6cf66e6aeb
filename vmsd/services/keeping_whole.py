"""Incidents and holds alike: a thing with the periods it keeps, seen by who may replay all of its cameras."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from vmsd.model.keeping import Hold, Incident, KeptPeriod
from vmsd.services.keeping import CityKeeping
from vmsd.services.keeping_costs import Cost, still_kept

Thing = TypeVar("Thing", Incident, Hold)


@dataclass(frozen=True)
class Whole(Generic[Thing]):
    """With its periods by their start, the public ids of their cameras by number, and what it keeps now."""

    thing: Thing
    periods: Sequence[KeptPeriod]
    camera_ids: Mapping[int, str]
    cost: Cost


async def gather(keeping: CityKeeping, kept: Sequence[tuple[Thing, Sequence[KeptPeriod]]]) -> Sequence[Whole[Thing]]:
    """Of things and their periods, released ones too."""
    costs = await keeping.costs.of([still_kept(periods) for _, periods in kept])
    named = await keeping.camera_ids()
    return [
        Whole(thing, periods, {period.camera_id: named[period.camera_id] for period in periods}, cost)
        for (thing, periods), cost in zip(kept, costs, strict=True)
    ]
