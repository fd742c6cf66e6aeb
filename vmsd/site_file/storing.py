"""The part of a site file that goes into the database: once, and whole however often it is broken off."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import structlog

from vmsd.api.camera_import import ImportedRow, import_rows
from vmsd.base import CONSOLE, Base, open_base
from vmsd.clock import rfc3339
from vmsd.config import Settings
from vmsd.errors import Conflict
from vmsd.host.durable import write_durably
from vmsd.model.city import City, Plan
from vmsd.model.person import Person, Role
from vmsd.services.first_login import find_first_secret, new_secret
from vmsd.services.names import clean_name
from vmsd.services.people import fields_of

log = structlog.get_logger()

MARKER = "site-applied.json"
TOKEN_NAME = "central"  # noqa: S105 - what the token is called


@dataclass(frozen=True)
class Plans:
    """What is to be in the database; `digest` tells the file it comes from."""

    digest: str
    city: str
    plan: Plan
    admin: str
    password: str | None = field(default=None, repr=False)
    token: str | None = field(default=None, repr=False)
    cameras: Sequence[dict[str, Any]] = field(default=(), repr=False)


@dataclass(frozen=True)
class Stored:
    """`refused` are cameras that this box cannot call, with the reason: the others are there all the same."""

    added: int
    refused: Sequence[ImportedRow] = ()


@dataclass(frozen=True)
class Marker:
    """`done` is false while it is being applied."""

    digest: str
    done: bool
    at: str


def find_marker(data_dir: Path) -> Marker | None:
    """None on a box to which no site file was ever applied, or that has forgotten it."""
    try:
        return Marker(**json.loads((data_dir / MARKER).read_text("utf-8")))
    except FileNotFoundError:
        return None
    except (ValueError, TypeError):
        return Marker("", done=True, at="?")


async def store(settings: Settings, plans: Plans) -> Stored:
    """Raises `Conflict` on a box that is somebody's already; the same plans again are what there is."""
    async with open_base(settings, beside_daemon=True) as base:
        await _begin(base, plans)
        city = await _city(base, plans)
        person = await _admin(base, plans)
        if plans.token:
            await base.tokens.add_given(person, TOKEN_NAME, plans.token, CONSOLE)
        stored = await _cameras(base, city, plans.cameras)
        _mark(base, plans, done=True)
        log.info("site.applied", city_id=city.public_id, cameras=stored.added, refused=len(stored.refused))
        return stored


async def _begin(base: Base, plans: Plans) -> None:
    """From here on the box is this site's: what is broken off is gone on with, also with a corrected file."""
    marker = find_marker(base.settings.data_dir)
    if marker is not None and marker.digest == plans.digest:
        return
    if marker is not None and marker.done:
        raise Conflict("another site file has been applied to this box")
    if await _is_somebodys(base) or (marker is None and await base.cities.list(limit=1)):
        raise Conflict("this box has been set up already, without a site file")
    _mark(base, plans, done=False)


async def _is_somebodys(base: Base) -> bool:
    """Whether anybody has a password of their own choice here."""
    return any(one.secret_until_ms is None for one in await base.people.list())


def _mark(base: Base, plans: Plans, *, done: bool) -> None:
    marker = {"digest": plans.digest, "done": done, "at": rfc3339(base.clock.wall_ms())}
    write_durably(base.settings.data_dir / MARKER, json.dumps(marker).encode())


async def _city(base: Base, plans: Plans) -> City:
    name = clean_name(plans.city)
    known = next((one for one in await base.cities.list() if one.name == name), None)
    if known is None:
        return await base.cities.add(name=name, plan=plans.plan, by=CONSOLE)
    if known.plan == plans.plan:
        return known
    return await base.cities.change(known, by=CONSOLE, name=known.name, status=known.status, plan=plans.plan)


async def _admin(base: Base, plans: Plans) -> Person:
    """Nobody who has chosen a password of their own is touched; what the file of the first one says stays true."""
    people = await base.people.list()
    fresh = [one for one in people if one.secret_until_ms is not None]
    if len(people) == len(fresh) == 1 and fresh[0].name != clean_name(plans.admin):
        await base.people.change(fresh[0], replace(fields_of(fresh[0]), name=plans.admin), CONSOLE)
    told = find_first_secret(base.settings.data_dir)
    other = new_secret() if told and told.name != clean_name(plans.admin) else None
    await base.first_login.prepare(plans.admin, plans.password or other)
    found = [one for one in await base.people.list() if one.role is Role.SUPERADMIN]
    return next((one for one in found if one.name == clean_name(plans.admin)), found[0])


async def _cameras(base: Base, city: City, rows: Sequence[dict[str, Any]]) -> Stored:
    """Those whose name the city has already are there from before."""
    cameras = base.cameras(city)
    there = {one.name for one in await cameras.list()}
    missing = [row for row in rows if clean_name(row["name"]) not in there]
    results = await import_rows(cameras, missing, base.clock, dry_run=False)
    refused = [one for one in results if "errors" in one]
    return Stored(len(rows) - len(refused), refused)
