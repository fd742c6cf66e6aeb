"""The purge reports of one city: made once, never changed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from vmsd.errors import NotFound
from vmsd.store.database import Row
from vmsd.store.scope import CityTransaction, Scope
from vmsd.store.statements import CitySql

COLUMNS = "id, public_id, start_ms, end_ms, created_ms, person, person_name, facts"

GET = CitySql(f"SELECT {COLUMNS} FROM purge_report WHERE city_id = :city_id AND public_id = :public_id")
LIST = CitySql(
    f"SELECT {COLUMNS} FROM purge_report WHERE city_id = :city_id AND id < :before ORDER BY id DESC LIMIT :limit"
)
OWN = CitySql(
    """SELECT start_ms, end_ms FROM purge_report
    WHERE city_id = :city_id AND person_name IS NULL AND start_ms >= :since_ms"""
)
NEXT_ID = CitySql("SELECT coalesce(max(id), 0) + 1 AS id FROM purge_report WHERE city_id = :city_id")
INSERT = CitySql(
    """INSERT INTO purge_report (city_id, id, public_id, start_ms, end_ms, created_ms, person, person_name, facts)
    VALUES (:city_id, :id, :public_id, :start_ms, :end_ms, :created_ms, :person, :person_name, :facts)"""
)
INCIDENTS = CitySql("SELECT id, name FROM incident WHERE city_id = :city_id")
HOLDS = CitySql("SELECT id, number AS name FROM hold WHERE city_id = :city_id")
NEWEST = 1 << 62


@dataclass(frozen=True)
class PurgeReport:
    """Of what was purged in `[start_ms, end_ms)`; without a person it was made by the box itself."""

    id: int
    public_id: str
    start_ms: int
    end_ms: int
    created_ms: int
    person: str | None
    person_name: str | None
    facts: Mapping[str, Any]


class PurgeReports:
    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    async def get(self, public_id: str) -> PurgeReport:
        rows = await self._scope.fetch(GET, public_id=public_id)
        if not rows:
            raise NotFound("there is no such report")
        return report_of(rows[0])

    async def list(self, *, before: int = NEWEST, limit: int) -> Sequence[PurgeReport]:
        """Newest first."""
        return [report_of(row) for row in await self._scope.fetch(LIST, before=before, limit=limit)]

    async def own_periods(self, since_ms: int) -> frozenset[tuple[int, int]]:
        """Those the box has made a report of by itself."""
        rows = await self._scope.fetch(OWN, since_ms=since_ms)
        return frozenset((row["start_ms"], row["end_ms"]) for row in rows)

    async def names(self) -> tuple[Mapping[int, str], Mapping[int, str]]:
        """What the city's incidents are called, and the numbers of its holds."""
        incidents, holds = await self._scope.fetch(INCIDENTS), await self._scope.fetch(HOLDS)
        return {row["id"]: row["name"] for row in incidents}, {row["id"]: row["name"] for row in holds}

    async def add(
        self,
        transaction: CityTransaction,
        *,
        start_ms: int,
        end_ms: int,
        now_ms: int,
        person: str | None,
        person_name: str | None,
        facts: Mapping[str, Any],
    ) -> PurgeReport:
        (row,) = await transaction.fetch(NEXT_ID)
        report = PurgeReport(row["id"], str(uuid4()), start_ms, end_ms, now_ms, person, person_name, facts)
        fields = {name: getattr(report, name) for name in COLUMNS.split(", ")}
        await transaction.execute(INSERT, **fields | {"facts": json.dumps(facts, ensure_ascii=False)})
        return report


def report_of(row: Row) -> PurgeReport:
    return PurgeReport(**{**dict(row), "facts": json.loads(row["facts"])})
