"""The audit log is only ever added to, in the transaction of what it tells of, and each city sees its own."""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
import signal
import sqlite3
import sys
import textwrap

import pytest

from tests.unit.tasks.recording_box import NOW_MS, Box
from vmsd.errors import Conflict, NotFound
from vmsd.model.audit import Action, AuditSearch, Entry, Head, Subject, Who, canonical
from vmsd.store.audit import CITY_LIST, CITY_PLACE, PLACE, Audit, CityAudit, append
from vmsd.store.cities import Cities
from vmsd.store.database import open_database
from vmsd.store.scope import Scope

ALL = AuditSearch()
GUARD = Who("person-1", "José", "USER", "192.168.1.20")


async def write(box: Box, *entries: Entry) -> None:
    async with box.database.write() as transaction:
        for entry in entries:
            await append(transaction, entry, NOW_MS, clock_trusted=True)


async def two_cities(box: Box) -> tuple[int, int]:
    async with box.database.write() as transaction:
        made = [
            await Cities(box.database).add(transaction, name=name, status="active", plan="basic", now_ms=NOW_MS)
            for name in ("Norte", "Sul")
        ]
    return made[0].id, made[1].id


async def numbers(box: Box) -> list[int]:
    return [record.seq for record in await Audit(box.database).chunk(0, 10**9, 10**6)]


async def test_each_row_carries_the_hash_of_the_one_before(box: Box):
    await write(box, Entry(Action.DAEMON_STARTED), Entry(Action.LOGIN_DONE, GUARD), Entry(Action.LOGOUT_DONE, GUARD))
    rows = await Audit(box.database).chunk(0, 100, 100)
    assert [row.seq for row in rows] == [1, 2, 3]
    assert [row.previous for row in rows] == [bytes(32), rows[0].hash, rows[1].hash]


async def test_a_row_can_be_checked_with_nothing_but_json_and_sha256(box: Box):
    """What the description of the canonical form promises, done by hand."""
    (city, _) = await two_cities(box)
    subject = Subject("camera", "camera-1")
    entry = Entry(Action.VIEW_LIVE, GUARD, city, subject, 'o "motivo"\n\x01', {"z": 1, "a": ["é", "\U0001f4f9"]})
    await write(box, entry)
    with sqlite3.connect(box.database.path) as connection:
        row = connection.execute("SELECT * FROM audit").fetchone()
    names = [*json.loads(canonical((await Audit(box.database).chunk(0, 9, 9))[0]))]
    seq, version, *rest, previous, digest = row
    by_hand = json.dumps([version, seq, *rest], ensure_ascii=False, separators=(",", ":")).encode()
    assert names == [version, seq, *rest]
    assert hashlib.sha256(previous + by_hand).digest() == digest
    assert rest[-1] == '{"a":["é","📹"],"z":1}'


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE audit SET reason = 'x' WHERE seq = 1",
        "UPDATE audit SET seq = 9 WHERE seq = 1",
        "DELETE FROM audit WHERE seq = 2",
        "DELETE FROM audit",
        "INSERT OR REPLACE INTO audit SELECT * FROM audit WHERE seq = 1",
        "REPLACE INTO audit_head SELECT * FROM audit_head",
        "UPDATE audit_head SET at_ms = 0",
        "DELETE FROM audit_head",
    ],
)
async def test_nothing_is_ever_changed_or_removed(box: Box, sql: str):
    await write(box, Entry(Action.DAEMON_STARTED), Entry(Action.DAEMON_STOPPED))
    await Audit(box.database).add_head(Head(2, bytes(32), NOW_MS, True, bytes(32), bytes(64)))
    before = dump(box)
    with pytest.raises(Conflict):
        async with box.database.write() as transaction:
            await transaction.execute(sql)
    with sqlite3.connect(box.database.path) as other, pytest.raises(sqlite3.IntegrityError, match="only ever added to"):
        other.execute(sql)
    assert dump(box) == before


def dump(box: Box) -> list[tuple]:
    with sqlite3.connect(box.database.path) as connection:
        rows = connection.execute("SELECT * FROM audit").fetchall()
        return rows + connection.execute("SELECT * FROM audit_head").fetchall()


async def test_what_is_taken_back_leaves_no_row_and_no_hole(box: Box):
    await write(box, Entry(Action.DAEMON_STARTED))
    with pytest.raises(ValueError, match="no"):
        await write_and_fail(box)
    await write(box, Entry(Action.DAEMON_STOPPED))
    assert await numbers(box) == [1, 2]


async def write_and_fail(box: Box) -> None:
    async with box.database.write() as transaction:
        await append(transaction, Entry(Action.CITY_ADDED), NOW_MS, clock_trusted=True)
        raise ValueError("no")


async def test_the_row_stands_or_falls_with_the_change_it_tells_of(box: Box):
    await two_cities(box)
    before = await box.cities()
    with pytest.raises(NotFound):
        await add_a_city_and_tell_of_another(box)
    assert await box.cities() == before
    assert await numbers(box) == []


async def add_a_city_and_tell_of_another(box: Box) -> None:
    async with box.database.write() as transaction:
        await Cities(box.database).add(transaction, name="Leste", status="active", plan="pro", now_ms=NOW_MS)
        await append(transaction, Entry(Action.CITY_ADDED, city_id=99), NOW_MS, clock_trusted=True)


async def test_many_at_once_come_one_after_the_other(box: Box):
    await asyncio.gather(*(write(box, Entry(Action.LOGIN_DONE, facts={"at": at})) for at in range(200)))
    rows = await Audit(box.database).chunk(0, 1000, 1000)
    assert [row.seq for row in rows] == list(range(1, 201))
    assert {json.loads(row.facts)["at"] for row in rows} == set(range(200))
    assert [row.previous for row in rows[1:]] == [row.hash for row in rows[:-1]]


KILLED = """
import asyncio, sys
from pathlib import Path
from vmsd.model.audit import Action, Entry
from vmsd.store.audit import append
from vmsd.store.database import open_database

async def main():
    async with open_database(Path(sys.argv[1])) as database:
        for at in range(10**6):
            async with database.write() as transaction:
                await append(transaction, Entry(Action.LOGIN_DONE), at, clock_trusted=True)
            print(at, flush=True)

asyncio.run(main())
"""


async def test_a_killed_daemon_leaves_every_row_it_said_was_written_and_no_hole(tmp_path):
    path = tmp_path / "vmsd.db"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", textwrap.dedent(KILLED), str(path), stdout=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(30):
        for _ in range(20):
            last = int(await process.stdout.readline())
        process.send_signal(signal.SIGKILL)
        rest = await process.stdout.read()
        await process.wait()
    last = int(rest.split()[-1]) if rest.split() else last
    async with open_database(path) as database:
        rows = await Audit(database).chunk(0, 10**6, 10**6)
    assert [row.seq for row in rows] == list(range(1, len(rows) + 1))
    assert len(rows) in (last + 1, last + 2)
    assert [row.previous for row in rows[1:]] == [row.hash for row in rows[:-1]]


async def test_a_city_sees_its_own_rows_alone(box: Box):
    norte, sul = await two_cities(box)
    entries = [Entry(Action.CAMERA_ADDED, GUARD, city, reason=str(city)) for city in (norte, sul, None, norte)]
    await write(box, *entries)
    for city, rows in ((norte, 2), (sul, 1)):
        found = await CityAudit(Scope(box.database, city)).list(ALL, limit=100)
        assert [row.reason for row in found] == [str(city)] * rows
    assert len(await Audit(box.database).list(ALL, limit=100)) == 4


async def test_a_city_that_gets_a_removed_ones_number_does_not_get_its_rows(box: Box):
    _, sul = await two_cities(box)
    await write(box, Entry(Action.CAMERA_ADDED, city_id=sul))
    cities = Cities(box.database)
    async with box.database.write() as transaction:
        await cities.remove(transaction, await cities.get_by_id(sul))
        new = await cities.add(transaction, name="Oeste", status="active", plan="basic", now_ms=NOW_MS)
    assert new.id == sul
    assert await CityAudit(Scope(box.database, sul)).list(ALL, limit=100) == []
    assert len(await Audit(box.database).list(ALL, limit=100)) == 1


async def test_the_cursor_of_another_citys_row_is_no_place(box: Box):
    norte, sul = await two_cities(box)
    await write(box, Entry(Action.CAMERA_ADDED, city_id=norte))
    (row,) = await Audit(box.database).list(ALL, limit=9)
    assert await CityAudit(Scope(box.database, norte)).find_place(row.hash) == 1
    assert await CityAudit(Scope(box.database, sul)).find_place(row.hash) is None


@pytest.mark.parametrize(
    ("sql", "index"), [(CITY_PLACE, "audit_hash"), (PLACE, "audit_hash"), (CITY_LIST, "audit_city")]
)
async def test_a_page_is_found_without_walking_through_the_log(box: Box, sql: str, index: str):
    names = dict.fromkeys(re.findall(r":([a-z_]+)", sql))
    plan = await box.database.read(f"EXPLAIN QUERY PLAN {sql}", names)
    assert [row["detail"] for row in plan if index in row["detail"] and "SEARCH audit" in row["detail"]]
    assert not [row["detail"] for row in plan if "SCAN audit" in row["detail"] or "TEMP B-TREE" in row["detail"]]


async def test_a_citys_transaction_writes_of_that_city_alone(box: Box):
    norte, sul = await two_cities(box)
    async with Scope(box.database, norte).write() as transaction:
        await append(transaction, Entry(Action.CAMERA_ADDED), NOW_MS, clock_trusted=False)
        with pytest.raises(ValueError, match="that city alone"):
            await append(transaction, Entry(Action.CAMERA_ADDED, city_id=sul), NOW_MS, clock_trusted=False)
    (row,) = await Audit(box.database).list(ALL, limit=9)
    assert (row.city_id, row.clock_trusted) == (norte, 0)
    assert row.city == (await Cities(box.database).get_by_id(norte)).public_id


async def test_a_head_is_signed_once_and_never_behind_another(box: Box):
    rows = Audit(box.database)
    for seq in (5, 5, 3, 6):
        await rows.add_head(Head(seq, bytes(32), NOW_MS, True, bytes(32), bytes([seq] * 64)))
    assert [head.seq for head in await rows.heads(0, 100)] == [5, 6]
    assert (await rows.last_head()).signature == bytes([6] * 64)


SEARCHES = [
    ({"action": "login"}, ["login.done", "login.refused"]),
    ({"action": "login.d"}, ["login.done"]),
    ({"action": "%"}, []),
    ({"person": "person-1"}, ["login.done", "view.live"]),
    ({"subject": "camera-1"}, ["view.live"]),
    ({"start_ms": NOW_MS + 2}, ["view.live"]),
    ({"end_ms": NOW_MS + 1}, ["login.done"]),
    ({"text": "AUTO 12/26"}, ["view.live"]),
    ({"text": "100%"}, []),
    ({"text": "192.168.1"}, ["login.done", "view.live"]),
    ({"action": "login", "person": "person-1"}, ["login.done"]),
]


@pytest.mark.parametrize(("search", "actions"), SEARCHES, ids=lambda one: str(one)[:40])
async def test_rows_are_found_by_what_is_known_of_them(box: Box, search: dict, actions: list[str]):
    norte, _ = await two_cities(box)
    entries = [
        Entry(Action.LOGIN_DONE, GUARD, norte),
        Entry(Action.LOGIN_REFUSED, Who(name="maria"), norte),
        Entry(Action.VIEW_LIVE, GUARD, norte, Subject("camera", "camera-1"), "auto 12/26"),
    ]
    async with box.database.write() as transaction:
        for at, entry in enumerate(entries):
            await append(transaction, entry, NOW_MS + at, clock_trusted=True)
    for source in (Audit(box.database), CityAudit(Scope(box.database, norte))):
        found = await source.list(AuditSearch(**search), limit=10)
        assert [row.action for row in reversed(found)] == actions
