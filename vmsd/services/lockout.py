"""How often a password may be guessed: after a few failures an account, and an address, must wait ever longer.

Whoever stands at the box itself is never locked out: `vmsd user reset` does not ask here.
"""

from __future__ import annotations

import math
from collections import OrderedDict, deque
from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from vmsd.clock import Clock
from vmsd.errors import TooMany

log = structlog.get_logger()

FREE_FAILURES = 4
"""The fifth failure is the first that costs a wait."""
FIRST_WAIT_S = 1.0
LONGEST_WAIT_S = 900.0
FORGOTTEN_AFTER_S = 1800.0
"""Without another failure for so long; longer than the longest wait, which would otherwise end its own counting."""
MOST_RECENT = 1000
"""So many of the last refusals are remembered by their time."""
MOST_KEYS = 20_000
"""What is known of more names or addresses than this is forgotten, the one that failed longest ago first."""
TRUSTED_FOR_S = 30 * 86_400.0
"""How long after a login its address counts as one the account is used from."""
ALARM_TRIES = 10_000
ALARM_HOURS = 24


@dataclass(frozen=True)
class Attempt:
    """Somebody at `address` gives a password for the account `name`; in a login session, to prove it is still them."""

    name: str
    address: str
    session: str = ""

    @property
    def account(self) -> str:
        """Names that differ in capitals alone are one account."""
        return f"name:{self.name.casefold()}"

    @property
    def caller(self) -> str:
        return f"address:{self.address}"

    @property
    def place(self) -> tuple[str, str]:
        return (self.account, self.caller)

    @property
    def counted(self) -> Sequence[str]:
        """What a failure is held against."""
        return (self.account, self.caller, *((f"session:{self.session}",) if self.session else ()))


@dataclass(frozen=True)
class _Failures:
    count: int
    last_s: float

    @property
    def wait_s(self) -> float:
        over = self.count - FREE_FAILURES
        return min(LONGEST_WAIT_S, FIRST_WAIT_S * 2.0 ** min(over - 1, 20)) if over > 0 else 0.0


class Lockout:
    """In memory: a restart forgives. Names nobody has are counted like any other, so a wait tells nothing.

    Guessing somebody's password from elsewhere must not keep them out for as long as it goes on: an address they
    have logged in from lately, and a session that is theirs, waits for its own failures only.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._failures: OrderedDict[str, _Failures] = OrderedDict()
        self._trusted: OrderedDict[tuple[str, str], float] = OrderedDict()
        self._alarm = Alarm(clock)
        self._recent: deque[float] = deque(maxlen=MOST_RECENT)

    def refused_within(self, seconds: float) -> int:
        """How many attempts failed, or were made to wait, in the last so many seconds; at most `MOST_RECENT`."""
        since_s = self._clock.monotonic() - seconds
        return sum(at_s >= since_s for at_s in self._recent)

    @property
    def alarm(self) -> bool:
        """Whether so much is being tried that somebody should look into it."""
        return self._alarm.raised

    def check(self, attempt: Attempt) -> None:
        """Raises `TooMany` while this attempt must wait."""
        now_s = self._clock.monotonic()
        left_s = max(self._left_s(key, now_s) for key in self._checked(attempt, now_s))
        if left_s > 0:
            self._note()
            raise TooMany("too many wrong passwords; wait a while", retry_after_s=math.ceil(left_s))

    def _checked(self, attempt: Attempt, now_s: float) -> Sequence[str]:
        trusted_s = self._trusted.get(attempt.place)
        is_theirs = attempt.session or (trusted_s is not None and now_s - trusted_s < TRUSTED_FOR_S)
        return [key for key in attempt.counted if key != attempt.account or not is_theirs]

    def note_failure(self, attempt: Attempt) -> None:
        now_s = self._clock.monotonic()
        self._note()
        self._forget_old(now_s)
        for key in attempt.counted:
            known = self._failures.pop(key, None)
            self._failures[key] = _Failures(known.count + 1 if known else 1, now_s)
        while len(self._failures) > MOST_KEYS:
            self._failures.popitem(last=False)

    def note_success(self, attempt: Attempt) -> None:
        """All that was asked for was right. The address is not forgiven: it may have guessed at other accounts."""
        for key in attempt.counted:
            if key != attempt.caller:
                self._failures.pop(key, None)
        self._trusted[attempt.place] = self._clock.monotonic()
        self._trusted.move_to_end(attempt.place)
        if len(self._trusted) > MOST_KEYS:
            self._trusted.popitem(last=False)

    def _note(self) -> None:
        self._alarm.note()
        self._recent.append(self._clock.monotonic())

    def _left_s(self, key: str, now_s: float) -> float:
        failures = self._failures.get(key)
        return failures.last_s + failures.wait_s - now_s if failures else 0.0

    def _forget_old(self, now_s: float) -> None:
        while self._failures:
            key, oldest = next(iter(self._failures.items()))
            if now_s - oldest.last_s < FORGOTTEN_AFTER_S:
                return
            del self._failures[key]


class Alarm:
    """Raised while ten thousand attempts of one day have failed or were made to wait; said once in the log."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._tries: dict[int, int] = {}
        """By the hour."""
        self._told = False

    @property
    def raised(self) -> bool:
        self._forget_old()
        return sum(self._tries.values()) >= ALARM_TRIES

    def note(self) -> None:
        hour = self._hour()
        self._tries[hour] = self._tries.get(hour, 0) + 1
        raised = self.raised
        if raised and not self._told:
            log.error("login.under_attack", tries=ALARM_TRIES, hours=ALARM_HOURS)
        self._told = raised

    def _forget_old(self) -> None:
        first = self._hour() - ALARM_HOURS
        for hour in [known for known in self._tries if known <= first]:
            del self._tries[hour]

    def _hour(self) -> int:
        return int(self._clock.monotonic() // 3600)
