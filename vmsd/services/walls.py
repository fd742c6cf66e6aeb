"""The screens on the walls of one city: each shows one mosaic to whoever stands before it, until it is revoked."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from uuid import uuid4

import structlog

from vmsd.clock import Clock
from vmsd.errors import Conflict, FieldProblem, Invalid, NotFound
from vmsd.model.audit import Action, Entry, Fact, Subject, Who
from vmsd.model.mosaic import Mosaic, Wall
from vmsd.services.audit import AuditLog
from vmsd.services.names import clean_name
from vmsd.services.wall_keys import WALL_PREFIX, hash_key
from vmsd.store.mosaics import Mosaics
from vmsd.store.scope import CityTransaction, Scope
from vmsd.store.walls import Walls

log = structlog.get_logger()

MOST_WALLS = 100
"""Of one city."""


@dataclass(frozen=True)
class IssuedWall:
    """The only time the key is known."""

    wall: Wall
    key: str = field(repr=False)


class CityWalls:
    """For those who may manage the city; who that is, the table of routes says."""

    def __init__(self, scope: Scope, audit: AuditLog, clock: Clock, *, by: Who) -> None:
        self._scope = scope
        self._store = Walls(scope)
        self._mosaics = Mosaics(scope)
        self._audit = audit
        self._clock = clock
        self._by = by

    async def list(self, *, after: str | None = None, limit: int = 10_000) -> Sequence[Wall]:
        """In the order they were made."""
        number = 0 if after is None else (await self.get(after)).id
        return await self._store.list(after=number, limit=limit)

    async def get(self, public_id: str) -> Wall:
        return await self._store.get(public_id)

    async def add(self, name: str, mosaic: Mosaic) -> IssuedWall:
        """Of one of the city's mosaics, which everybody who may see to it can look after; `Conflict` at the limit."""
        key, now_ms = WALL_PREFIX + secrets.token_urlsafe(32), self._clock.wall_ms()
        name = clean_name(name)
        async with self._scope.write() as transaction:
            if not (await self._mosaics.get_by_id(mosaic.id, transaction)).shared:
                detail = "a wall shows a mosaic of the city, not one of a person"
                raise Invalid("the wall was refused", FieldProblem("/mosaic_id", detail))
            if await self._store.count(transaction) >= MOST_WALLS:
                raise Conflict(f"a city has at most {MOST_WALLS} walls; revoke one that is not there any more")
            wall = await self._store.add(
                transaction,
                str(uuid4()),
                mosaic_id=mosaic.id,
                name=name,
                key_hash=hash_key(key),
                person=self._by.person,
                person_name=self._by.name,
                now_ms=now_ms,
            )
            facts: Mapping[str, Fact] = {"name": wall.name, "mosaic": wall.mosaic_name}
            entry = Entry(Action.WALL_ADDED, self._by, subject=Subject("wall", wall.public_id), facts=facts)
            await self._audit.append(transaction, entry, now_ms)
        log.info("wall.added", wall_id=wall.public_id, by=self._by.person)
        return IssuedWall(wall, key)

    async def revoke(self, wall: Wall) -> None:
        """What it shows ends within seconds, as with any right that is taken away."""
        async with self._scope.write() as transaction:
            if not await self._store.remove(transaction, wall):
                raise NotFound("there is no such wall")
            await _tell_revoked(transaction, self._audit, wall, self._by, self._clock.wall_ms())


async def revoke_walls_of(
    transaction: CityTransaction, scope: Scope, audit: AuditLog, mosaic_id: int, by: Who, now_ms: int
) -> None:
    """All that show this mosaic, which is about to be removed."""
    store = Walls(scope)
    for wall in await store.of_mosaic(transaction, mosaic_id):
        await store.remove(transaction, wall)
        await _tell_revoked(transaction, audit, wall, by, now_ms)


async def _tell_revoked(transaction: CityTransaction, audit: AuditLog, wall: Wall, by: Who, now_ms: int) -> None:
    facts: Mapping[str, Fact] = {"name": wall.name, "mosaic": wall.mosaic_name}
    entry = Entry(Action.WALL_REVOKED, by, subject=Subject("wall", wall.public_id), facts=facts)
    await audit.append(transaction, entry, now_ms)
    log.info("wall.revoked", wall_id=wall.public_id, by=by.person)
