"""When somebody switched the recording of a camera of one city on or off."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from vmsd.store.scope import CityTransaction, Scope
from vmsd.store.statements import CitySql

ADD = CitySql(
    """INSERT OR REPLACE INTO recording_switch (city_id, camera_id, at_ms, enabled)
    VALUES (:city_id, :camera_id, :at_ms, :enabled)"""
)
BETWEEN = CitySql(
    """SELECT at_ms, enabled FROM recording_switch WHERE city_id = :city_id AND camera_id = :camera_id
    AND at_ms < :end_ms AND at_ms >= coalesce((
        SELECT max(at_ms) FROM recording_switch
        WHERE city_id = :city_id AND camera_id = :camera_id AND at_ms <= :start_ms
    ), :start_ms) ORDER BY at_ms LIMIT :limit"""
)
MOST = 100_000


class Switch(NamedTuple):
    at_ms: int
    enabled: bool


class Switches:
    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    async def add(self, transaction: CityTransaction, camera_id: int, at_ms: int, *, enabled: bool) -> None:
        """In the transaction that switches."""
        await transaction.execute(ADD, camera_id=camera_id, at_ms=at_ms, enabled=int(enabled))

    async def between(self, camera_id: int, start_ms: int, end_ms: int) -> Sequence[Switch]:
        """By time, led by the switch that was in force when the period began, where one is known."""
        period = {"start_ms": start_ms, "end_ms": end_ms}
        rows = await self._scope.fetch(BETWEEN, camera_id=camera_id, **period, limit=MOST)
        return [Switch(row["at_ms"], bool(row["enabled"])) for row in rows]
