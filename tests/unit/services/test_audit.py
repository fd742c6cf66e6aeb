"""What is written into the log, how it is read page by page, and what a spreadsheet makes of it."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import sqlite3
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.tasks.recording_box import NOW_MS, Box, open_box
from vmsd.errors import NotFound, StorageFull
from vmsd.host.signing import BoxKey
from vmsd.model.audit import Action, AuditSearch, Entry, Record, Subject, Who
from vmsd.model.person import Caller, Person, Role
from vmsd.services import audit as audit_module
from vmsd.services.audit import AuditLog, bounded
from vmsd.services.audit_csv import COLUMNS, CSV_HEAD, csv_lines
from vmsd.services.viewing_audit import ViewingAudit
from vmsd.store.audit import Audit
from vmsd.store.cities import Cities
from vmsd.store.meta import Meta

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from vmsd.model.city import City

ALL = AuditSearch()
GUARD = Who("person-1", "José", "USER", "192.168.1.20")
KEY = BoxKey(Ed25519PrivateKey.from_private_bytes(bytes(32)))


@pytest.fixture
async def box(tmp_path: Path) -> AsyncIterator[Box]:
    async with open_box(tmp_path) as opened:
        yield opened


@pytest.fixture
def log(box: Box) -> AuditLog:
    return AuditLog(box.database, KEY, box.clock, lambda: box.keeper.trusted)


async def add_city(box: Box, name: str) -> City:
    async with box.database.write() as transaction:
        return await Cities(box.database).add(transaction, name=name, status="active", plan="pro", now_ms=NOW_MS)


async def rows(box: Box) -> list[Record]:
    return list(await Audit(box.database).chunk(0, 10**9, 10**6))


async def test_a_row_says_when_and_whether_the_time_was_to_be_trusted(box: Box, log: AuditLog):
    await log.record(Entry(Action.DAEMON_STARTED))
    box.clock.wall += 10**9
    box.keeper.look()
    await log.record(Entry(Action.CLOCK_STEPPED))
    assert [(row.at_ms, row.clock_trusted) for row in await rows(box)] == [(NOW_MS, 1), (NOW_MS + 10**9, 0)]


async def test_a_password_never_gets_into_a_row(box: Box, log: AuditLog):
    facts = {"password": "canary", "from": "rtsp://admin:canary@10.0.0.9/live", "to": ["http://a/?token=canary"]}
    await log.record(Entry(Action.CAMERA_CHANGED, GUARD, reason="http://u:canary@h/", facts=facts))
    (row,) = await rows(box)
    assert "canary" not in repr(row)
    assert json.loads(row.facts)["from"] == "rtsp://***@10.0.0.9/live"


def test_what_a_stranger_types_is_cut_to_size():
    entry = Entry(Action.LOGIN_REFUSED, Who(name="x" * 10**6), reason="y" * 10**6, facts={"a": ["z" * 10**5] * 10**3})
    cut = bounded(entry)
    assert (len(cut.who.name), len(cut.reason)) == (200, 1000)
    assert (len(cut.facts["a"]), len(cut.facts["a"][0])) == (50, 200)


@pytest.mark.parametrize("whole", [True, False])
async def test_pages_follow_one_another_newest_first_without_a_gap(box: Box, log: AuditLog, whole: bool):
    norte, sul = await add_city(box, "Norte"), await add_city(box, "Sul")
    for at in range(20):
        await log.record(Entry(Action.CAMERA_CHANGED, GUARD, (norte, sul)[at % 2].id, facts={"at": at}))
    seen, cursor = [], None
    for _ in range(30):
        page = await log.list(None if whole else norte, ALL, cursor=cursor, limit=3)
        seen += [json.loads(record.facts)["at"] for record in page.items]
        if page.next is None:
            break
        cursor = page.next
        await log.record(Entry(Action.DAEMON_STARTED, facts={"at": -1}))
    assert seen == list(range(19, -1, -1) if whole else range(18, -1, -2))


@pytest.mark.parametrize("cursor", ["", "zz", "00" * 32, "1"])
async def test_a_cursor_of_no_page_is_not_found(log: AuditLog, cursor: str):
    with pytest.raises(NotFound):
        await log.list(None, ALL, cursor=cursor)


async def test_the_table_holds_every_row_once_and_says_it_is_utf8(box: Box, log: AuditLog, monkeypatch):
    monkeypatch.setattr(audit_module, "CSV_ROWS", 3)
    for at in range(8):
        await log.record(Entry(Action.VIEW_LIVE, GUARD, reason=f'linha "{at}", São João\nfim'))
    text = b"".join([part async for part in log.csv(None, ALL)])
    assert text.startswith(b"\xef\xbb\xbf")
    head, *lines = csv.reader(io.StringIO(text.decode("utf-8-sig"), newline=""))
    assert tuple(head) == COLUMNS
    assert [line[10] for line in lines] == [f'linha "{at}", São João\nfim' for at in range(7, -1, -1)]


async def test_a_city_gets_a_table_of_its_own_rows_alone(box: Box, log: AuditLog):
    norte, sul = await add_city(box, "Norte"), await add_city(box, "Sul")
    for city in (norte, sul):
        await log.record(Entry(Action.CAMERA_ADDED, GUARD, city.id))
    text = b"".join([part async for part in log.csv(norte, ALL)]).decode()
    assert norte.public_id in text
    assert sul.public_id not in text


DANGER = st.sampled_from(["=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", " =", "  @"])
LETTERS = st.characters(exclude_categories=["Cs"])


@given(start=DANGER, rest=st.text(alphabet=LETTERS))
def test_no_cell_is_ever_a_formula(start: str, rest: str):
    text = start + rest
    record = Record(
        1, 1, 1, text, NOW_MS, 1, text, text, text, text, text, text, text, text, text, bytes(32), bytes(32)
    )
    (cells,) = csv.reader(io.StringIO(csv_lines([record]).decode(), newline=""))
    assert sum(cell == f"'{text}" for cell in cells) == 10
    assert not any(cell.lstrip(" ").startswith(("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d")) for cell in cells)


def test_the_first_line_of_the_table_is_no_formula_either():
    assert CSV_HEAD.decode("utf-8-sig").split(",")[0] == "time"


def caller(address: str = "192.168.1.20") -> Caller:
    return Caller(Person(1, "person-1", 1, "José", Role.USER, ""), "viewing", address)


async def test_a_viewing_is_one_row_however_many_files_are_asked_for(box: Box, log: AuditLog):
    norte, seen = await add_city(box, "Norte"), ViewingAudit(log, box.clock)
    for _ in range(100):
        await seen.seen(caller(), norte.id, "camera-1", "session-1")
        box.clock.pass_s(60)
    (row,) = await rows(box)
    assert (row.action, row.city_id, row.subject, row.person_name) == ("view.live", norte.id, "camera-1", "José")
    assert json.loads(row.facts) == {"session": "session-1"}


async def test_another_camera_or_an_hour_later_is_another_viewing_and_another_session_is_not(box: Box, log: AuditLog):
    norte, seen = await add_city(box, "Norte"), ViewingAudit(log, box.clock)
    for camera, session in (("1", "1"), ("2", "1"), ("1", "2"), ("1", "1")):
        await seen.seen(caller(), norte.id, f"camera-{camera}", f"session-{session}")
    box.clock.pass_s(3600)
    await seen.seen(caller(), norte.id, "camera-1", "session-1")
    assert [(row.subject, json.loads(row.facts)["session"]) for row in await rows(box)] == [
        ("camera-1", "session-1"),
        ("camera-2", "session-1"),
        ("camera-1", "session-1"),
    ]


async def test_a_viewing_token_handed_to_another_machine_is_another_viewing(box: Box, log: AuditLog):
    norte, seen = await add_city(box, "Norte"), ViewingAudit(log, box.clock)
    for address in ("192.168.1.20", "192.168.1.66", "192.168.1.20"):
        await seen.seen(caller(address), norte.id, "camera-1", "session-1")
    assert [row.address for row in await rows(box)] == ["192.168.1.20", "192.168.1.66"]


async def test_viewings_remembered_are_no_more_than_the_limit(box: Box, log: AuditLog):
    norte, seen = await add_city(box, "Norte"), ViewingAudit(log, box.clock, limit=3)
    for number in range(10):
        await seen.seen(caller(), norte.id, f"camera-{number}", "session-1")
    assert len(seen._seen) == 3


async def test_a_full_disk_blinds_nobody_and_the_row_is_written_when_there_is_room(
    box: Box, log: AuditLog, monkeypatch
):
    norte, seen = await add_city(box, "Norte"), ViewingAudit(log, box.clock)

    async def full(*_: object) -> None:
        raise StorageFull("the database's volume is full")

    async def broken(*_: object) -> None:
        raise sqlite3.OperationalError("disk I/O error")

    async def hangs(*_: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(audit_module, "NOTE_S", 0.05)
    for trouble in (full, broken, hangs):
        with monkeypatch.context() as patched:
            patched.setattr(log, "record", trouble)
            await seen.seen(caller(), norte.id, "camera-1")
    assert await rows(box) == []
    for _ in range(2):
        await seen.seen(caller(), norte.id, "camera-1")
    assert len(await rows(box)) == 1


async def test_the_room_a_full_disk_gives_up_is_used_at_once(box: Box, log: AuditLog, monkeypatch):
    """As the store does: the first failure has released the ballast."""
    write, tries = box.database.write, []

    def full_once() -> object:
        tries.append(1)
        if len(tries) == 1:
            raise StorageFull("the database's volume is full")
        return write()

    monkeypatch.setattr(box.database, "write", full_once)
    assert await log.note(Entry(Action.DAEMON_STARTED), {"a": "1"})
    assert len(await rows(box)) == 1
    assert (await Meta(box.database).find("a")) == "1"


async def test_the_subject_of_a_row_is_what_it_was_done_to(box: Box, log: AuditLog):
    await log.record(Entry(Action.PERSON_REMOVED, GUARD, subject=Subject("person", "person-9"), reason="saiu"))
    (row,) = await rows(box)
    assert (row.subject_kind, row.subject, row.reason, row.city) == ("person", "person-9", "saiu", None)
