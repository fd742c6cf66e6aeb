"""The cities of the site: adding, changing and removing tenants."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import structlog

from vmsd.clock import Clock
from vmsd.model.audit import Action, Entry, Fact, Subject, Who
from vmsd.model.city import City, CityStatus, Plan
from vmsd.services.audit import AuditLog
from vmsd.store.cities import Cities
from vmsd.store.database import Database

log = structlog.get_logger()


class CityList:
    """For superadmins; everybody else is handed their own city by the door."""

    def __init__(self, database: Database, audit: AuditLog, clock: Clock) -> None:
        self._database = database
        self._store = Cities(database)
        self._audit = audit
        self._clock = clock

    async def list(self, *, after: str | None = None, limit: int = 10_000) -> Sequence[City]:
        number = 0 if after is None else (await self._store.get(after)).id
        return await self._store.list(after=number, limit=limit)

    async def get(self, public_id: str) -> City:
        return await self._store.get(public_id)

    async def get_by_id(self, city_id: int) -> City:
        return await self._store.get_by_id(city_id)

    async def add(self, *, name: str, by: Who, status: CityStatus = "active", plan: Plan = "basic") -> City:
        now_ms = self._clock.wall_ms()
        async with self._database.write() as transaction:
            city = await self._store.add(transaction, name=name, status=status, plan=plan, now_ms=now_ms)
            facts = {"name": name, "status": status, "plan": plan}
            await self._audit.append(transaction, _entry(Action.CITY_ADDED, city, by, facts), now_ms)
        log.info("city.added", city_id=city.public_id, plan=plan)
        return city

    async def change(self, city: City, *, by: Who, name: str, status: CityStatus, plan: Plan) -> City:
        """Raises `Conflict` when somebody else has changed the city since it was read."""
        changed, now_ms = replace(city, name=name, status=status, plan=plan), self._clock.wall_ms()
        async with self._database.write() as transaction:
            changed = await self._store.change(transaction, changed, now_ms)
            if changed.retention_days < city.retention_days:
                await self._store.note_fewer(transaction, city, now_ms)
            for entry in _changes(city, changed, by):
                await self._audit.append(transaction, entry, now_ms)
        log.info("city.changed", city_id=city.public_id, status=changed.status, plan=changed.plan)
        return changed

    async def remove(self, city: City, *, by: Who) -> None:
        """Told while the city is still there to be named."""
        async with self._database.write() as transaction:
            entry = _entry(Action.CITY_REMOVED, city, by, {"name": city.name})
            await self._audit.append(transaction, entry, self._clock.wall_ms())
            await self._store.remove(transaction, city)
        log.info("city.removed", city_id=city.public_id)


def _changes(before: City, after: City, by: Who) -> Iterator[Entry]:
    """A new plan is a new retention of everything the city has."""
    facts: dict[str, Fact] = {}
    for field in ("name", "status", "plan"):
        if getattr(before, field) != getattr(after, field):
            facts |= {f"{field}_from": getattr(before, field), f"{field}_to": getattr(after, field)}
    if facts:
        yield _entry(Action.CITY_CHANGED, after, by, facts)
    if before.retention_days != after.retention_days:
        days = {"from": before.retention_days, "to": after.retention_days}
        yield _entry(Action.RETENTION_CHANGED, after, by, days)


def _entry(action: Action, city: City, by: Who, facts: Mapping[str, Fact]) -> Entry:
    return Entry(action, by, city.id, Subject("city", city.public_id), facts=facts)
