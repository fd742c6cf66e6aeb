"""Ends the holds that nobody has confirmed beyond their deadline.

Reads: holds, the clock's trust. Writes: holds and the periods they keep, the audit log. Keeps true: while the clock
is trusted, no hold lasts much longer than its deadline. Deletes nothing: what is kept no longer goes when its turn
comes, by the sweeper.
"""

from __future__ import annotations

from typing import ClassVar

import structlog

from vmsd.services.audit import AuditLog
from vmsd.services.clock_trust import Timekeeper
from vmsd.services.holds import end_overdue
from vmsd.store.cities import Cities
from vmsd.store.database import Database
from vmsd.store.scope import Scope

log = structlog.get_logger()


class HoldDeadlines:
    name: ClassVar[str] = "holds"
    every_s: ClassVar[float] = 60.0
    deadline_s: ClassVar[float] = 30.0

    def __init__(self, database: Database, audit: AuditLog, keeper: Timekeeper) -> None:
        self._database = database
        self._audit = audit
        self._keeper = keeper

    async def once(self) -> None:
        for city in await Cities(self._database).list():
            now_ms = self._keeper.trusted_ms()
            if now_ms is None:
                return
            ended = await end_overdue(Scope(self._database, city.id), self._audit, now_ms)
            if ended:
                log.info("holds.ended", city_id=city.public_id, holds=ended)
