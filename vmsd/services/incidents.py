"""The incidents of one city: periods of several cameras that belong together, kept until somebody closes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import structlog

from vmsd.clock import Clock
from vmsd.errors import Conflict
from vmsd.model.audit import Action, Entry, Fact, Subject, Who
from vmsd.model.keeping import Incident, KeptPeriod
from vmsd.model.person import Verb
from vmsd.services.audit import AuditLog
from vmsd.services.keeping import CityKeeping, Part, refuse_too_many, told_parts
from vmsd.services.keeping_whole import Whole, gather
from vmsd.store.incidents import Incidents
from vmsd.store.kept_periods import NEWEST, KeptPeriods
from vmsd.store.scope import CityTransaction, Scope

log = structlog.get_logger()

NONE_SUCH = "there is no such incident"


WholeIncident = Whole[Incident]


class CityIncidents:
    """For one caller, who is `by`: an incident is seen by who may replay all of its cameras, no matter who made it."""

    def __init__(self, scope: Scope, keeping: CityKeeping, audit: AuditLog, clock: Clock, *, by: Who) -> None:
        self._scope = scope
        self._store = Incidents(scope)
        self._periods = KeptPeriods(scope)
        self._keeping = keeping
        self._audit = audit
        self._clock = clock
        self._by = by

    async def list(
        self, *, closed: bool | None = None, after: str | None = None, limit: int = 50
    ) -> Sequence[WholeIncident]:
        """Newest first; open or closed ones alone, unless that is None."""
        before = NEWEST if after is None else (await self.get(after)).thing.id
        seen = await self._keeping.cameras(Verb.REPLAY)
        return await self._whole(await self._store.list(seen.keys(), before=before, limit=limit, closed=closed))

    async def get(self, public_id: str, verb: Verb = Verb.REPLAY) -> WholeIncident:
        """`NotAllowed` for who may see it and not do `verb` with all of its cameras."""
        (whole,) = await self._whole([await self._store.get(public_id)])
        await self._keeping.require(whole.camera_ids.keys(), verb, NONE_SUCH)
        return whole

    async def _whole(self, incidents: Sequence[Incident]) -> Sequence[WholeIncident]:
        periods: dict[int, list[KeptPeriod]] = {one.id: [] for one in incidents}
        for period in await self._periods.of_incidents(periods.keys()):
            periods[period.incident_id or 0].append(period)
        return await gather(self._keeping, [(one, periods[one.id]) for one in incidents])

    async def add(self, name: str, note: str, parts: Sequence[Part]) -> WholeIncident:
        await self._keeping.check(parts, "/periods")
        refuse_too_many(len(parts))
        now_ms = self._clock.wall_ms()
        by = {"person": self._by.person, "person_name": self._by.name}
        async with self._scope.write() as transaction:
            incident = await self._store.add(transaction, name=name, note=note, now_ms=now_ms, **by)
            await self._keep(transaction, incident, parts, now_ms)
            await self._tell(transaction, Action.INCIDENT_ADDED, incident, {"periods": told_parts(parts)}, reason=note)
        return await self._again(incident)

    async def change(self, whole: WholeIncident, name: str, note: str) -> WholeIncident:
        """Raises `Conflict` when it is closed, or somebody else has changed it since it was read."""
        before, now_ms = whole.thing, self._clock.wall_ms()
        async with self._scope.write() as transaction:
            after = await self._store.change(transaction, before, name=name, note=note, now_ms=now_ms)
            fields = [field for field in ("name", "note") if getattr(before, field) != getattr(after, field)]
            if fields:
                await self._tell(transaction, Action.INCIDENT_CHANGED, after, {"fields": fields})
        return await self._again(after)

    async def extend(self, whole: WholeIncident, parts: Sequence[Part]) -> WholeIncident:
        """More periods; raises as `change` does."""
        await self._keeping.check(parts, "/periods")
        incident, now_ms = whole.thing, self._clock.wall_ms()
        async with self._scope.write() as transaction:
            refuse_too_many(len(await self._periods.of_incidents([incident.id], transaction)) + len(parts))
            same = {"name": incident.name, "note": incident.note}
            incident = await self._store.change(transaction, incident, now_ms=now_ms, **same)
            await self._keep(transaction, incident, parts, now_ms)
            await self._tell(transaction, Action.INCIDENT_CHANGED, incident, {"periods": told_parts(parts)})
        return await self._again(incident)

    async def close(self, whole: WholeIncident, reason: str = "") -> None:
        """Its periods are kept no longer, unless by something else; raises as `change` does."""
        incident, now_ms = whole.thing, self._clock.wall_ms()
        if incident.closed_ms is not None:
            raise Conflict("this incident is closed")
        async with self._scope.write() as transaction:
            await self._store.close(transaction, incident, now_ms)
            released = await self._periods.release_incident(transaction, incident.id, now_ms)
            facts: dict[str, Fact] = {"released": released, "bytes": whole.cost.bytes}
            await self._tell(transaction, Action.INCIDENT_CLOSED, incident, facts, reason=reason)

    async def _keep(self, transaction: CityTransaction, incident: Incident, parts: Sequence[Part], now_ms: int) -> None:
        for part in parts:
            await self._keeping.add(transaction, part, now_ms, incident_id=incident.id)

    async def _again(self, incident: Incident) -> WholeIncident:
        (whole,) = await self._whole([await self._store.get(incident.public_id)])
        return whole

    async def _tell(
        self,
        transaction: CityTransaction,
        action: Action,
        incident: Incident,
        facts: Mapping[str, Fact],
        reason: str = "",
    ) -> None:
        subject, facts = Subject("incident", incident.public_id), {"name": incident.name, **facts}
        entry = Entry(action, self._by, subject=subject, reason=reason or None, facts=facts)
        await self._audit.append(transaction, entry, self._clock.wall_ms())
        log.info(action.value, incident_id=incident.public_id, by=self._by.person)
