"""What an end without a word has cost: a power loss is measured after the next start, and told in one line.

A vmsd that crashed costs no recording, since MediaMTX goes on: its absence is noted, nothing is lost.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal

import structlog

from vmsd.clock import Clock, rfc3339
from vmsd.model.audit import Action, Entry, Fact
from vmsd.model.outage import OutageKind
from vmsd.services.audit import AuditLog
from vmsd.services.clock_trust import Timekeeper, offset_ms
from vmsd.services.index import RecordingIndex
from vmsd.services.lifetime import UNEXPLAINED, LastStop
from vmsd.store.boundaries import Boundaries, Boundary
from vmsd.store.database import Database
from vmsd.store.meta import Meta, put
from vmsd.store.outages import OutageRows

log = structlog.get_logger()

LAST_LOSS = "last_power_loss"
WAIT_S = 600.0
"""How long the first recording after the power is back is waited for."""
WAS_RECORDING_MS = 120_000
"""A camera whose last picture is older than this when the power went was not being recorded."""

Integrity = Literal["ok", "files_missing", "database_restored"]


@dataclass(frozen=True)
class PowerLoss:
    """From the last sign of life to the first recording after; `lost_ms` of the camera that lost most.

    Lost is what a camera had sent before the power went and what is not on the disk: everything after its last whole
    fragment. `torn` files end in the middle of one; what stands before is whole.
    """

    start_ms: int
    end_ms: int
    lost_ms: int
    cameras: int
    torn: int
    integrity: Integrity

    @property
    def entry(self) -> Entry:
        facts: dict[str, Fact] = {
            "from": rfc3339(self.start_ms),
            "to": rfc3339(self.end_ms),
            "lost_s": -(-self.lost_ms // 1000),
            "cameras": self.cameras,
            "torn": self.torn,
            "integrity": self.integrity,
        }
        return Entry(Action.POWER_RECOVERED, facts=facts)


class PowerRecovery:
    """`last` is the newest power loss that was measured; None when there was none, or before `load`."""

    def __init__(
        self,
        *,
        database: Database,
        audit: AuditLog,
        keeper: Timekeeper,
        index: RecordingIndex,
        clock: Clock,
        database_restored: bool = False,
    ) -> None:
        self._database = database
        self._meta = Meta(database)
        self._boundaries = Boundaries(database)
        self._audit = audit
        self._keeper = keeper
        self._index = index
        self._clock = clock
        self._database_restored = database_restored
        self._began_s = clock.monotonic()
        self.last: PowerLoss | None = None

    async def load(self) -> None:
        found = await self._meta.find(LAST_LOSS)
        self.last = PowerLoss(**json.loads(found)) if found else None

    async def settle(self) -> bool:
        """Explain the end before this start, if it needs that; False while it is too early for it."""
        found = await self._meta.find(UNEXPLAINED)
        if not found:
            return True
        stop = json.loads(found)
        if stop["stop"] == LastStop.CRASH:
            await self._note_absence(stop["last_sign_ms"], stop["began_ms"])
            return True
        if not self._index.complete or self._keeper.trusted_ms() is None:
            return False
        return await self._note_power_loss(stop["last_sign_ms"])

    async def _note_absence(self, start_ms: int | None, end_ms: int) -> None:
        rows = OutageRows(self._database)
        async with self._database.write() as transaction:
            if start_ms is not None and start_ms < end_ms:
                await rows.add(transaction, OutageKind.DAEMON, start_ms, end_ms, {})
            await put(transaction, UNEXPLAINED, "")

    async def _note_power_loss(self, last_sign_ms: int | None) -> bool:
        """The monotonic clock counts from the boot: what began before it was recorded before the power went."""
        booted_ms = offset_ms(self._clock)
        around = await self._boundaries.around(booted_ms)
        began = [one.began_ms for one in around if one.began_ms is not None]
        if not began and self._clock.monotonic() - self._began_s < WAIT_S:
            return False
        loss = self._measured(around, last_sign_ms, booted_ms, min(began, default=booted_ms))
        rows, now_ms = OutageRows(self._database), self._clock.wall_ms()
        async with self._database.write() as transaction:
            await rows.add(transaction, OutageKind.POWER, loss.start_ms, loss.end_ms, dict(loss.entry.facts))
            await self._audit.append(transaction, loss.entry, now_ms)
            await put(transaction, LAST_LOSS, json.dumps(asdict(loss)))
            await put(transaction, UNEXPLAINED, "")
        self.last = loss
        log.warning("power.recovered", **loss.entry.facts)
        return True

    def _measured(
        self, around: Sequence[Boundary], last_sign_ms: int | None, booted_ms: int, began_ms: int
    ) -> PowerLoss:
        ends = [one.ended_ms for one in around if one.ended_ms is not None]
        signs = [sign for sign in (*ends, last_sign_ms) if sign is not None and sign <= booted_ms]
        start_ms = max(signs, default=booted_ms)
        cut = [one for one in around if one.ended_ms is not None and 0 <= start_ms - one.ended_ms <= WAS_RECORDING_MS]
        return PowerLoss(
            start_ms=start_ms,
            end_ms=max(start_ms, began_ms),
            lost_ms=max((start_ms - one.ended_ms for one in cut if one.ended_ms is not None), default=0),
            cameras=len(cut),
            torn=sum(one.torn for one in cut),
            integrity=self._integrity(),
        )

    def _integrity(self) -> Integrity:
        if self._database_restored:
            return "database_restored"
        return "files_missing" if self._index.missing_files else "ok"
