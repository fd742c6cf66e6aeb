"""The map of a city: where its cameras are and what each is doing, and what is laid under them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import structlog

from vmsd.clock import Clock, rfc3339
from vmsd.errors import BadMedia, FieldProblem, Invalid, NotFound
from vmsd.host.tiles import TileFacts, TileFile
from vmsd.model.audit import Action, Entry, Fact, Subject, Who
from vmsd.model.camera import Camera
from vmsd.model.city import City
from vmsd.services.answers import StateLine
from vmsd.services.audit import AuditLog
from vmsd.services.disk_thread import DiskThread
from vmsd.store.scope import CityTransaction, Scope
from vmsd.store.site_plans import Bounds, SitePlan, SitePlans
from vmsd.video.picture_size import look_at

log = structlog.get_logger()

LEAST_DEGREES = 1e-5
"""About a metre: a plan is of a place, and not of a point."""
FACTS_S = 30.0
"""How long what a map file says of itself is believed without a look at it."""


class CityMap:
    """Handed out for the one city a request is about; `by` is who changes the plan."""

    def __init__(self, scope: Scope, city: City, audit: AuditLog, clock: Clock, *, by: Who) -> None:
        self._plans = SitePlans(scope)
        self._scope = scope
        self._city = city
        self._audit = audit
        self._clock = clock
        self._by = by

    async def find_plan(self) -> SitePlan | None:
        return await self._plans.find()

    async def image(self) -> tuple[SitePlan, bytes]:
        """The plan and its picture; raises `NotFound`."""
        plan = await self._plans.find()
        image = await self._plans.find_image(plan) if plan else None
        if plan is None or image is None:
            raise NotFound("this city has no plan")
        return plan, image

    async def put_plan(self, name: str, bounds: Bounds, image: bytes) -> SitePlan:
        """In the place of the one before. Raises `Invalid` for a picture that is none, or has no place."""
        refuse_no_place(bounds)
        try:
            picture = look_at(image)
        except BadMedia as error:
            raise Invalid("the picture was refused", FieldProblem("", str(error))) from error
        async with self._scope.write() as transaction:
            before, now_ms = await self._plans.find(transaction), self._clock.wall_ms()
            changed_ms = max(now_ms, before.changed_ms + 1) if before else now_ms
            plan = SitePlan(name, picture.content_type, len(image), bounds, changed_ms)
            await self._plans.put(transaction, plan, image)
            facts: dict[str, Fact] = {"name": name, "bytes": len(image)}
            await self._tell(transaction, Action.MAP_PLAN_CHANGED, facts, now_ms)
        log.info("map.plan_changed", city_id=self._city.public_id, bytes=len(image))
        return plan

    async def move_plan(self, plan: SitePlan, name: str, bounds: Bounds) -> SitePlan:
        """The same picture, called so and lying there."""
        _, image = await self.image()
        return await self.put_plan(name, bounds, image) if (name, bounds) != (plan.name, plan.bounds) else plan

    async def remove_plan(self) -> None:
        """Raises `NotFound` when there is none."""
        async with self._scope.write() as transaction:
            plan = await self._plans.find(transaction)
            if plan is None or not await self._plans.remove(transaction):
                raise NotFound("this city has no plan")
            now_ms = self._clock.wall_ms()
            await self._tell(transaction, Action.MAP_PLAN_REMOVED, {"name": plan.name}, now_ms)
        log.info("map.plan_removed", city_id=self._city.public_id)

    async def _tell(self, transaction: CityTransaction, action: Action, facts: Mapping[str, Fact], now_ms: int) -> None:
        entry = Entry(action, self._by, subject=Subject("city", self._city.public_id), facts=facts)
        await self._audit.append(transaction, entry, now_ms)


class BaseMap:
    """The map file of the box, if it has one: the same for every city."""

    def __init__(self, path: Path | None, clock: Clock) -> None:
        self._file = None if path is None else TileFile(path)
        self._clock = clock
        self._thread = DiskThread("tiles", 2)
        self._facts: TileFacts | None = None
        self._looked_s = float("-inf")

    async def facts(self) -> TileFacts | None:
        """None without a map, or while its file cannot be read."""
        if self._file is None:
            return None
        if self._clock.monotonic() - self._looked_s > FACTS_S:
            facts = await self._thread.run(self._file.facts)
            if facts is None and (self._facts or self._looked_s < 0):
                log.warning("map.tiles_unreadable")
            self._facts, self._looked_s = facts, self._clock.monotonic()
        return self._facts

    async def tile(self, zoom: int, column: int, row: int) -> tuple[str, bytes]:
        """Type and bytes; raises `NotFound`."""
        found = await self._thread.run(self._file.tile, zoom, column, row) if self._file else None
        if found is None:
            raise NotFound("the map has nothing there")
        return found


def refuse_no_place(bounds: Bounds) -> None:
    """Raises `Invalid` for a piece of the world that is none."""
    if bounds.north - bounds.south < LEAST_DEGREES:
        raise Invalid("the place was refused", FieldProblem("/north", "must be north of south"))
    if bounds.east - bounds.west < LEAST_DEGREES:
        raise Invalid("the place was refused", FieldProblem("/east", "must be east of west"))


def feature_of(camera: Camera, line: StateLine) -> dict[str, Any]:
    """RFC 7946: longitude first. Raises `NotFound` for a camera without a place."""
    if camera.location is None:
        raise NotFound("this camera has no place")
    place = [camera.location.lon, camera.location.lat]
    kept = ("state", "since", "cause", "last_frame_age", "recording", "enabled")
    named = {"id": camera.public_id, "name": camera.name, "group": camera.group}
    facts = named | {name: value for name, value in line.items() if name in kept}
    return {
        "type": "Feature",
        "id": camera.public_id,
        "geometry": {"type": "Point", "coordinates": place},
        "properties": facts,
    }


def collection_of(cameras: Sequence[Camera], lines: Sequence[StateLine], now_ms: int) -> dict[str, Any]:
    """Of those that have a place; `now` is a foreign member, RFC 7946, 6.1."""
    pairs = zip(cameras, lines, strict=True)
    features = [feature_of(camera, line) for camera, line in pairs if camera.location is not None]
    return {"type": "FeatureCollection", "now": rfc3339(now_ms), "features": features}
