"""What only a person can decide: that the clock is right, and that this volume is ours from now on."""

from __future__ import annotations

from vmsd.clock import Clock
from vmsd.errors import Conflict
from vmsd.host.volume import Marker
from vmsd.model.audit import Action, Entry, Subject, Who
from vmsd.services.audit import AuditLog
from vmsd.services.clock_trust import ClockTrust, Timekeeper
from vmsd.services.storage import DiskWatch
from vmsd.store.database import Database, Transaction
from vmsd.store.meta import put

NOTED_VOLUME = "noted_volume"
"""The volume the audit log has told of last."""


class Interventions:
    def __init__(self, keeper: Timekeeper, watch: DiskWatch, database: Database, audit: AuditLog, clock: Clock) -> None:
        self._keeper = keeper
        self._watch = watch
        self._database = database
        self._audit = audit
        self._clock = clock

    async def confirm_clock(self, by: Who) -> ClockTrust:
        """Trust the wall clock as it stands: deletion by age goes on. Not before it is written down by whom."""
        doubted = self._keeper.look()
        facts = {"cause": doubted.reason, "offset_ms": doubted.offset_ms}
        await self._audit.record(Entry(Action.CLOCK_CONFIRMED, by, facts=facts))
        return self._keeper.confirm()

    async def adopt_volume(self, by: Who) -> Marker:
        """Record to the volume that is there now, and call its recordings ours; `Conflict` when there is none."""
        former = self._watch.expected_uuid

        async def tell(transaction: Transaction, marker: Marker) -> None:
            facts = {"from": former, "to": marker.uuid}
            entry = Entry(Action.VOLUME_ADOPTED, by, subject=Subject("volume", marker.uuid), facts=facts)
            await self._audit.append(transaction, entry, self._clock.wall_ms())
            await put(transaction, NOTED_VOLUME, marker.uuid)

        marker = await self._watch.replace_volume(self._database, tell)
        if marker is None:
            raise Conflict("there is no volume to take over")
        return marker
