"""The history of one city's camera states."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from vmsd.model.state import Cause, State, StateChange
from vmsd.store.database import Row
from vmsd.store.scope import CityTransaction, Scope
from vmsd.store.statements import CitySql

BETWEEN = CitySql(
    """SELECT at_ms, state, cause FROM state_change
    WHERE city_id = :city_id AND camera_id = :camera_id AND at_ms >= :start_ms AND at_ms < :end_ms
    ORDER BY at_ms LIMIT :limit"""
)
LAST_BEFORE = CitySql(
    """SELECT at_ms, state, cause FROM state_change
    WHERE city_id = :city_id AND camera_id = :camera_id AND at_ms < :start_ms ORDER BY at_ms DESC LIMIT 1"""
)
ADD = CitySql(
    """INSERT OR REPLACE INTO state_change (city_id, camera_id, at_ms, state, cause)
    VALUES (:city_id, :camera_id, :at_ms, :state, :cause)"""
)
NAME_CAUSE = CitySql(
    """UPDATE state_change SET cause = :cause
    WHERE city_id = :city_id AND camera_id = :camera_id AND at_ms = :at_ms AND state = :state"""
)


class States:
    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    async def between(self, camera_id: int, start_ms: int, end_ms: int) -> Sequence[StateChange]:
        """Changes in the period, led by the state the period began in, as far as it is known."""
        period = {"camera_id": camera_id, "start_ms": start_ms}
        before = await self._scope.fetch(LAST_BEFORE, **period)
        within = await self._scope.fetch(BETWEEN, **period, end_ms=end_ms, limit=5_000)
        return [change_of(row) for row in (*before, *within)]

    async def add(self, transaction: CityTransaction, camera_id: int, change: StateChange) -> None:
        await transaction.execute(ADD, camera_id=camera_id, **_params(change))

    async def name_cause(self, transaction: CityTransaction, camera_id: int, change: StateChange) -> None:
        """Give the line of `change.at_ms` its cause, found out after it was written; no line is added."""
        await transaction.execute(NAME_CAUSE, camera_id=camera_id, **_params(change))


def _params(change: StateChange) -> dict[str, Any]:
    return {"at_ms": change.at_ms, "state": change.state, "cause": change.cause}


def change_of(row: Row) -> StateChange:
    cause = None if row["cause"] is None else Cause(row["cause"])
    return StateChange(row["at_ms"], State(row["state"]), cause)
