"""Stops all recording before the disk is full, or when the volume is not ours to write to.

Reads: the volume and its usage, the measured rate of recording. Writes: nothing; it tells MediaMTX.
Keeps true: MediaMTX records if and only if the breaker is closed. Needs no database.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import ClassVar

import structlog

from vmsd.clock import Clock
from vmsd.config import Disk
from vmsd.errors import VmsdError
from vmsd.host.disk import DiskUsage
from vmsd.host.volume import Condition, VolumeState
from vmsd.services.index import RecordingIndex
from vmsd.services.storage import BreakerState, DiskWatch, OpenReason
from vmsd.store.database import Database

log = structlog.get_logger()

CLOSING_HEADROOM = 1.25
"""An open breaker closes with so many times the headroom that opened it."""
HOUR_S = 3600

VOLUME_REASONS = {
    Condition.MISSING: OpenReason.VOLUME_MISSING,
    Condition.FOREIGN: OpenReason.VOLUME_FOREIGN,
    Condition.UNREADABLE: OpenReason.UNREADABLE,
    Condition.READ_ONLY: OpenReason.READ_ONLY,
}
SPACE_REASONS = {
    OpenReason.USED,
    OpenReason.INODES,
    OpenReason.HEADROOM_BYTES,
    OpenReason.HEADROOM_HOURS,
}
"""What a breaker opened for lack of room has to clear by some margin before it closes."""


@dataclass(frozen=True)
class Reading:
    """What one look found; `bytes_per_s` is what all cameras together write."""

    volume: VolumeState
    usage: DiskUsage | None
    bytes_per_s: float


def decide(previous: BreakerState, reading: Reading, rules: Disk, now_ms: int) -> BreakerState:
    """The breaker after `reading`; `since_ms` moves only when it opens or closes."""
    closing = previous.open and previous.reason in SPACE_REASONS
    rate = max(previous.bytes_per_s, reading.bytes_per_s) if closing else reading.bytes_per_s
    reason = _reason(reading, rules, rate, closing=closing)
    changed = (reason is not None) != previous.open
    since_ms = now_ms if changed else previous.since_ms
    return BreakerState(reason is not None, reason, since_ms, rate if reason else 0.0)


def _reason(reading: Reading, rules: Disk, rate: float, *, closing: bool) -> OpenReason | None:
    """Why it must be open, if it must."""
    if not reading.volume.ok:
        return VOLUME_REASONS[reading.volume.condition]
    if reading.usage is None:
        return OpenReason.UNREADABLE
    usage = reading.usage
    most_used = rules.breaker_closes_used if closing else rules.breaker_used
    free_bytes = usage.free_bytes / (CLOSING_HEADROOM if closing else 1.0)
    broken = {
        OpenReason.USED: usage.used_ratio > most_used,
        OpenReason.INODES: usage.inodes_used_ratio > most_used,
        OpenReason.HEADROOM_BYTES: free_bytes < rules.headroom_bytes,
        OpenReason.HEADROOM_HOURS: free_bytes < rules.headroom_hours * HOUR_S * rate,
    }
    return next((reason for reason, is_broken in broken.items() if is_broken), None)


class Breaker:
    name: ClassVar[str] = "breaker"
    every_s: ClassVar[float] = 2.0
    deadline_s: ClassVar[float] = 15.0

    def __init__(
        self,
        *,
        watch: DiskWatch,
        index: RecordingIndex,
        database: Database,
        rules: Disk,
        clock: Clock,
        apply: Callable[[bool], Awaitable[None]],
    ) -> None:
        """`apply(open)` makes MediaMTX stop (True) or resume recording; it is called until it succeeds."""
        self._watch = watch
        self._index = index
        self._database = database
        self._rules = rules
        self._clock = clock
        self._apply = apply
        self._told: str | None = None

    async def once(self) -> None:
        await self.look()
        if self._watch.applied != self._watch.breaker.open:
            await self._tell(self._watch.breaker.open)

    async def look(self) -> BreakerState:
        """Everything but telling MediaMTX: called once before its first configuration is written."""
        if self._watch.expected_uuid is None:
            await self._watch.settle(self._database)
        look = await self._watch.look()
        reading = Reading(look.volume, look.usage, self._index.total_bytes_per_s())
        before = self._watch.breaker
        after = decide(before, reading, self._rules, self._clock.wall_ms())
        self._watch.breaker = after
        if (before.open, before.reason) != (after.open, after.reason):
            self._say(after, look.usage)
        return after

    async def _tell(self, open_now: bool) -> None:
        """A MediaMTX that cannot be told now is told on the next pass: the disk is watched all the while."""
        try:
            await self._apply(open_now)
        except VmsdError as error:
            if self._told != str(error):
                log.warning("breaker.not_applied", open=open_now, error=str(error))
            self._told = str(error)
        else:
            self._watch.applied, self._told = open_now, None
            log.info("breaker.applied", open=open_now)

    def _say(self, state: BreakerState, usage: DiskUsage | None) -> None:
        say = log.error if state.open else log.info
        used = None if usage is None else round(usage.used_ratio, 3)
        free_bytes = None if usage is None else usage.free_bytes
        event = "breaker.opened" if state.open else "breaker.closed"
        say(event, reason=state.reason, used=used, free_bytes=free_bytes)
