"""The periods of one city's recordings that are kept: what the sweeper may not touch."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from uuid import uuid4

from vmsd.errors import NotFound
from vmsd.model.keeping import Keeping, KeptPeriod
from vmsd.store.database import Row
from vmsd.store.scope import CityTransaction, Scope
from vmsd.store.statements import CitySql

COLUMNS = """id, public_id, camera_id, start_ms, end_ms, incident_id, hold_id, export_id, reason, person, person_name,
    created_ms, released_ms"""
_FIELDS = tuple(COLUMNS.replace(" ", "").replace("\n", "").split(","))

GET = CitySql(f"SELECT {COLUMNS} FROM kept_period WHERE city_id = :city_id AND public_id = :public_id")
LIST = CitySql(
    f"""SELECT {COLUMNS} FROM kept_period WHERE city_id = :city_id AND id < :before
    AND (:released OR released_ms IS NULL)
    AND (:cameras IS NULL OR camera_id IN (SELECT value FROM json_each(:cameras)))
    AND (:keeping IS NULL OR :keeping = CASE WHEN hold_id IS NOT NULL THEN 'hold' WHEN export_id IS NOT NULL
        THEN 'export' WHEN incident_id IS NOT NULL THEN 'incident' ELSE 'preserved' END)
    ORDER BY id DESC LIMIT :limit"""
)
OVERLAPPING = CitySql(
    f"""SELECT {COLUMNS} FROM kept_period WHERE city_id = :city_id AND camera_id = :camera_id
    AND released_ms IS NULL AND end_ms > :start_ms AND start_ms < :end_ms ORDER BY start_ms"""
)
OVERLAPPING_ANY = CitySql(
    f"""SELECT {COLUMNS} FROM (SELECT value FROM json_each(:wanted)) AS wanted CROSS JOIN kept_period
    WHERE city_id = :city_id AND camera_id = wanted.value ->> 0 AND released_ms IS NULL
    AND end_ms > wanted.value ->> 1 AND start_ms < wanted.value ->> 2"""
)
OF_INCIDENTS = CitySql(
    f"""SELECT {COLUMNS} FROM kept_period INDEXED BY kept_period_incident WHERE city_id = :city_id
    AND incident_id IN (SELECT value FROM json_each(:ids)) ORDER BY start_ms, id"""
)
OF_HOLDS = CitySql(
    f"""SELECT {COLUMNS} FROM kept_period INDEXED BY kept_period_hold WHERE city_id = :city_id
    AND hold_id IN (SELECT value FROM json_each(:ids)) ORDER BY start_ms, id"""
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
    """UPDATE kept_period INDEXED BY kept_period_incident SET released_ms = :now_ms
    WHERE city_id = :city_id AND incident_id = :incident_id AND released_ms IS NULL"""
)
RELEASE_HOLD = CitySql(
    """UPDATE kept_period INDEXED BY kept_period_hold SET released_ms = :now_ms
    WHERE city_id = :city_id AND hold_id = :hold_id AND released_ms IS NULL"""
)
RELEASE_EXPORT = CitySql(
    """UPDATE kept_period INDEXED BY kept_period_export SET released_ms = :now_ms
    WHERE city_id = :city_id AND export_id = :export_id AND released_ms IS NULL"""
)
"""The indexes are named: without figures about the table, SQLite would walk through all of a city's periods."""
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
        cameras: Collection[int] | None = None,
        keeping: Keeping | None = None,
        released: bool = False,
    ) -> Sequence[KeptPeriod]:
        """Newest first; of `cameras` alone unless that is None; with `released` those too that are no longer kept."""
        rows = await self._scope.fetch(
            LIST,
            before=before,
            limit=limit,
            cameras=None if cameras is None else json.dumps(sorted(cameras)),
            keeping=keeping,
            released=int(released),
        )
        return [kept_period_of(row) for row in rows]

    async def overlapping(
        self, camera_id: int, start_ms: int, end_ms: int, transaction: CityTransaction | None = None
    ) -> Sequence[KeptPeriod]:
        """What is kept of a camera in `[start_ms, end_ms)`, by their start."""
        params = {"camera_id": camera_id, "start_ms": start_ms, "end_ms": end_ms}
        return [kept_period_of(row) for row in await (transaction or self._scope).fetch(OVERLAPPING, **params)]

    async def overlapping_any(self, places: Mapping[int, tuple[int, int]]) -> Mapping[int, Sequence[KeptPeriod]]:
        """As `overlapping`, of several cameras by their number, each from when to when."""
        wanted = json.dumps([[number, *stretch] for number, stretch in places.items()])
        found: dict[int, list[KeptPeriod]] = {}
        for row in await self._scope.fetch(OVERLAPPING_ANY, wanted=wanted):
            found.setdefault(row["camera_id"], []).append(kept_period_of(row))
        return found

    async def of_incidents(
        self, ids: Collection[int], transaction: CityTransaction | None = None
    ) -> Sequence[KeptPeriod]:
        """By their start; released ones too."""
        rows = await (transaction or self._scope).fetch(OF_INCIDENTS, ids=json.dumps(sorted(ids)))
        return [kept_period_of(row) for row in rows]

    async def of_holds(self, ids: Collection[int], transaction: CityTransaction | None = None) -> Sequence[KeptPeriod]:
        """By their start; released ones too."""
        rows = await (transaction or self._scope).fetch(OF_HOLDS, ids=json.dumps(sorted(ids)))
        return [kept_period_of(row) for row in rows]

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
