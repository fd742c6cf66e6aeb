"""What a database holds of a whole site, in figures; read from the file, whatever schema it has, and never written."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TypedDict

from vmsd.clock import rfc3339
from vmsd.store.statements import SystemSql

CITIES = SystemSql("SELECT id, public_id, name FROM city ORDER BY id")
CAMERAS = SystemSql("SELECT count(*) FROM camera WHERE city_id = :city AND removed_ms IS NULL")
RECORDINGS = SystemSql(
    """SELECT count(*), sum(bytes), min(start_us) / 1000, max(start_us) / 1000 + max(duration_ms)
    FROM segment WHERE city_id = :city"""
)
HOLDS = SystemSql("SELECT count(*) FROM hold WHERE city_id = :city AND ended_ms IS NULL")
PEOPLE = SystemSql("SELECT count(*) FROM person")
AUDIT = SystemSql("SELECT seq, hash, at_ms FROM audit ORDER BY seq DESC LIMIT 1")


class CityFigures(TypedDict):
    id: str
    name: str
    cameras: int
    recordings: int
    bytes: int
    oldest: str | None
    newest: str | None
    holds: int


class AuditEnd(TypedDict):
    row: int
    hash: str
    at: str


class Inventory(TypedDict):
    cities: list[CityFigures]
    people: int
    audit: AuditEnd | None


def read_inventory(database: Path) -> Inventory | None:
    """None for a database that is not there, or that cannot be read."""
    if not database.exists():
        return None
    try:
        with closing(sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro", uri=True)) as opened:
            opened.row_factory = sqlite3.Row
            return _read(opened)
    except sqlite3.Error:
        return None


def _read(opened: sqlite3.Connection) -> Inventory:
    row = opened.execute(AUDIT).fetchone()
    end = AuditEnd(row=row["seq"], hash=row["hash"].hex(), at=rfc3339(row["at_ms"])) if row else None
    return {
        "cities": [_city(opened, city) for city in opened.execute(CITIES).fetchall()],
        "people": opened.execute(PEOPLE).fetchone()[0],
        "audit": end,
    }


def _city(opened: sqlite3.Connection, city: sqlite3.Row) -> CityFigures:
    (cameras,) = opened.execute(CAMERAS, {"city": city["id"]}).fetchone()
    (holds,) = opened.execute(HOLDS, {"city": city["id"]}).fetchone()
    count, size, oldest_ms, newest_ms = opened.execute(RECORDINGS, {"city": city["id"]}).fetchone()
    return {
        "id": city["public_id"],
        "name": city["name"],
        "cameras": cameras,
        "recordings": count,
        "bytes": size or 0,
        "oldest": None if oldest_ms is None else rfc3339(oldest_ms),
        "newest": None if newest_ms is None else rfc3339(newest_ms),
        "holds": holds,
    }
