"""Fills a demo's store before its daemon starts: a city, one person of each role, the cameras."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from vmsd.demo.plan import CITY, DemoCamera
from vmsd.demo.site import Person, Seeded, new_people
from vmsd.model.camera import Camera, Location
from vmsd.model.city import City
from vmsd.model.person import Role
from vmsd.services.accounts import Accounts
from vmsd.services.cameras import CameraFields, CityCameras
from vmsd.services.cities import CityList

TOKEN_DAYS = 365


async def seed_site(
    accounts: Accounts,
    cities: CityList,
    open_cameras: Any,
    running: Sequence[tuple[DemoCamera, dict[str, Any]]],
    kept: Path,
) -> Seeded:
    """A demo started again on the same folder finds its people, city and cameras as it left them."""
    city = await _city(cities)
    people = await _people(accounts, city, kept)
    token = await accounts.add_token(await accounts.get(people[0].name), "demo", TOKEN_DAYS)
    store: CityCameras = open_cameras(city)
    present = {camera.name: camera for camera in await store.list()}
    ids = [await _camera(store, present, camera, address) for camera, address in running]
    return Seeded(people, token, city.public_id, tuple(ids))


async def _city(cities: CityList) -> City:
    present = await cities.list()
    return present[0] if present else await cities.add(name=CITY, plan="pro")


async def _people(accounts: Accounts, city: City, kept: Path) -> tuple[Person, ...]:
    known = await asyncio.to_thread(_load, kept)
    if known:
        return known
    people = new_people()
    for person in people:
        role = Role(person.role)
        await accounts.add_person(person.name, person.password, role, None if role == Role.SUPERADMIN else city.id)
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
