"""Removes the mosaics nobody has saved, once their two hours are over.

Reads: mosaics that have expired. Writes: mosaics, the audit log. Keeps true: nothing is left for long of what
nobody wanted kept; it is not shown any more from the moment it expires, swept or not.
"""

from __future__ import annotations

from typing import ClassVar

import structlog

from vmsd.clock import Clock
from vmsd.services.audit import AuditLog
from vmsd.services.mosaics import remove_expired
from vmsd.store.database import Database

log = structlog.get_logger()


class MosaicSweep:
    name: ClassVar[str] = "mosaics"
    every_s: ClassVar[float] = 60.0
    deadline_s: ClassVar[float] = 30.0

    def __init__(self, database: Database, audit: AuditLog, clock: Clock) -> None:
        self._database = database
        self._audit = audit
        self._clock = clock

    async def once(self) -> None:
        removed = await remove_expired(self._database, self._audit, self._clock.wall_ms())
        if removed:
            log.info("mosaics.expired", mosaics=removed)
