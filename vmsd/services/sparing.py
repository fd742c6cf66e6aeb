"""Keeps what a stranger can make happen as often as they like from filling the audit log."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

from vmsd.clock import Clock

FIRST_S = 60.0
LONGEST_S = 3600.0


@dataclass
class _Window:
    """A stretch of time: so many were let through in it, and so many more were only counted."""

    until_s: float
    lasts_s: float
    passed: int = 0
    counted: int = 0


class Sparing:
    """Of each key so many are let through in a minute, the rest is counted; who goes on gets ever longer minutes.

    With more than `keys` of them, the one whose minute began longest ago is forgotten.
    """

    def __init__(self, clock: Clock, *, most: int, keys: int) -> None:
        self._clock = clock
        self._most = most
        self._keys = keys
        self._windows: OrderedDict[str, _Window] = OrderedDict()

    def admits(self, key: str) -> bool:
        """False for one that was only counted."""
        window = self._windows.get(key) or self._begin(key, FIRST_S)
        if window.passed < self._most:
            window.passed += 1
            return True
        window.counted += 1
        return False

    def take_over(self) -> Sequence[tuple[str, int]]:
        """The keys whose minute is over, each with how many of it were only counted, if any were."""
        now_s = self._clock.monotonic()
        over = [(key, window) for key, window in self._windows.items() if window.until_s <= now_s]
        for key, window in over:
            del self._windows[key]
            if window.counted:
                self._begin(key, min(LONGEST_S, 2 * window.lasts_s))
        return [(key, window.counted) for key, window in over if window.counted]

    def _begin(self, key: str, lasts_s: float) -> _Window:
        window = self._windows[key] = _Window(self._clock.monotonic() + lasts_s, lasts_s)
        if len(self._windows) > self._keys:
            self._windows.popitem(last=False)
        return window
