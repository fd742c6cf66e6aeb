"""The mosaics of one city, as one caller sees them: the city's, and their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from uuid import uuid4

import structlog

from vmsd.clock import Clock
from vmsd.errors import Conflict, NotAllowed, NotFound
from vmsd.model.audit import Action, Entry, Fact, Subject, Who
from vmsd.model.camera import Camera
from vmsd.model.mosaic import CELLS, Mosaic
from vmsd.model.person import Caller, Verb
from vmsd.services.audit import AuditLog
from vmsd.services.cameras import CityCameras
from vmsd.services.mosaic_rules import (
    MosaicFields,
    carousel_said,
    cells_said,
    refuse_foreign_cell,
    refused,
    special_cells,
)
from vmsd.services.names import clean_name
from vmsd.services.walls import revoke_walls_of
from vmsd.store.database import Database
from vmsd.store.mosaics import MosaicContent, Mosaics, list_expired
from vmsd.store.scope import CityTransaction, Scope
from vmsd.store.walls import Walls

log = structlog.get_logger()

EPHEMERAL_MS = 2 * 3600 * 1000
"""How long one lasts that nobody has saved."""
MOST_OWN = 50
"""Saved ones of one person."""
MOST_SHARED = 200
"""Those of a whole city."""
SWEPT_AT_ONCE = 200
MOST_UNSAVED = 100
"""Ephemeral ones of one person, those included that have expired and are still there."""


@dataclass(frozen=True)
class Shown:
    """A mosaic as the caller sees it.

    `cameras` are in the order of the cells, None for an empty one and for one they may not view; `turns` are the
    carousel's.
    """

    mosaic: Mosaic
    cameras: Sequence[Camera | None]
    turns: Sequence[Camera]
    editable: bool


class CityMosaics:
    """Handed out for the one city a request is about, and for one caller.

    Anybody may have mosaics of their own; those of the city are made, changed and removed by who may manage. Of a
    camera the caller may not view nothing is said, and it stays where it is whatever they change around it.
    """

    def __init__(self, scope: Scope, cameras: CityCameras, audit: AuditLog, clock: Clock, caller: Caller) -> None:
        self._scope = scope
        self._store = Mosaics(scope)
        self._walls = Walls(scope)
        self._cameras = cameras
        self._audit = audit
        self._clock = clock
        self._caller = caller

    @property
    def may_share(self) -> bool:
        """A GESTOR holds every verb."""
        return Verb.MANAGE in self._caller.verbs

    async def list(self, *, after: str | None = None, limit: int = 10_000) -> Sequence[Shown]:
        """In the order they were made."""
        number = 0 if after is None else (await self._get(after)).id
        found = await self._store.list(self._caller.person.id, self._now_ms(), after=number, limit=limit)
        return await self._shown(found)

    async def get(self, public_id: str) -> Shown:
        return await self._show(await self._get(public_id))

    async def _get(self, public_id: str) -> Mosaic:
        return await self._store.get(public_id, self._caller.person.id, self._now_ms())

    async def of_wall(self) -> Shown:
        """The one the calling wall shows; `NotFound` for anybody else."""
        seat = self._caller.seat
        if seat is None:
            raise NotFound("this is for the screens on walls alone")
        return await self._show(await self._store.get_by_id(seat.mosaic_id))

    async def _show(self, mosaic: Mosaic) -> Shown:
        (shown,) = await self._shown([mosaic])
        return shown

    async def _shown(self, mosaics: Sequence[Mosaic]) -> Sequence[Shown]:
        seen = {camera.id: camera for camera in await self._seen()}
        return [
            Shown(
                one,
                [seen.get(one.cells.get(cell, 0)) for cell in range(CELLS[one.layout])],
                [seen[number] for number in (one.carousel.camera_ids if one.carousel else ()) if number in seen],
                self._may_change(one),
            )
            for one in mosaics
        ]

    async def _seen(self) -> Sequence[Camera]:
        return await self._cameras.list(verbs=frozenset({Verb.VIEW}))

    def _may_change(self, mosaic: Mosaic) -> bool:
        return self._caller.seat is None and (not mosaic.shared or self.may_share)

    async def add(self, fields: MosaicFields) -> Shown:
        """Raises `Invalid` naming what does not fit, `NotAllowed` for one of the city's, `Conflict` at a limit."""
        content, now_ms = await self._content(fields, None), self._now_ms()
        async with self._scope.write() as transaction:
            await self._refuse_one_more(transaction, content)
            await self._refuse_taken(transaction, content)
            mosaic = await self._store.add(transaction, str(uuid4()), content, now_ms)
            await self._tell(transaction, Action.MOSAIC_ADDED, mosaic, _facts(mosaic))
        return await self._show(mosaic)

    async def change(self, shown: Shown, fields: MosaicFields) -> Shown:
        """Raises as `add` does, and `Conflict` when somebody else has changed it since it was read."""
        before = shown.mosaic
        self._refuse_unless_theirs(before)
        return await self._put(before, await self._content(fields, before))

    async def place(self, shown: Shown, camera: Camera) -> Shown:
        """The camera in the first free cell; where it stands already it stays. `Conflict` when there is no room."""
        mosaic = shown.mosaic
        self._refuse_unless_theirs(mosaic)
        if camera.id in mosaic.cells.values():
            return shown
        special = special_cells(mosaic.hotspot, mosaic.carousel)
        free = [cell for cell in range(CELLS[mosaic.layout]) if cell not in mosaic.cells and cell not in special]
        if not free:
            raise Conflict("there is no free cell in this mosaic")
        return await self._put(mosaic, replace(_as_is(mosaic), cells={**mosaic.cells, free[0]: camera.id}))

    async def take_out(self, shown: Shown, camera: Camera) -> Shown:
        """Raises `NotFound` when it is in no cell of the mosaic."""
        mosaic = shown.mosaic
        self._refuse_unless_theirs(mosaic)
        cells = {cell: number for cell, number in mosaic.cells.items() if number != camera.id}
        if len(cells) == len(mosaic.cells):
            raise NotFound("this camera is not in the mosaic")
        return await self._put(mosaic, replace(_as_is(mosaic), cells=cells))

    async def _put(self, before: Mosaic, content: MosaicContent) -> Shown:
        as_it_was = _as_is(before)
        if content == as_it_was:
            return await self._show(before)
        async with self._scope.write() as transaction:
            if (content.owner_id, content.expires_ms) != (before.owner_id, before.expires_ms):
                await self._refuse_one_more(transaction, content)
            if content.owner_id is not None and before.shared:
                await self._refuse_shown_on_walls(transaction, before)
            await self._refuse_taken(transaction, content, but=before.id)
            after = await self._store.change(transaction, before, content, self._now_ms())
            fields = [name for name in _AUDITED if getattr(content, name) != getattr(as_it_was, name)]
            await self._tell(transaction, Action.MOSAIC_CHANGED, after, {"name": after.name, "fields": fields})
        return await self._show(after)

    async def remove(self, shown: Shown) -> None:
        """With the walls that show it."""
        mosaic = shown.mosaic
        self._refuse_unless_theirs(mosaic)
        async with self._scope.write() as transaction:
            await remove_mosaic(transaction, self._scope, self._audit, mosaic, self._caller.who, self._now_ms())

    def _refuse_unless_theirs(self, mosaic: Mosaic) -> None:
        if not self._may_change(mosaic):
            raise NotAllowed("your account may not change the mosaics of the city")

    # What was said, made into what is stored

    async def _content(self, fields: MosaicFields, before: Mosaic | None) -> MosaicContent:
        seen = {camera.public_id: camera.id for camera in await self._seen()}
        refuse_foreign_cell(fields.layout, fields.hotspot, "/hotspot")
        carousel = carousel_said(fields, before, seen)
        if carousel is not None and carousel.cell == fields.hotspot:
            raise refused("/carousel/cell", "this cell is the hotspot")
        return MosaicContent(
            owner_id=self._owner_id(fields, before),
            name=clean_name(fields.name),
            layout=fields.layout,
            hotspot=fields.hotspot,
            carousel=carousel,
            number=fields.number,
            expires_ms=self._expires_ms(fields, before),
            cells=cells_said(fields, before, seen, special_cells(fields.hotspot, carousel)),
        )

    def _owner_id(self, fields: MosaicFields, before: Mosaic | None) -> int | None:
        if not fields.shared:
            return self._caller.person.id
        if fields.ephemeral:
            raise refused("/shared", "only a mosaic that is saved can be everybody's")
        if not self.may_share and (before is None or not before.shared):
            raise NotAllowed("your account may not make mosaics for the whole city")
        return None

    def _expires_ms(self, fields: MosaicFields, before: Mosaic | None) -> int | None:
        if not fields.ephemeral:
            return None
        if fields.number is not None:
            raise refused("/number", "only a mosaic that is saved can have a number")
        if before is None:
            return self._now_ms() + EPHEMERAL_MS
        if before.expires_ms is None:
            raise refused("/ephemeral", "a mosaic that was saved stays so")
        return before.expires_ms

    async def _refuse_one_more(self, transaction: CityTransaction, content: MosaicContent) -> None:
        ephemeral = content.expires_ms is not None
        most = MOST_UNSAVED if ephemeral else MOST_SHARED if content.owner_id is None else MOST_OWN
        if await self._store.count(transaction, content.owner_id, ephemeral=ephemeral) >= most:
            whose = "a city" if content.owner_id is None else "a person"
            raise Conflict(f"{whose} has at most {most} of these mosaics; remove one that is not needed any more")

    async def _refuse_taken(self, transaction: CityTransaction, content: MosaicContent, *, but: int = 0) -> None:
        number = content.number
        if number is not None and await self._store.is_number_taken(transaction, number, content.owner_id, but=but):
            raise Conflict(f"another mosaic has the number {number}")

    async def _refuse_shown_on_walls(self, transaction: CityTransaction, mosaic: Mosaic) -> None:
        if await self._walls.of_mosaic(transaction, mosaic.id):
            raise Conflict("a wall shows this mosaic; revoke the wall first")

    async def _tell(
        self, transaction: CityTransaction, action: Action, mosaic: Mosaic, facts: Mapping[str, Fact]
    ) -> None:
        entry = Entry(action, self._caller.who, subject=Subject("mosaic", mosaic.public_id), facts=facts)
        await self._audit.append(transaction, entry, self._now_ms())
        log.info(action.value, mosaic_id=mosaic.public_id, by=self._caller.who.person)

    def _now_ms(self) -> int:
        return self._clock.wall_ms()


async def remove_expired(database: Database, audit: AuditLog, now_ms: int) -> int:
    """How many there were, of all cities; one that was saved in this moment stays."""
    removed = 0
    for city_id, number in await list_expired(database, now_ms, SWEPT_AT_ONCE):
        scope = Scope(database, city_id)
        async with scope.write() as transaction:
            mosaic = await Mosaics(scope).get_by_id(number, transaction)
            if mosaic.expires_ms is not None and mosaic.expires_ms <= now_ms:
                await remove_mosaic(transaction, scope, audit, mosaic, Who(), now_ms)
                removed += 1
    return removed


_AUDITED = ("name", "layout", "cells", "hotspot", "carousel", "number", "owner_id", "expires_ms")


async def remove_mosaic(
    transaction: CityTransaction, scope: Scope, audit: AuditLog, mosaic: Mosaic, by: Who, now_ms: int
) -> None:
    """With the walls that show it, each of them written down."""
    await revoke_walls_of(transaction, scope, audit, mosaic.id, by, now_ms)
    if not await Mosaics(scope).remove(transaction, mosaic.id):
        raise NotFound("there is no such mosaic")
    entry = Entry(Action.MOSAIC_REMOVED, by, subject=Subject("mosaic", mosaic.public_id), facts={"name": mosaic.name})
    await audit.append(transaction, entry, now_ms)
    log.info("mosaic.removed", mosaic_id=mosaic.public_id, by=by.person)


def _as_is(mosaic: Mosaic) -> MosaicContent:
    return MosaicContent(**{name: getattr(mosaic, name) for name in MosaicContent.__dataclass_fields__})


def _facts(mosaic: Mosaic) -> Mapping[str, Fact]:
    return {
        "name": mosaic.name,
        "layout": mosaic.layout,
        "cameras": len(mosaic.cells),
        "shared": mosaic.shared,
        "ephemeral": mosaic.expires_ms is not None,
    }
