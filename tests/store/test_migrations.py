"""The schema is the sum of its migrations, each applied whole or not at all."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

import vmsd.store
import vmsd.store.migrate
from tests.store.schema_dump import newest_schema
from vmsd.errors import BadSetting
from vmsd.store.database import open_database
from vmsd.store.migrate import MIGRATIONS, migration_files

SCHEMA = Path(vmsd.store.__file__).with_name("schema.sql")


async def test_the_snapshot_of_the_schema_is_what_the_migrations_make(tmp_path):
    assert await newest_schema(tmp_path) == SCHEMA.read_text("utf-8"), "python -m tests.store.schema_dump"


def test_migrations_are_numbered_without_a_gap():
    assert [int(file.name[:4]) for file in migration_files()] == list(range(1, len(migration_files()) + 1))


async def test_every_table_is_strict(tmp_path):
    async with open_database(tmp_path / "vmsd.db") as database:
        rows = await database.read("SELECT name, strict FROM pragma_table_list WHERE name NOT LIKE 'sqlite_%'")
    assert {row["name"]: row["strict"] for row in rows} == {row["name"]: 1 for row in rows}


async def test_opening_again_changes_nothing(tmp_path):
    async with open_database(tmp_path / "vmsd.db"):
        pass
    before = (tmp_path / "vmsd.db").read_bytes()
    async with open_database(tmp_path / "vmsd.db"):
        pass
    assert (tmp_path / "vmsd.db").read_bytes() == before


async def test_a_database_of_a_newer_version_is_refused(tmp_path):
    with sqlite3.connect(tmp_path / "vmsd.db") as connection:
        connection.execute("PRAGMA user_version = 999")
    with pytest.raises(BadSetting, match="999"):
        async with open_database(tmp_path / "vmsd.db"):
            pass


async def test_a_migration_that_fails_leaves_the_version_before(tmp_path, monkeypatch):
    folder = tmp_path / "migrations"
    folder.mkdir()
    for file in migration_files():
        (folder / file.name).write_bytes(file.read_bytes())
    number = len(migration_files())
    async with open_database(tmp_path / "vmsd.db"):
        pass
    broken = folder / f"{number + 1:04d}_broken.sql"
    broken.write_text("CREATE TABLE half (id INTEGER) STRICT; CREATE TABLE camera (id INTEGER) STRICT;")
    monkeypatch.setattr(vmsd.store.migrate, "MIGRATIONS", folder)
    with pytest.raises(sqlite3.OperationalError, match="camera"):
        async with open_database(tmp_path / "vmsd.db"):
            pass
    with sqlite3.connect(tmp_path / "vmsd.db") as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (number,)
        assert not connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'half'").fetchall()
    monkeypatch.setattr(vmsd.store.migrate, "MIGRATIONS", MIGRATIONS)
    async with open_database(tmp_path / "vmsd.db") as database:
        assert await database.read("SELECT count(*) FROM camera")


async def test_the_pragmas_are_those_the_promises_stand_on(tmp_path):
    async with open_database(tmp_path / "vmsd.db") as database, database.write() as transaction:
        for pragma, value in (("synchronous", 2), ("foreign_keys", 1), ("journal_mode", "wal"), ("mmap_size", 0)):
            rows = await transaction.fetch(f"PRAGMA {pragma}")
            assert rows[0][0] == value if rows else pragma == "mmap_size"
