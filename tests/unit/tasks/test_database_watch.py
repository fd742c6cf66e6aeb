"""Whether the database answers."""

from __future__ import annotations

import asyncio

import pytest

from tests.unit.tasks.recording_box import Box
from vmsd.store.database import Database
from vmsd.tasks import database_watch
from vmsd.tasks.database_watch import DatabaseWatch


async def test_a_database_that_is_being_asked_is_not_called_broken_meanwhile(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch = DatabaseWatch(box.database)
    seen: list[bool] = []
    read = Database.read

    async def observed(self: Database, *args: object) -> object:
        seen.append(watch.ok)
        return await read(self, *args)

    monkeypatch.setattr(Database, "read", observed)
    await watch.once()
    assert (seen, watch.ok) == ([True], True)
    assert watch.bytes >= box.database.path.stat().st_size


async def test_a_database_that_fails_or_hangs_is_told_and_comes_back(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    watch = DatabaseWatch(box.database)

    async def hang(*_: object) -> None:
        await asyncio.sleep(60)

    with monkeypatch.context() as patch:
        patch.setattr(Database, "read", hang)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await watch.once()
    assert not watch.ok
    await watch.once()
    assert watch.ok


async def test_a_wal_that_has_grown_goes_back_into_the_file(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database_watch, "WAL_BYTES", 1024)
    wal = box.database.path.with_name("vmsd.db-wal")
    assert wal.stat().st_size > 1024
    await DatabaseWatch(box.database).once()
    assert wal.stat().st_size == 0
