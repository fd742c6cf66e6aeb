"""The holds of one city: what an authority has asked to be kept, and until when."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from uuid import uuid4

from vmsd.errors import Conflict, NotFound
from vmsd.model.keeping import EndedWhy, Hold
from vmsd.store.database import Row
from vmsd.store.scope import CityTransaction, Scope
from vmsd.store.statements import CitySql

COLUMNS = """id, public_id, number, authority, purpose, deadline_ms, person, person_name, created_ms, changed_ms,
    confirmed_ms, ended_ms, ended_why"""
_FIELDS = tuple(COLUMNS.replace("\n", "").replace(" ", "").split(","))
_SEEN = """NOT EXISTS (
        SELECT 1 FROM kept_period INDEXED BY kept_period_hold
        WHERE kept_period.city_id = :city_id AND kept_period.hold_id = hold.id
        AND kept_period.camera_id NOT IN (SELECT value FROM json_each(:cameras))
    )"""
"""Names none but `:cameras`."""

GET = CitySql(f"SELECT {COLUMNS} FROM hold WHERE hold.city_id = :city_id AND public_id = :public_id")
LIST = CitySql(
    f"""SELECT {COLUMNS} FROM hold WHERE hold.city_id = :city_id AND id < :before
    AND (:ended IS NULL OR (ended_ms IS NOT NULL) = :ended) AND {_SEEN} ORDER BY id DESC LIMIT :limit"""
)
SEEN = CitySql(
    f"""SELECT id, public_id FROM hold WHERE hold.city_id = :city_id
    AND id IN (SELECT value FROM json_each(:ids)) AND {_SEEN}"""
)
ENDING = CitySql(
    f"""SELECT {COLUMNS} FROM hold WHERE hold.city_id = :city_id AND ended_ms IS NULL AND deadline_ms <= :until_ms
    AND (:cameras IS NULL OR {_SEEN}) ORDER BY deadline_ms, id LIMIT :limit"""
)
INSERT = CitySql(
    """INSERT INTO hold (city_id, id, public_id, number, authority, purpose, deadline_ms, person, person_name,
    created_ms, changed_ms) VALUES (:city_id, (SELECT coalesce(max(id), 0) + 1 FROM hold WHERE city_id = :city_id),
    :public_id, :number, :authority, :purpose, :deadline_ms, :person, :person_name, :now_ms, :now_ms)"""
)
CHANGE = CitySql(
    """UPDATE hold SET number = :number, authority = :authority, purpose = :purpose,
    changed_ms = max(changed_ms + 1, :now_ms)
    WHERE city_id = :city_id AND id = :id AND ended_ms IS NULL AND changed_ms = :seen_ms"""
)
CONFIRM = CitySql(
    """UPDATE hold SET deadline_ms = :deadline_ms, confirmed_ms = :now_ms, changed_ms = max(changed_ms + 1, :now_ms)
    WHERE city_id = :city_id AND id = :id AND ended_ms IS NULL AND changed_ms = :seen_ms"""
)
END = CitySql(
    """UPDATE hold SET ended_ms = :now_ms, ended_why = :ended_why, changed_ms = max(changed_ms + 1, :now_ms)
    WHERE city_id = :city_id AND id = :id AND ended_ms IS NULL AND changed_ms = :seen_ms"""
)
TOO_LATE = "somebody else has just changed or ended this hold; look at it again"


class Holds:
    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    async def get(self, public_id: str, transaction: CityTransaction | None = None) -> Hold:
        rows = await (transaction or self._scope).fetch(GET, public_id=public_id)
        if not rows:
            raise NotFound("there is no such hold")
        return hold_of(rows[0])

    async def list(
        self, cameras: Collection[int], *, before: int, limit: int, ended: bool | None = None
    ) -> Sequence[Hold]:
        """Newest first, those that name none but these cameras; active or ended ones alone, unless that is None."""
        params = {"cameras": json.dumps(sorted(cameras)), "ended": None if ended is None else int(ended)}
        rows = await self._scope.fetch(LIST, before=before, limit=limit, **params)
        return [hold_of(row) for row in rows]

    async def seen(self, ids: Collection[int], cameras: Collection[int]) -> Mapping[int, str]:
        """The public ids of those that name none but these cameras."""
        params = {"ids": json.dumps(sorted(ids)), "cameras": json.dumps(sorted(cameras))}
        return {row["id"]: row["public_id"] for row in await self._scope.fetch(SEEN, **params)}

    async def ending(
        self, until_ms: int, *, cameras: Collection[int] | None = None, limit: int = 100
    ) -> Sequence[Hold]:
        """Active ones whose deadline is up to `until_ms`, the first to end first; with None whatever they name."""
        wanted = None if cameras is None else json.dumps(sorted(cameras))
        rows = await self._scope.fetch(ENDING, until_ms=until_ms, cameras=wanted, limit=limit)
        return [hold_of(row) for row in rows]

    async def add(
        self,
        transaction: CityTransaction,
        *,
        number: str,
        authority: str,
        purpose: str,
        deadline_ms: int,
        person: str | None,
        person_name: str | None,
        now_ms: int,
    ) -> Hold:
        public_id = str(uuid4())
        said = {"number": number, "authority": authority, "purpose": purpose, "deadline_ms": deadline_ms}
        by = {"person": person, "person_name": person_name}
        await transaction.execute(INSERT, public_id=public_id, now_ms=now_ms, **said, **by)
        return await self.get(public_id, transaction)

    async def change(
        self, transaction: CityTransaction, hold: Hold, *, number: str, authority: str, purpose: str, now_ms: int
    ) -> Hold:
        """Raises `Conflict` when somebody else has changed it since it was read, or it has ended."""
        said = {"number": number, "authority": authority, "purpose": purpose}
        return await self._change(transaction, CHANGE, hold, now_ms=now_ms, **said)

    async def confirm(self, transaction: CityTransaction, hold: Hold, deadline_ms: int, now_ms: int) -> Hold:
        """Raises as `change` does."""
        return await self._change(transaction, CONFIRM, hold, now_ms=now_ms, deadline_ms=deadline_ms)

    async def _change(self, transaction: CityTransaction, sql: CitySql, hold: Hold, **params: str | int) -> Hold:
        if await transaction.execute(sql, id=hold.id, seen_ms=hold.changed_ms, **params) == 0:
            raise Conflict(TOO_LATE)
        return await self.get(hold.public_id, transaction)

    async def end(self, transaction: CityTransaction, hold: Hold, why: EndedWhy, now_ms: int) -> bool:
        """False when it has ended, or somebody else has changed it since it was read."""
        params = {"id": hold.id, "ended_why": why, "seen_ms": hold.changed_ms}
        return await transaction.execute(END, now_ms=now_ms, **params) > 0


def hold_of(row: Row) -> Hold:
    return Hold(**{name: row[name] for name in _FIELDS})
