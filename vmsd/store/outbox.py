"""What has to go out of the box for one city, in the order it happened."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import uuid4

from vmsd.store.scope import CityTransaction, Scope
from vmsd.store.statements import CitySql

ROW_BYTES = 200
"""What an item weighs besides its body, about."""

_NEXT = """(SELECT 1 + max(
        coalesce((SELECT max(id) FROM outbox WHERE city_id = :city_id), 0),
        coalesce((SELECT max(sent_id) FROM destination WHERE city_id = :city_id), 0)
    ))"""
"""Items are dropped once they have arrived, and the next must still come after all that ever did."""

ADD = CitySql(
    f"""INSERT INTO outbox (city_id, id, public_id, topic, priority, at_ms, body, bytes, camera_id) VALUES (:city_id,
    {_NEXT}, :public_id, :topic, :priority, :at_ms, :body, :bytes, :camera_id)"""
)
WANTED = CitySql("SELECT DISTINCT topics FROM destination WHERE city_id = :city_id AND enabled = 1")
WEIGHT = CitySql(
    """SELECT count(*) AS items, coalesce(sum(bytes), 0) AS bytes,
    (SELECT at_ms FROM outbox WHERE city_id = :city_id ORDER BY id LIMIT 1) AS oldest_ms
    FROM outbox WHERE city_id = :city_id"""
)


@dataclass(frozen=True)
class Backlog:
    """What of a city's news has not arrived everywhere yet; `oldest_ms` is None when there is none."""

    items: int
    bytes: int
    oldest_ms: int | None


async def find_wanted(transaction: CityTransaction) -> frozenset[str]:
    """The topics that some destination of the city wants now."""
    rows = await transaction.fetch(WANTED)
    return frozenset(topic for row in rows for topic in row["topics"].split())


async def put(
    transaction: CityTransaction, topic: str, body: str, *, priority: int, camera_id: int | None, now_ms: int
) -> None:
    """Behind everything else of the city."""
    params = {"topic": topic, "priority": priority, "at_ms": now_ms, "body": body, "camera_id": camera_id}
    weight = len(body.encode()) + ROW_BYTES
    await transaction.execute(ADD, public_id=str(uuid4()), bytes=weight, **params)


async def find_backlog(scope: Scope) -> Backlog:
    (row,) = await scope.fetch(WEIGHT)
    return Backlog(row["items"], row["bytes"], row["oldest_ms"])
