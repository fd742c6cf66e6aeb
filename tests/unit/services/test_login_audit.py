"""An attack is a bounded number of rows and the count of the rest, from however many addresses it comes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.unit.tasks.recording_box import Box, open_box
from vmsd.services.lockout import Attempt
from vmsd.services.login_audit import LoginAudit
from vmsd.store.audit import Audit
from vmsd.store.people import People
from vmsd.tasks.refusals import Refusals

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


@pytest.fixture
async def box(tmp_path: Path) -> AsyncIterator[Box]:
    async with open_box(tmp_path) as opened:
        yield opened


def attempts_of(box: Box) -> LoginAudit:
    return LoginAudit(box.audit, People(box.database), box.clock)


async def told(box: Box) -> list[tuple[str, str | None, dict[str, Any]]]:
    rows = await Audit(box.database).chunk(0, 10**9, 10**6)
    return [(row.action, row.address, json.loads(row.facts)) for row in rows]


async def test_an_attack_from_everywhere_is_bounded_too(box: Box):
    attempts = attempts_of(box)
    for number in range(100):
        await attempts.refused(Attempt("ninguem", f"10.0.0.{number}"))
    assert len(await told(box)) == 60
    box.clock.pass_s(60)
    await Refusals(attempts).once()
    await Refusals(attempts).once()
    assert (await told(box))[60:] == [("login.refused", None, {"more": 40, "many_addresses": True})]


async def test_an_hour_of_guessing_is_a_handful_of_rows_and_every_try_is_in_one(box: Box):
    attempts = attempts_of(box)
    counting = Refusals(attempts)
    for _ in range(3600):
        await attempts.locked(Attempt("admin", "10.0.0.66"), 900)
        box.clock.pass_s(1)
        if not int(box.clock.monotonic_s) % 15:
            await counting.once()
    box.clock.pass_s(7200)
    await counting.once()
    rows = await told(box)
    assert len(rows) < 80
    assert sum(facts.get("more", 1) for _, _, facts in rows) == 3600
    assert {address for _, address, _ in rows} == {"10.0.0.66"}


async def test_what_was_proved_in_a_session_says_so(box: Box):
    await attempts_of(box).refused(Attempt("ninguem", "10.0.0.1", "a-session"), "code_wrong")
    facts = {"in_session": True, "unknown_name": True}
    assert await told(box) == [("login.second_factor_refused", "10.0.0.1", facts)]
