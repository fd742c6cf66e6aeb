"""The screens on the walls of one city, and the key each of them comes with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from vmsd.errors import NotFound
from vmsd.model.mosaic import Wall
from vmsd.store.database import Database, Row
from vmsd.store.mosaics import CELLS_OF, carousel_of, cells_of
from vmsd.store.scope import CityTransaction, Scope
from vmsd.store.statements import CitySql, SystemSql

SELECT = """SELECT wall.id, wall.public_id, wall.name, wall.mosaic_id, mosaic.public_id AS mosaic_public_id,
    mosaic.name AS mosaic_name, wall.person, wall.person_name, wall.created_ms, wall.last_seen_ms
    FROM wall JOIN mosaic ON mosaic.city_id = :city_id AND mosaic.id = wall.mosaic_id
    WHERE wall.city_id = :city_id"""
LIST = CitySql(f"{SELECT} AND wall.id > :after ORDER BY wall.id LIMIT :limit")
GET = CitySql(f"{SELECT} AND wall.public_id = :public_id")
OF_MOSAIC = CitySql(f"{SELECT} AND wall.mosaic_id = :mosaic_id ORDER BY wall.id")
COUNT = CitySql("SELECT count(*) AS walls FROM wall WHERE city_id = :city_id")
INSERT = CitySql(
    """INSERT INTO wall (city_id, id, public_id, mosaic_id, name, key_hash, person, person_name, created_ms)
    VALUES (:city_id, (SELECT coalesce(max(id), 0) + 1 FROM wall WHERE city_id = :city_id), :public_id, :mosaic_id,
    :name, :key_hash, :person, :person_name, :now_ms)"""
)
DELETE = CitySql("DELETE FROM wall WHERE city_id = :city_id AND id = :id")
TOUCH = CitySql(
    """UPDATE wall SET last_seen_ms = :now_ms
    WHERE city_id = :city_id AND id = :id AND last_seen_ms IS :seen_ms"""
)
FIND = SystemSql(
    f"""SELECT wall.city_id, wall.id, wall.public_id, wall.name, wall.mosaic_id, wall.last_seen_ms, mosaic.carousel,
    {CELLS_OF} AS cells FROM wall JOIN mosaic ON mosaic.city_id = wall.city_id AND mosaic.id = wall.mosaic_id
    WHERE wall.key_hash = :key_hash"""
)


class Walls:
    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    async def list(self, *, after: int = 0, limit: int = 10_000) -> Sequence[Wall]:
        """In the order they were made."""
        return [wall_of(row) for row in await self._scope.fetch(LIST, after=after, limit=limit)]

    async def get(self, public_id: str, transaction: CityTransaction | None = None) -> Wall:
        rows = await (transaction or self._scope).fetch(GET, public_id=public_id)
        if not rows:
            raise NotFound("there is no such wall")
        return wall_of(rows[0])

    async def of_mosaic(self, transaction: CityTransaction, mosaic_id: int) -> Sequence[Wall]:
        return [wall_of(row) for row in await transaction.fetch(OF_MOSAIC, mosaic_id=mosaic_id)]

    async def count(self, transaction: CityTransaction) -> int:
        (row,) = await transaction.fetch(COUNT)
        return int(row["walls"])

    async def add(
        self,
        transaction: CityTransaction,
        public_id: str,
        *,
        mosaic_id: int,
        name: str,
        key_hash: bytes,
        person: str | None,
        person_name: str | None,
        now_ms: int,
    ) -> Wall:
        new = {"public_id": public_id, "mosaic_id": mosaic_id, "name": name, "key_hash": key_hash}
        await transaction.execute(INSERT, person=person, person_name=person_name, now_ms=now_ms, **new)
        return await self.get(public_id, transaction)

    async def remove(self, transaction: CityTransaction, wall: Wall) -> bool:
        """False when it is gone already."""
        return await transaction.execute(DELETE, id=wall.id) > 0


@dataclass(frozen=True)
class WallSight:
    """A wall as its key finds it, before any city is known: whose it is, and all it may show."""

    city_id: int
    id: int
    public_id: str
    name: str
    mosaic_id: int
    camera_ids: frozenset[int]
    last_seen_ms: int | None


class WallKeys:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, key_hash: bytes) -> WallSight | None:
        rows = await self._database.read(FIND, {"key_hash": key_hash})
        return sight_of(rows[0]) if rows else None

    async def touch(self, sight: WallSight, now_ms: int) -> None:
        """Unless somebody else has done so since it was read."""
        async with Scope(self._database, sight.city_id).write() as transaction:
            await transaction.execute(TOUCH, id=sight.id, now_ms=now_ms, seen_ms=sight.last_seen_ms)


def wall_of(row: Row) -> Wall:
    return Wall(**{name: row[name] for name in Wall.__dataclass_fields__})


def sight_of(row: Row) -> WallSight:
    carousel = carousel_of(row["carousel"])
    shown = (*cells_of(row["cells"]).values(), *(carousel.camera_ids if carousel else ()))
    facts = {name: row[name] for name in ("city_id", "id", "public_id", "name", "mosaic_id", "last_seen_ms")}
    return WallSight(camera_ids=frozenset(shown), **facts)
