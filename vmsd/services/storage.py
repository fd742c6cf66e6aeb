"""The state of the recordings volume as everybody sees it: usage, marker, breaker; kept in memory."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import structlog

from vmsd.clock import Clock
from vmsd.config import Settings
from vmsd.host.disk import DiskUsage, usage
from vmsd.host.volume import Condition, Marker, VolumeState, adopt, inspect
from vmsd.services.disk_thread import DiskThread
from vmsd.store.database import Database, Transaction
from vmsd.store.meta import Meta, put

log = structlog.get_logger()

VOLUME_KEY = "volume_uuid"
HUNG_S = 8.0
"""A disk that has not answered for so long is unreadable; a busy one may take its time until then."""
PATIENCE_S = 1.5
"""How long one look waits for the disk before it leaves the question open until the next look."""

Telling = Callable[[Transaction, Marker], Awaitable[None]]
"""Writes down, in the transaction that makes it so, that a volume was taken for ours."""


class OpenReason(StrEnum):
    """Why the breaker is open."""

    USED = "used"
    HEADROOM_BYTES = "headroom_bytes"
    HEADROOM_HOURS = "headroom_hours"
    INODES = "inodes"
    VOLUME_MISSING = "volume_missing"
    VOLUME_FOREIGN = "volume_foreign"
    UNREADABLE = "unreadable"
    READ_ONLY = "read_only"


@dataclass(frozen=True)
class BreakerState:
    """Open without a reason: nobody has looked yet.

    `bytes_per_s` is the rate of recording when it opened: an open breaker records nothing to measure.
    """

    open: bool
    reason: OpenReason | None
    since_ms: int
    bytes_per_s: float = 0.0


@dataclass(frozen=True)
class Shortage:
    """What nobody keeps lasts only so many hours more, at the rate of all cameras together."""

    since_ms: int
    hours: float
    protected_bytes: int


@dataclass(frozen=True)
class Capacity:
    """What the whole volume holds at the measured rate; None where nothing has been measured yet.

    `room_bytes` is what recordings may take in all: what they have and what is free above the reserve. Of what they
    have, `protected_bytes` may not be deleted, `protected` by camera.
    """

    bytes_per_day: float
    room_bytes: int
    footage_bytes: int
    held_days: float | None
    oldest_ms: int | None
    protected: Mapping[tuple[int, int], int] = field(default_factory=dict)
    shortage: Shortage | None = None

    @property
    def protected_bytes(self) -> int:
        return sum(self.protected.values())

    def days_of(self, size: int) -> float | None:
        """How many days of everybody's recordings have no room for it."""
        return round(size / self.bytes_per_day, 4) if self.bytes_per_day > 0 else None


@dataclass(frozen=True)
class Look:
    """One answer of the disk; no usage when it could not be asked."""

    volume: VolumeState
    usage: DiskUsage | None


class DiskWatch:
    """Written by the breaker (and `capacity` by the sweeper), read by everybody; needs no database to work.

    Before the first look the breaker is open: nothing may be written to a volume nobody has looked at.
    """

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._root = settings.recordings_dir
        self._must_be_mount = settings.disk.must_be_mount
        self._clock = clock
        self._thread = DiskThread("disk-watch")
        self._pending: asyncio.Future[Look] | None = None
        self._pending_since_s = 0.0
        self._suspect = False
        self.expected_uuid: str | None = None
        self.volume = VolumeState(Condition.UNREADABLE)
        self.usage: DiskUsage | None = None
        self.checked_ms: int | None = None
        self.breaker = BreakerState(open=True, reason=None, since_ms=clock.wall_ms())
        self.applied: bool | None = None
        """What MediaMTX was last told, successfully: True = stop recording."""
        self.capacity: Capacity | None = None

    @property
    def ok(self) -> bool:
        """The disk as `/health` means it: the volume is there and the breaker is closed."""
        return self.volume.ok and not self.breaker.open

    async def settle(self, database: Database) -> None:
        """Learn which volume belongs to this database; a database that knows none adopts what it finds."""
        meta = Meta(database)
        self.expected_uuid = await meta.find(VOLUME_KEY)
        if self.expected_uuid is None:
            await self.replace_volume(database)

    async def replace_volume(self, database: Database, tell: Telling | None = None) -> Marker | None:
        """Take the volume that is there now for ours: at first start, or by an operator's decision."""
        marker = await self._thread.run(adopt, self._root, self._must_be_mount)
        if marker is not None:
            async with database.write() as transaction:
                await put(transaction, VOLUME_KEY, marker.uuid)
                if tell is not None:
                    await tell(transaction, marker)
            self.expected_uuid = marker.uuid
            log.info("volume.adopted", uuid=marker.uuid, sequence=marker.sequence)
        return marker

    async def look(self) -> Look:
        """Ask the disk, waiting a little; a disk that hangs for long is `unreadable`."""
        now_s = self._clock.monotonic()
        if self._pending is None:
            self._pending, self._pending_since_s = self._thread.start(self._ask), now_s
        pending = self._pending
        await asyncio.wait({pending}, timeout=PATIENCE_S)
        if pending.done():
            self._take(pending)
        elif self._clock.monotonic() - self._pending_since_s >= HUNG_S:
            self._set(Look(VolumeState(Condition.UNREADABLE), None))
        return Look(self.volume, self.usage)

    def _take(self, done: asyncio.Future[Look]) -> None:
        """Several may wait for the same answer; the first to see it takes it."""
        if done is self._pending:
            self._pending = None
            answer = done.result()
            self._suspect = self._suspect and not answer.volume.ok
            self._set(answer)

    async def confirm_ok(self) -> bool:
        """Look again, now: asked before anything on the volume is deleted or called missing."""
        return (await self.look()).volume.ok and self._pending is None

    def report(self, error: OSError) -> None:
        """Somebody met an error on the volume: an I/O error makes the next look write through to the disk."""
        if error.errno in {errno.EIO, errno.EROFS, errno.ENODEV, errno.ENXIO}:
            self._suspect = True

    def _ask(self) -> Look:
        volume = inspect(self._root, self.expected_uuid, self._must_be_mount, sync=self._suspect)
        try:
            return Look(volume, usage(self._root))
        except OSError:
            absent = volume.condition is Condition.MISSING
            return Look(volume if absent else VolumeState(Condition.UNREADABLE, volume.marker), None)

    def _set(self, look: Look) -> None:
        if look.volume.condition != self.volume.condition or self.checked_ms is None:
            say = log.info if look.volume.ok else log.error
            say("volume.state", condition=look.volume.condition)
        self.volume, self.usage, self.checked_ms = look.volume, look.usage, self._clock.wall_ms()
