"""What an older program left is copied before it is changed, and a newer one's database says what brings it back."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

import vmsd.store.migrate
from tests.unit.tasks.recording_box import settings_in
from vmsd import console
from vmsd.base import open_base
from vmsd.errors import BadSetting
from vmsd.store.former import list_former
from vmsd.store.migrate import MIGRATIONS, migration_files

Monkey = pytest.MonkeyPatch


def next_release(folder: Path, monkeypatch: Monkey, script: str = "CREATE TABLE brought (id INTEGER) STRICT;") -> int:
    """This program with one more migration; the number of the schema it makes."""
    number = len(migration_files()) + 1
    shutil.copytree(MIGRATIONS, folder)
    (folder / f"{number:04d}_more.sql").write_text(script)
    monkeypatch.setattr(vmsd.store.migrate, "MIGRATIONS", folder)
    return number


def schema(database: Path) -> int:
    with closing(sqlite3.connect(database)) as found:
        return int(found.execute("PRAGMA user_version").fetchone()[0])


async def test_the_database_is_copied_before_it_is_migrated_and_comes_back(tmp_path: Path, monkeypatch: Monkey) -> None:
    settings = settings_in(tmp_path / "box")
    await console.add_city(settings, "Aqui", "pro")
    assert list_former(settings.database) == []
    number = next_release(tmp_path / "next", monkeypatch)
    await console.add_city(settings, "Depois", "pro")
    (copy,) = list_former(settings.database)
    assert (copy.name, schema(copy), schema(settings.database)) == (
        f"vmsd.db.schema-{number - 1:04d}",
        number - 1,
        number,
    )
    assert copy.stat().st_mode & 0o777 == 0o600

    monkeypatch.setattr(vmsd.store.migrate, "MIGRATIONS", MIGRATIONS)
    with pytest.raises(BadSetting, match=f"knows only {number - 1}; .*{copy.name}.* `vmsd restore`"):
        await console.add_city(settings, "Nunca", "pro")
    await console.restore(settings, copy)
    async with open_base(settings) as base:
        assert [city.name for city in await base.cities.list()] == ["Aqui"]
        assert (await base.audit.verify()).valid


async def test_a_migration_that_fails_leaves_the_database_and_its_copy(tmp_path: Path, monkeypatch: Monkey) -> None:
    settings = settings_in(tmp_path / "box")
    await console.add_city(settings, "Aqui", "pro")
    before = schema(settings.database)
    next_release(tmp_path / "next", monkeypatch, "CREATE TABLE brought (id INTEGER) STRICT; SELECT nothing;")
    for _ in range(2):
        with pytest.raises(sqlite3.OperationalError):
            await console.add_city(settings, "Depois", "pro")
    assert schema(settings.database) == before
    assert [schema(copy) for copy in list_former(settings.database)] == [before]


async def test_without_room_for_the_copy_the_box_runs_all_the_same(tmp_path: Path, monkeypatch: Monkey) -> None:
    settings = settings_in(tmp_path / "box")
    await console.add_city(settings, "Aqui", "pro")
    number = next_release(tmp_path / "next", monkeypatch)
    (settings.data_dir / f"vmsd.db.schema-{number - 1:04d}").mkdir()  # in the way
    await console.add_city(settings, "Depois", "pro")
    assert schema(settings.database) == number
