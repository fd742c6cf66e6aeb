"""Nothing a city's statement does can reach another city's rows."""

from __future__ import annotations

import importlib
import pkgutil
import re
import sqlite3
from pathlib import Path

import pytest

import vmsd.store
from tests.store.schema_dump import newest_schema
from vmsd.store.scope import Scope
from vmsd.store.statements import CitySql

for module in pkgutil.iter_modules(vmsd.store.__path__):
    importlib.import_module(f"vmsd.store.{module.name}")
STATEMENTS = list(CitySql.registered)
OTHERS = "of the other city"
CHECKED = {
    ("protocol", "TEXT"): "rtsp",
    ("format", "TEXT"): "mp4",
    ("state", "TEXT"): "queued",
    ("start_us", "INTEGER"): 1000,
    ("end_ms", "INTEGER"): 2,
}
"""Columns that do not take just anything."""
OF_TABLE = {
    ("mosaic", "layout"): "2x2",
    ("plate_reader", "vendor"): "hikvision",
    ("plate_reader", "networks"): "[]",
    ("wanted_plate", "level"): "info",
    ("detection", "facts"): "{}",
    ("alert", "level"): "info",
    ("alert", "state"): "new",
    ("alert", "audience"): "USER",
    ("alert", "facts"): "{}",
    ("destination", "kind"): "webhook",
    ("site_plan", "north"): 2.0,
    ("site_plan", "east"): 2.0,
}
"""The same, in one table alone."""


def tenant_tables(connection: sqlite3.Connection) -> set[str]:
    names = [name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
    return {
        name
        for name in names
        if any(column[1] == "city_id" for column in connection.execute(f"PRAGMA table_info({name})"))
    }


def unfenced(connection: sqlite3.Connection, sql: str) -> set[str]:
    """Tenant tables the statement reads, changes or fills without looking at their `city_id`."""
    tenants = tenant_tables(connection)
    touched: set[str] = set()
    fenced: set[str] = set()

    def authorize(action, table, column, _database, trigger):
        if trigger is None and table in tenants:
            if action in {sqlite3.SQLITE_READ, sqlite3.SQLITE_UPDATE, sqlite3.SQLITE_DELETE}:
                touched.add(table)
            if action == sqlite3.SQLITE_READ and column == "city_id":
                fenced.add(table)
            if action == sqlite3.SQLITE_INSERT and not re.search(
                r"\(\s*city_id,.*(VALUES \(|SELECT )\s*:city_id,", sql, re.DOTALL
            ):
                touched.add(table)
        return sqlite3.SQLITE_OK

    connection.set_authorizer(authorize)
    try:
        connection.execute(f"EXPLAIN {sql}", parameters(sql))
    finally:
        connection.set_authorizer(None)
    return touched - fenced


def parameters(sql: str) -> dict[str, object]:
    """Values under which every row of the seeded cities is found."""
    known = {
        "city_id": 1,
        "public_id": "camera-1",
        "protocol": "rtsp",
        "format": "mp4",
        "lat": 1.0,
        "lon": 1.0,
        "recording_enabled": 1,
        "audio": 1,
        "group_id": 2,
        "limit": 100,
        "after": -1,
        "after_us": -1,
        "start_us": 1000,
        "end_us": 10**15,
        "start_ms": 0,
        "end_ms": 10**12,
        "from_day": 0,
        "to_day": 10**6,
        "secret": b"mine",
        "retention_days": 5,
        "ended_why": "released",
        "audience": "USER",
        "next_state": "acknowledged",
        "seen_state": "new",
        "seen_person": None,
        "layout": "1x1",
        "cells": "{}",
        "level": "info",
        "vendor": "hikvision",
        "key_hash": b"another key of 32 bytes".ljust(32),
        "plate_hash": b"hash",
        "address": b"sealed",
        "kind": "webhook",
        "picture": b"mine",
        "north": 2.0,
        "east": 2.0,
    }
    names = set(re.findall(r":([a-z_]+)", sql))
    return {name: known.get(name, 1) for name in names}


@pytest.fixture
async def seeded(tmp_path: Path) -> sqlite3.Connection:
    """Two cities with the same numbers everywhere; every text of the second says whose it is."""
    await newest_schema(tmp_path)
    connection = sqlite3.connect(tmp_path / "schema.db", isolation_level=None)
    for city in (1, 2):
        whose = "mine" if city == 1 else OTHERS
        connection.execute(
            "INSERT INTO city (id, public_id, name, status, plan, created_ms) VALUES (?, ?, ?, 'active', 'basic', 0)",
            (city, f"city-{city}", whose),
        )
        connection.execute(
            "INSERT INTO person (id, public_id, city_id, name, role, password_hash, created_ms) "
            "VALUES (?, ?, ?, ?, 'USER', '', 0)",
            (city, f"person-{city}", city, f"person {city}"),
        )
        for table in ("camera", *sorted(tenant_tables(connection) - {"camera", "camera_day", "person", "session"})):
            insert_one(connection, table, city, whose)
    connection.execute("PRAGMA foreign_keys = ON")
    yield connection
    connection.close()


def insert_one(connection: sqlite3.Connection, table: str, city: int, whose: str) -> None:
    """A row with the same numbers in both cities, except where the table counts its rows across them."""
    columns = connection.execute(f"PRAGMA table_info({table})").fetchall()
    keyed = is_keyed_by_city(connection, table)
    values: dict[str, object] = {}
    for _, name, kind, not_null, _, place_in_key in columns:
        if name == "public_id":
            values[name] = f"{table}-{city}"
        elif name in {"city_id", "person_id"} or (place_in_key and not keyed):
            values[name] = city
        elif (table, name) in OF_TABLE:
            values[name] = OF_TABLE[table, name]
        elif (name, kind) in CHECKED:
            values[name] = CHECKED[name, kind]
        elif not_null or name in {"lat", "lon"}:
            values[name] = {"TEXT": whose, "BLOB": whose.encode().ljust(32), "REAL": 1.0}.get(kind, 1)
    names, marks = ", ".join(values), ", ".join("?" * len(values))
    connection.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", tuple(values.values()))  # noqa: S608


def is_keyed_by_city(connection: sqlite3.Connection, table: str) -> bool:
    """True for all but the few tables whose rows have numbers of the whole site."""
    return any(row[1] == "city_id" and row[5] for row in connection.execute(f"PRAGMA table_info({table})"))


def rows_of(connection: sqlite3.Connection, city: int) -> dict[str, list[tuple]]:
    return {
        table: connection.execute(f"SELECT * FROM {table} WHERE city_id = ?", (city,)).fetchall()  # noqa: S608
        for table in tenant_tables(connection)
    }


def test_there_are_statements_to_look_at():
    assert len(STATEMENTS) > 15


@pytest.mark.parametrize("sql", STATEMENTS, ids=lambda sql: " ".join(sql.split())[:60])
def test_every_statement_looks_at_the_city_of_every_table_it_touches(seeded, sql: str):
    assert unfenced(seeded, sql) == set()


@pytest.mark.parametrize("sql", STATEMENTS, ids=lambda sql: " ".join(sql.split())[:60])
def test_every_mention_of_a_table_has_its_own_condition_on_the_city(seeded, sql: str):
    """A table that is named twice, as in a subquery, is fenced twice."""
    assert mentions(seeded, sql) <= len(re.findall(r"city_id = ", sql))


def mentions(connection: sqlite3.Connection, sql: str) -> int:
    names = "|".join(tenant_tables(connection))
    return len(re.findall(rf"\b(?:FROM|JOIN|UPDATE)\s+(?:{names})\b", sql))


@pytest.mark.parametrize("sql", STATEMENTS, ids=lambda sql: " ".join(sql.split())[:60])
def test_a_statement_of_one_city_neither_shows_nor_changes_the_other(seeded, sql: str):
    before = rows_of(seeded, 2)
    seeded.execute("BEGIN")
    params = parameters(sql)
    if sql.lstrip().startswith("INSERT"):
        params |= {"id": 77, "public_id": "new", "camera_id": 1, "incident_id": None, "hold_id": None}
    answer = seeded.execute(sql, params).fetchall()
    assert OTHERS not in repr(answer)
    assert "-2'" not in repr(answer)
    assert rows_of(seeded, 2) == before
    if sql.lstrip().startswith("SELECT"):
        assert len(answer) <= 1
    seeded.execute("ROLLBACK")


@pytest.mark.parametrize(
    "leak",
    [
        "SELECT name FROM camera WHERE id = :id AND :city_id IS NOT NULL",
        "SELECT camera.name FROM segment JOIN camera ON camera.id = segment.camera_id WHERE segment.city_id = :city_id",
        "UPDATE camera SET name = 'x' WHERE id = :id AND :city_id > 0",
        "DELETE FROM segment WHERE camera_id = :camera_id AND :city_id > 0",
        "INSERT INTO state_change (camera_id, city_id, at_ms, state) VALUES (:city_id, :camera_id, 1, 'x')",
    ],
)
def test_the_fence_itself_bites(seeded, leak: str):
    assert unfenced(seeded, leak)


@pytest.mark.parametrize("text", ["SELECT 1", "SELECT * FROM camera WHERE city_id = 1"])
def test_a_citys_statement_without_its_city_is_refused(text: str):
    with pytest.raises(ValueError, match="city_id"):
        CitySql(text)


async def test_a_scope_binds_its_own_city_and_no_other(box):
    scope = Scope(box.database, 1)
    with pytest.raises(TypeError):
        await scope.fetch("SELECT :city_id")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="bound by the scope"):
        await scope.fetch(STATEMENTS[0], city_id=2)


def test_tenant_tables_have_the_city_first_in_their_keys_and_in_every_reference(seeded):
    site_wide = {table for table in tenant_tables(seeded) if not is_keyed_by_city(seeded, table)}
    assert site_wide <= {"person", "session", "audit"}
    for table in tenant_tables(seeded) - site_wide:
        columns = seeded.execute(f"PRAGMA table_info({table})").fetchall()
        assert next(column[5] for column in columns if column[1] == "city_id") == 1, table
        references = seeded.execute(f"PRAGMA foreign_key_list({table})").fetchall()
        for number in {row[0] for row in references}:
            assert any(row[3] == "city_id" for row in references if row[0] == number), table
