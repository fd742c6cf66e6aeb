"""The mosaics of one city, with what stands in their cells."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from vmsd.errors import Conflict, NotFound
from vmsd.model.mosaic import Carousel, Layout, Mosaic
from vmsd.store.database import Database, Row
from vmsd.store.scope import CityTransaction, Scope
from vmsd.store.statements import CitySql, SystemSql

CONTENT = "owner_id, name, layout, hotspot, carousel, number, expires_ms"
CELLS_OF = """(
        SELECT json_group_object(cell, camera_id) FROM mosaic_cell
        WHERE mosaic_cell.city_id = mosaic.city_id AND mosaic_cell.mosaic_id = mosaic.id
    )"""
SELECT = f"""SELECT id, public_id, {CONTENT}, created_ms, changed_ms, {CELLS_OF} AS cells
    FROM mosaic WHERE mosaic.city_id = :city_id"""
_SEEN = """(owner_id IS NULL OR owner_id = :person_id) AND (expires_ms IS NULL OR expires_ms > :now_ms)"""

LIST = CitySql(f"{SELECT} AND {_SEEN} AND id > :after ORDER BY id LIMIT :limit")
GET = CitySql(f"{SELECT} AND {_SEEN} AND public_id = :public_id")
BY_ID = CitySql(f"{SELECT} AND id = :id")
COUNT = CitySql(
    """SELECT count(*) AS mosaics FROM mosaic
    WHERE city_id = :city_id AND owner_id IS :owner_id AND (expires_ms IS NOT NULL) = :ephemeral"""
)
NUMBERED = CitySql(
    """SELECT id FROM mosaic WHERE city_id = :city_id AND owner_id IS :owner_id AND number = :number AND id <> :id"""
)
INSERT = CitySql(
    f"""INSERT INTO mosaic (city_id, id, public_id, {CONTENT}, created_ms, changed_ms)
    VALUES (:city_id, (SELECT coalesce(max(id), 0) + 1 FROM mosaic WHERE city_id = :city_id), :public_id, :owner_id,
    :name, :layout, :hotspot, :carousel, :number, :expires_ms, :now_ms, :now_ms) RETURNING id"""
)
UPDATE = CitySql(
    """UPDATE mosaic SET owner_id = :owner_id, name = :name, layout = :layout, hotspot = :hotspot,
    carousel = :carousel, number = :number, expires_ms = :expires_ms, changed_ms = max(changed_ms + 1, :now_ms)
    WHERE city_id = :city_id AND id = :id AND changed_ms = :seen_ms"""
)
DELETE = CitySql("DELETE FROM mosaic WHERE city_id = :city_id AND id = :id")
CLEAR = CitySql("DELETE FROM mosaic_cell WHERE city_id = :city_id AND mosaic_id = :id")
FILL = CitySql(
    """INSERT INTO mosaic_cell (city_id, mosaic_id, cell, camera_id)
    SELECT :city_id, :id, cells.key, cells.value FROM json_each(:cells) AS cells"""
)
LEAVE = CitySql("DELETE FROM mosaic_cell WHERE city_id = :city_id AND camera_id = :camera_id")
EXPIRED = SystemSql("SELECT city_id, id FROM mosaic WHERE expires_ms <= :now_ms ORDER BY expires_ms LIMIT :limit")


@dataclass(frozen=True)
class MosaicContent:
    """All of a mosaic that can be changed."""

    owner_id: int | None
    name: str
    layout: Layout
    hotspot: int | None
    carousel: Carousel | None
    number: int | None
    expires_ms: int | None
    cells: Mapping[int, int]


class Mosaics:
    """`person_id` is whose own ones are seen besides the city's."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    async def list(self, person_id: int, now_ms: int, *, after: int = 0, limit: int = 10_000) -> Sequence[Mosaic]:
        """In the order they were made; without those that have expired."""
        rows = await self._scope.fetch(LIST, person_id=person_id, now_ms=now_ms, after=after, limit=limit)
        return [mosaic_of(row) for row in rows]

    async def get(self, public_id: str, person_id: int, now_ms: int) -> Mosaic:
        rows = await self._scope.fetch(GET, public_id=public_id, person_id=person_id, now_ms=now_ms)
        if not rows:
            raise NotFound("there is no such mosaic")
        return mosaic_of(rows[0])

    async def get_by_id(self, number: int, transaction: CityTransaction | None = None) -> Mosaic:
        """Whoever's it is."""
        rows = await (transaction or self._scope).fetch(BY_ID, id=number)
        if not rows:
            raise NotFound("there is no such mosaic")
        return mosaic_of(rows[0])

    async def count(self, transaction: CityTransaction, owner_id: int | None, *, ephemeral: bool) -> int:
        (row,) = await transaction.fetch(COUNT, owner_id=owner_id, ephemeral=int(ephemeral))
        return int(row["mosaics"])

    async def is_number_taken(
        self, transaction: CityTransaction, number: int, owner_id: int | None, *, but: int = 0
    ) -> bool:
        """By another mosaic than `but` of the same owner."""
        return bool(await transaction.fetch(NUMBERED, number=number, owner_id=owner_id, id=but))

    async def add(self, transaction: CityTransaction, public_id: str, content: MosaicContent, now_ms: int) -> Mosaic:
        (row,) = await transaction.fetch(INSERT, public_id=public_id, now_ms=now_ms, **_params(content))
        await self._fill(transaction, row["id"], content)
        return await self.get_by_id(row["id"], transaction)

    async def change(self, transaction: CityTransaction, mosaic: Mosaic, content: MosaicContent, now_ms: int) -> Mosaic:
        """Raises `Conflict` when somebody else has changed it since it was read."""
        params = _params(content) | {"id": mosaic.id, "seen_ms": mosaic.changed_ms, "now_ms": now_ms}
        if await transaction.execute(UPDATE, **params) == 0:
            raise Conflict("somebody else has just changed this mosaic; look at it again")
        await transaction.execute(CLEAR, id=mosaic.id)
        await self._fill(transaction, mosaic.id, content)
        return await self.get_by_id(mosaic.id, transaction)

    async def _fill(self, transaction: CityTransaction, number: int, content: MosaicContent) -> None:
        await transaction.execute(FILL, id=number, cells=json.dumps(dict(content.cells)))

    async def remove(self, transaction: CityTransaction, mosaic_id: int) -> bool:
        """With the walls that show it; False when it is gone already."""
        return await transaction.execute(DELETE, id=mosaic_id) > 0

    async def leave(self, transaction: CityTransaction, camera_id: int) -> None:
        """A camera that is no more leaves the cells it stands in."""
        await transaction.execute(LEAVE, camera_id=camera_id)


async def list_expired(database: Database, now_ms: int, limit: int) -> Sequence[tuple[int, int]]:
    """Of all cities: the city's number and the mosaic's."""
    rows = await database.read(EXPIRED, {"now_ms": now_ms, "limit": limit})
    return [(row["city_id"], row["id"]) for row in rows]


def _params(content: MosaicContent) -> dict[str, object]:
    carousel = content.carousel
    return {
        "owner_id": content.owner_id,
        "name": content.name,
        "layout": content.layout,
        "hotspot": content.hotspot,
        "carousel": None if carousel is None else _written(carousel),
        "number": content.number,
        "expires_ms": content.expires_ms,
    }


def _written(carousel: Carousel) -> str:
    return json.dumps({"cell": carousel.cell, "camera_ids": carousel.camera_ids, "seconds": carousel.seconds})


def carousel_of(text: str | None) -> Carousel | None:
    if text is None:
        return None
    said = json.loads(text)
    return Carousel(said["cell"], tuple(said["camera_ids"]), said["seconds"])


def cells_of(text: str) -> Mapping[int, int]:
    return {int(cell): camera_id for cell, camera_id in json.loads(text).items()}


def mosaic_of(row: Row) -> Mosaic:
    names = (
        "id",
        "public_id",
        "owner_id",
        "name",
        "layout",
        "hotspot",
        "number",
        "expires_ms",
        "created_ms",
        "changed_ms",
    )
    facts = {name: row[name] for name in names}
    return Mosaic(carousel=carousel_of(row["carousel"]), cells=cells_of(row["cells"]), **facts)
