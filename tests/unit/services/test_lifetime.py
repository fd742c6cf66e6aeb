"""Every start says how the daemon before it ended, and a stop that was asked for is signed."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.unit.tasks.recording_box import Box, open_box
from vmsd.errors import StorageFull
from vmsd.host.boot import read_boot_id
from vmsd.model.audit import Action, Entry
from vmsd.services import lifetime as lifetime_module
from vmsd.services.lifetime import Lifetime
from vmsd.store.audit import Audit

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


@pytest.fixture
async def box(tmp_path: Path) -> AsyncIterator[Box]:
    async with open_box(tmp_path) as opened:
        yield opened


async def life(box: Box, boot: str = "boot-1") -> Lifetime:
    """As of a program that has just opened the store."""
    last_ms = await box.audit.newest_ms()
    return Lifetime(box.database, box.audit, box.clock, boot_id=boot, version="9.9", last_row_ms=last_ms)


async def starts(box: Box) -> list[dict[str, Any]]:
    rows = await Audit(box.database).chunk(0, 10**9, 10**6)
    return [json.loads(row.facts) for row in rows if row.action == Action.DAEMON_STARTED]


async def test_the_first_start_of_a_box_says_so(box: Box):
    await (await life(box)).begin()
    assert await starts(box) == [{"version": "9.9", "last_stop": "never_ran", "silent_s": None}]


async def test_a_stop_that_was_asked_for_is_clean_and_signed(box: Box):
    first = await life(box)
    await first.begin()
    box.clock.pass_s(60)
    await first.end()
    newest = (await Audit(box.database).chunk(2, 2, 1))[0]
    head = await Audit(box.database).last_head()
    assert (newest.action, json.loads(newest.facts)) == (Action.DAEMON_STOPPED, {"ran_s": 60})
    assert head is not None
    assert (head.seq, head.hash) == (2, newest.hash)
    box.clock.pass_s(30)
    await (await life(box, "boot-2")).begin()
    assert (await starts(box))[-1] == {"version": "9.9", "last_stop": "clean", "silent_s": 30}


@pytest.mark.parametrize(("boot", "last_stop"), [("boot-1", "crash"), ("boot-2", "power_loss")])
async def test_a_start_without_a_stop_before_it_tells_a_crash_from_a_power_loss(box: Box, boot: str, last_stop: str):
    await (await life(box)).begin()
    box.clock.pass_s(3600)
    await (await life(box, boot)).begin()
    assert (await starts(box))[-1] == {"version": "9.9", "last_stop": last_stop, "silent_s": 3600}


async def test_what_the_program_itself_wrote_on_its_way_up_ends_no_silence(box: Box):
    await (await life(box)).begin()
    box.clock.pass_s(600)
    again = await life(box)
    await box.audit.record(Entry(Action.DATABASE_RESTORED))
    await again.begin()
    assert (await starts(box))[-1]["silent_s"] == 600


async def test_what_a_command_wrote_meanwhile_hides_no_crash(box: Box):
    await (await life(box)).begin()
    await box.audit.record(Entry(Action.CITY_ADDED))
    await (await life(box)).begin()
    assert (await starts(box))[-1]["last_stop"] == "crash"


async def test_who_never_started_does_not_take_leave(box: Box):
    await (await life(box)).end()
    assert await Audit(box.database).count() == 0


async def test_a_full_disk_keeps_the_daemon_neither_from_starting_nor_from_stopping(box: Box, monkeypatch):
    async def full(*_: object) -> None:
        raise StorageFull("the database's volume is full")

    first = await life(box)
    monkeypatch.setattr(box.audit, "record", full)
    await first.begin()
    await first.end()
    assert await starts(box) == []


async def test_a_store_that_hangs_holds_up_no_stop(box: Box, monkeypatch):
    async def hangs(*_: object) -> None:
        await asyncio.Event().wait()

    first = await life(box)
    await first.begin()
    monkeypatch.setattr(lifetime_module, "STOP_S", 0.1)
    monkeypatch.setattr(box.audit, "record", hangs)
    async with asyncio.timeout(5):
        await first.end()


async def test_a_broken_chain_is_not_signed_and_holds_up_no_stop(box: Box):
    first = await life(box)
    await first.begin()
    async with box.database.write() as transaction:
        await transaction.execute("DROP TRIGGER audit_never_changed")
        await transaction.execute("UPDATE audit SET address = 'x' WHERE seq = 1")
    await first.end()
    assert await Audit(box.database).last_head() is None
    assert (await Audit(box.database).chunk(2, 2, 1))[0].action == Action.DAEMON_STOPPED


def test_the_kernel_names_its_boot():
    assert len(read_boot_id()) == 36
    assert read_boot_id() == read_boot_id()
