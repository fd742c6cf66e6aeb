"""Keeps the outbox small: what has arrived is dropped; when there is no room the least important is only counted.

No room is when it has reached its bounds, and whenever the database itself could not be written for want of it.
"""

from __future__ import annotations

from collections.abc import Sequence

import structlog

from vmsd.config import OutboxRules
from vmsd.store.database import Database
from vmsd.store.deliveries import Deliveries, Weight, drop_arrived, fold
from vmsd.store.scope import Scope

log = structlog.get_logger()

FOLDED_FIRST = (3, 2)
"""Never 1: an alarm goes out, however late."""
FOLDED_AT_ONCE = 5000
ROOM = 0.98
"""Of a bound is what is left after folding, so that it is not reached again at once."""


class OutboxBounds:
    def __init__(self, database: Database, rules: OutboxRules) -> None:
        self._database = database
        self._deliveries = Deliveries(database)
        self._rules = rules
        self._full = False
        self._times_full = database.times_full

    async def keep(self) -> bool:
        """One step towards the bounds; True when there is more to be done."""
        weights = await self._deliveries.weights()
        dropped = 0
        for city_id in {one.city_id for one in weights}:
            async with Scope(self._database, city_id).write() as transaction:
                dropped += await drop_arrived(transaction)
        if dropped:
            return True
        times_full, excess = self._database.times_full, self._excess(weights)
        if times_full != self._times_full:
            await self._fold(weights, FOLDED_AT_ONCE)
            self._times_full = times_full
            return True
        return excess > 0 and await self._keep_within(weights, excess)

    async def _keep_within(self, weights: Sequence[Weight], excess: int) -> bool:
        folded = await self._fold(weights, excess)
        if not folded and not self._full:
            log.error("outbox.full", items=sum(one.items for one in weights))
        self._full = not folded
        return folded

    def _excess(self, weights: Sequence[Weight]) -> int:
        """How many items are too many, by number or by weight."""
        items, size = sum(one.items for one in weights), sum(one.bytes for one in weights)
        if items <= self._rules.items and size <= self._rules.bytes:
            return 0
        by_number = items - round(self._rules.items * ROOM)
        by_weight = (size - round(self._rules.bytes * ROOM)) * items // max(size, 1)
        return max(by_number, by_weight, 1)

    async def _fold(self, weights: Sequence[Weight], excess: int) -> bool:
        """In the city with the most of it, so that one that nobody fetches news of costs no other city any."""
        for priority in FOLDED_FIRST:
            for one in sorted(weights, key=lambda one: -one.bytes):
                if one.priority == priority and one.items > 1:
                    async with Scope(self._database, one.city_id).write() as transaction:
                        folded = await fold(transaction, priority, min(excess + 1, FOLDED_AT_ONCE))
                    if folded:
                        log.warning("outbox.folded", city=one.city_id, priority=priority, items=folded)
                        return True
        return False
