"""Which clock a file was named by: the one of now, or the one this machine had before somebody set it."""

from __future__ import annotations

from collections import deque

from vmsd.clock import Clock
from vmsd.services.clock_trust import STEP_MS, offset_ms

REMEMBERED = 8
"""Clocks before the present one; more steps than that while a file waits to be seen are nobody's clock."""


class NamingClock:
    """A clock is known by its offset from the monotonic one.

    A file that has just come, or is growing, ends now: the time its name gives to its end tells the clock.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._former: deque[int] = deque(maxlen=REMEMBERED)
        self.offset_ms = offset_ms(clock)

    def look(self) -> None:
        """Notice a step since the last look."""
        now_ms = offset_ms(self._clock)
        if _differ(now_ms, self.offset_ms):
            self._former.appendleft(self.offset_ms)
        self.offset_ms = now_ms

    def offset_of(self, end_ms: int, *, growing: bool) -> int | None:
        """Of the clock that named a file which ends at `end_ms` by its name; None for a file not of this moment."""
        told_ms = end_ms - round(self._clock.monotonic() * 1000)
        known = next((one for one in (self.offset_ms, *self._former) if not _differ(one, told_ms)), None)
        return told_ms if known is None and growing else known

    def is_present(self, offset: int) -> bool:
        """Whether this is the clock of now."""
        return not _differ(offset, self.offset_ms)


def _differ(one_ms: int, other_ms: int) -> bool:
    return abs(one_ms - other_ms) > STEP_MS
