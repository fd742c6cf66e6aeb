"""A wall clock that jumps is found out, before and after a restart, and is believed again for a reason."""

from __future__ import annotations

import pytest

from tests.unit.tasks.recording_box import DAY_MS, HOUR_MS, NOW_MS, Box, HandClock
from vmsd.host.clocksync import KernelClock, read_kernel_clock
from vmsd.services.clock_trust import Doubt, Timekeeper, judge_start
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
    await ClockWatch(keeper, box.database, box.clock).once()
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
    watch = ClockWatch(keeper, box.database, box.clock)
    await watch.once()
    assert not keeper.trusted
    box.clock.wall = right + 90_000
    await watch.once()
    assert keeper.trusted


async def test_a_restart_does_not_make_a_jumped_clock_honest(box: Box):
    keeper = Timekeeper(box.clock, lambda: FREE)
    watch = ClockWatch(keeper, box.database, box.clock)
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
    watch = ClockWatch(keeper, box.database, box.clock)
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
