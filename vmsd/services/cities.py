"""The cities of the site: adding, changing and removing tenants."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import structlog

from vmsd.clock import Clock
from vmsd.model.city import City, CityStatus, Plan
from vmsd.store.cities import Cities
from vmsd.store.database import Database

log = structlog.get_logger()


class CityList:
    """For superadmins; everybody else is handed their own city by the door."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._store = Cities(database)
        self._clock = clock

    async def list(self, *, after: str | None = None, limit: int = 10_000) -> Sequence[City]:
        number = 0 if after is None else (await self._store.get(after)).id
        return await self._store.list(after=number, limit=limit)

    async def get(self, public_id: str) -> City:
        return await self._store.get(public_id)

    async def get_by_id(self, city_id: int) -> City:
        return await self._store.get_by_id(city_id)

    async def add(self, *, name: str, status: CityStatus = "active", plan: Plan = "basic") -> City:
        async with self._database.write() as transaction:
            city = await self._store.add(transaction, name=name, status=status, plan=plan, now_ms=self._clock.wall_ms())
        log.info("city.added", city_id=city.public_id, plan=plan)
        return city

    async def change(self, city: City, *, name: str, status: CityStatus, plan: Plan) -> City:
        changed = replace(city, name=name, status=status, plan=plan)
        async with self._database.write() as transaction:
            await self._store.change(transaction, changed)
        log.info("city.changed", city_id=city.public_id, status=changed.status, plan=changed.plan)
        return changed

    async def remove(self, city: City) -> None:
        async with self._database.write() as transaction:
            await self._store.remove(transaction, city)
        log.info("city.removed", city_id=city.public_id)
