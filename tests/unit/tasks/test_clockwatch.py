"""A wall clock that jumps is found out, before and after a restart, and is believed again for a reason."""

from __future__ import annotations

import json

import pytest

from tests.unit.tasks.recording_box import DAY_MS, HOUR_MS, NOW_MS, Box, HandClock
from vmsd.errors import StorageFull
from vmsd.host.clocksync import KernelClock, read_kernel_clock
from vmsd.model.audit import Who
from vmsd.services.clock_trust import Doubt, Timekeeper, judge_start
from vmsd.services.interventions import Interventions
from vmsd.services.outages import Outages
from vmsd.store.audit import Audit
from vmsd.tasks.clockwatch import ClockWatch

YEARS_56 = 56 * 365 * DAY_MS
SYNCED, FREE = KernelClock(synchronised=True), KernelClock(synchronised=False)


@pytest.mark.parametrize(
    ("wall_ms", "last_known_ms", "synchronised", "doubt"),
    [
        (NOW_MS, None, False, None),
        (0, None, True, Doubt.IMPLAUSIBLE),
        (NOW_MS + YEARS_56, None, True, Doubt.IMPLAUSIBLE),
        (NOW_MS, NOW_MS + 59_000, False, None),
        (NOW_MS, NOW_MS + 61_000, True, Doubt.BEFORE_LAST_KNOWN),
        (NOW_MS, NOW_MS - 6 * DAY_MS, False, None),
        (NOW_MS, NOW_MS - 8 * DAY_MS, False, Doubt.FAR_AHEAD),
        (NOW_MS, NOW_MS - 8 * DAY_MS, None, Doubt.FAR_AHEAD),
        (NOW_MS, NOW_MS - 8 * DAY_MS, True, None),
        (NOW_MS + 401 * DAY_MS, NOW_MS, True, Doubt.FAR_AHEAD),
        (0, NOW_MS, True, Doubt.IMPLAUSIBLE),
    ],
)
def test_the_clock_at_start_is_judged_by_what_the_box_knew(wall_ms, last_known_ms, synchronised, doubt):
    assert judge_start(wall_ms, last_known_ms, synchronised=synchronised, doubted=False) == doubt


def test_a_new_box_that_woke_without_the_time_believes_no_date_before_somebody_keeps_it_right():
    now = {"kernel": KernelClock(synchronised=False, lost=True)}
    keeper = Timekeeper(HandClock(), lambda: now["kernel"])
    keeper.begin(None)
    assert keeper.look().reason == Doubt.IMPLAUSIBLE
    now["kernel"] = KernelClock(synchronised=True, lost=True)
    assert keeper.look().trusted


def test_a_clock_nobody_has_judged_is_not_trusted():
    keeper = Timekeeper(HandClock(), lambda: SYNCED)
    assert not keeper.trusted
    assert keeper.trusted_ms() is None


def test_a_jump_is_doubted_until_it_is_taken_back(box: Box):
    assert box.keeper.look().trusted
    box.clock.wall += 61_000
    assert box.keeper.look().reason == Doubt.STEPPED
    box.clock.pass_s(500)
    assert not box.keeper.look().trusted
    box.clock.wall -= 30_000
    assert box.keeper.look().trusted


def test_a_jump_the_network_vouches_for_is_believed_up_to_a_day(box: Box):
    box.keeper.look()
    box.clock.wall += 20 * HOUR_MS
    assert not box.keeper.look().trusted
    box.kernel = SYNCED
    assert box.keeper.look().trusted
    box.clock.wall += 25 * HOUR_MS
    assert not box.keeper.look().trusted


def test_a_slow_drift_is_no_jump(box: Box):
    for _ in range(200):
        box.clock.pass_s(60)
        box.clock.wall += 3000
        assert box.keeper.look().trusted


def test_an_operator_may_vouch_for_the_clock(box: Box):
    box.keeper.look()
    box.clock.wall += 30 * DAY_MS
    assert not box.keeper.look().trusted
    assert box.keeper.confirm().trusted
    box.clock.pass_s(60)
    assert box.keeper.trusted_ms() == box.clock.wall


async def restarted(box: Box, *, kernel: KernelClock = FREE) -> Timekeeper:
    keeper = Timekeeper(box.clock, lambda: kernel)
    await ClockWatch(keeper, box.database, box.audit, box.clock).once()
    return keeper


async def test_the_last_trusted_time_survives_a_restart(box: Box):
    await restarted(box)
    box.clock.wall -= HOUR_MS
    assert (await restarted(box)).current.reason == Doubt.BEFORE_LAST_KNOWN
    box.clock.wall += YEARS_56
    assert (await restarted(box, kernel=SYNCED)).current.reason == Doubt.IMPLAUSIBLE


async def test_a_boot_in_1970_is_believed_once_the_network_has_put_it_right(box: Box):
    await restarted(box)
    right = box.clock.wall
    box.clock.wall = 10_000
    keeper = Timekeeper(box.clock, lambda: SYNCED)
    watch = ClockWatch(keeper, box.database, box.audit, box.clock)
    await watch.once()
    assert not keeper.trusted
    box.clock.wall = right + 90_000
    await watch.once()
    assert keeper.trusted


async def test_a_restart_does_not_make_a_jumped_clock_honest(box: Box):
    keeper = Timekeeper(box.clock, lambda: FREE)
    watch = ClockWatch(keeper, box.database, box.audit, box.clock)
    await watch.once()
    box.clock.wall += 5 * DAY_MS
    box.clock.monotonic_s += 5
    await watch.once()
    assert not keeper.trusted
    assert not (await restarted(box)).trusted
    assert (await restarted(box, kernel=SYNCED)).trusted
    assert (await restarted(box)).trusted


async def test_an_untrusted_time_is_never_remembered(box: Box):
    keeper = Timekeeper(box.clock, lambda: SYNCED)
    watch = ClockWatch(keeper, box.database, box.audit, box.clock)
    await watch.once()
    box.clock.wall += YEARS_56
    for _ in range(3):
        box.clock.pass_s(61)
        await watch.once()
    (row,) = await box.database.read("SELECT value FROM meta WHERE key = 'last_known_ms'")
    assert int(row["value"]) == NOW_MS


def test_the_kernel_answers():
    answer = read_kernel_clock()
    assert answer.synchronised in {True, False}
    assert abs(answer.offset_us) < 10_000_000


async def steps(box: Box) -> list[tuple[int, int]]:
    """Each step of the log: by how much, and whether the clock was trusted after it."""
    rows = await Audit(box.database).chunk(0, 10**9, 10**6)
    return [(json.loads(row.facts)["step_ms"], row.clock_trusted) for row in rows if row.action == "clock.stepped"]


async def test_every_step_is_a_row_whether_it_was_believed_or_not(box: Box):
    watch = ClockWatch(box.keeper, box.database, box.audit, box.clock)
    for step_ms in (0, 20_000, 0, 3 * HOUR_MS, 0, -3 * HOUR_MS):
        box.clock.pass_s(5)
        box.clock.wall += step_ms
        await watch.once()
    assert await steps(box) == [(20_000, 1), (3 * HOUR_MS, 0), (-3 * HOUR_MS, 1)]
    (row,) = await box.database.read("SELECT facts FROM audit WHERE seq = 1")
    told = {"from": "2026-11-21T11:00:10.000Z", "to": "2026-11-21T11:00:30.000Z", "step_ms": 20_000}
    assert json.loads(row["facts"]) == told


async def lost(box: Box) -> list[tuple[int, int]]:
    """Times that never were, from now on in seconds."""
    outages = await Outages(box.database).between(0, 2 * NOW_MS)
    return [((one.start_ms - NOW_MS) // 1000, (one.end_ms - NOW_MS) // 1000) for one in outages]


async def test_times_jumped_over_by_a_clock_that_is_believed_never_were(box: Box):
    watch = ClockWatch(box.keeper, box.database, box.audit, box.clock)
    box.kernel = SYNCED
    for step_ms in (0, 3 * HOUR_MS, -HOUR_MS, 0):
        box.clock.pass_s(5)
        box.clock.wall += step_ms
        await watch.once()
    assert await lost(box) == [(5, 5 + 3 * 3600 + 5)]


async def test_a_jump_that_was_taken_back_cost_no_time(box: Box):
    watch = ClockWatch(box.keeper, box.database, box.audit, box.clock)
    for step_ms in (0, YEARS_56, 0, -YEARS_56):
        box.clock.pass_s(5)
        box.clock.wall += step_ms
        await watch.once()
    assert box.keeper.trusted
    assert await lost(box) == []


async def test_a_drift_and_a_late_look_are_no_steps(box: Box):
    watch = ClockWatch(box.keeper, box.database, box.audit, box.clock)
    for late_s in (5, 5, 900, 5):
        box.clock.pass_s(late_s)
        box.clock.wall += 400
        await watch.once()
    assert await steps(box) == []


async def test_the_clock_is_vouched_for_by_somebody_or_not_at_all(box: Box, monkeypatch):
    hands = Interventions(box.keeper, box.watch, box.database, box.audit, box.clock)
    box.clock.wall += 30 * DAY_MS

    async def full(*_: object) -> None:
        raise StorageFull("the database's volume is full")

    with monkeypatch.context() as patched:
        patched.setattr(box.audit, "record", full)
        with pytest.raises(StorageFull):
            await hands.confirm_clock(Who("person-1", "Ana"))
    assert not box.keeper.look().trusted
    assert (await hands.confirm_clock(Who("person-1", "Ana"))).trusted
    (row,) = await Audit(box.database).chunk(0, 10, 10)
    assert (row.action, row.person_name, row.clock_trusted) == ("clock.confirmed", "Ana", 0)
    assert json.loads(row.facts) == {"cause": "stepped", "offset_ms": 30 * DAY_MS}
