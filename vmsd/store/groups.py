"""The camera groups of one city, and the verbs people have on them."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from vmsd.errors import Conflict, NotFound
from vmsd.model.person import Verb
from vmsd.store.database import Row
from vmsd.store.scope import CityTransaction, Scope
from vmsd.store.statements import CitySql

EVERY_CAMERA_ID = 0
"""The group that is every camera of the city; it has no row."""

SELECT = """SELECT id, public_id, name, created_ms, changed_ms, (
        SELECT count(*) FROM camera
        WHERE camera.city_id = :city_id AND camera.group_id = camera_group.id AND camera.removed_ms IS NULL
    ) AS cameras FROM camera_group WHERE camera_group.city_id = :city_id"""
LIST = CitySql(f"{SELECT} AND id > :after ORDER BY id LIMIT :limit")
BY_PUBLIC_ID = CitySql(f"{SELECT} AND public_id = :public_id")
BY_NAME = CitySql("SELECT id FROM camera_group WHERE city_id = :city_id AND name = :name")
INSERT = CitySql(
    """INSERT INTO camera_group (city_id, id, public_id, name, created_ms, changed_ms)
    VALUES (:city_id, (SELECT coalesce(max(id), 0) + 1 FROM camera_group WHERE city_id = :city_id), :public_id, :name,
    :now_ms, :now_ms) RETURNING id"""
)
RENAME = CitySql(
    """UPDATE camera_group SET name = :name, changed_ms = max(changed_ms + 1, :now_ms)
    WHERE city_id = :city_id AND id = :id AND changed_ms = :seen_ms"""
)
IN_USE = CitySql("SELECT id FROM camera WHERE city_id = :city_id AND group_id = :id AND removed_ms IS NULL LIMIT 1")
LEAVE = CitySql("UPDATE camera SET group_id = NULL WHERE city_id = :city_id AND group_id = :id")
DELETE = CitySql("DELETE FROM camera_group WHERE city_id = :city_id AND id = :id")
DROP_RIGHTS_ON = CitySql("DELETE FROM person_right WHERE city_id = :city_id AND group_id = :id")
RIGHTS = CitySql(
    """SELECT person_right.person_id, person_right.group_id, person_right.verbs, camera_group.name
    FROM person_right LEFT JOIN camera_group
    ON camera_group.city_id = :city_id AND camera_group.id = person_right.group_id
    WHERE person_right.city_id = :city_id AND (:person_id IS NULL OR person_right.person_id = :person_id)
    ORDER BY person_right.person_id, person_right.group_id"""
)
SET_RIGHT = CitySql(
    """INSERT INTO person_right (city_id, person_id, group_id, verbs)
    VALUES (:city_id, :person_id, :group_id, :verbs)"""
)
DROP_RIGHTS_OF = CitySql("DELETE FROM person_right WHERE city_id = :city_id AND person_id = :person_id")


@dataclass(frozen=True)
class CameraGroup:
    """`cameras` is how many are in it."""

    id: int
    public_id: str
    name: str
    created_ms: int
    changed_ms: int
    cameras: int


@dataclass(frozen=True)
class Right:
    """What one person may do in one group; `group` is None for every camera of the city."""

    person_id: int
    group: str | None
    verbs: frozenset[Verb]


class Groups:
    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    async def list(self, *, after: int = 0, limit: int = 10_000) -> Sequence[CameraGroup]:
        return [group_of(row) for row in await self._scope.fetch(LIST, after=after, limit=limit)]

    async def get(self, public_id: str) -> CameraGroup:
        rows = await self._scope.fetch(BY_PUBLIC_ID, public_id=public_id)
        if not rows:
            raise NotFound("there is no such group")
        return group_of(rows[0])

    async def find_id(self, name: str) -> int | None:
        rows = await self._scope.fetch(BY_NAME, name=normal(name))
        return int(rows[0]["id"]) if rows else None

    async def find_id_in(self, transaction: CityTransaction, name: str) -> int | None:
        """As `find_id`, what this transaction has added included."""
        rows = await transaction.fetch(BY_NAME, name=normal(name))
        return int(rows[0]["id"]) if rows else None

    async def add(self, transaction: CityTransaction, public_id: str, name: str, now_ms: int) -> int:
        """Its number; raises `Conflict` when the name is taken."""
        (row,) = await transaction.fetch(INSERT, public_id=public_id, name=normal(name), now_ms=now_ms)
        return int(row["id"])

    async def rename(self, transaction: CityTransaction, group: CameraGroup, name: str, now_ms: int) -> None:
        """Cameras and rights follow; `Conflict` when the name is taken or the group has been changed since."""
        params = {"id": group.id, "name": normal(name), "now_ms": now_ms, "seen_ms": group.changed_ms}
        if await transaction.execute(RENAME, **params) == 0:
            raise Conflict("somebody else has just changed this group; look at it again")

    async def remove(self, transaction: CityTransaction, group: CameraGroup) -> None:
        """With the rights on it; `Conflict` while cameras are in it."""
        if await transaction.fetch(IN_USE, id=group.id):
            raise Conflict("there are still cameras in this group")
        await transaction.execute(LEAVE, id=group.id)
        await transaction.execute(DROP_RIGHTS_ON, id=group.id)
        await transaction.execute(DELETE, id=group.id)

    async def rights(self, person_id: int | None = None) -> Sequence[Right]:
        """Of one person of this city, or of all of them."""
        rows = await self._scope.fetch(RIGHTS, person_id=person_id)
        return [right_of(row) for row in rows]

    async def set_rights(
        self, transaction: CityTransaction, person_id: int, rights: Mapping[int, frozenset[Verb]]
    ) -> None:
        """All a person may do in this city from now on, by the group's number."""
        await transaction.execute(DROP_RIGHTS_OF, person_id=person_id)
        for group_id, verbs in rights.items():
            await transaction.execute(SET_RIGHT, person_id=person_id, group_id=group_id, verbs=" ".join(sorted(verbs)))


def normal(name: str) -> str:
    """The same letters are the same name, on whatever keyboard they were typed."""
    return unicodedata.normalize("NFC", name)


def group_of(row: Row) -> CameraGroup:
    names = ("id", "public_id", "name", "created_ms", "changed_ms", "cameras")
    return CameraGroup(**{name: row[name] for name in names})


def right_of(row: Row) -> Right:
    name = None if row["group_id"] == EVERY_CAMERA_ID else row["name"]
    return Right(row["person_id"], name, frozenset(Verb(verb) for verb in row["verbs"].split()))
