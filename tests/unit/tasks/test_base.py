"""The one loop of all tasks."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass

import pytest

from tests.support.processes import until
from tests.unit.tasks.recording_box import HandClock
from vmsd.clock import SystemClock
from vmsd.errors import StorageFull
from vmsd.tasks.base import Runner


@dataclass
class Work:
    once_: Callable[[], Awaitable[None]]
    every_s: float = 1.0
    deadline_s: float = 5.0
    name: str = "work"

    async def once(self) -> None:
        await self.once_()


async def _fail() -> None:
    raise StorageFull("no room")


async def test_a_failing_pass_keeps_the_pulse_and_says_why_once_it_is_well_again() -> None:
    clock, broken = HandClock(), True

    async def sometimes() -> None:
        if broken:
            await _fail()

    runner = Runner(Work(sometimes), clock)
    for number in range(3):
        clock.pass_s(1)
        await runner.run_once()
        assert (runner.pulse.failures, runner.pulse.error) == (number + 1, "no room")
        assert runner.pulse.last_finished_ms == clock.wall
    assert runner.pulse.last_ok_ms is None
    broken = False
    await runner.run_once()
    assert (runner.pulse.failures, runner.pulse.error, runner.pulse.last_ok_ms) == (0, None, clock.wall)


async def test_an_unknown_error_is_told_by_its_kind_alone() -> None:
    async def secret() -> None:
        raise ValueError("rtsp://user:password@host")

    runner = Runner(Work(secret), HandClock())
    await runner.run_once()
    assert runner.pulse.error == "ValueError"


async def test_a_pass_over_its_deadline_is_ended_and_counts_as_failed() -> None:
    runner = Runner(Work(lambda: asyncio.sleep(60), deadline_s=0.05), SystemClock())
    async with asyncio.timeout(2):
        await runner.run_once()
    assert runner.pulse.error == "TimeoutError"


async def test_a_task_that_keeps_failing_slows_down_to_three_intervals_and_no_further() -> None:
    runner = Runner(Work(_fail), HandClock())
    pauses = []
    for _ in range(40):
        await runner.run_once()
        pauses.append(runner._pause_s())
    assert max(pauses) <= 3
    assert min(pauses) >= 1.0
    assert max(pauses[5:]) > 1.5


async def test_a_nudge_starts_the_next_pass_at_once_and_is_not_lost_during_one() -> None:
    passes: list[int] = []
    may_go_on = asyncio.Event()

    async def count() -> None:
        passes.append(1)
        if len(passes) == 1:
            await may_go_on.wait()

    def begun(number: int) -> Callable[[], Awaitable[bool]]:
        async def enough() -> bool:
            return len(passes) >= number

        return enough

    runner = Runner(Work(count, every_s=60), SystemClock())
    running = asyncio.create_task(runner.run())
    try:
        await until(begun(1), 2, "the first pass has begun", every_s=0)
        runner.nudge()
        runner.nudge()
        may_go_on.set()
        await until(begun(2), 2, "the second pass has begun", every_s=0)
        await asyncio.sleep(0.05)
        assert len(passes) == 2
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


async def test_a_cancelled_runner_ends_in_the_middle_of_a_pass() -> None:
    runner = Runner(Work(lambda: asyncio.sleep(60)), SystemClock())
    running = asyncio.create_task(runner.run())
    await asyncio.sleep(0)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


def test_a_task_that_has_not_finished_for_three_intervals_and_its_deadline_is_late() -> None:
    clock = HandClock()
    pulse = Runner(Work(_fail), clock).pulse
    assert not pulse.late(clock.monotonic() + 8.0)
    assert pulse.late(clock.monotonic() + 8.1)


async def test_a_pass_that_was_cancelled_by_nobody_has_failed_and_the_task_goes_on() -> None:
    passes, again = 0, asyncio.Event()

    async def cancelled_inside() -> None:
        nonlocal passes
        passes += 1
        if passes == 1:
            raise asyncio.CancelledError
        again.set()

    runner = Runner(Work(cancelled_inside, every_s=0.01), SystemClock())
    async with asyncio.timeout(5), asyncio.TaskGroup() as tasks:
        running = tasks.create_task(runner.run())
        await again.wait()
        running.cancel()
    assert running.cancelled()
    assert runner.pulse.failures_total == 1
