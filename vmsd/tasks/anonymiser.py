"""Makes plates anonymous that have been known long enough.

Reads: detections, the clock's trust. Writes: detections, alerts, wanted plates, used nonces, the keys of months, the
pictures of plates, the audit log. Keeps true: while the clock is trusted, no plate, crop or fact about a car is known
much longer than the days that are set; what is left of it is deleted later, and nothing grows without end.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import structlog

from vmsd.clock import rfc3339
from vmsd.config import Plates
from vmsd.model.audit import Action, Entry, Fact
from vmsd.model.city import City
from vmsd.services.audit import AuditLog
from vmsd.services.clock_trust import Timekeeper
from vmsd.services.crops import CropPlace, Crops, day_of
from vmsd.services.plate_hashes import MonthKeys
from vmsd.services.wanted import WantedPlates
from vmsd.store.anonymity import (
    Overdue,
    bring_back,
    clear,
    delete_old,
    list_overdue,
    overwrite_what_goes,
)
from vmsd.store.cities import Cities
from vmsd.store.database import Database
from vmsd.store.deliveries import forget_plates
from vmsd.store.scope import CityTransaction
from vmsd.store.wanted import forget_wanted
from vmsd.store.webhooks import drop_nonces, drop_nonces_over

log = structlog.get_logger()

HOUR_MS, DAY_MS = 3_600_000, 86_400_000
AT_ONCE = 500
"""Rows of a city in one transaction, so that nobody waits long for it."""
ROUNDS = 20
"""At most so many such transactions in a pass."""
NONCES_AT_ONCE, MOST_NONCES = 5000, 1_000_000


@dataclass(frozen=True)
class Done:
    """In one transaction, of one city."""

    cleared: Sequence[Overdue]
    deleted: int


class Anonymiser:
    name: ClassVar[str] = "anonymiser"
    every_s: ClassVar[float] = 300.0
    deadline_s: ClassVar[float] = 120.0

    def __init__(
        self,
        database: Database,
        audit: AuditLog,
        keeper: Timekeeper,
        keys: MonthKeys,
        crops: Crops,
        wanted: WantedPlates,
        rules: Plates,
    ) -> None:
        self._database = database
        self._audit = audit
        self._keeper = keeper
        self._keys = keys
        self._crops = crops
        self._wanted = wanted
        self._rules = rules

    async def once(self) -> None:
        await self._drop_nonces()
        now_ms = self._keeper.trusted_ms()
        if now_ms is None:
            return
        touched = False
        for city in await Cities(self._database).list():
            touched |= await self._of_city(city, now_ms)
        before_ms = self._before_ms(now_ms, self._rules.anonymous_after_days)
        await self._crops.remove_before(day_of(before_ms - DAY_MS))
        await asyncio.to_thread(self._keys.destroy, now_ms, self._rules.linked_days)
        if touched:
            await self._database.checkpoint()

    def _before_ms(self, now_ms: int, days: int) -> int:
        """To the hour, so that there is one row of it an hour in the audit log at most."""
        return (now_ms - days * DAY_MS) // HOUR_MS * HOUR_MS

    async def _of_city(self, city: City, now_ms: int) -> bool:
        """False when there was nothing to do."""
        cleared = deleted = 0
        for _ in range(ROUNDS):
            done = await self._some(city, now_ms)
            places = [CropPlace(city.public_id, one.image) for one in done.cleared if one.image]
            await self._crops.remove(places)
            cleared, deleted = cleared + len(done.cleared), deleted + done.deleted
            if len(done.cleared) < AT_ONCE and done.deleted < AT_ONCE:
                break
        before_ms = self._before_ms(now_ms, self._rules.anonymous_after_days)
        await forget_plates(self._database, city.id, before_ms, now_ms)
        if cleared or deleted:
            log.info("detections.anonymised", city_id=city.public_id, detections=cleared, deleted=deleted)
        return bool(cleared or deleted)

    async def _some(self, city: City, now_ms: int) -> Done:
        before_ms = self._before_ms(now_ms, self._rules.anonymous_after_days)
        async with self._database.write() as whole:
            transaction = CityTransaction(whole, city.id)
            await overwrite_what_goes(whole)
            await bring_back(transaction, now_ms + DAY_MS, now_ms)
            overdue = await list_overdue(transaction, before_ms, AT_ONCE)
            hashes = await asyncio.to_thread(self._hashes, overdue)
            await clear(transaction, hashes, now_ms)
            deleted = await delete_old(transaction, self._before_ms(now_ms, self._rules.deleted_after_days), AT_ONCE)
            if await forget_wanted(transaction, before_ms):
                self._wanted.forget(city.id)
            if overdue or deleted:
                facts: dict[str, Fact] = {"detections": len(overdue), "deleted": deleted, "before": rfc3339(before_ms)}
                entry = Entry(Action.DETECTIONS_ANONYMISED, city_id=city.id, facts=facts)
                await self._audit.append(transaction, entry, now_ms)
        return Done(overdue, deleted)

    def _hashes(self, overdue: Sequence[Overdue]) -> dict[int, bytes]:
        return {one.id: self._keys.hash(one.folded, one.at_ms) for one in overdue}

    async def _drop_nonces(self) -> None:
        """While the clock is not trusted, only what is too much: nothing else keeps a report from counting twice."""
        now_ms = self._keeper.trusted_ms()
        async with self._database.write() as transaction:
            if now_ms is not None:
                await transaction.run(lambda statements: drop_nonces(statements, now_ms, NONCES_AT_ONCE))
            await transaction.run(lambda statements: drop_nonces_over(statements, MOST_NONCES, NONCES_AT_ONCE))
