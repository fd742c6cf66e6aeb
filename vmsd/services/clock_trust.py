"""Whether the wall clock may be believed: nothing is deleted by age, and nothing signed, while it may not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

import structlog

from vmsd.clock import Clock
from vmsd.host.clocksync import KernelClock

log = structlog.get_logger()

SECOND_MS = 1000
DAY_MS = 86_400 * SECOND_MS
STEP_MS = 60 * SECOND_MS
"""Smaller differences between the wall clock and the monotonic one are corrections, not jumps."""
AHEAD_MS = 7 * DAY_MS
"""How long a box without network may have been off before its clock needs a second witness."""
AHEAD_SYNCHRONISED_MS = 400 * DAY_MS
EARLIEST_MS = 1_767_225_600_000
"""2026-01-01: no box is older than the product."""
LATEST_MS = EARLIEST_MS + 20 * 365 * DAY_MS


class Doubt(StrEnum):
    """Why the wall clock is not trusted."""

    NOT_READ_YET = "not_read_yet"
    IMPLAUSIBLE = "implausible"
    BEFORE_LAST_KNOWN = "before_last_known"
    FAR_AHEAD = "far_ahead"
    STEPPED = "stepped"


@dataclass(frozen=True)
class ClockTrust:
    """One look; `offset_ms` is how far the wall clock is from where the monotonic one expects it."""

    trusted: bool
    reason: Doubt | None
    synchronised: bool | None
    offset_ms: int
    wall_ms: int


def offset_ms(clock: Clock) -> int:
    """How far the wall clock is from the monotonic one: it changes when one of them is set, and by slow drift.

    The monotonic clock is the machine's: within one boot the offsets of different processes can be compared.
    """
    return clock.wall_ms() - round(clock.monotonic() * SECOND_MS)


def judge_start(
    wall_ms: int, last_known_ms: int | None, *, synchronised: bool | None, doubted: bool, lost: bool = False
) -> Doubt | None:
    """What speaks against the clock at the start of the daemon, when there is nothing to compare it with.

    `last_known_ms` is the newest time this box has ever trusted (None on a new one); `doubted` means the
    daemon ended without trusting its clock, so only a synchronised one can clear itself; `lost` that the machine
    started without the time, and shows the date its system was made.
    """
    if not EARLIEST_MS <= wall_ms <= LATEST_MS:
        return Doubt.IMPLAUSIBLE
    if last_known_ms is None:
        return Doubt.IMPLAUSIBLE if lost and not synchronised else None
    if wall_ms < last_known_ms - STEP_MS:
        return Doubt.BEFORE_LAST_KNOWN
    ahead_ms = AHEAD_SYNCHRONISED_MS if synchronised else STEP_MS if doubted else AHEAD_MS
    return Doubt.FAR_AHEAD if wall_ms - last_known_ms > ahead_ms else None


def judge_step(step_ms: int, *, synchronised: bool | None) -> Doubt | None:
    """What speaks against a clock that has moved by `step_ms` against the monotonic one."""
    allowed_ms = DAY_MS if synchronised else STEP_MS
    return Doubt.STEPPED if abs(step_ms) > allowed_ms else None


class Timekeeper:
    """Every look is a fresh one: what is decided by `trusted_ms` is decided by the very reading it judged."""

    def __init__(self, clock: Clock, read_kernel: Callable[[], KernelClock]) -> None:
        self._clock = clock
        self._read_kernel = read_kernel
        self._begun = False
        self._last_known_ms: int | None = None
        self._doubted = False
        self._anchor: tuple[int, float] | None = None
        self.current = ClockTrust(False, Doubt.NOT_READ_YET, None, 0, 0)

    @property
    def begun(self) -> bool:
        return self._begun

    @property
    def trusted(self) -> bool:
        return self.current.trusted

    def begin(self, last_known_ms: int | None, *, doubted: bool = False) -> None:
        """Hand over what the database remembers; until then the clock is not trusted."""
        self._begun, self._last_known_ms, self._doubted = True, last_known_ms, doubted

    def look(self) -> ClockTrust:
        wall_ms, monotonic_s = self._clock.wall_ms(), self._clock.monotonic()
        kernel = self._read_kernel()
        synchronised = kernel.synchronised
        offset_ms = self._offset_ms(wall_ms, monotonic_s)
        doubt = self._judge(wall_ms, offset_ms, kernel)
        if doubt is None:
            self._anchor = (wall_ms, monotonic_s)
        self._set(ClockTrust(doubt is None, doubt, synchronised, offset_ms, wall_ms))
        return self.current

    def trusted_ms(self) -> int | None:
        """The wall clock now, or None when it is not to be trusted."""
        trust = self.look()
        return trust.wall_ms if trust.trusted else None

    def earliest_ms(self) -> int:
        """It is no earlier than this, whatever the wall clock says: what is kept for days counts them from here."""
        if self._anchor is None:
            return self._last_known_ms or 0
        then_ms, then_s = self._anchor
        return then_ms + round((self._clock.monotonic() - then_s) * SECOND_MS)

    def confirm(self) -> ClockTrust:
        """An operator vouches for the wall clock as it stands."""
        self._anchor = (self._clock.wall_ms(), self._clock.monotonic())
        log.warning("clock.confirmed", wall_ms=self._anchor[0])
        return self.look()

    def _offset_ms(self, wall_ms: int, monotonic_s: float) -> int:
        if self._anchor is None:
            return 0
        then_ms, then_s = self._anchor
        return wall_ms - then_ms - round((monotonic_s - then_s) * SECOND_MS)

    def _judge(self, wall_ms: int, offset_ms: int, kernel: KernelClock) -> Doubt | None:
        if not self._begun:
            return Doubt.NOT_READ_YET
        if self._anchor is not None:
            return judge_step(offset_ms, synchronised=kernel.synchronised)
        known, synchronised = self._last_known_ms, kernel.synchronised
        return judge_start(wall_ms, known, synchronised=synchronised, doubted=self._doubted, lost=kernel.lost)

    def _set(self, trust: ClockTrust) -> None:
        if (trust.trusted, trust.reason) != (self.current.trusted, self.current.reason):
            say = log.info if trust.trusted else log.warning
            say("clock.trust", trusted=trust.trusted, reason=trust.reason, offset_ms=trust.offset_ms)
        self.current = trust
