"""When somebody, or the box for want of room, switched the recording of a camera of one city on or off."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from vmsd.store.scope import CityTransaction, Scope
from vmsd.store.statements import CitySql

ADD = CitySql(
    """INSERT OR REPLACE INTO recording_switch (city_id, camera_id, rationed, at_ms, enabled)
    VALUES (:city_id, :camera_id, :rationed, :at_ms, :enabled)"""
)
BETWEEN = CitySql(
    """SELECT at_ms, enabled FROM recording_switch WHERE city_id = :city_id AND camera_id = :camera_id
    AND rationed = :rationed AND at_ms < :end_ms AND at_ms >= coalesce((
        SELECT max(at_ms) FROM recording_switch
        WHERE city_id = :city_id AND camera_id = :camera_id AND rationed = :rationed AND at_ms <= :start_ms
    ), :start_ms) ORDER BY at_ms LIMIT :limit"""
)
MOST = 100_000


class Switch(NamedTuple):
    at_ms: int
    enabled: bool


class Switches:
    """Two switches, each with a history of its own: people's, and with `rationed` the box's."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    async def add(
        self, transaction: CityTransaction, camera_id: int, at_ms: int, *, enabled: bool, rationed: bool = False
    ) -> None:
        """In the transaction that switches."""
        switch = {"rationed": int(rationed), "at_ms": at_ms, "enabled": int(enabled)}
        await transaction.execute(ADD, camera_id=camera_id, **switch)

    async def between(self, camera_id: int, start_ms: int, end_ms: int, *, rationed: bool = False) -> Sequence[Switch]:
        """By time, led by the switch that was in force when the period began, where one is known."""
        period = {"start_ms": start_ms, "end_ms": end_ms, "rationed": int(rationed)}
        rows = await self._scope.fetch(BETWEEN, camera_id=camera_id, **period, limit=MOST)
        return [Switch(row["at_ms"], bool(row["enabled"])) for row in rows]
