"""What waits for which destination: read, ticked off, dropped, and counted instead of kept when there is no room."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from vmsd.clock import rfc3339
from vmsd.model.destination import FOLDED, PLATE_READ, Destination, Item
from vmsd.store.database import Database, Row, Transaction
from vmsd.store.destinations import COLUMNS, destination_of
from vmsd.store.outbox import ROW_BYTES
from vmsd.store.scope import CityTransaction, Scope
from vmsd.store.statements import CitySql, SystemSql

ITEM = "id, public_id, topic, priority, at_ms, body, camera_id"
_DESTINATION = ", ".join(f"destination.{name.strip()}" for name in COLUMNS.split(","))
_ROW = "city_id = :city_id AND id = :id"
DAY_MS = 86_400_000
EARLIEST_MS = 1_767_225_600_000
"""2026-01-01: what is older was put here by a clock that was wrong."""

OPEN = SystemSql(
    f"""SELECT {_DESTINATION}, city.public_id AS city,
    (SELECT max(id) FROM outbox WHERE outbox.city_id = destination.city_id) AS newest_id
    FROM destination JOIN city ON city.id = destination.city_id
    WHERE enabled = 1 ORDER BY destination.city_id, destination.id"""
)
WEIGHTS = SystemSql(
    """SELECT city_id, priority, count(*) AS items, sum(bytes) AS bytes FROM outbox INDEXED BY outbox_weight
    GROUP BY city_id, priority"""
)
ITEMS = CitySql(f"SELECT {ITEM} FROM outbox WHERE city_id = :city_id AND id > :after ORDER BY id LIMIT :limit")
ARRIVED = CitySql(
    f"""UPDATE destination SET sent_id = max(sent_id, :sent_id), sent_ms = :now_ms, failures = 0, retry_ms = NULL,
    broken_since_ms = NULL WHERE {_ROW}"""
)
PASSED = CitySql(f"UPDATE destination SET sent_id = max(sent_id, :sent_id) WHERE {_ROW}")
FAILED = CitySql(
    f"""UPDATE destination SET failures = failures + 1, retry_ms = :retry_ms,
    broken_since_ms = coalesce(broken_since_ms, :now_ms) WHERE {_ROW}"""
)
GONE = CitySql(
    f"""UPDATE destination SET enabled = 0, gone_ms = :now_ms, broken_since_ms = coalesce(broken_since_ms, :now_ms)
    WHERE {_ROW} AND enabled = 1"""
)
DROP = CitySql(
    """DELETE FROM outbox WHERE city_id = :city_id
    AND id <= coalesce((SELECT min(sent_id) FROM destination WHERE city_id = :city_id AND enabled = 1), :last)
    AND id < (SELECT min(id) FROM outbox WHERE city_id = :city_id) + :most"""
)
CURSORS = CitySql("SELECT DISTINCT sent_id FROM destination WHERE city_id = :city_id AND enabled = 1 ORDER BY sent_id")
FOLDABLE = CitySql(
    f"""SELECT {ITEM} FROM outbox WHERE city_id = :city_id AND priority = :priority AND id > :after AND id <= :last
    AND at_ms < :before_ms ORDER BY id LIMIT :limit"""
)
TAKE_OUT = CitySql("""DELETE FROM outbox WHERE city_id = :city_id AND id IN (SELECT value FROM json_each(:ids))""")
PUT_BACK = CitySql(
    """INSERT INTO outbox (city_id, id, public_id, topic, priority, at_ms, body, bytes, camera_id)
    VALUES (:city_id, :id, :public_id, :topic, :priority, :at_ms, :body, :bytes, NULL)"""
)
BACK_FROM_NOWHERE = CitySql(
    f"""UPDATE outbox SET at_ms = :now_ms
    WHERE city_id = :city_id AND (at_ms > :now_ms + {DAY_MS} OR at_ms < {EARLIEST_MS})"""
)
WITHOUT_PLATES = CitySql(
    """UPDATE outbox SET body = json_remove(json_replace(body, '$.plate', NULL, '$.facts.plate', NULL,
        '$.image_url', NULL), '$.facts.wanted_plate', CASE topic WHEN :plate_read THEN '$.facts' ELSE '$.none' END)
    WHERE city_id = :city_id AND priority = 1 AND at_ms < :before_ms AND (json_extract(body, '$.plate') IS NOT NULL
        OR json_extract(body, '$.facts.plate') IS NOT NULL OR json_extract(body, '$.facts.wanted_plate') IS NOT NULL)"""
)
STALE = CitySql(
    """SELECT EXISTS (SELECT 1 FROM outbox WHERE city_id = :city_id AND at_ms < :before_ms
    AND priority > 1 AND topic <> :folded) AS stale"""
)
LAST_ID = 2**62
"""Beyond every item."""
DROPPED_AT_ONCE = 5000


@dataclass(frozen=True)
class Open:
    """A destination that is switched on; `newest_id` is its city's last item, 0 when there is none."""

    destination: Destination
    city: str
    newest_id: int


@dataclass(frozen=True)
class Weight:
    """What waits in one city with one priority."""

    city_id: int
    priority: int
    items: int
    bytes: int


class Deliveries:
    """Across cities, for the tasks that empty the outbox."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def open(self) -> Sequence[Open]:
        rows = await self._database.read(OPEN)
        return [Open(destination_of(row), row["city"], row["newest_id"] or 0) for row in rows]

    async def weights(self) -> Sequence[Weight]:
        rows = await self._database.read(WEIGHTS)
        return [Weight(row["city_id"], row["priority"], row["items"], row["bytes"]) for row in rows]


async def find_items(scope: Scope, after: int, limit: int) -> Sequence[Item]:
    """In their order, whatever they are about."""
    return [_item_of(row) for row in await scope.fetch(ITEMS, after=after, limit=limit)]


async def note_arrived(transaction: CityTransaction, destination_id: int, sent_id: int, now_ms: int) -> bool:
    """False when there is no such destination any more."""
    return await transaction.execute(ARRIVED, id=destination_id, sent_id=sent_id, now_ms=now_ms) > 0


async def note_passed(transaction: CityTransaction, destination_id: int, sent_id: int) -> bool:
    """None up to here was for it; False when there is no such destination any more."""
    return await transaction.execute(PASSED, id=destination_id, sent_id=sent_id) > 0


async def note_failed(transaction: CityTransaction, destination_id: int, retry_ms: int, now_ms: int) -> None:
    await transaction.execute(FAILED, id=destination_id, retry_ms=retry_ms, now_ms=now_ms)


async def note_gone(transaction: CityTransaction, destination_id: int, now_ms: int) -> bool:
    """False when it had been switched off meanwhile."""
    return await transaction.execute(GONE, id=destination_id, now_ms=now_ms) > 0


async def drop_arrived(transaction: CityTransaction) -> int:
    """What every destination that is on has got, the oldest first and not all at once; how many those were."""
    return await transaction.execute(DROP, last=LAST_ID, most=DROPPED_AT_ONCE)


async def fold(transaction: CityTransaction, priority: int, most: int, before_ms: int = LAST_ID) -> int:
    """Put one counting item in the place of the oldest of a priority; how many fewer items there are to be told.

    Never across the place where some destination stands: of what is counted it has got all or nothing. With
    `before_ms` those from before then, and be it a single one.
    """
    low = 0
    for high in [*(row["sent_id"] for row in await transaction.fetch(CURSORS)), LAST_ID]:
        params = {"priority": priority, "after": low, "last": high, "before_ms": before_ms}
        items = [_item_of(row) for row in await transaction.fetch(FOLDABLE, limit=most, **params)]
        if len(items) > 1 or (before_ms < LAST_ID and any(one.topic != FOLDED for one in items)):
            await transaction.execute(TAKE_OUT, ids=json.dumps([one.id for one in items]))
            body = json.dumps(count_up(items), ensure_ascii=False)
            said = {"topic": FOLDED, "priority": priority, "body": body, "bytes": len(body.encode()) + ROW_BYTES}
            await transaction.execute(PUT_BACK, id=items[-1].id, public_id=str(uuid4()), at_ms=items[-1].at_ms, **said)
            return max(1, len(items) - 1)
        low = high
    return 0


async def forget_plates(database: Database, city_id: int, before_ms: int, now_ms: int) -> None:
    """What waits since before then: alarms go out without what tells of a car, the rest is only counted."""
    scope = Scope(database, city_id)
    async with scope.write() as transaction:
        await transaction.execute(BACK_FROM_NOWHERE, now_ms=now_ms)
        await transaction.execute(WITHOUT_PLATES, before_ms=before_ms, plate_read=PLATE_READ)
    for priority in (3, 2):
        while (await scope.fetch(STALE, before_ms=before_ms, folded=FOLDED))[0]["stale"]:
            async with scope.write() as transaction:
                if not await fold(transaction, priority, DROPPED_AT_ONCE, before_ms):
                    break


def count_up(items: Collection[Item]) -> Mapping[str, Any]:
    """How many of what, and of which time; a counting item among them counts for what it counted."""
    topics: Counter[str] = Counter()
    firsts, lasts = [], []
    for one in items:
        told: dict[str, Any] = json.loads(one.body) if one.topic == FOLDED else {"topics": {one.topic: 1}}
        topics.update(told["topics"])
        firsts.append(told.get("first", rfc3339(one.at_ms)))
        lasts.append(told.get("last", rfc3339(one.at_ms)))
    return {"folded": topics.total(), "topics": dict(topics), "first": min(firsts), "last": max(lasts)}


async def drop_city(transaction: Transaction, city_id: int) -> None:
    """Before the city itself goes."""
    for statement in DROP_CITY:
        await transaction.execute(statement, {"id": city_id})


DROP_CITY = (
    SystemSql("DELETE FROM attempt WHERE city_id = :id"),
    SystemSql("DELETE FROM destination WHERE city_id = :id"),
    SystemSql("DELETE FROM outbox WHERE city_id = :id"),
)


def _item_of(row: Row) -> Item:
    return Item(**dict(row))
