"""The incidents of one city: what ties kept periods of several cameras together."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from uuid import uuid4

from vmsd.errors import Conflict, NotFound
from vmsd.model.keeping import Incident
from vmsd.store.database import Row
from vmsd.store.scope import CityTransaction, Scope
from vmsd.store.statements import CitySql

COLUMNS = "id, public_id, name, note, person, person_name, created_ms, changed_ms, closed_ms"
_FIELDS = tuple(COLUMNS.split(", "))
_SEEN = """NOT EXISTS (
        SELECT 1 FROM kept_period INDEXED BY kept_period_incident
        WHERE kept_period.city_id = :city_id AND kept_period.incident_id = incident.id
        AND kept_period.camera_id NOT IN (SELECT value FROM json_each(:cameras))
    )"""
"""Names none but `:cameras`."""

GET = CitySql(f"SELECT {COLUMNS} FROM incident WHERE incident.city_id = :city_id AND public_id = :public_id")
LIST = CitySql(
    f"""SELECT {COLUMNS} FROM incident WHERE incident.city_id = :city_id AND id < :before
    AND (:closed IS NULL OR (closed_ms IS NOT NULL) = :closed) AND {_SEEN} ORDER BY id DESC LIMIT :limit"""
)
SEEN = CitySql(
    f"""SELECT id, public_id FROM incident WHERE incident.city_id = :city_id
    AND id IN (SELECT value FROM json_each(:ids)) AND {_SEEN}"""
)
INSERT = CitySql(
    """INSERT INTO incident (city_id, id, public_id, name, note, person, person_name, created_ms, changed_ms, closed_ms)
    VALUES (:city_id, (SELECT coalesce(max(id), 0) + 1 FROM incident WHERE city_id = :city_id), :public_id, :name,
    :note, :person, :person_name, :now_ms, :now_ms, NULL)"""
)
CHANGE = CitySql(
    """UPDATE incident SET name = :name, note = :note, changed_ms = max(changed_ms + 1, :now_ms)
    WHERE city_id = :city_id AND id = :id AND closed_ms IS NULL AND changed_ms = :seen_ms"""
)
CLOSE = CitySql(
    """UPDATE incident SET closed_ms = :now_ms, changed_ms = max(changed_ms + 1, :now_ms)
    WHERE city_id = :city_id AND id = :id AND closed_ms IS NULL AND changed_ms = :seen_ms"""
)
TOO_LATE = "somebody else has just changed or closed this incident; look at it again"


class Incidents:
    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    async def get(self, public_id: str, transaction: CityTransaction | None = None) -> Incident:
        rows = await (transaction or self._scope).fetch(GET, public_id=public_id)
        if not rows:
            raise NotFound("there is no such incident")
        return incident_of(rows[0])

    async def list(
        self, cameras: Collection[int], *, before: int, limit: int, closed: bool | None = None
    ) -> Sequence[Incident]:
        """Newest first, those that name none but these cameras; open or closed ones alone, unless that is None."""
        params = {"cameras": json.dumps(sorted(cameras)), "closed": None if closed is None else int(closed)}
        rows = await self._scope.fetch(LIST, before=before, limit=limit, **params)
        return [incident_of(row) for row in rows]

    async def seen(self, ids: Collection[int], cameras: Collection[int]) -> Mapping[int, str]:
        """The public ids of those that name none but these cameras."""
        params = {"ids": json.dumps(sorted(ids)), "cameras": json.dumps(sorted(cameras))}
        return {row["id"]: row["public_id"] for row in await self._scope.fetch(SEEN, **params)}

    async def add(
        self,
        transaction: CityTransaction,
        *,
        name: str,
        note: str,
        person: str | None,
        person_name: str | None,
        now_ms: int,
    ) -> Incident:
        new = {"public_id": str(uuid4()), "name": name, "note": note, "person": person, "person_name": person_name}
        await transaction.execute(INSERT, now_ms=now_ms, **new)
        return await self.get(new["public_id"] or "", transaction)

    async def change(
        self, transaction: CityTransaction, incident: Incident, *, name: str, note: str, now_ms: int
    ) -> Incident:
        """Raises `Conflict` when somebody else has changed it since it was read, or it is closed."""
        params = {"id": incident.id, "name": name, "note": note, "seen_ms": incident.changed_ms}
        if await transaction.execute(CHANGE, now_ms=now_ms, **params) == 0:
            raise Conflict(TOO_LATE)
        return await self.get(incident.public_id, transaction)

    async def close(self, transaction: CityTransaction, incident: Incident, now_ms: int) -> None:
        """Raises as `change` does."""
        if await transaction.execute(CLOSE, id=incident.id, now_ms=now_ms, seen_ms=incident.changed_ms) == 0:
            raise Conflict(TOO_LATE)


def incident_of(row: Row) -> Incident:
    return Incident(**{name: row[name] for name in _FIELDS})
