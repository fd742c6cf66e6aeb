"""A hold that nobody confirms ends at its deadline, by a trusted clock alone, and takes no file with it."""

from __future__ import annotations

import json

from tests.unit.tasks.recording_box import DAY_MS, NOW_MS, Box
from vmsd.store.audit import Audit
from vmsd.store.holds import Holds
from vmsd.store.kept_periods import KeptPeriods
from vmsd.store.scope import Scope
from vmsd.tasks.holds import HoldDeadlines

HOUR_S = 3600


async def hold(box: Box, camera, deadline_ms: int, number: str = "1/2026") -> None:
    scope = Scope(box.database, camera.key[0])
    said = {"number": number, "authority": "1ª Vara", "purpose": "x", "person": "p", "person_name": "gestora"}
    async with scope.write() as transaction:
        made = await Holds(scope).add(transaction, deadline_ms=deadline_ms, now_ms=NOW_MS, **said)
        rest = {"reason": "", "person": None, "person_name": None, "now_ms": NOW_MS, "hold_id": made.id}
        await KeptPeriods(scope).add(transaction, camera.key[1], NOW_MS - 1000, NOW_MS, **rest)


async def states(box: Box) -> list[tuple]:
    rows = await box.database.read(
        """SELECT hold.city_id, number, ended_why, released_ms IS NULL FROM hold JOIN kept_period
        ON kept_period.city_id = hold.city_id AND hold_id = hold.id ORDER BY 1, 2"""
    )
    return [tuple(row) for row in rows]


async def ended_rows(box: Box) -> list:
    rows = await Audit(box.database).chunk(0, 10**9, 10**6)
    return [row for row in rows if row.action == "hold.ended"]


async def test_a_hold_ends_at_its_deadline_in_whichever_city_and_no_other_does(box: Box):
    here, there = await box.camera(), await box.camera(city=2)
    await hold(box, here, NOW_MS + HOUR_S * 1000)
    await hold(box, here, NOW_MS + 2 * HOUR_S * 1000, "2/2026")
    await hold(box, there, NOW_MS + HOUR_S * 1000)
    here.record(NOW_MS - 5000)
    await box.scan()
    task = HoldDeadlines(box.database, box.audit, box.keeper)
    box.clock.pass_s(HOUR_S - 1)
    await task.once()
    assert {one[2] for one in await states(box)} == {None}
    box.clock.pass_s(1)
    for _ in range(2):
        await task.once()
    assert await states(box) == [
        (1, "1/2026", "deadline", 0),
        (1, "2/2026", None, 1),
        (2, "1/2026", "deadline", 0),
    ]
    rows = await ended_rows(box)
    assert [(row.city_id, row.person, row.person_name, row.subject_kind) for row in rows] == [
        (1, None, None, "hold"),
        (2, None, None, "hold"),
    ]
    assert json.loads(rows[0].facts) == {"number": "1/2026", "authority": "1ª Vara", "why": "deadline", "released": 1}
    assert here.path(NOW_MS - 5000).exists()
    assert list(await box.rows(here)) == [NOW_MS - 5000]


async def test_a_clock_that_is_not_trusted_ends_no_hold(box: Box):
    camera = await box.camera()
    await hold(box, camera, NOW_MS + HOUR_S * 1000)
    task = HoldDeadlines(box.database, box.audit, box.keeper)
    box.clock.wall += 40 * DAY_MS
    await task.once()
    assert await states(box) == [(1, "1/2026", None, 1)]
    assert await ended_rows(box) == []
    box.keeper.confirm()
    await task.once()
    assert await states(box) == [(1, "1/2026", "deadline", 0)]


async def test_a_hold_confirmed_while_it_was_being_ended_goes_on(box: Box, monkeypatch):
    """The deadline that counts is the one in the transaction that ends it."""
    camera = await box.camera()
    await hold(box, camera, NOW_MS + HOUR_S * 1000)
    scope = Scope(box.database, 1)
    store = Holds(scope)
    box.clock.pass_s(HOUR_S)
    listing = Holds.ending

    async def confirm_meanwhile(self, *args, **rest):
        found = await listing(self, *args, **rest)
        async with scope.write() as transaction:
            await store.confirm(transaction, found[0], NOW_MS + 9 * DAY_MS, NOW_MS)
        return found

    monkeypatch.setattr(Holds, "ending", confirm_meanwhile)
    await HoldDeadlines(box.database, box.audit, box.keeper).once()
    assert await states(box) == [(1, "1/2026", None, 1)]
    assert await ended_rows(box) == []
