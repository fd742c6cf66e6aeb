"""How plates become anonymous: what is cleared, hashed and deleted in one city."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from vmsd.store.database import Transaction
from vmsd.store.scope import CityTransaction
from vmsd.store.statements import CitySql, SystemSql

OVERDUE = CitySql(
    """SELECT id, folded, at_ms, image FROM detection INDEXED BY detection_clear
    WHERE city_id = :city_id AND anonymised_ms IS NULL AND received_ms < :before_ms ORDER BY received_ms LIMIT :limit"""
)
CLEAR = CitySql(
    """UPDATE detection SET plate = NULL, folded = NULL, facts = '{}', image = NULL, image_url = NULL,
    plate_hash = :plate_hash, anonymised_ms = :now_ms WHERE city_id = :city_id AND id = :id"""
)
CLEAR_ALERTS = CitySql(
    """UPDATE alert SET facts = json_remove(facts, '$.plate', '$.wanted_plate')
    WHERE city_id = :city_id AND detection_id IN (SELECT value FROM json_each(:ids))"""
)
BACK_FROM_THE_FUTURE = CitySql(
    """UPDATE detection SET received_ms = :now_ms
    WHERE city_id = :city_id AND anonymised_ms IS NULL AND received_ms > :after_ms"""
)
OLD = CitySql(
    """SELECT id FROM detection INDEXED BY detection_at
    WHERE city_id = :city_id AND at_ms < :before_ms AND received_ms < :before_ms AND anonymised_ms IS NOT NULL
    ORDER BY at_ms LIMIT :limit"""
)
LET_GO = CitySql(
    """UPDATE alert SET detection_id = NULL
    WHERE city_id = :city_id AND detection_id IN (SELECT value FROM json_each(:ids))"""
)
DELETE = CitySql("DELETE FROM detection WHERE city_id = :city_id AND id IN (SELECT value FROM json_each(:ids))")
OVERWRITE = SystemSql("PRAGMA secure_delete = ON")


@dataclass(frozen=True)
class Overdue:
    id: int
    folded: str
    at_ms: int
    image: str | None


async def overwrite_what_goes(transaction: Transaction) -> None:
    """From now on what is deleted leaves no bytes behind in the file."""
    await transaction.fetch(OVERWRITE)


async def list_overdue(transaction: CityTransaction, before_ms: int, limit: int) -> Sequence[Overdue]:
    """Received before then, and not anonymous yet."""
    rows = await transaction.fetch(OVERDUE, before_ms=before_ms, limit=limit)
    return [Overdue(row["id"], row["folded"], row["at_ms"], row["image"]) for row in rows]


async def clear(transaction: CityTransaction, hashes: Mapping[int, bytes], now_ms: int) -> None:
    """By their numbers: the plates give way to these hashes; of alerts about them the plate goes too."""
    for detection_id, plate_hash in hashes.items():
        await transaction.execute(CLEAR, id=detection_id, plate_hash=plate_hash, now_ms=now_ms)
    await transaction.execute(CLEAR_ALERTS, ids=json.dumps(list(hashes)))


async def bring_back(transaction: CityTransaction, after_ms: int, now_ms: int) -> None:
    """What a wrong clock has received in the future counts as received now."""
    await transaction.execute(BACK_FROM_THE_FUTURE, after_ms=after_ms, now_ms=now_ms)


async def delete_old(transaction: CityTransaction, before_ms: int, limit: int) -> int:
    """Anonymous ones from before then: how many."""
    ids = json.dumps([row["id"] for row in await transaction.fetch(OLD, before_ms=before_ms, limit=limit)])
    await transaction.execute(LET_GO, ids=ids)
    return await transaction.execute(DELETE, ids=ids)
