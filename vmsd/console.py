"""What the operator's commands do with the store, the daemon running or not."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from vmsd import app
from vmsd.api.camera_import import ImportedRow, import_rows
from vmsd.assets import mediamtx_dir
from vmsd.base import CONSOLE, Base, look_at_disk, open_base, open_volume, scanner_of
from vmsd.clock import SystemClock
from vmsd.config import Settings
from vmsd.daemon import TEMPLATE, worker_command
from vmsd.demo.plan import DemoCamera
from vmsd.demo.seed import seed_site
from vmsd.demo.site import Seeded, run_site
from vmsd.errors import BadSetting
from vmsd.host.daemon_lock import daemon_lock
from vmsd.host.signing import load_box_key
from vmsd.mediamtx.config import ConfigFile, render
from vmsd.model.audit import Action, Entry
from vmsd.model.city import Plan
from vmsd.model.person import Role, Status, Verb
from vmsd.services import snapshots, transplant
from vmsd.services.camera_hosts import ANYWHERE, CameraHosts
from vmsd.services.people import GroupVerbs, PersonFields, fields_of
from vmsd.services.probe import Prober
from vmsd.services.tokens import DAY_MS
from vmsd.tasks.clockwatch import LAST_KNOWN
from vmsd.tasks.reconciler import make_folders, write_relays
from vmsd.tasks.scanner import rebuild


async def render_mediamtx(settings: Settings, out: Path) -> int:
    """Write MediaMTX's file; it records only when the volume is there and has room. Returns the paths."""
    async with open_base(settings, beside_daemon=True) as base:
        await _write_mediamtx(base, out)
        return len((await base.desired.plan()).desired.paths)


async def _write_mediamtx(base: Base, out: Path) -> None:
    state = await look_at_disk(base)
    base.desired.record_allowed = not state.open
    plan = await base.desired.plan()
    make_folders(plan.desired)
    ConfigFile(out).write(render(mediamtx_dir() / TEMPLATE, plan.desired))
    write_relays(base.settings.runtime_dir / "relays", plan.relays)


async def add_person(
    settings: Settings,
    name: str,
    password: str,
    role: Role,
    city_id: str | None,
    groups: GroupVerbs | None = None,
) -> None:
    if (role == Role.SUPERADMIN) != (city_id is None):
        raise BadSetting("a SUPERADMIN belongs to no city, everybody else to one: see --city")
    async with open_base(settings, beside_daemon=True) as base:
        city = await base.cities.get(city_id) if city_id else None
        fields = PersonFields(name, role, city.id if city else None, groups=groups)
        await base.people.add(fields, password, CONSOLE)


async def reset_password(settings: Settings, name: str, password: str, *, without_totp: bool = False) -> None:
    async with open_base(settings, beside_daemon=True) as base:
        person = await base.people.get_named(name)
        await base.people.reset(person, password, CONSOLE, without_totp=without_totp)
        if person.secret_until_ms is not None:
            await base.first_login.forget()


async def set_status(settings: Settings, name: str, status: Status) -> None:
    async with open_base(settings, beside_daemon=True) as base:
        person = await base.people.get_named(name)
        await base.people.change(person, replace(fields_of(person), status=status), CONSOLE)


async def add_token(
    settings: Settings,
    person: str,
    name: str,
    days: int,
    scope: frozenset[Verb] | None = None,
    *,
    status_only: bool = False,
) -> str:
    """With all its owner may do unless `scope` says less."""
    async with open_base(settings, beside_daemon=True) as base:
        owner = await base.people.get_named(person)
        expires_ms = base.clock.wall_ms() + days * DAY_MS
        verbs = owner.rights.anywhere if scope is None else scope
        issued = await base.tokens.add(owner, name, verbs, CONSOLE, expires_ms=expires_ms, status_only=status_only)
        return issued.secret


async def add_city(settings: Settings, name: str, plan: Plan) -> str:
    async with open_base(settings, beside_daemon=True) as base:
        return (await base.cities.add(name=name, plan=plan, by=CONSOLE)).public_id


async def probe(url: str) -> dict[str, Any]:
    prober = Prober(5, worker_command(), CameraHosts(lambda: ANYWHERE))
    try:
        return await prober.probe_url(url)
    finally:
        await prober.close()


async def import_cameras(
    settings: Settings, city_id: str, rows: Sequence[dict[str, Any]], *, dry_run: bool, as_text: bool
) -> list[ImportedRow]:
    """One result per row, with its errors; the rows that are fine are added unless `dry_run`."""
    async with open_base(settings, beside_daemon=True) as base:
        cameras = base.cameras(await base.cities.get(city_id))
        return await import_rows(cameras, rows, base.clock, dry_run=dry_run, as_text=as_text)


async def rebuild_index(settings: Settings, progress: Callable[[int, int], None]) -> int:
    """Make the index again from the files; `Conflict` while the daemon runs. Returns the files taken up."""
    async with AsyncExitStack() as stack:
        stack.enter_context(daemon_lock(settings.data_dir))
        base = await stack.enter_async_context(open_base(settings))
        volume = open_volume(base)
        await look_at_disk(base, volume)
        if not volume.watch.volume.ok:
            raise BadSetting(f"the recordings volume is {volume.watch.volume.condition}")
        files = await rebuild(scanner_of(base, volume), volume.index, progress)
        await base.audit.note(Entry(Action.INDEX_REBUILT, CONSOLE, facts={"recordings": files}))
        return files


async def back_up(settings: Settings, file: Path, recipient: str | None = None) -> str:
    """A snapshot of the database, the daemon running or not; its digest. With the keys when it is for a recipient."""
    snapshots.refuse_place(file, settings.database)
    if not settings.database.exists():
        raise BadSetting(f"there is no database in {settings.data_dir}")
    async with open_base(settings, beside_daemon=True) as base:
        if recipient is None:
            return await snapshots.back_up(base.database, base.audit, file, CONSOLE)
        key = load_box_key(settings.data_dir)
        return await snapshots.back_up_for(recipient, base.database, base.audit, key, base.clock, file, CONSOLE)


async def restore(settings: Settings, file: Path) -> snapshots.Restored:
    """Put a snapshot in the database's place; `Conflict` while the daemon runs."""
    with daemon_lock(settings.data_dir):
        key = load_box_key(settings.data_dir)
        return await snapshots.restore(settings.database, key, SystemClock(), file, CONSOLE, carried=(LAST_KNOWN,))


async def restore_bundle(settings: Settings, file: Path, identity: str) -> transplant.Transplanted:
    """Put database and keys of a bundle in the place of this box's; `Conflict` while the daemon runs."""
    with daemon_lock(settings.data_dir):
        return await transplant.transplant(settings.database, SystemClock(), file, identity, CONSOLE, (LAST_KNOWN,))


async def run_demo(data: Path, *, port: int, count: int) -> None:
    app.cancel_on_signals()
    clock = SystemClock()

    async def seed(settings: Settings, running: list[tuple[DemoCamera, dict[str, Any]]]) -> Seeded:
        async with open_base(settings) as base:
            seeded = await seed_site(base, running, data / "people.json")
            await _write_mediamtx(base, settings.mediamtx_file)
            return seeded

    with suppress(asyncio.CancelledError):
        await run_site(data, port=port, count=count, clock=clock, seed=seed, run=app.run)
