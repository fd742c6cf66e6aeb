"""Whatever is done to the log behind the daemon's back, the verifier names the row; to a clean log it says nothing."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.tasks.recording_box import NOW_MS, HandClock
from vmsd.errors import Conflict, TooMany
from vmsd.host.signing import BoxKey
from vmsd.model.audit import Action, Entry, Fault, Flaw, Head, Record, Subject, Verdict, Who, hash_of, statement
from vmsd.services import audit as audit_module
from vmsd.services.audit import AuditLog
from vmsd.store.audit import Audit
from vmsd.store.cities import Cities
from vmsd.store.database import open_database

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

KEY = BoxKey(Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
OTHER_KEY = BoxKey(Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33))))
ROWS = 40
HEADS = (10, 25)
TEXTS = (
    "city",
    "person",
    "person_name",
    "role",
    "address",
    "action",
    "subject_kind",
    "subject",
    "reason",
    "facts",
)
NUMBERS = ("version", "city_id", "at_ms")
BYTES = ("previous", "hash")


def log_of(database, key: BoxKey = KEY) -> AuditLog:
    return AuditLog(database, key, HandClock(), lambda: True)


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch):
    """So that every boundary is crossed with few rows."""
    monkeypatch.setattr(audit_module, "CHUNK_ROWS", 7)


@pytest.fixture(scope="module")
def clean(tmp_path_factory) -> Path:
    """A log of 40 rows, every column filled, with signed heads at rows 10 and 25."""
    path = tmp_path_factory.mktemp("clean") / "vmsd.db"
    asyncio.run(make(path))
    return path


@pytest.fixture
def path(clean: Path, tmp_path: Path) -> Path:
    return copy(clean, tmp_path)


async def make(path: Path) -> None:
    async with open_database(path) as database:
        async with database.write() as transaction:
            city = await Cities(database).add(transaction, name="Norte", status="active", plan="pro", now_ms=NOW_MS)
        log = log_of(database)
        for at in range(1, ROWS + 1):
            who = Who(f"person-{at}", "José", "GESTOR", "10.0.0.7")
            subject = Subject("camera", f"camera-{at}")
            await log.record(Entry(Action.VIEW_LIVE, who, city.id, subject, "ofício", {"at": at}))
            if at in HEADS:
                await log.sign_head()


def copy(path: Path, folder: Path) -> Path:
    return shutil.copy(path, folder / "vmsd.db")


@contextmanager
def tampering(path: Path) -> Iterator[sqlite3.Connection]:
    """Somebody with the file and SQLite, who knows where the triggers are."""
    with sqlite3.connect(path) as connection:
        triggers = [name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'")]
        for name in triggers:
            connection.execute(f"DROP TRIGGER {name}")
        connection.execute("PRAGMA ignore_check_constraints = ON")
        yield connection
    connection.close()


async def verdict_of(path: Path) -> Verdict:
    async with open_database(path) as database:
        return await log_of(database).verify()


async def fault_of(path: Path) -> Fault | None:
    return (await verdict_of(path)).fault


async def test_a_clean_log_is_valid(path: Path):
    verdict = await verdict_of(path)
    assert (verdict.valid, verdict.length, verdict.fault) == (True, ROWS, None)
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT hash FROM audit WHERE seq = ?", (ROWS,)).fetchone() == (verdict.head,)


async def test_an_empty_log_is_valid(tmp_path):
    verdict = await verdict_of(tmp_path / "vmsd.db")
    assert (verdict.valid, verdict.length, verdict.head) == (True, 0, bytes(32))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    texts=st.lists(st.tuples(st.text(max_size=1200), st.text(max_size=300), st.booleans()), max_size=12),
    facts=st.dictionaries(st.text(), st.one_of(st.none(), st.booleans(), st.integers(), st.text()), max_size=5),
)
async def test_no_clean_log_raises_an_alarm_whatever_is_written(tmp_path_factory, texts, facts):
    """Names and reasons come from strangers: controls, NUL, emoji, quotes, no text at all."""
    async with open_database(tmp_path_factory.mktemp("any") / "vmsd.db") as database:
        log = log_of(database)
        for reason, name, sign in texts:
            await log.record(Entry(Action.LOGIN_REFUSED, Who(name=name), None, Subject("x", name), reason, facts))
            if sign:
                await log.sign_head()
        verdict = await log.verify()
    assert (verdict.fault, verdict.length) == (None, len(texts))


async def test_half_a_character_from_a_stranger_is_written_all_the_same(tmp_path):
    async with open_database(tmp_path / "vmsd.db") as database:
        log = log_of(database)
        await log.record(Entry(Action.LOGIN_REFUSED, Who(name="\ud800x"), reason="\udcff", facts={"a": ["\ud800"]}))
        assert (await log.verify()).valid
        (row,) = await Audit(database).chunk(0, 9, 9)
    assert (row.person_name, row.reason, row.facts) == ("?x", "?", '{"a":["?"]}')


def flip(value: bytes, place: int, bit: int) -> bytes:
    place %= len(value)
    return value[:place] + bytes([value[place] ^ (1 << bit)]) + value[place + 1 :]


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seq=st.integers(1, ROWS),
    column=st.sampled_from(TEXTS + NUMBERS + BYTES),
    place=st.integers(0, 1000),
    bit=st.integers(0, 7),
)
async def test_any_bit_changed_in_any_column_is_named(clean, tmp_path_factory, seq, column, place, bit):
    path = copy(clean, tmp_path_factory.mktemp("flipped"))
    with tampering(path) as connection:
        (value,) = connection.execute(f"SELECT CAST({column} AS BLOB) FROM audit WHERE seq = ?", (seq,)).fetchone()  # noqa: S608 - a name of this file
        new = "?" if column in BYTES else "CAST(? AS TEXT)"
        if column in NUMBERS:
            new, changed = "?", int(value) ^ (1 << (place % 40))
        else:
            changed = flip(value, place, bit)
        connection.execute(f"UPDATE audit SET {column} = {new} WHERE seq = ?", (changed, seq))  # noqa: S608 - a name of this file
    assert await fault_of(path) == Fault(seq, Flaw.CHANGED)


@pytest.mark.parametrize("column", [*TEXTS[:5], *TEXTS[6:9]])
@pytest.mark.parametrize("value", [None, "", "x", b"\xff\xfe", "José\x00"])
async def test_any_value_put_in_the_place_of_another_is_named(path: Path, column, value):
    with tampering(path) as connection:
        connection.execute(f"UPDATE audit SET {column} = CAST(? AS TEXT) WHERE seq = 15", (value,))  # noqa: S608 - a name of this file
    assert await fault_of(path) == Fault(15, Flaw.CHANGED)


async def test_a_time_that_was_not_trusted_cannot_become_trusted(path: Path):
    with tampering(path) as connection:
        connection.execute("UPDATE audit SET clock_trusted = 1 - clock_trusted WHERE seq = 1")
    assert await fault_of(path) == Fault(1, Flaw.CHANGED)


@pytest.mark.parametrize("seq", [1, 2, 6, 7, 8, 10, 11, 25, ROWS - 1])
async def test_a_row_removed_is_named(path: Path, seq: int):
    with tampering(path) as connection:
        connection.execute("DELETE FROM audit WHERE seq = ?", (seq,))
    verdict = await verdict_of(path)
    assert (verdict.fault, verdict.length) == (Fault(seq, Flaw.MISSING), ROWS - 1)


async def test_a_row_removed_with_the_later_ones_moved_up_is_named(path: Path):
    with tampering(path) as connection:
        connection.execute("DELETE FROM audit WHERE seq = 12")
        for seq in range(13, ROWS + 1):
            connection.execute("UPDATE audit SET seq = ? WHERE seq = ?", (seq - 1, seq))
    assert await fault_of(path) == Fault(12, Flaw.REORDERED)


@pytest.mark.parametrize(("one", "other"), [(1, 2), (6, 7), (7, 8), (3, 38), (39, 40)])
async def test_rows_that_change_places_are_named(path: Path, one: int, other: int):
    with tampering(path) as connection:
        for old, new in ((one, 999), (other, one), (999, other)):
            connection.execute("UPDATE audit SET seq = ? WHERE seq = ?", (new, old))
    assert await fault_of(path) == Fault(one, Flaw.REORDERED)


@pytest.mark.parametrize("seq", [0, -1, -(2**63)])
async def test_a_row_slipped_in_before_the_first_is_named(path: Path, seq: int):
    with tampering(path) as connection:
        connection.execute("CREATE TEMP TABLE one AS SELECT * FROM audit WHERE seq = 1")
        connection.execute("UPDATE one SET seq = ?", (seq,))
        connection.execute("INSERT INTO audit SELECT * FROM one")
    assert await fault_of(path) == Fault(seq, Flaw.REORDERED)


@pytest.mark.parametrize("left", [0, 5, 10, 24])
async def test_a_tail_cut_off_below_a_signed_head_is_named(path: Path, left: int):
    with tampering(path) as connection:
        connection.execute("DELETE FROM audit WHERE seq > ?", (left,))
    verdict = await verdict_of(path)
    assert (verdict.fault, verdict.length) == (Fault(left + 1, Flaw.TRUNCATED), left)


def rewrite(connection: sqlite3.Connection, first: int, last: int) -> None:
    """Change row `first` and make rows `first` to `last` fit again, as anybody who knows the rule can."""
    connection.row_factory = sqlite3.Row
    (previous,) = connection.execute("SELECT previous FROM audit WHERE seq = ?", (first,)).fetchone()
    connection.execute("UPDATE audit SET person_name = 'outra' WHERE seq = ?", (first,))
    for seq in range(first, last + 1):
        row = dict(connection.execute("SELECT * FROM audit WHERE seq = ?", (seq,)).fetchone())
        record = Record(**{**row, "previous": previous})
        changed = record._replace(hash=hash_of(record))
        connection.execute(
            "UPDATE audit SET previous = ?, hash = ? WHERE seq = ?", (changed.previous, changed.hash, seq)
        )
        previous = changed.hash


@pytest.mark.parametrize(
    ("first", "last", "fault"),
    [
        (3, 3, Fault(3, Flaw.CHANGED)),
        (3, ROWS, Fault(10, Flaw.REWRITTEN)),
        (11, 24, Fault(24, Flaw.CHANGED)),
        (12, ROWS, Fault(25, Flaw.REWRITTEN)),
        (25, ROWS, Fault(25, Flaw.REWRITTEN)),
        (30, 30, Fault(30, Flaw.CHANGED)),
    ],
)
async def test_a_chain_made_to_fit_again_is_held_against_what_the_box_signed(path: Path, first, last, fault):
    with tampering(path) as connection:
        rewrite(connection, first, last)
    assert await fault_of(path) == fault


async def test_a_row_that_was_signed_is_not_blamed_for_the_one_after_it(path: Path):
    with tampering(path) as connection:
        connection.row_factory = sqlite3.Row
        row = dict(connection.execute("SELECT * FROM audit WHERE seq = 11").fetchone())
        record = Record(**{**row, "previous": bytes(32)})
        connection.execute("UPDATE audit SET previous = ?, hash = ? WHERE seq = 11", (bytes(32), hash_of(record)))
    assert await fault_of(path) == Fault(11, Flaw.CHANGED)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    column=st.sampled_from(["hash", "public_key", "signature", "at_ms", "clock_trusted"]),
    head=st.sampled_from(HEADS),
    place=st.integers(0, 63),
    bit=st.integers(0, 7),
)
async def test_a_forged_head_is_named(clean, tmp_path_factory, column, head, place, bit):
    path = copy(clean, tmp_path_factory.mktemp("forged"))
    with tampering(path) as connection:
        (value,) = connection.execute(f"SELECT {column} FROM audit_head WHERE seq = ?", (head,)).fetchone()  # noqa: S608 - a name of this file
        if isinstance(value, bytes):
            changed = flip(value, place, bit)
        else:
            changed = value ^ (1 if column == "clock_trusted" else 1 << (place % 40))
        connection.execute(f"UPDATE audit_head SET {column} = ? WHERE seq = ?", (changed, head))  # noqa: S608 - a name of this file
    assert await fault_of(path) == Fault(head, Flaw.HEAD_FORGED)


@pytest.mark.parametrize("seq", [-3, 0, 11, ROWS, ROWS + 7])
async def test_a_head_moved_to_another_row_is_named(path: Path, seq: int):
    with tampering(path) as connection:
        connection.execute("UPDATE audit_head SET seq = ? WHERE seq = 25", (seq,))
    assert await fault_of(path) == Fault(seq, Flaw.HEAD_FORGED)


async def test_a_head_signed_with_another_key_is_named(path: Path):
    """Somebody makes the whole chain anew and signs it with a key of their own."""
    with tampering(path) as connection:
        rewrite(connection, 5, ROWS)
        for seq in HEADS:
            (row_hash,) = connection.execute("SELECT hash FROM audit WHERE seq = ?", (seq,)).fetchone()
            head = Head(seq, row_hash, NOW_MS, True, OTHER_KEY.public_key)
            connection.execute("DELETE FROM audit_head WHERE seq = ?", (seq,))
            values = (seq, row_hash, NOW_MS, 1, OTHER_KEY.public_key, OTHER_KEY.sign(statement(head)))
            connection.execute("INSERT INTO audit_head VALUES (?, ?, ?, ?, ?, ?)", values)
    assert await fault_of(path) == Fault(10, Flaw.HEAD_FORGED)


async def test_what_is_written_meanwhile_is_no_fault(path: Path, monkeypatch):
    """Rows and heads come while the verifier is between two of its chunks."""
    async with open_database(path) as database:
        log = log_of(database)
        chunk = Audit.chunk

        async def chunk_after_a_write(self, first, last, limit):
            monkeypatch.setattr(Audit, "chunk", chunk)
            await log.record(Entry(Action.DAEMON_STARTED))
            assert await log.sign_head()
            monkeypatch.setattr(Audit, "chunk", chunk_after_a_write)
            return await chunk(self, first, last, limit)

        monkeypatch.setattr(Audit, "chunk", chunk_after_a_write)
        verdict = await log.verify()
        monkeypatch.setattr(Audit, "chunk", chunk)
        assert (verdict.valid, verdict.length) == (True, ROWS)
        assert (await log.verify()).length > ROWS


async def test_only_one_looks_at_a_time(path: Path, monkeypatch):
    async with open_database(path) as database:
        log = log_of(database)
        chunk = Audit.chunk

        async def chunk_with_a_second_visitor(self, first, last, limit):
            with pytest.raises(TooMany):
                await log.verify()
            return await chunk(self, first, last, limit)

        monkeypatch.setattr(Audit, "chunk", chunk_with_a_second_visitor)
        assert (await log.verify()).valid
        assert (await log.verify()).valid


async def test_a_broken_chain_is_never_signed(path: Path):
    with tampering(path) as connection:
        rewrite(connection, 30, 30)
    async with open_database(path) as database:
        with pytest.raises(Conflict, match="row 30: changed"):
            await log_of(database).sign_head()
        assert (await Audit(database).last_head()).seq == HEADS[-1]


@pytest.mark.parametrize(("sql", "said"), [
    ("DELETE FROM audit WHERE seq > 20", "row 21: truncated"),
    ("DELETE FROM audit", "row 1: truncated"),
    ("DELETE FROM audit WHERE seq = 26", "row 26: missing"),
    ("UPDATE audit SET reason = 'x' WHERE seq = 40", "row 40: changed"),
])  # fmt: skip
async def test_what_does_not_follow_from_the_last_head_is_never_signed(path: Path, sql: str, said: str):
    with tampering(path) as connection:
        connection.execute(sql)
    async with open_database(path) as database:
        with pytest.raises(Conflict, match=said):
            await log_of(database).sign_head()


async def test_a_chain_grown_on_after_a_cut_is_never_signed_again(path: Path):
    with tampering(path) as connection:
        connection.execute("DELETE FROM audit WHERE seq > 20")
    async with open_database(path) as database:
        log = log_of(database)
        for _ in range(10):
            await log.record(Entry(Action.LOGIN_DONE))
        with pytest.raises(Conflict, match="row 26: changed"):
            await log.sign_head()
        assert (await log.verify()).fault == Fault(25, Flaw.REWRITTEN)


def test_a_signature_is_over_every_part_of_the_statement():
    head = Head(7, bytes(32), NOW_MS, True, KEY.public_key)
    other = [
        replace(head, seq=8),
        replace(head, hash=bytes([1]) + bytes(31)),
        replace(head, at_ms=NOW_MS + 1),
        replace(head, clock_trusted=False),
        replace(head, public_key=OTHER_KEY.public_key),
    ]
    assert len({statement(one) for one in (head, *other)}) == 6
