"""A city that nobody and no camera belongs to goes, with everything it may still have."""

from __future__ import annotations

import sqlite3

from tests.store.test_tenancy import insert_one, tenant_tables
from tests.unit.tasks.recording_box import Box
from vmsd.store.cities import Cities

STAYS = frozenset({"audit"})
"""What happened is told of a city that is gone, too."""


def beyond_cameras(connection: sqlite3.Connection) -> set[str]:
    """Tenant tables that may have a row in a city without a camera and without people of its own."""
    bound = {"camera", "person", "session"}
    tables = tenant_tables(connection)
    while more := {table for table in tables - bound if needs(connection, table) & bound}:
        bound |= more
    return tables - bound


def needs(connection: sqlite3.Connection, table: str) -> set[str]:
    """The tables a row of this one cannot be without a row of."""
    sure = {row[1] for row in connection.execute(f"PRAGMA table_info({table})") if row[3] or row[5]}
    found: dict[str, set[str]] = {}
    for number, _, other, column, *_ in connection.execute(f"PRAGMA foreign_key_list({table})"):
        found.setdefault(f"{other} {number}", set()).add(column)
    return {name.split()[0] for name, columns in found.items() if columns <= sure}


async def test_a_city_goes_with_everything_that_needs_no_camera(box: Box):
    with sqlite3.connect(box.settings.database, isolation_level=None) as connection:
        city = 3
        connection.execute(
            "INSERT INTO city (id, public_id, name, status, plan, created_ms) VALUES (?, 'gone', 'x', 'active', ?, 0)",
            (city, "basic"),
        )
        tables = beyond_cameras(connection)
        assert {"purge_report", "acceptance", "threshold", "incident"} <= tables
        for table in sorted(tables):
            insert_one(connection, table, city, "whose")
    cities = Cities(box.database)
    async with box.database.write() as transaction:
        await cities.remove(transaction, await cities.get("gone"))
    with sqlite3.connect(box.settings.database) as connection:
        left = {
            table
            for table in tenant_tables(connection)
            if connection.execute(f"SELECT 1 FROM {table} WHERE city_id = ?", (city,)).fetchone()  # noqa: S608
        }
        assert left == STAYS
