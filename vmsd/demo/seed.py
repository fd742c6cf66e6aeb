"""Fills a demo's store before its daemon starts: a city, one person of each role, the cameras."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from vmsd.clock import Clock
from vmsd.demo.plan import CITY, DemoCamera
from vmsd.demo.site import Person, Seeded, new_people
from vmsd.model.audit import Who
from vmsd.model.camera import Camera, Location
from vmsd.model.city import City
from vmsd.model.person import ALL_VERBS, Role
from vmsd.services.cameras import CameraFields, CityCameras
from vmsd.services.cities import CityList
from vmsd.services.people import PersonFields, PersonList
from vmsd.services.tokens import DAY_MS, TokenList
from vmsd.services.webhook_keys import CityWebhookKeys

TOKEN_DAYS, TOKEN_NAME = 365, "demo"
DEMO = Who(name="demo")


class Parts(Protocol):
    """What of the site is filled."""

    @property
    def clock(self) -> Clock: ...

    @property
    def people(self) -> PersonList: ...

    @property
    def tokens(self) -> TokenList: ...

    @property
    def cities(self) -> CityList: ...

    def cameras(self, city: City, /) -> CityCameras: ...

    def webhook_keys(self, city: City, /) -> CityWebhookKeys: ...


async def seed_site(base: Parts, running: Sequence[tuple[DemoCamera, dict[str, Any]]], kept: Path) -> Seeded:
    """A demo started again on the same folder finds its people, city and cameras as it left them."""
    city = await _city(base.cities)
    people = await _people(base.people, city, kept)
    token = await _token(base, people[0].name)
    store = base.cameras(city)
    present = {camera.name: camera for camera in await store.list()}
    ids = [await _camera(store, present, camera, address) for camera, address in running]
    return Seeded(people, token, city.public_id, tuple(ids), await _lpr_secret(base.webhook_keys(city)))


async def _city(cities: CityList) -> City:
    present = await cities.list()
    return present[0] if present else await cities.add(name=CITY, plan="pro", by=DEMO)


async def _token(base: Parts, name: str) -> str:
    """In the place of the one the last start made."""
    owner = await base.people.get_named(name)
    for old in await base.tokens.list(person_id=owner.id):
        if old.name == TOKEN_NAME:
            await base.tokens.revoke(old, DEMO)
    expires_ms = base.clock.wall_ms() + TOKEN_DAYS * DAY_MS
    return (await base.tokens.add(owner, TOKEN_NAME, ALL_VERBS, DEMO, expires_ms=expires_ms)).secret


async def _lpr_secret(keys: CityWebhookKeys) -> str:
    """As the token's."""
    for old in await keys.list():
        if old.name == TOKEN_NAME:
            await keys.remove(old.public_id)
    return (await keys.add(TOKEN_NAME)).secret


async def _people(accounts: PersonList, city: City, kept: Path) -> tuple[Person, ...]:
    known = await asyncio.to_thread(_load, kept)
    if known:
        return known
    people = new_people()
    for person in people:
        role = Role(person.role)
        city_id = None if role == Role.SUPERADMIN else city.id
        await accounts.add(PersonFields(person.name, role, city_id), person.password, DEMO)
    await asyncio.to_thread(_save, kept, people)
    return people


def _load(kept: Path) -> tuple[Person, ...]:
    if not kept.exists():
        return ()
    return tuple(Person(**one) for one in json.loads(kept.read_text("utf-8")))


def _save(kept: Path, people: Sequence[Person]) -> None:
    kept.touch(mode=0o600)
    kept.write_text(json.dumps([person.shown() for person in people]), "utf-8")


async def _camera(store: CityCameras, present: dict[str, Camera], camera: DemoCamera, address: dict[str, Any]) -> str:
    fields = CameraFields(
        name=camera.name,
        protocol="rtsp",
        source_url=address["url"],
        sub_source_url=address.get("sub_url") or "",
        location=Location(camera.lat, camera.lon),
        group="Demonstração",
    )
    known = present.get(camera.name)
    saved = await (store.change(known, fields) if known else store.add(fields))
    return saved.public_id
