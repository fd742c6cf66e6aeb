"""The periods of one city's recordings that are kept: what the sweeper may not touch."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import uuid4

from vmsd.errors import NotFound
from vmsd.model.keeping import KeptPeriod
from vmsd.store.database import Row
from vmsd.store.scope import CityTransaction, Scope
from vmsd.store.statements import CitySql

COLUMNS = """id, public_id, camera_id, start_ms, end_ms, incident_id, hold_id, export_id, reason, person, person_name,
    created_ms, released_ms"""
_FIELDS = tuple(COLUMNS.replace(" ", "").replace("\n", "").split(","))

GET = CitySql(f"SELECT {COLUMNS} FROM kept_period WHERE city_id = :city_id AND public_id = :public_id")
LIST = CitySql(
    f"""SELECT {COLUMNS} FROM kept_period WHERE city_id = :city_id AND id < :before
    AND (:camera_id IS NULL OR camera_id = :camera_id) AND (:released OR released_ms IS NULL)
    AND (:incident_id IS NULL OR incident_id = :incident_id) AND (:hold_id IS NULL OR hold_id = :hold_id)
    ORDER BY id DESC LIMIT :limit"""
)
OVERLAPPING = CitySql(
    f"""SELECT {COLUMNS} FROM kept_period WHERE city_id = :city_id AND camera_id = :camera_id
    AND released_ms IS NULL AND end_ms > :start_ms AND start_ms < :end_ms ORDER BY start_ms"""
)
OF_INCIDENT = CitySql(
    f"SELECT {COLUMNS} FROM kept_period WHERE city_id = :city_id AND incident_id = :incident_id ORDER BY start_ms, id"
)
OF_HOLD = CitySql(
    f"SELECT {COLUMNS} FROM kept_period WHERE city_id = :city_id AND hold_id = :hold_id ORDER BY start_ms, id"
)
NEXT_ID = CitySql("SELECT coalesce(max(id), 0) + 1 AS id FROM kept_period WHERE city_id = :city_id")
INSERT = CitySql(
    """INSERT INTO kept_period (city_id, id, public_id, camera_id, start_ms, end_ms, incident_id, hold_id, export_id,
    reason, person, person_name, created_ms, released_ms) VALUES (:city_id, :id, :public_id, :camera_id, :start_ms,
    :end_ms, :incident_id, :hold_id, :export_id, :reason, :person, :person_name, :created_ms, NULL)"""
)
RELEASE = CitySql(
    """UPDATE kept_period SET released_ms = :now_ms
    WHERE city_id = :city_id AND id = :id AND released_ms IS NULL"""
)
RELEASE_INCIDENT = CitySql(
    """UPDATE kept_period SET released_ms = :now_ms
    WHERE city_id = :city_id AND incident_id = :incident_id AND released_ms IS NULL"""
)
RELEASE_HOLD = CitySql(
    """UPDATE kept_period SET released_ms = :now_ms
    WHERE city_id = :city_id AND hold_id = :hold_id AND released_ms IS NULL"""
)
RELEASE_EXPORT = CitySql(
    """UPDATE kept_period SET released_ms = :now_ms
    WHERE city_id = :city_id AND export_id = :export_id AND released_ms IS NULL"""
)
NEWEST = 1 << 62
"""Before the first of all numbers, newest first."""


class KeptPeriods:
    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    async def get(self, public_id: str) -> KeptPeriod:
        rows = await self._scope.fetch(GET, public_id=public_id)
        if not rows:
            raise NotFound("there is no such preserved period")
        return kept_period_of(rows[0])

    async def list(
        self,
        *,
        before: int = NEWEST,
        limit: int,
        camera_id: int | None = None,
        incident_id: int | None = None,
        hold_id: int | None = None,
        released: bool = False,
    ) -> Sequence[KeptPeriod]:
        """Newest first; with `released` those too that are no longer kept."""
        rows = await self._scope.fetch(
            LIST,
            before=before,
            limit=limit,
            camera_id=camera_id,
            incident_id=incident_id,
            hold_id=hold_id,
            released=int(released),
        )
        return [kept_period_of(row) for row in rows]

    async def overlapping(self, camera_id: int, start_ms: int, end_ms: int) -> Sequence[KeptPeriod]:
        """What is kept of a camera in `[start_ms, end_ms)`, by their start."""
        rows = await self._scope.fetch(OVERLAPPING, camera_id=camera_id, start_ms=start_ms, end_ms=end_ms)
        return [kept_period_of(row) for row in rows]

    async def of_incident(self, incident_id: int) -> Sequence[KeptPeriod]:
        """Released ones too."""
        return [kept_period_of(row) for row in await self._scope.fetch(OF_INCIDENT, incident_id=incident_id)]

    async def of_hold(self, hold_id: int) -> Sequence[KeptPeriod]:
        """Released ones too."""
        return [kept_period_of(row) for row in await self._scope.fetch(OF_HOLD, hold_id=hold_id)]

    async def add(
        self,
        transaction: CityTransaction,
        camera_id: int,
        start_ms: int,
        end_ms: int,
        *,
        reason: str,
        person: str | None,
        person_name: str | None,
        now_ms: int,
        incident_id: int | None = None,
        hold_id: int | None = None,
        export_id: int | None = None,
    ) -> KeptPeriod:
        (row,) = await transaction.fetch(NEXT_ID)
        period = KeptPeriod(
            id=row["id"],
            public_id=str(uuid4()),
            camera_id=camera_id,
            start_ms=start_ms,
            end_ms=end_ms,
            incident_id=incident_id,
            hold_id=hold_id,
            export_id=export_id,
            reason=reason,
            person=person,
            person_name=person_name,
            created_ms=now_ms,
        )
        await transaction.execute(INSERT, **{name: getattr(period, name) for name in _FIELDS if name != "released_ms"})
        return period

    async def release(self, transaction: CityTransaction, period: KeptPeriod, now_ms: int) -> bool:
        """False when it was released before."""
        return await transaction.execute(RELEASE, id=period.id, now_ms=now_ms) > 0

    async def release_incident(self, transaction: CityTransaction, incident_id: int, now_ms: int) -> int:
        """How many were still kept."""
        return await transaction.execute(RELEASE_INCIDENT, incident_id=incident_id, now_ms=now_ms)

    async def release_hold(self, transaction: CityTransaction, hold_id: int, now_ms: int) -> int:
        """How many were still kept."""
        return await transaction.execute(RELEASE_HOLD, hold_id=hold_id, now_ms=now_ms)

    async def release_export(self, transaction: CityTransaction, export_id: int, now_ms: int) -> int:
        """How many were still kept."""
        return await transaction.execute(RELEASE_EXPORT, export_id=export_id, now_ms=now_ms)


def kept_period_of(row: Row) -> KeptPeriod:
    return KeptPeriod(**{name: row[name] for name in _FIELDS})
