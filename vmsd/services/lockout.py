"""How often a password may be guessed: after a few failures an account, and an address, must wait ever longer."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

from vmsd.clock import Clock
from vmsd.errors import TooMany

FREE_FAILURES = 4
"""The fifth failure is the first that costs a wait."""
FIRST_WAIT_S = 1.0
LONGEST_WAIT_S = 900.0
FORGOTTEN_AFTER_S = 1800.0
"""Without another failure for so long; longer than the longest wait, which would otherwise end its own counting."""
MOST_KEYS = 20_000
"""What is known of more names or addresses than this is forgotten, the one that failed longest ago first."""


@dataclass(frozen=True)
class _Failures:
    count: int
    last_s: float

    @property
    def wait_s(self) -> float:
        over = self.count - FREE_FAILURES
        return min(LONGEST_WAIT_S, FIRST_WAIT_S * 2.0 ** min(over - 1, 20)) if over > 0 else 0.0


class Lockout:
    """In memory: a restart forgives. Names nobody has are counted like any other, so a wait tells nothing."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._failures: OrderedDict[str, _Failures] = OrderedDict()

    def check(self, keys: Sequence[str]) -> None:
        """Raises `TooMany` while one of the keys must wait."""
        now_s = self._clock.monotonic()
        left_s = max((self._left_s(key, now_s) for key in keys), default=0.0)
        if left_s > 0:
            raise TooMany("too many wrong passwords; wait a while", retry_after_s=math.ceil(left_s))

    def note_failure(self, keys: Sequence[str]) -> None:
        now_s = self._clock.monotonic()
        self._forget_old(now_s)
        for key in keys:
            known = self._failures.pop(key, None)
            self._failures[key] = _Failures(known.count + 1 if known else 1, now_s)
        while len(self._failures) > MOST_KEYS:
            self._failures.popitem(last=False)

    def forgive(self, key: str) -> None:
        self._failures.pop(key, None)

    def _left_s(self, key: str, now_s: float) -> float:
        failures = self._failures.get(key)
        return failures.last_s + failures.wait_s - now_s if failures else 0.0

    def _forget_old(self, now_s: float) -> None:
        while self._failures:
            key, oldest = next(iter(self._failures.items()))
            if now_s - oldest.last_s < FORGOTTEN_AFTER_S:
                return
            del self._failures[key]
