"""Outages of the whole box: what stopped recording everywhere, and when it was over."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace

from vmsd.model.audit import Fact, canonical_facts
from vmsd.model.outage import Outage, OutageKind
from vmsd.store.database import Database, Row, Transaction
from vmsd.store.scope import Scope
from vmsd.store.statements import CitySql, SystemSql

_COLUMNS = "id, kind, start_ms, end_ms, facts"
_BETWEEN = f"""SELECT {_COLUMNS} FROM outage WHERE end_ms IS NULL AND start_ms < :end_ms
    UNION ALL SELECT {_COLUMNS} FROM outage WHERE end_ms >= :start_ms AND start_ms < :end_ms
        AND (end_ms > :start_ms OR start_ms = end_ms)
    ORDER BY start_ms, id LIMIT :limit"""

BETWEEN = SystemSql(_BETWEEN)
SEEN_BY_CITY = CitySql(f"SELECT {_COLUMNS} FROM ({_BETWEEN}) WHERE :city_id > 0")
"""The box's outages are every city's: there is no city in them."""
OPEN = SystemSql(f"SELECT {_COLUMNS} FROM outage WHERE end_ms IS NULL ORDER BY start_ms")
NEWEST = SystemSql(f"SELECT {_COLUMNS} FROM outage WHERE kind = :kind ORDER BY id DESC LIMIT 1")
ADD = SystemSql("INSERT INTO outage (kind, start_ms, end_ms, facts) VALUES (:kind, :start_ms, :end_ms, :facts)")
WIDEN = SystemSql(
    """UPDATE outage SET start_ms = min(start_ms, :start_ms), end_ms = max(end_ms, :end_ms)
    WHERE kind = :kind AND end_ms > :start_ms AND start_ms < :end_ms"""
)
REOPEN = SystemSql("UPDATE outage SET end_ms = NULL, facts = :facts WHERE id = :id")
END = SystemSql("UPDATE outage SET end_ms = max(start_ms, :at_ms) WHERE kind = :kind AND end_ms IS NULL")
PLAN = SystemSql("UPDATE outage SET end_ms = max(start_ms, :end_ms), facts = :facts WHERE id = :id")
MOST = 50_000
CITIES_FACTS = frozenset({"reason", "step_ms", "integrity"})
"""What of an outage is every city's; how many cameras it hit, and how badly, is also other cities' business."""


class OutageRows:
    """Written inside the caller's transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(
        self, transaction: Transaction, kind: OutageKind, start_ms: int, end_ms: int | None, facts: Mapping[str, Fact]
    ) -> None:
        """What is over already and was told before, by somebody else who saw it, becomes one with that."""
        row = {"kind": kind, "start_ms": start_ms, "end_ms": end_ms}
        if end_ms is None or await transaction.execute(WIDEN, row) == 0:
            await transaction.execute(ADD, row | {"facts": canonical_facts(facts)})

    async def newest(self, transaction: Transaction, kind: OutageKind) -> Outage | None:
        rows = await transaction.fetch(NEWEST, {"kind": kind})
        return outage_of(rows[0]) if rows else None

    async def reopen(self, transaction: Transaction, outage: Outage, facts: Mapping[str, Fact]) -> None:
        await transaction.execute(REOPEN, {"id": outage.id, "facts": canonical_facts(facts)})

    async def end(self, transaction: Transaction, kind: OutageKind, at_ms: int) -> bool:
        """False when none of the kind was open."""
        return await transaction.execute(END, {"kind": kind, "at_ms": at_ms}) > 0

    async def plan(self, transaction: Transaction, outage: Outage, end_ms: int, facts: Mapping[str, Fact]) -> None:
        """Give one that was announced another end."""
        await transaction.execute(PLAN, {"id": outage.id, "end_ms": end_ms, "facts": canonical_facts(facts)})

    async def open(self) -> Sequence[Outage]:
        return [outage_of(row) for row in await self._database.read(OPEN)]

    async def between(self, start_ms: int, end_ms: int) -> Sequence[Outage]:
        """Those that have something of the period, by their start."""
        period = {"start_ms": start_ms, "end_ms": end_ms, "limit": MOST}
        return [outage_of(row) for row in await self._database.read(BETWEEN, period)]


async def outages_seen(scope: Scope, start_ms: int, end_ms: int) -> Sequence[Outage]:
    """Those that have something of the period, by their start, for a city to read."""
    rows = await scope.fetch(SEEN_BY_CITY, start_ms=start_ms, end_ms=end_ms, limit=MOST)
    return [_for_a_city(outage_of(row)) for row in rows]


def _for_a_city(outage: Outage) -> Outage:
    return replace(outage, facts={name: fact for name, fact in outage.facts.items() if name in CITIES_FACTS})


def outage_of(row: Row) -> Outage:
    return Outage(row["id"], OutageKind(row["kind"]), row["start_ms"], row["end_ms"], json.loads(row["facts"]))
