"""The minutes in which a new version proves itself, and the end of them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from vmsd.clock import Clock
from vmsd.update.health import Look
from vmsd.update.journal import Before

EVERY_S = 10.0
UNHEALTHY_S = 150.0
"""Without a break, and the box goes back: with the way back it stays under five minutes."""
MOST_RESTARTS = 3
LONGEST = 3
"""Times the minutes of a trial, and one that is neither well nor ill for long has failed too."""


@dataclass(frozen=True)
class Verdict:
    healthy: bool
    reason: str = ""


class Trial:
    """Fed with looks; gives its verdict once there is one."""

    def __init__(self, before: Before, confirm_s: float, now_s: float) -> None:
        self._before = before
        self._confirm_s = confirm_s
        self._began_s = now_s
        self._well_since_s: float | None = None
        self._ill_since_s = now_s
        self._pid: int | None = None
        self._restarts = 0
        self.faults: list[str] = []

    def healthy_s(self, now_s: float) -> float:
        return 0.0 if self._well_since_s is None else now_s - self._well_since_s

    def feed(self, look: Look, pid: int, now_s: float) -> Verdict | None:
        """`pid` is of the daemon: another one than before means that it ended by itself; 0 says nothing."""
        self.faults = look.faults(self._before)
        if pid and self._pid not in (None, pid):
            self._restarts += 1
            self._well_since_s = None
        self._pid = pid or self._pid
        if self.faults:
            self._ill_since_s = self._ill_since_s if self._well_since_s is None else now_s
            self._well_since_s = None
        elif self._well_since_s is None:
            self._well_since_s = now_s
        return self._verdict(now_s)

    def _verdict(self, now_s: float) -> Verdict | None:
        if self._restarts >= MOST_RESTARTS:
            return Verdict(False, f"vmsd ended by itself {self._restarts} times")
        if self._well_since_s is not None and self.healthy_s(now_s) >= self._confirm_s:
            return Verdict(True)
        if self._well_since_s is None and now_s - self._ill_since_s >= UNHEALTHY_S:
            return Verdict(False, "; ".join(self.faults) or "vmsd ended by itself")
        if now_s - self._began_s >= LONGEST * self._confirm_s + UNHEALTHY_S:
            return Verdict(False, "; ".join(["it was never well for long enough", *self.faults]))
        return None


async def watch(
    trial: Trial,
    look: Callable[[], Look],
    find_pid: Callable[[], int],
    clock: Clock,
    say: Callable[[Trial], None],
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    on_trial: Callable[[], bool] = lambda: True,
) -> Verdict | None:
    """Until there is a verdict; None when somebody else has ended this trial meanwhile."""
    while on_trial():
        seen, pid = await asyncio.to_thread(look), await asyncio.to_thread(find_pid)
        verdict = trial.feed(seen, pid, clock.monotonic())
        say(trial)
        if verdict is not None:
            return verdict if on_trial() else None
        await sleep(EVERY_S)
    return None
