"""The one loop that runs every task: it times, retries with backoff, logs, and keeps a pulse."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field
from typing import Protocol

import structlog

from vmsd.clock import Clock, rfc3339
from vmsd.errors import VmsdError
from vmsd.services.answers import PulseAnswer

log = structlog.get_logger()

LATE_FACTOR = 3
"""A task is late when it has not finished a pass for this many of its intervals plus its deadline."""
MAX_BACKOFF_FACTOR = 3
"""A failing task slows down to so many of its intervals at most: what it keeps true must hold again within
seconds of the trouble's end, and a pass that fails costs no more than one that succeeds."""


class Task(Protocol):
    """One thing kept true. `once` is short, idempotent, safe to cancel: no loop, sleep or retry in it."""

    @property
    def name(self) -> str: ...

    @property
    def every_s(self) -> float: ...

    @property
    def deadline_s(self) -> float: ...

    async def once(self) -> None: ...


@dataclass
class Pulse:
    """How a task is doing; shown on the health page and feeding the watchdog."""

    name: str
    every_s: float
    deadline_s: float
    last_started_ms: int | None = None
    last_finished_ms: int | None = None
    last_ok_ms: int | None = None
    last_ok_monotonic: float = 0.0
    last_ended_monotonic: float = 0.0
    duration_ms: int | None = None
    failures: int = 0
    """Since the last pass that succeeded; `failures_total` since the start."""
    failures_total: int = 0
    error: str | None = None

    def late(self, monotonic: float) -> bool:
        allowed = LATE_FACTOR * self.every_s + self.deadline_s
        return monotonic - self.last_ok_monotonic > allowed

    def hung(self, monotonic: float) -> bool:
        """No pass has ended, well or badly, for longer than any pause and any pass may last."""
        allowed = (MAX_BACKOFF_FACTOR + 1) * self.every_s + self.deadline_s
        return monotonic - self.last_ended_monotonic > allowed


@dataclass
class Runner:
    """Runs one task for ever. A failing pass is retried; a bug in this loop ends the process.

    `nudge` starts the next pass at once (several nudges during a pass are one).
    """

    task: Task
    clock: Clock
    pulse: Pulse = field(init=False)
    _nudged: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.pulse = Pulse(self.task.name, self.task.every_s, self.task.deadline_s)
        self.pulse.last_ok_monotonic = self.pulse.last_ended_monotonic = self.clock.monotonic()

    def nudge(self) -> None:
        self._nudged.set()

    async def run(self) -> None:
        while True:
            self._nudged.clear()
            await self.run_once()
            await self._pause(self._pause_s())

    async def run_once(self) -> None:
        """One timed pass, its outcome noted in the pulse."""
        pulse, started = self.pulse, self.clock.monotonic()
        pulse.last_started_ms = self.clock.wall_ms()
        try:
            async with asyncio.timeout(self.task.deadline_s):
                await self.task.once()
        except asyncio.CancelledError as error:
            if _is_cancelled():
                raise
            self._note_failure(error)
        except Exception as error:  # noqa: BLE001 - the one place where a pass may fail in any way
            self._note_failure(error)
        else:
            self._note_success()
        pulse.last_finished_ms = self.clock.wall_ms()
        pulse.last_ended_monotonic = self.clock.monotonic()
        pulse.duration_ms = round((pulse.last_ended_monotonic - started) * 1000)

    def _note_success(self) -> None:
        if self.pulse.failures:
            log.info("task.recovered", task=self.task.name, after_failures=self.pulse.failures)
        self.pulse.failures, self.pulse.error = 0, None
        self.pulse.last_ok_ms = self.clock.wall_ms()
        self.pulse.last_ok_monotonic = self.clock.monotonic()

    def _note_failure(self, error: BaseException) -> None:
        self.pulse.failures += 1
        self.pulse.failures_total += 1
        text = str(error) if isinstance(error, VmsdError) else type(error).__name__
        if text != self.pulse.error:
            log.warning("task.failed", task=self.task.name, error=text, exc_info=not isinstance(error, VmsdError))
        self.pulse.error = text

    def _pause_s(self) -> float:
        if not self.pulse.failures:
            return self.task.every_s
        factor: float = min(MAX_BACKOFF_FACTOR, 2 ** min(self.pulse.failures - 1, 10))
        return self.task.every_s * max(1.0, factor * random.uniform(0.5, 1.0))  # noqa: S311 - jitter

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._nudged.wait()
        except TimeoutError:
            return


def _is_cancelled() -> bool:
    """A library that cancels what it was asked for must not end a task for ever: nobody would be told."""
    task = asyncio.current_task()
    return task is None or task.cancelling() > 0


def shown_pulse(pulse: Pulse, monotonic: float) -> PulseAnswer:
    def at(ms: int | None) -> str | None:
        return None if ms is None else rfc3339(ms)

    return {
        "name": pulse.name,
        "every": pulse.every_s,
        "last_started": at(pulse.last_started_ms),
        "last_finished": at(pulse.last_finished_ms),
        "last_ok": at(pulse.last_ok_ms),
        "duration": None if pulse.duration_ms is None else pulse.duration_ms / 1000,
        "failures": pulse.failures,
        "error": pulse.error,
        "late": pulse.late(monotonic),
    }
