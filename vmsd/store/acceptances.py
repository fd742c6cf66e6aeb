"""The acceptance reports of one city: jobs while they are open, signed documents with their pictures after."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from sqlite3 import sqlite_version
from typing import NamedTuple
from uuid import uuid4

from vmsd.errors import NotFound
from vmsd.model.acceptance import Acceptance, AcceptanceState
from vmsd.store.database import Database, Row
from vmsd.store.scope import CityTransaction, Scope
from vmsd.store.statements import CitySql, SystemSql

COLUMNS = """id, public_id, state, installer, note, minutes, person, person_name, person_role, created_ms, ended_ms,
    passed, error"""
_OPEN = "state IN ('queued', 'running')"
_ONE = "city_id = :city_id AND id = :id"
NEWEST = 1 << 62
SQLITE_VERSION = sqlite_version
KEPT = 50
"""So many of a city's reports stay; the audit log knows of all."""

GET = CitySql(f"SELECT {COLUMNS} FROM acceptance WHERE city_id = :city_id AND public_id = :public_id")
LIST = CitySql(
    f"SELECT {COLUMNS} FROM acceptance WHERE city_id = :city_id AND id < :before ORDER BY id DESC LIMIT :limit"
)
OPEN = CitySql(f"SELECT count(*) AS open FROM acceptance WHERE city_id = :city_id AND {_OPEN}")
NEXT_ID = CitySql("SELECT coalesce(max(id), 0) + 1 AS id FROM acceptance WHERE city_id = :city_id")
INSERT = CitySql(
    """INSERT INTO acceptance (city_id, id, public_id, state, installer, note, minutes, person, person_name,
    person_role, created_ms) VALUES (:city_id, :id, :public_id, 'queued', :installer, :note, :minutes, :person,
    :person_name, :person_role, :created_ms)"""
)
BEGIN = CitySql(f"UPDATE acceptance SET state = 'running' WHERE {_ONE} AND state = 'queued'")
FINISH = CitySql(
    f"""UPDATE acceptance SET state = 'done', ended_ms = :now_ms, passed = :passed, certificate = :certificate,
    signature = :signature WHERE {_ONE} AND {_OPEN}"""
)
FAIL = CitySql(f"UPDATE acceptance SET state = 'failed', ended_ms = :now_ms, error = :error WHERE {_ONE} AND {_OPEN}")
CANCEL = CitySql(f"UPDATE acceptance SET state = 'cancelled', ended_ms = :now_ms WHERE {_ONE} AND {_OPEN}")
DOCUMENT = CitySql(f"SELECT certificate, signature FROM acceptance WHERE {_ONE}")
INSERT_PICTURE = CitySql(
    """INSERT OR REPLACE INTO acceptance_picture (city_id, acceptance_id, camera_id, jpeg)
    VALUES (:city_id, :acceptance_id, :camera_id, :picture)"""
)
PICTURES = CitySql(
    """SELECT camera.public_id AS camera, jpeg FROM acceptance_picture
    JOIN camera ON camera.city_id = acceptance_picture.city_id AND camera.id = acceptance_picture.camera_id
    WHERE acceptance_picture.city_id = :city_id AND camera.city_id = :city_id AND acceptance_id = :id"""
)
_OLD = """SELECT id FROM acceptance WHERE city_id = :city_id AND state NOT IN ('queued', 'running')
    ORDER BY id DESC LIMIT -1 OFFSET :kept"""
DROP_PICTURES = CitySql(f"DELETE FROM acceptance_picture WHERE city_id = :city_id AND acceptance_id IN ({_OLD})")
DROP = CitySql(f"DELETE FROM acceptance WHERE city_id = :city_id AND id IN ({_OLD})")
DEVICES = CitySql(
    """SELECT camera_id, manufacturer, model, firmware, serial, mac, clock_offset_ms, seen_ms, stranger
    FROM device WHERE city_id = :city_id"""
)
OLDEST_OPEN = SystemSql(f"SELECT city_id, public_id FROM acceptance WHERE {_OPEN} ORDER BY created_ms LIMIT 1")


class Place(NamedTuple):
    """Where to find a report."""

    city_id: int
    public_id: str


class DeviceFacts(NamedTuple):
    """What a camera said of itself when it was last asked; `stranger` is another one that answers in its place."""

    manufacturer: str | None
    model: str | None
    firmware: str | None
    serial: str | None
    mac: str | None
    clock_offset_ms: int | None
    seen_ms: int
    stranger: str | None


class Acceptances:
    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    async def get(self, public_id: str, transaction: CityTransaction | None = None) -> Acceptance:
        rows = await (transaction or self._scope).fetch(GET, public_id=public_id)
        if not rows:
            raise NotFound("there is no such report")
        return acceptance_of(rows[0])

    async def list(self, *, before: int = NEWEST, limit: int) -> Sequence[Acceptance]:
        """Newest first."""
        return [acceptance_of(row) for row in await self._scope.fetch(LIST, before=before, limit=limit)]

    async def is_open(self, transaction: CityTransaction) -> bool:
        """Whether one is being made."""
        (row,) = await transaction.fetch(OPEN)
        return bool(row["open"])

    async def add(self, transaction: CityTransaction, **fields: str | int | None) -> Acceptance:
        public_id = str(uuid4())
        (row,) = await transaction.fetch(NEXT_ID)
        await transaction.execute(INSERT, id=row["id"], public_id=public_id, **fields)
        return await self.get(public_id, transaction)

    async def begin(self, one: Acceptance) -> None:
        async with self._scope.write() as transaction:
            await transaction.execute(BEGIN, id=one.id)

    async def finish(
        self,
        transaction: CityTransaction,
        one: Acceptance,
        *,
        certificate: str,
        signature: str,
        pictures: Mapping[int, bytes],
        passed: bool,
        now_ms: int,
    ) -> bool:
        """The document as it was signed, and the picture of each camera by its number; False when it is not open."""
        said = {"certificate": certificate, "signature": signature, "passed": int(passed), "now_ms": now_ms}
        if not await transaction.execute(FINISH, id=one.id, **said):
            return False
        for camera_id, jpeg in pictures.items():
            await transaction.execute(INSERT_PICTURE, acceptance_id=one.id, camera_id=camera_id, picture=jpeg)
        await transaction.execute(DROP_PICTURES, kept=KEPT)
        await transaction.execute(DROP, kept=KEPT)
        return True

    async def fail(self, transaction: CityTransaction, one: Acceptance, error: str, now_ms: int) -> bool:
        """False when it is not open any more."""
        return await transaction.execute(FAIL, id=one.id, now_ms=now_ms, error=error) > 0

    async def cancel(self, transaction: CityTransaction, one: Acceptance, now_ms: int) -> bool:
        """False when it has ended."""
        return await transaction.execute(CANCEL, id=one.id, now_ms=now_ms) > 0

    async def document(self, one: Acceptance) -> tuple[str, str] | None:
        """The certificate, as it was signed, and the signature; None before it is done."""
        (row,) = await self._scope.fetch(DOCUMENT, id=one.id)
        return None if row["certificate"] is None else (row["certificate"], row["signature"])

    async def pictures(self, one: Acceptance) -> Mapping[str, bytes]:
        """By the cameras' public ids."""
        return {row["camera"]: row["jpeg"] for row in await self._scope.fetch(PICTURES, id=one.id)}

    async def devices(self) -> Mapping[int, DeviceFacts]:
        """By the number of the camera: of those that have told who they are."""
        rows = await self._scope.fetch(DEVICES)
        return {row["camera_id"]: DeviceFacts(*(row[name] for name in DeviceFacts._fields)) for row in rows}


async def find_open(database: Database) -> Place | None:
    """The first one asked for, of any city."""
    rows = await database.read(OLDEST_OPEN)
    return Place(rows[0]["city_id"], rows[0]["public_id"]) if rows else None


def acceptance_of(row: Row) -> Acceptance:
    passed = row["passed"]
    understood = {"state": AcceptanceState(row["state"]), "passed": None if passed is None else bool(passed)}
    return Acceptance(**dict(row) | understood)
