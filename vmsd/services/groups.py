"""The camera groups of one city, as one caller sees them, and who has which rights on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import uuid4

import structlog

from vmsd.clock import Clock
from vmsd.errors import FieldProblem, Invalid, NotFound
from vmsd.model.audit import Action, Entry, Fact, Subject, Who
from vmsd.model.person import ALL_VERBS, EVERY_CAMERA, Caller, Person, Role, Verb
from vmsd.services.audit import AuditLog
from vmsd.services.names import clean_name
from vmsd.store.database import Database
from vmsd.store.groups import CameraGroup, Groups
from vmsd.store.people import People
from vmsd.store.scope import CityTransaction, Scope

log = structlog.get_logger()


@dataclass(frozen=True)
class Holder:
    """Somebody who may do something with a group's cameras, because of a right on this very group."""

    person: Person
    verbs: frozenset[Verb]


class CityGroups:
    """Handed out for the one city a request is about, and for one caller.

    A group on whose cameras they may do nothing does not exist for them. Of other people's rights they hear only
    when they manage people: as a GESTOR or SUPERADMIN, and not with a token that is not for `manage`.
    """

    def __init__(self, database: Database, scope: Scope, audit: AuditLog, clock: Clock, caller: Caller) -> None:
        self._store = Groups(scope)
        self._people = People(database)
        self._scope = scope
        self._audit = audit
        self._clock = clock
        self._caller = caller
        self._visible = caller.rights.groups_with(ALL_VERBS)

    async def list(self, *, after: str | None = None, limit: int = 10_000) -> Sequence[CameraGroup]:
        """In the order they came into being."""
        number = 0 if after is None else (await self.get(after)).id
        return [group for group in await self._store.list(after=number) if self._sees(group)][:limit]

    async def get(self, public_id: str) -> CameraGroup:
        group = await self._store.get(public_id)
        if not self._sees(group):
            raise NotFound("there is no such group")
        return group

    def _sees(self, group: CameraGroup) -> bool:
        return self._visible is None or group.id in self._visible

    async def holders(self) -> Mapping[str, Sequence[Holder]]:
        """By the name of the group; rights on every camera are in none of them."""
        manages = self._caller.role.reaches(Role.GESTOR) and Verb.MANAGE in self._caller.verbs
        people = await self._people.list(self._scope.city_id) if manages else [self._caller.person]
        by_id = {person.id: person for person in people}
        found: dict[str, list[Holder]] = {}
        for right in await self._store.rights(None if manages else self._caller.person.id):
            if right.group is not None and right.person_id in by_id:
                found.setdefault(right.group, []).append(Holder(by_id[right.person_id], right.verbs))
        return found

    async def add(self, name: str) -> CameraGroup:
        """Raises `Conflict` when there is one of this name."""
        name, public_id = group_name(name), str(uuid4())
        async with self._scope.write() as transaction:
            await self._store.add(transaction, public_id, name, self._clock.wall_ms())
            await self._tell(transaction, Action.GROUP_ADDED, public_id, {"name": name})
        log.info("group.added", group_id=public_id, by=self._caller.who.person)
        return await self._store.get(public_id)

    async def rename(self, group: CameraGroup, name: str) -> CameraGroup:
        """Cameras and rights go with it; `Conflict` as in the store."""
        name = group_name(name)
        async with self._scope.write() as transaction:
            await self._store.rename(transaction, group, name, self._clock.wall_ms())
            if name != group.name:
                await self._tell(transaction, Action.GROUP_CHANGED, group.public_id, {"from": group.name, "to": name})
        log.info("group.changed", group_id=group.public_id, by=self._caller.who.person)
        return await self._store.get(group.public_id)

    async def remove(self, group: CameraGroup) -> None:
        """Raises `Conflict` while cameras are in it; the rights on it go with it."""
        rights = [
            f"{one.person.name}: {' '.join(sorted(one.verbs))}" for one in (await self.holders()).get(group.name, ())
        ]
        async with self._scope.write() as transaction:
            await self._store.remove(transaction, group)
            await self._tell(transaction, Action.GROUP_REMOVED, group.public_id, {"name": group.name, "rights": rights})
        log.info("group.removed", group_id=group.public_id, by=self._caller.who.person)

    async def _tell(
        self, transaction: CityTransaction, action: Action, public_id: str, facts: Mapping[str, Fact]
    ) -> None:
        entry = Entry(action, self._caller.who, subject=Subject("group", public_id), facts=facts)
        await self._audit.append(transaction, entry, self._clock.wall_ms())


async def ensure_group(
    transaction: CityTransaction, store: Groups, audit: AuditLog, name: str, by: Who, now_ms: int
) -> int:
    """The number of the group that a camera or a right names; one that is made now is written down."""
    number = await store.find_id_in(transaction, name)
    if number is not None:
        return number
    public_id = str(uuid4())
    entry = Entry(Action.GROUP_ADDED, by, subject=Subject("group", public_id), facts={"name": name})
    await audit.append(transaction, entry, now_ms)
    return await store.add(transaction, public_id, name, now_ms)


def group_name(text: str) -> str:
    """Raises `Invalid`."""
    name = clean_name(text)
    if name == EVERY_CAMERA:
        raise Invalid("the name was refused", FieldProblem("/name", "this name stands for every camera"))
    return name
