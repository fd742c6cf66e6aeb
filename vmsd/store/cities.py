"""The cities of the site: the list itself is no city's property, so its statements are the system's."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import uuid4

from vmsd.errors import Conflict, NotFound
from vmsd.model.city import City, CityStatus, Plan
from vmsd.store.database import Database, Row, Transaction
from vmsd.store.statements import SystemSql

LIST = SystemSql(
    "SELECT id, public_id, name, status, plan, created_ms FROM city WHERE id > :after ORDER BY id LIMIT :limit"
)
BY_PUBLIC_ID = SystemSql("SELECT id, public_id, name, status, plan, created_ms FROM city WHERE public_id = :public_id")
BY_ID = SystemSql("SELECT id, public_id, name, status, plan, created_ms FROM city WHERE id = :id")
INSERT = SystemSql(
    """INSERT INTO city (public_id, name, status, plan, created_ms)
    VALUES (:public_id, :name, :status, :plan, :created_ms)
    RETURNING id, public_id, name, status, plan, created_ms"""
)
UPDATE = SystemSql("UPDATE city SET name = :name, status = :status, plan = :plan WHERE id = :id")
USED = SystemSql(
    """SELECT EXISTS (SELECT 1 FROM camera WHERE city_id = :id)
    OR EXISTS (SELECT 1 FROM person WHERE city_id = :id) AS used"""
)
SHOWN_NO_MORE = SystemSql("UPDATE session SET city_id = NULL WHERE city_id = :id")
DELETE = SystemSql("DELETE FROM city WHERE id = :id")


class Cities:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def list(self, *, after: int = 0, limit: int = 10_000) -> Sequence[City]:
        return [city_of(row) for row in await self._database.read(LIST, {"after": after, "limit": limit})]

    async def find(self, public_id: str) -> City | None:
        rows = await self._database.read(BY_PUBLIC_ID, {"public_id": public_id})
        return city_of(rows[0]) if rows else None

    async def get(self, public_id: str) -> City:
        city = await self.find(public_id)
        if city is None:
            raise NotFound("there is no such city")
        return city

    async def get_by_id(self, city_id: int) -> City:
        rows = await self._database.read(BY_ID, {"id": city_id})
        if not rows:
            raise NotFound("there is no such city")
        return city_of(rows[0])

    async def add(
        self,
        transaction: Transaction,
        *,
        name: str,
        status: CityStatus,
        plan: Plan,
        now_ms: int,
        public_id: str | None = None,
    ) -> City:
        """`public_id` is given only when a city is recovered from its folder on the disk."""
        params = {
            "public_id": public_id or str(uuid4()),
            "name": name,
            "status": status,
            "plan": plan,
            "created_ms": now_ms,
        }
        (row,) = await transaction.fetch(INSERT, params)
        return city_of(row)

    async def change(self, transaction: Transaction, city: City) -> None:
        params = {"id": city.id, "name": city.name, "status": city.status, "plan": city.plan}
        if await transaction.execute(UPDATE, params) == 0:
            raise NotFound("there is no such city")

    async def remove(self, transaction: Transaction, city: City) -> None:
        """Raises `Conflict` while cameras (removed ones too: they have recordings) or people belong to it."""
        (row,) = await transaction.fetch(USED, {"id": city.id})
        if row["used"]:
            raise Conflict("the city still has cameras, recordings or people")
        await transaction.execute(SHOWN_NO_MORE, {"id": city.id})
        await transaction.execute(DELETE, {"id": city.id})


def city_of(row: Row) -> City:
    return City(**{key: row[key] for key in ("id", "public_id", "name", "status", "plan", "created_ms")})
