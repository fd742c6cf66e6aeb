"""The plates a city looks for."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import uuid4

from vmsd.errors import Conflict, NotFound
from vmsd.model.alert import Level
from vmsd.model.detection import WantedPlate
from vmsd.store.database import Row
from vmsd.store.scope import CityTransaction, Scope
from vmsd.store.statements import CitySql

COLUMNS = "id, public_id, plate, folded, reason, level, until_ms, person, person_name, created_ms, removed_ms"
_FIELDS = tuple(COLUMNS.split(", "))

LIST = CitySql(
    f"""SELECT {COLUMNS} FROM wanted_plate WHERE city_id = :city_id AND removed_ms IS NULL AND id < :before
    ORDER BY id DESC LIMIT :limit"""
)
GET = CitySql(
    f"SELECT {COLUMNS} FROM wanted_plate WHERE city_id = :city_id AND public_id = :public_id AND removed_ms IS NULL"
)
COUNT = CitySql("SELECT count(*) AS plates FROM wanted_plate WHERE city_id = :city_id AND removed_ms IS NULL")
IS_WANTED = CitySql("SELECT id FROM wanted_plate WHERE city_id = :city_id AND folded = :folded AND removed_ms IS NULL")
INSERT = CitySql(
    """INSERT INTO wanted_plate (city_id, id, public_id, plate, folded, reason, level, until_ms, person, person_name,
    created_ms) VALUES (:city_id, (SELECT coalesce(max(id), 0) + 1 FROM wanted_plate WHERE city_id = :city_id),
    :public_id, :plate, :folded, :reason, :level, :until_ms, :person, :person_name, :now_ms)"""
)
CHANGE = CitySql(
    """UPDATE wanted_plate SET reason = :reason, level = :level, until_ms = :until_ms
    WHERE city_id = :city_id AND public_id = :public_id AND removed_ms IS NULL"""
)
REMOVE = CitySql(
    """UPDATE wanted_plate SET removed_ms = :now_ms
    WHERE city_id = :city_id AND public_id = :public_id AND removed_ms IS NULL"""
)
END = CitySql(
    """UPDATE wanted_plate SET removed_ms = until_ms
    WHERE city_id = :city_id AND removed_ms IS NULL AND until_ms < :before_ms"""
)
FORGET = CitySql("DELETE FROM wanted_plate WHERE city_id = :city_id AND removed_ms < :before_ms")
NEWEST = 2**63 - 1
NONE_SUCH = "there is no such wanted plate"


class Wanted:
    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    async def list(self, *, before: int = NEWEST, limit: int) -> Sequence[WantedPlate]:
        """Newest first, without those that were removed."""
        return [wanted_of(row) for row in await self._scope.fetch(LIST, before=before, limit=limit)]

    async def get(self, public_id: str, transaction: CityTransaction | None = None) -> WantedPlate:
        rows = await (transaction or self._scope).fetch(GET, public_id=public_id)
        if not rows:
            raise NotFound(NONE_SUCH)
        return wanted_of(rows[0])

    async def count(self, transaction: CityTransaction) -> int:
        (row,) = await transaction.fetch(COUNT)
        return int(row["plates"])

    async def is_wanted(self, transaction: CityTransaction, folded: str) -> bool:
        return bool(await transaction.fetch(IS_WANTED, folded=folded))

    async def end_overdue(self, transaction: CityTransaction, now_ms: int) -> None:
        """Those whose time is over stand in nobody's way."""
        await transaction.execute(END, before_ms=now_ms)

    async def add(
        self,
        transaction: CityTransaction,
        *,
        plate: str,
        folded: str,
        reason: str,
        level: Level,
        until_ms: int | None,
        person: str | None,
        person_name: str | None,
        now_ms: int,
    ) -> WantedPlate:
        public_id = str(uuid4())
        said = {"plate": plate, "folded": folded, "reason": reason, "level": level, "until_ms": until_ms}
        by = {"person": person, "person_name": person_name}
        await transaction.execute(INSERT, public_id=public_id, now_ms=now_ms, **said, **by)
        return await self.get(public_id, transaction)

    async def change(
        self, transaction: CityTransaction, wanted: WantedPlate, *, reason: str, level: Level, until_ms: int | None
    ) -> WantedPlate:
        said = {"reason": reason, "level": level, "until_ms": until_ms}
        if await transaction.execute(CHANGE, public_id=wanted.public_id, **said) == 0:
            raise Conflict("somebody else has just removed this wanted plate")
        return await self.get(wanted.public_id, transaction)

    async def remove(self, transaction: CityTransaction, wanted: WantedPlate, now_ms: int) -> None:
        if await transaction.execute(REMOVE, public_id=wanted.public_id, now_ms=now_ms) == 0:
            raise NotFound(NONE_SUCH)


async def list_wanted(transaction: CityTransaction, most: int) -> Sequence[WantedPlate]:
    return [wanted_of(row) for row in await transaction.fetch(LIST, before=NEWEST, limit=most)]


async def forget_wanted(transaction: CityTransaction, before_ms: int) -> int:
    """Those that were removed, or over, before then are gone: how many."""
    await transaction.execute(END, before_ms=before_ms)
    return await transaction.execute(FORGET, before_ms=before_ms)


def wanted_of(row: Row) -> WantedPlate:
    return WantedPlate(**{name: row[name] for name in _FIELDS})
