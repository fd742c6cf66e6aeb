"""A transaction stands or falls whole, however it ends, and the next one can always begin."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from pathlib import Path

import pytest

from tests.unit.tasks.recording_box import Box
from vmsd.errors import Conflict, TooMany
from vmsd.store import database as database_module
from vmsd.store.database import open_database

ADD = "INSERT INTO meta (key, value) VALUES (:key, 'x')"
SLOW = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n WHERE i < 0"


async def keys(box: Box) -> list[str]:
    return [row["key"] for row in await box.database.read("SELECT key FROM meta WHERE value = 'x' ORDER BY key")]


async def add_all(box: Box, *steps: str | Exception) -> None:
    """In one transaction: a key is added, an error is raised."""
    async with box.database.write() as transaction:
        for step in steps:
            if isinstance(step, Exception):
                raise step
            await transaction.execute(ADD, {"key": step})


async def test_an_error_takes_everything_back(box: Box):
    with pytest.raises(ValueError, match="no"):
        await add_all(box, "a", ValueError("no"))
    assert await keys(box) == []
    async with box.database.write() as transaction:
        await transaction.execute(ADD, {"key": "b"})
    assert await keys(box) == ["b"]


async def test_a_clash_is_a_conflict_and_takes_everything_back(box: Box):
    async with box.database.write() as transaction:
        await transaction.execute(ADD, {"key": "a"})
    with pytest.raises(Conflict):
        await add_all(box, "b", "a")
    assert await keys(box) == ["a"]


async def test_readers_see_nothing_before_the_commit(box: Box):
    async with box.database.write() as transaction:
        await transaction.execute(ADD, {"key": "a"})
        assert await keys(box) == []
    assert await keys(box) == ["a"]


@pytest.mark.parametrize("turns", range(12))
async def test_a_cancelled_transaction_never_blocks_the_next_nor_leaves_half(box: Box, turns: int):
    """Cancelled after any number of turns of the loop: before BEGIN ran, between statements, in the COMMIT."""

    async with asyncio.TaskGroup() as group:
        task = group.create_task(add_all(box, "a", "b"))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
    async with box.database.write() as transaction:
        await transaction.execute(ADD, {"key": "c"})
    assert await keys(box) in (["c"], ["a", "b", "c"])


async def test_a_begin_that_is_cancelled_before_it_ran_is_taken_back(box: Box):
    """The writer is busy when the BEGIN is given to it: cancelled there, it runs all the same, later."""
    busy = box.database._writer.execute_fetchall(SLOW)
    async with asyncio.TaskGroup() as group:
        slow = group.create_task(swallow(busy))
        await asyncio.sleep(0.05)
        writing = group.create_task(add_all(box, "a"))
        await asyncio.sleep(0.05)
        writing.cancel()
        await asyncio.sleep(0.05)
        await box.database._writer.interrupt()
        await slow
    assert not box.database._writer.in_transaction
    await add_all(box, "b")
    assert await keys(box) == ["b"]


async def swallow(query) -> None:
    with pytest.raises(sqlite3.OperationalError, match="interrupted"):
        await query


async def test_a_reader_that_takes_too_long_is_broken_off_and_serves_again(box: Box, monkeypatch):
    monkeypatch.setattr(database_module, "READ_DEADLINE_S", 0.1)
    for _ in range(2 * database_module.READERS):
        with pytest.raises(TooMany):
            await box.database.read(SLOW)
    monkeypatch.setattr(database_module, "READ_DEADLINE_S", 5)
    assert await keys(box) == []


async def test_a_reader_whose_caller_went_away_is_broken_off(box: Box):
    async with asyncio.TaskGroup() as group:
        readers = [group.create_task(box.database.read(SLOW)) for _ in range(database_module.READERS)]
        await asyncio.sleep(0.05)
        for reader in readers:
            reader.cancel()
    async with asyncio.timeout(2):
        assert await keys(box) == []


async def test_readers_cannot_write(box: Box):
    with pytest.raises(sqlite3.OperationalError):
        await box.database.read("DELETE FROM meta")


def test_a_database_that_cannot_be_opened_leaves_no_thread_behind(tmp_path: Path):
    """Else the thread speaks to a loop that has ended: a traceback on the console of a command that failed."""
    for _ in range(20):
        with pytest.raises(sqlite3.OperationalError):
            asyncio.run(_open(tmp_path / "no such folder" / "vmsd.db"))
        assert [one for one in threading.enumerate() if "_connection_worker_thread" in one.name] == []


async def _open(path: Path) -> None:
    async with open_database(path):
        pass
