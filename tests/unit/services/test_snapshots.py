"""A snapshot somebody took away comes back whole, or not at all; the database that was there stays beside it."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from tests.unit.tasks.recording_box import NOW_MS, files_in, open_box, settings_in
from vmsd import console
from vmsd.base import open_base
from vmsd.errors import BadSetting, Conflict, Invalid
from vmsd.host.daemon_lock import daemon_lock
from vmsd.services.snapshots import back_up
from vmsd.store.audit import Audit
from vmsd.tasks.backup import list_snapshots

if TYPE_CHECKING:
    from pathlib import Path

    from vmsd.config import Settings


async def cities(settings: Settings) -> list[str]:
    async with open_base(settings) as base:
        return [city.name for city in await base.cities.list()]


async def actions(settings: Settings) -> list[str]:
    async with open_base(settings) as base:
        assert (await base.audit.verify()).valid
        return [row.action for row in await Audit(base.database).chunk(0, 10**9, 10**6)]


async def backed_up(tmp_path: Path) -> tuple[Settings, Path]:
    """One city in the snapshot, another one after it."""
    settings, file = settings_in(tmp_path), tmp_path / "copy.db"
    await console.add_city(settings, "Antes", "pro")
    await console.back_up(settings, file)
    await console.add_city(settings, "Depois", "pro")
    return settings, file


async def test_a_snapshot_brings_back_what_was_and_keeps_what_is(tmp_path: Path):
    settings, file = await backed_up(tmp_path)
    assert (file.stat().st_mode & 0o777) == 0o600
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    assert file.with_name("copy.db.sha256").read_text() == f"{digest}  copy.db\n"
    assert await actions(settings) == ["city.added", "database.backed_up", "city.added"]
    restored = await console.restore(settings, file)
    assert restored.proven
    assert await cities(settings) == ["Antes"]
    assert await actions(settings) == ["city.added", "database.restored"]
    assert restored.kept == settings.database.with_name("vmsd.db.before-restore")
    with closing(sqlite3.connect(restored.kept)) as old:
        assert [name for (name,) in old.execute("SELECT name FROM city ORDER BY id")] == ["Antes", "Depois"]
    again = await console.restore(settings, file)
    assert again.kept == settings.database.with_name("vmsd.db.before-restore.2")
    assert not [path for path in settings.data_dir.iterdir() if "restoring" in path.name or path.name.endswith("-wal")]


@pytest.mark.parametrize("damage", ["flipped", "cut", "emptied", "nonsense", "newer", "another database"])
async def test_a_snapshot_that_is_not_what_it_was_is_refused_and_nothing_changes(tmp_path: Path, damage: str):
    settings, file = await backed_up(tmp_path)
    beside, content = file.with_name("copy.db.sha256"), bytearray(file.read_bytes())
    if damage == "flipped":
        content[len(content) // 2] ^= 1
        file.write_bytes(content)
    elif damage == "cut":
        file.write_bytes(content[: len(content) // 2])
    elif damage == "emptied":
        file.write_bytes(b"")
    elif damage == "nonsense":
        file.write_bytes(b"not a database" * 1000)
    else:
        file.unlink()
        beside.unlink()
        with closing(sqlite3.connect(file)) as other:
            other.execute("CREATE TABLE camera_day (x)" if damage == "newer" else "CREATE TABLE t (x)")
            other.execute("PRAGMA user_version = 999" if damage == "newer" else "PRAGMA user_version = 1")
    before = settings.database.read_bytes()
    for _ in range(2):
        with pytest.raises(Invalid):
            await console.restore(settings, file)
        assert settings.database.read_bytes() == before
        if damage == "flipped":
            break
        beside.unlink(missing_ok=True)
    assert await cities(settings) == ["Antes", "Depois"]
    assert not list(settings.data_dir.glob("*restor*"))


async def test_without_a_digest_sqlite_alone_vouches_for_a_snapshot(tmp_path: Path):
    settings, file = await backed_up(tmp_path)
    file.with_name("copy.db.sha256").unlink()
    assert not (await console.restore(settings, file)).proven
    assert await cities(settings) == ["Antes"]


async def test_a_broken_database_does_not_stand_in_the_way(tmp_path: Path):
    settings, file = await backed_up(tmp_path)
    settings.database.write_bytes(b"broken" * 1000)
    settings.database.with_name("vmsd.db-wal").write_bytes(b"of the broken one")
    await console.restore(settings, file)
    assert await cities(settings) == ["Antes"]
    assert settings.database.with_name("vmsd.db.before-restore").read_bytes() == b"broken" * 1000


async def test_nothing_is_restored_or_indexed_anew_while_the_daemon_runs(tmp_path: Path):
    settings, file = await backed_up(tmp_path)
    with daemon_lock(settings.data_dir):
        with pytest.raises(Conflict, match="running"):
            await console.restore(settings, file)
        with pytest.raises(Conflict, match="running"):
            await console.rebuild_index(settings, lambda *_: None)
        await console.back_up(settings, file)
    assert await cities(settings) == ["Antes", "Depois"]


async def test_a_snapshot_is_written_over_nothing_but_a_snapshot(tmp_path: Path):
    settings, file = await backed_up(tmp_path)
    other = tmp_path / "letter.txt"
    other.write_text("dear")
    for place in (other, settings.database, tmp_path / "nowhere" / "copy.db"):
        with pytest.raises(Invalid):
            await console.back_up(settings, place)
    assert other.read_text() == "dear"
    await console.back_up(settings, file)
    await console.restore(settings, file)
    assert await cities(settings) == ["Antes", "Depois"]
    with pytest.raises(BadSetting):
        await console.back_up(settings_in(tmp_path / "empty"), tmp_path / "empty.db")


async def test_recordings_made_since_the_snapshot_come_back_and_what_it_kept_is_kept(tmp_path: Path):
    async with open_box(tmp_path) as box:
        camera = await box.camera()
        camera.record(NOW_MS - 60_000)
        await box.scan()
        await box.keep(camera, NOW_MS - 60_000)
        await back_up(box.database, box.audit, tmp_path / "copy.db", by=console.CONSOLE)
        camera.record(NOW_MS - 30_000)
        await box.scan()
        before = files_in(box.settings.recordings_dir)
    restored = await console.restore(box.settings, tmp_path / "copy.db")
    assert restored.proven
    async with open_box(tmp_path) as box:
        assert list(await box.rows(camera)) == [NOW_MS - 60_000]
        await box.scan()
        assert list(await box.rows(camera)) == [NOW_MS - 60_000, NOW_MS - 30_000]
        async with box.database.write() as transaction:
            await transaction.execute("UPDATE segment SET state = 2")
        assert [row["state"] for row in (await box.rows(camera)).values()] == [1, 2]
        assert files_in(box.settings.recordings_dir) == before


async def test_a_restore_is_no_crash_and_forgets_no_time(tmp_path: Path):
    settings, file = await backed_up(tmp_path)
    async with open_base(settings) as base, base.database.write() as transaction:
        for key, value in (("running_since_boot", "boot-1"), ("last_known_ms", "123456")):
            await transaction.execute("INSERT INTO meta VALUES (:key, :value)", {"key": key, "value": value})
    await console.restore(settings, file)
    async with open_base(settings) as base:
        rows = await base.database.read("SELECT key, value FROM meta ORDER BY key")
        facts = [json.loads(row.facts) for row in await Audit(base.database).chunk(2, 2, 1)]
    known = {row["key"]: row["value"] for row in rows}
    assert (known["running_since_boot"], known["last_known_ms"]) == ("", "123456")
    assert (facts[0]["snapshot"], facts[0]["proven"]) == ("copy.db", True)
    assert list_snapshots(settings.recordings_dir / ".vmsd" / "snapshots") == []
