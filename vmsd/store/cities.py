"""The cities of the site: the list itself is no city's property, so its statements are the system's."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import uuid4

from vmsd.errors import Conflict, NotFound
from vmsd.model.city import City, CityStatus, Plan
from vmsd.store.database import Database, Row, Transaction
from vmsd.store.deliveries import drop_city
from vmsd.store.statements import SystemSql

COLUMNS = "id, public_id, name, status, plan, created_ms, changed_ms"
LIST = SystemSql(f"SELECT {COLUMNS} FROM city WHERE id > :after ORDER BY id LIMIT :limit")
BY_PUBLIC_ID = SystemSql(f"SELECT {COLUMNS} FROM city WHERE public_id = :public_id")
BY_ID = SystemSql(f"SELECT {COLUMNS} FROM city WHERE id = :id")
INSERT = SystemSql(
    f"""INSERT INTO city (public_id, name, status, plan, created_ms, changed_ms)
    VALUES (:public_id, :name, :status, :plan, :created_ms, :created_ms)
    RETURNING {COLUMNS}"""
)
UPDATE = SystemSql(
    """UPDATE city SET name = :name, status = :status, plan = :plan, changed_ms = max(changed_ms + 1, :now_ms)
    WHERE id = :id AND changed_ms = :seen_ms"""
)
NOTE_FEWER = SystemSql(
    """UPDATE city SET former_days = max(:days, CASE
        WHEN :now_ms - days_changed_ms < former_days * 86400000 THEN former_days ELSE 0
    END), days_changed_ms = :now_ms WHERE id = :id"""
)
USED = SystemSql(
    """SELECT EXISTS (SELECT 1 FROM camera WHERE city_id = :id)
    OR EXISTS (SELECT 1 FROM person WHERE city_id = :id) AS used"""
)
DROP_GROUPS = SystemSql("DELETE FROM camera_group WHERE city_id = :id")
DROP_WANTED = SystemSql("DELETE FROM wanted_plate WHERE city_id = :id")
DROP_WEBHOOK_KEYS = SystemSql("DELETE FROM webhook_key WHERE city_id = :id")
DROP_MOSAICS = SystemSql("DELETE FROM mosaic WHERE city_id = :id")
DROP_ALERT_STEPS = SystemSql("DELETE FROM alert_step WHERE city_id = :id")
DROP_ALERTS = SystemSql("DELETE FROM alert WHERE city_id = :id")
DROP_SITE_PLAN = SystemSql("DELETE FROM site_plan WHERE city_id = :id")
DROP_THRESHOLDS = SystemSql("DELETE FROM threshold WHERE city_id = :id")
DROP_ACCEPTANCES = SystemSql("DELETE FROM acceptance WHERE city_id = :id")
DROP_PURGE_REPORTS = SystemSql("DELETE FROM purge_report WHERE city_id = :id")
DROP_INCIDENTS = SystemSql("DELETE FROM incident WHERE city_id = :id")
DROP_DELIVERIES = SystemSql("DELETE FROM delivery WHERE city_id = :id")
DROP_EXPORTS = SystemSql("DELETE FROM export WHERE city_id = :id")
DROP_HOLDS = SystemSql("DELETE FROM hold WHERE city_id = :id")
DROPPED = (
    DROP_MOSAICS,
    DROP_WANTED,
    DROP_WEBHOOK_KEYS,
    DROP_GROUPS,
    DROP_ALERT_STEPS,
    DROP_ALERTS,
    DROP_SITE_PLAN,
    DROP_THRESHOLDS,
    DROP_ACCEPTANCES,
    DROP_PURGE_REPORTS,
    DROP_INCIDENTS,
    DROP_DELIVERIES,
    DROP_EXPORTS,
    DROP_HOLDS,
)
"""What a city without cameras and people may still have."""
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

    async def change(self, transaction: Transaction, city: City, now_ms: int) -> City:
        """Write what was made from the city as it was at its `changed_ms`; `Conflict` when it is so no more."""
        params = {
            "id": city.id,
            "name": city.name,
            "status": city.status,
            "plan": city.plan,
            "seen_ms": city.changed_ms,
            "now_ms": now_ms,
        }
        if await transaction.execute(UPDATE, params) == 0:
            raise Conflict("somebody else has just changed this city; look at it again")
        (row,) = await transaction.fetch(BY_ID, {"id": city.id})
        return city_of(row)

    async def note_fewer(self, transaction: Transaction, city: City, now_ms: int) -> None:
        """`city` as it was before its days were made fewer; what it kept longer before that counts for as long."""
        params = {"id": city.id, "days": city.retention_days, "now_ms": now_ms}
        await transaction.execute(NOTE_FEWER, params)

    async def remove(self, transaction: Transaction, city: City) -> None:
        """Raises `Conflict` while cameras (removed ones too: they have recordings) or people belong to it."""
        (row,) = await transaction.fetch(USED, {"id": city.id})
        if row["used"]:
            raise Conflict("the city still has cameras, recordings or people")
        await transaction.execute(SHOWN_NO_MORE, {"id": city.id})
        for statement in DROPPED:
            await transaction.execute(statement, {"id": city.id})
        await drop_city(transaction, city.id)
        await transaction.execute(DELETE, {"id": city.id})


def city_of(row: Row) -> City:
    return City(**{key: row[key] for key in ("id", "public_id", "name", "status", "plan", "created_ms", "changed_ms")})
