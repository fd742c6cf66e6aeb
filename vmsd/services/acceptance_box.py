"""What an acceptance report says of the box itself: clock, disk, promise, network, versions, certificate."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from vmsd import __version__
from vmsd.clock import Clock, rfc3339
from vmsd.config import Settings
from vmsd.host.clocksync import read_kernel_clock
from vmsd.host.machine import host_name, interfaces, kernel, system_name
from vmsd.host.tls import ServedCertificate
from vmsd.host.write_speed import CHUNK_BYTES, CHUNKS, WriteSpeed, measure_write_speed
from vmsd.model.acceptance import (
    AcceptedCertificate,
    AcceptedClock,
    AcceptedDisk,
    AcceptedNetwork,
    AcceptedPoint,
    AcceptedPromise,
    AcceptedVersions,
    Mark,
)
from vmsd.model.city import DAY_MS, City
from vmsd.services.clock_trust import Timekeeper
from vmsd.services.disk_thread import DiskThread
from vmsd.services.disk_wear import DiskWear
from vmsd.services.export_room import ExportRoom
from vmsd.services.live_states import LiveStates
from vmsd.services.promise import judge
from vmsd.services.storage import DiskWatch
from vmsd.store.acceptances import SQLITE_VERSION

log = structlog.get_logger()

SPEED_S = 40.0
"""A disk that has not taken the pieces by then is not measured."""
FAST_ENOUGH = 2.0
COMFORTABLE = 4.0
"""How often as fast as the cameras the disk must write, and should: replay, exports and checks read beside them."""
WORN = 0.8
SOON_DAYS = 30


@dataclass(frozen=True)
class BoxParts:
    """Where the facts come from; `local_name` is what the box is called on its network, None when it is not."""

    settings: Settings
    clock: Clock
    keeper: Timekeeper
    watch: DiskWatch
    wear: DiskWear
    room: ExportRoom
    states: LiveStates
    served: ServedCertificate
    recording_bytes_per_s: Callable[[], float]
    local_name: Callable[[], str | None]


@dataclass(frozen=True)
class BoxFacts:
    clock: AcceptedClock
    disk: AcceptedDisk
    promise: AcceptedPromise
    network: AcceptedNetwork
    certificate: AcceptedCertificate | None
    software: AcceptedVersions


class AcceptanceBox:
    def __init__(self, parts: BoxParts) -> None:
        self._from = parts
        self._thread = DiskThread("write-speed")

    @property
    def measurable(self) -> bool:
        """Whether there is a volume that may be written to now, and has the room."""
        return self._from.room.open and self._from.room.free_bytes() >= CHUNK_BYTES * CHUNKS

    async def measure(self) -> WriteSpeed | None:
        """None where the disk does not take it, or not in time."""
        parts = self._from
        measuring = self._thread.start(measure_write_speed, parts.settings.recordings_dir, parts.clock, time.sleep)
        done, _ = await asyncio.wait({measuring}, timeout=SPEED_S)
        if not done:
            return None
        try:
            return measuring.result()
        except OSError as error:
            parts.watch.report(error)
            log.warning("acceptance.unmeasured", error=error.strerror)
            return None

    async def look(self, city: City, speed: WriteSpeed | None) -> BoxFacts:
        return BoxFacts(
            clock=self._clock(),
            disk=self._disk(speed),
            promise=self._promise(city),
            network=await self._network(),
            certificate=self._certificate(),
            software=await asyncio.to_thread(self._software),
        )

    def judge(self, facts: BoxFacts) -> list[AcceptedPoint]:
        """In the order in which they are printed; that of the cameras is not the box's."""
        return [
            {"name": "clock", "result": _clock(facts.clock)},
            {"name": "volume", "result": Mark.PASS if self._from.watch.ok else Mark.FAIL},
            {"name": "disk_speed", "result": _speed(facts.disk)},
            {"name": "disk_wear", "result": self._wear()},
            {"name": "promise", "result": _promise(facts.promise)},
            {"name": "mediamtx", "result": self._mediamtx()},
            {"name": "certificate", "result": self._served()},
        ]

    def _clock(self) -> AcceptedClock:
        trust = self._from.keeper.look()
        return {
            "trusted": trust.trusted,
            "synchronised": trust.synchronised,
            "reason": trust.reason,
            "offset_seconds": whole(read_kernel_clock().offset_us / 1e6, 6),
        }

    def _disk(self, speed: WriteSpeed | None) -> AcceptedDisk:
        usage, wear = self._from.watch.usage, self._from.wear.last
        return {
            "condition": self._from.watch.volume.condition,
            "stopped": self._stopped(),
            "total_bytes": None if usage is None else usage.total_bytes,
            "free_bytes": None if usage is None else usage.free_bytes,
            "write_bytes_per_s": None if speed is None else speed.bytes_per_s,
            "slowest_write_seconds": None if speed is None else whole(speed.slowest_s),
            "written_bytes": 0 if speed is None else speed.written_bytes,
            "recording_bytes_per_s": round(self._from.recording_bytes_per_s()),
            "kind": None if wear is None else wear.kind,
            "used_of_life": None if wear is None or wear.used_ratio is None else whole(wear.used_ratio),
        }

    def _stopped(self) -> str | None:
        breaker = self._from.watch.breaker
        return (breaker.reason or "not_looked_at") if breaker.open else None

    def _promise(self, city: City) -> AcceptedPromise:
        found = judge(city.retention_days, self._from.watch.capacity, self._from.clock.wall_ms())
        return {
            "plan": city.plan,
            "promised_days": found.promised_days,
            "held_days": None if found.held_days is None else whole(found.held_days, 2),
            "breaks_at": None if found.breaks_ms is None else rfc3339(found.breaks_ms),
        }

    async def _network(self) -> AcceptedNetwork:
        settings = self._from.settings
        found = await asyncio.to_thread(interfaces)
        return {
            "host_name": host_name(),
            "local_name": self._from.local_name(),
            "https_port": (settings.https.public_port or settings.https.port) if settings.https.enabled else None,
            "interfaces": [{"name": one.name, "mac": one.mac, "addresses": list(one.addresses)} for one in found],
        }

    def _certificate(self) -> AcceptedCertificate | None:
        pair = self._from.served.pair
        if pair is None or not self._from.settings.https.enabled:
            return None
        return {
            "fingerprint": pair.fingerprint,
            "key_pin": pair.key_pin,
            "made_here": pair.made_here,
            "not_after": rfc3339(pair.not_after_ms),
        }

    def _software(self) -> AcceptedVersions:
        return {
            "vmsd": __version__,
            "mediamtx": self._from.states.mediamtx_version,
            "sqlite": SQLITE_VERSION,
            "kernel": kernel(),
            "system": system_name(),
        }

    def _wear(self) -> Mark:
        """A disk that says nothing of itself is no disk that is found good."""
        wear = self._from.wear.last
        if wear is None or (wear.used_ratio is None and wear.failing is None):
            return Mark.WARN
        if wear.failing:
            return Mark.FAIL
        return Mark.WARN if (wear.used_ratio or 0) >= WORN else Mark.PASS

    def _mediamtx(self) -> Mark:
        """The stand-in is for trying: what it records proves nothing of a site."""
        real = "stand" not in (self._from.states.mediamtx_version or "stand")
        return Mark.PASS if real and self._from.states.mediamtx_alive is True else Mark.FAIL

    def _served(self) -> Mark:
        pair = self._from.served.pair
        if pair is None or not self._from.settings.https.enabled:
            return Mark.WARN
        left_ms = pair.not_after_ms - self._from.clock.wall_ms()
        if left_ms <= 0:
            return Mark.FAIL
        return Mark.PASS if left_ms > SOON_DAYS * DAY_MS else Mark.WARN


def whole(number: float, places: int = 3) -> float:
    """Whole numbers as integers: every program writes them alike."""
    rounded = round(number, places)
    return int(rounded) if rounded == int(rounded) else rounded


def _clock(clock: AcceptedClock) -> Mark:
    if not clock["trusted"]:
        return Mark.FAIL
    return Mark.PASS if clock["synchronised"] else Mark.WARN


def _speed(disk: AcceptedDisk) -> Mark:
    """A disk that could not be measured is not fast enough."""
    speed, needed = disk["write_bytes_per_s"], disk["recording_bytes_per_s"]
    if speed is None or speed < FAST_ENOUGH * needed:
        return Mark.FAIL
    return Mark.PASS if speed >= COMFORTABLE * needed else Mark.WARN


def _promise(promise: AcceptedPromise) -> Mark:
    if promise["held_days"] is None:
        return Mark.WARN
    return Mark.PASS if promise["held_days"] >= promise["promised_days"] else Mark.FAIL
