"""A lost or broken database costs an hour of decisions and nothing of what was recorded."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sqlite3

import pytest

from tests.unit.tasks.recording_box import DAY_MS, NOW_MS, Box, HandClock, files_in, open_box, settings_in
from vmsd.base import open_base
from vmsd.errors import BadSetting
from vmsd.host.volume import OWN_FOLDER
from vmsd.services.storage import BreakerState, DiskWatch, OpenReason
from vmsd.store.audit import Audit
from vmsd.store.cities import Cities
from vmsd.store.database import open_database
from vmsd.tasks.backup import Backup, find_newest_snapshot, list_snapshots, open_or_recover


def backup_of(box: Box) -> Backup:
    return Backup(box.database, box.settings.recordings_dir, box.watch, box.clock)


def snapshots(box: Box) -> list[str]:
    return [path.name for path in list_snapshots(box.settings.recordings_dir / OWN_FOLDER / "snapshots")]


async def names_of(settings, clock: HandClock) -> list[str]:
    async with open_or_recover(settings, clock) as (database, _):
        return [city.name for city in await Cities(database).list()]


async def add_city(box: Box, name: str) -> None:
    async with box.database.write() as transaction:
        await Cities(box.database).add(transaction, name=name, status="active", plan="basic", now_ms=1)


async def test_a_missing_database_comes_back_from_the_newest_snapshot(tmp_path):
    async with open_box(tmp_path) as box:
        await add_city(box, "Antes")
        await backup_of(box).once()
        await add_city(box, "Depois")
    for file in box.settings.database.parent.glob("vmsd.db*"):
        file.unlink()
    assert await names_of(box.settings, box.clock) == ["Antes"]


async def test_the_wal_of_a_lost_database_is_not_replayed_into_its_successor(tmp_path):
    async with open_box(tmp_path) as box:
        await add_city(box, "Antes")
        await backup_of(box).once()
        await add_city(box, "Depois")
        wal = box.settings.database.with_name("vmsd.db-wal").read_bytes()
    for file in box.settings.database.parent.glob("vmsd.db*"):
        file.unlink()
    box.settings.database.with_name("vmsd.db-wal").write_bytes(wal)
    assert await names_of(box.settings, box.clock) == ["Antes"]


@pytest.mark.parametrize("damage", ["garbage", "flipped", "cut", "emptied"])
async def test_a_broken_database_is_set_aside_and_replaced(tmp_path, damage: str):
    async with open_box(tmp_path) as box:
        for index in range(300):
            await add_city(box, f"Cidade {index}")
        await backup_of(box).once()
    file = box.settings.database
    content = bytearray(file.read_bytes())
    if damage == "garbage":
        content[:] = os.urandom(len(content))
    elif damage == "flipped":
        content[100:4096] = bytes(3996)
    elif damage == "cut":
        del content[len(content) // 2 :]
    else:
        content.clear()
    file.write_bytes(content)
    assert len(await names_of(box.settings, box.clock)) == 300
    assert file.with_name(f"vmsd.db.corrupt.{box.clock.wall}").read_bytes() == content


async def test_without_a_snapshot_the_box_starts_empty_and_deletes_nothing(tmp_path):
    async with open_box(tmp_path) as box:
        camera = await box.camera()
        camera.record(NOW_MS - 60_000)
        before = files_in(box.settings.recordings_dir)
    box.settings.database.write_bytes(b"not a database" * 500)
    assert await names_of(box.settings, box.clock) == []
    assert files_in(box.settings.recordings_dir) == before


async def test_a_broken_snapshot_is_passed_over(tmp_path):
    async with open_box(tmp_path) as box:
        await add_city(box, "Primeira")
        await backup_of(box).once()
        await add_city(box, "Segunda")
        await backup_of(box).once()
        folder = box.settings.recordings_dir / OWN_FOLDER / "snapshots"
        newest = list_snapshots(folder)[0]
        newest.write_bytes(newest.read_bytes()[:5000])
    box.settings.database.unlink()
    assert await names_of(box.settings, box.clock) == ["Primeira"]


async def test_a_snapshot_of_another_volume_is_not_taken(tmp_path):
    async with open_box(tmp_path) as box:
        await add_city(box, "Alheia")
        await backup_of(box).once()
        marker = box.settings.recordings_dir / OWN_FOLDER / "volume.json"
        marker.write_text(json.dumps({"uuid": "00000000-0000-0000-0000-000000000001", "sequence": 1}))
    assert find_newest_snapshot(box.settings.recordings_dir) is None


async def test_a_snapshot_of_a_newer_program_is_not_taken(tmp_path):
    async with open_box(tmp_path) as box:
        await backup_of(box).once()
        folder = box.settings.recordings_dir / OWN_FOLDER / "snapshots"
        with sqlite3.connect(list_snapshots(folder)[0]) as snapshot:
            snapshot.execute("PRAGMA user_version = 999")
    assert find_newest_snapshot(box.settings.recordings_dir) is None


async def test_a_database_of_a_newer_program_is_refused_not_replaced(tmp_path):
    async with open_box(tmp_path) as box:
        await backup_of(box).once()
    with sqlite3.connect(box.settings.database) as database:
        database.execute("PRAGMA user_version = 999")
    with pytest.raises(BadSetting):
        await names_of(box.settings, box.clock)
    assert not list(box.settings.database.parent.glob("*.corrupt.*"))


async def test_a_snapshot_holds_nothing_that_was_not_committed(box: Box):
    backup = backup_of(box)
    async with box.database.write() as transaction:
        await Cities(box.database).add(transaction, name="Ainda", status="active", plan="basic", now_ms=1)
        await backup.once()
    newest = find_newest_snapshot(box.settings.recordings_dir)
    assert newest is not None
    with sqlite3.connect(newest) as snapshot:
        assert snapshot.execute("SELECT count(*) FROM city").fetchone() == (0,)


async def test_the_newest_is_the_last_one_made_whatever_the_clock_said(box: Box):
    backup = backup_of(box)
    box.clock.wall += 56 * 365 * DAY_MS
    await backup.once()
    box.clock.wall = NOW_MS
    await backup.once()
    assert snapshots(box) == ["vmsd-00000002-20261121T110000Z.db", "vmsd-00000001-20821107T110000Z.db"]


async def test_only_the_newest_are_kept(box: Box):
    backup = backup_of(box)
    for _ in range(27):
        await backup.once()
    assert [int(name[5:13]) for name in snapshots(box)] == list(range(27, 3, -1))


async def test_no_snapshot_is_written_to_a_full_or_foreign_volume(box: Box):
    backup = backup_of(box)
    box.watch.breaker = BreakerState(open=True, reason=OpenReason.USED, since_ms=0)
    await backup.once()
    assert snapshots(box) == []
    box.watch.breaker = BreakerState(open=False, reason=None, since_ms=0)
    shutil.rmtree(box.settings.recordings_dir / OWN_FOLDER)
    await backup.once()
    assert list(box.settings.recordings_dir.iterdir()) == []


async def test_a_backup_that_is_broken_off_leaves_the_snapshots_as_they_were(box: Box):
    backup = backup_of(box)
    await backup.once()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await backup.once()
    assert len(snapshots(box)) == 1
    await backup.once()
    assert len(snapshots(box)) == 2
    assert not list((box.settings.recordings_dir / OWN_FOLDER / "snapshots").glob("new.db*"))


async def test_the_index_fills_from_the_disk_after_a_restore(tmp_path):
    async with open_box(tmp_path) as box:
        camera = await box.camera()
        camera.record(NOW_MS - 60_000)
        await box.scan()
        await backup_of(box).once()
        camera.record(NOW_MS - 50_000)
        await box.scan()
    box.settings.database.unlink()
    async with open_or_recover(box.settings, box.clock):
        pass
    async with open_box(tmp_path) as box:
        await box.scan()
        assert list(await box.rows(camera)) == [NOW_MS - 60_000, NOW_MS - 50_000]


async def restored(settings) -> list[dict[str, object]]:
    """What the audit log tells of recoveries once a command has opened the store."""
    async with open_base(settings) as base:
        rows = await Audit(base.database).chunk(0, 10**9, 10**6)
        return [json.loads(row.facts) for row in rows if row.action == "database.restored"]


async def test_a_database_that_is_not_the_one_it_was_says_so_itself(tmp_path):
    async with open_box(tmp_path) as box:
        await backup_of(box).once()
    (snapshot,) = snapshots(box)
    assert await restored(box.settings) == []
    box.settings.database.unlink()
    assert await restored(box.settings) == [{"snapshot": snapshot, "corrupt": False}]
    assert len(await restored(box.settings)) == 1
    box.settings.database.write_bytes(b"no database")
    assert await restored(box.settings) == [{"snapshot": snapshot, "corrupt": True}]


async def test_a_second_database_on_the_same_volume_is_noticed_in_the_marker(tmp_path):
    settings, clock = settings_in(tmp_path), HandClock()
    for expected in (1, 2):
        async with open_database(tmp_path / f"{expected}.db") as database:
            watch = DiskWatch(settings, clock)
            await watch.settle(database)
            await watch.look()
            assert watch.volume.marker is not None
            assert watch.volume.marker.sequence == expected


async def test_snapshots_and_what_they_restore_are_for_the_daemon_alone(tmp_path):
    async with open_box(tmp_path) as box:
        await backup_of(box).once()
        newest = find_newest_snapshot(box.settings.recordings_dir)
        assert newest is not None
        assert newest.stat().st_mode & 0o077 == 0
    box.settings.database.unlink()
    await names_of(box.settings, box.clock)
    assert box.settings.database.stat().st_mode & 0o077 == 0
