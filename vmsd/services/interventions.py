"""What only a person can decide: that the clock is right, and that this volume is ours from now on."""

from __future__ import annotations

from vmsd.errors import Conflict
from vmsd.host.volume import Marker
from vmsd.services.clock_trust import ClockTrust, Timekeeper
from vmsd.services.storage import DiskWatch
from vmsd.store.database import Database


class Interventions:
    def __init__(self, keeper: Timekeeper, watch: DiskWatch, database: Database) -> None:
        self._keeper = keeper
        self._watch = watch
        self._database = database

    def confirm_clock(self) -> ClockTrust:
        """Trust the wall clock as it stands: deletion by age goes on."""
        return self._keeper.confirm()

    async def adopt_volume(self) -> Marker:
        """Record to the volume that is there now, and call its recordings ours; `Conflict` when there is none."""
        marker = await self._watch.replace_volume(self._database)
        if marker is None:
            raise Conflict("there is no volume to take over")
        return marker
