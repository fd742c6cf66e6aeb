"""The picture of the place a city has laid under its map."""

from __future__ import annotations

from dataclasses import dataclass

from vmsd.store.scope import CityTransaction, Scope
from vmsd.store.statements import CitySql

FIND = CitySql(
    """SELECT name, content_type, length(image) AS bytes, south, west, north, east, changed_ms
    FROM site_plan WHERE city_id = :city_id"""
)
IMAGE = CitySql("SELECT image FROM site_plan WHERE city_id = :city_id AND changed_ms = :changed_ms")
PUT = CitySql(
    """INSERT OR REPLACE INTO site_plan (city_id, name, content_type, image, south, west, north, east, changed_ms)
    VALUES (:city_id, :name, :content_type, :picture, :south, :west, :north, :east, :changed_ms)"""
)
REMOVE = CitySql("DELETE FROM site_plan WHERE city_id = :city_id")


@dataclass(frozen=True)
class Bounds:
    """Degrees, WGS 84; south is below north and west is left of east."""

    south: float
    west: float
    north: float
    east: float


@dataclass(frozen=True)
class SitePlan:
    """All of it but the picture itself."""

    name: str
    content_type: str
    bytes: int
    bounds: Bounds
    changed_ms: int


class SitePlans:
    """At most one a city."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    async def find(self, transaction: CityTransaction | None = None) -> SitePlan | None:
        rows = await (transaction or self._scope).fetch(FIND)
        if not rows:
            return None
        row = rows[0]
        bounds = Bounds(row["south"], row["west"], row["north"], row["east"])
        return SitePlan(row["name"], row["content_type"], row["bytes"], bounds, row["changed_ms"])

    async def find_image(self, plan: SitePlan) -> bytes | None:
        """None when the plan has been changed since."""
        rows = await self._scope.fetch(IMAGE, changed_ms=plan.changed_ms)
        return bytes(rows[0]["image"]) if rows else None

    async def put(self, transaction: CityTransaction, plan: SitePlan, image: bytes) -> None:
        bounds = plan.bounds
        await transaction.execute(
            PUT,
            name=plan.name,
            content_type=plan.content_type,
            picture=image,
            south=bounds.south,
            west=bounds.west,
            north=bounds.north,
            east=bounds.east,
            changed_ms=plan.changed_ms,
        )

    async def remove(self, transaction: CityTransaction) -> bool:
        """False when there was none."""
        return await transaction.execute(REMOVE) > 0
