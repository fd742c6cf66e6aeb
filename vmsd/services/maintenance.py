"""Announced maintenance: what is not recorded meanwhile, and nothing else explains, was meant to happen."""

from __future__ import annotations

from vmsd.clock import Clock, rfc3339
from vmsd.errors import NotFound
from vmsd.model.audit import Action, Entry, Fact, Who
from vmsd.model.outage import Outage, OutageKind
from vmsd.services.audit import AuditLog
from vmsd.store.database import Database
from vmsd.store.outages import OutageRows

MINUTE_MS = 60_000


class Maintenance:
    """It ends by itself at the time it was announced with; announced again, it gets another end."""

    def __init__(self, database: Database, audit: AuditLog, clock: Clock) -> None:
        self._database = database
        self._rows = OutageRows(database)
        self._audit = audit
        self._clock = clock

    async def begin(self, minutes: int, reason: str, by: Who) -> Outage:
        """From now on; the rows say by whom."""
        now_ms = self._clock.wall_ms()
        end_ms = now_ms + minutes * MINUTE_MS
        facts: dict[str, Fact] = {"reason": reason}
        async with self._database.write() as transaction:
            announced = await self._rows.newest(transaction, OutageKind.MAINTENANCE)
            if announced is not None and lasts(announced, now_ms):
                await self._rows.plan(transaction, announced, end_ms, facts)
            else:
                await self._rows.add(transaction, OutageKind.MAINTENANCE, now_ms, end_ms, facts)
            entry = Entry(Action.MAINTENANCE_BEGUN, by, reason=reason, facts={"until": rfc3339(end_ms)})
            await self._audit.append(transaction, entry, now_ms)
            planned = await self._rows.newest(transaction, OutageKind.MAINTENANCE)
        if planned is None:
            raise NotFound("there is no such maintenance")
        return planned

    async def end(self, by: Who) -> None:
        """Now; `NotFound` when none is announced."""
        now_ms = self._clock.wall_ms()
        async with self._database.write() as transaction:
            announced = await self._rows.newest(transaction, OutageKind.MAINTENANCE)
            if announced is None or not lasts(announced, now_ms):
                raise NotFound("no maintenance is announced")
            await self._rows.plan(transaction, announced, now_ms, announced.facts)
            await self._audit.append(transaction, Entry(Action.MAINTENANCE_ENDED, by), now_ms)

    async def find(self) -> Outage | None:
        """The one that is announced for now."""
        now_ms = self._clock.wall_ms()
        found = await self._rows.between(now_ms, now_ms + 1)
        return next((one for one in found if one.kind is OutageKind.MAINTENANCE and lasts(one, now_ms)), None)


def lasts(outage: Outage, now_ms: int) -> bool:
    return outage.end_ms is None or outage.end_ms > now_ms
