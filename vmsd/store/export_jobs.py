"""The exports of all cities, as the one task that makes them finds them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from vmsd.store.database import Database, Row
from vmsd.store.statements import SystemSql

_COLUMNS = "city_id, public_id"
_OPEN = "state IN ('queued', 'running')"
"""Said word for word as in the partial index."""
NEXT = SystemSql(
    f"""SELECT {_COLUMNS} FROM export WHERE {_OPEN} AND state = 'queued'
    AND (end_ms <= :settled_ms OR created_ms <= :settled_ms OR created_ms > :now_ms)
    ORDER BY created_ms LIMIT 1"""
)
RUNNING = SystemSql(f"SELECT {_COLUMNS} FROM export WHERE {_OPEN} AND state = 'running'")
EXPIRED = SystemSql(f"SELECT {_COLUMNS} FROM export WHERE expires_ms IS NOT NULL AND expires_ms <= :now_ms LIMIT 20")
KEEPING = SystemSql("SELECT public_id FROM export WHERE state IN ('queued', 'running', 'done') AND removed_ms IS NULL")
WAITING_BYTES = SystemSql(f"SELECT coalesce(sum(total_bytes - done_bytes), 0) AS bytes FROM export WHERE {_OPEN}")


class Place(NamedTuple):
    """Where to find an export."""

    city_id: int
    public_id: str


class ExportJobs:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def find_next(self, now_ms: int, settled_ms: int) -> Place | None:
        """The first one asked for; not before what it wants is surely in the index, or has been waited for."""
        rows = await self._database.read(NEXT, {"now_ms": now_ms, "settled_ms": settled_ms})
        return _place(rows[0]) if rows else None

    async def running(self) -> Sequence[Place]:
        return [_place(row) for row in await self._database.read(RUNNING)]

    async def expired(self, now_ms: int) -> Sequence[Place]:
        return [_place(row) for row in await self._database.read(EXPIRED, {"now_ms": now_ms})]

    async def keeping(self) -> set[str]:
        """Those that have files, or may be making some."""
        return {row["public_id"] for row in await self._database.read(KEEPING)}

    async def waiting_bytes(self) -> int:
        """What those that are open will still take."""
        (row,) = await self._database.read(WAITING_BYTES)
        return int(row["bytes"])


def _place(row: Row) -> Place:
    return Place(row["city_id"], row["public_id"])
