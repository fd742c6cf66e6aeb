"""What the daemon and the console's commands both stand on: the store, the keys, and the recordings volume."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from vmsd.clock import Clock, SystemClock
from vmsd.config import Settings
from vmsd.host.camera_http import CameraHttp
from vmsd.host.clocksync import read_kernel_clock
from vmsd.host.daemon_lock import daemon_lock
from vmsd.host.decommission import refuse_while_underway
from vmsd.host.keys import Keys, load_keys
from vmsd.host.signing import load_box_key
from vmsd.host.tree import Tree
from vmsd.model.audit import Who
from vmsd.model.city import City
from vmsd.model.person import ALL_RIGHTS, Rights
from vmsd.services import snapshots, transplant
from vmsd.services.accounts import Accounts
from vmsd.services.audit import AuditLog
from vmsd.services.cameras import CityCameras
from vmsd.services.cities import CityList
from vmsd.services.clock_trust import Timekeeper
from vmsd.services.desired import DesiredState
from vmsd.services.devices import CityDevices, DeviceParts
from vmsd.services.discovery import Discovery
from vmsd.services.first_login import FirstLogin
from vmsd.services.index import RecordingIndex
from vmsd.services.login_sessions import Limits, LoginSessions, SessionRules
from vmsd.services.passwords import Passwords
from vmsd.services.people import PersonList
from vmsd.services.second_factor import SecondFactor
from vmsd.services.segment_files import SegmentFiles
from vmsd.services.sources import SourceRules
from vmsd.services.storage import BreakerState, DiskWatch
from vmsd.services.tokens import TokenList
from vmsd.services.webhook_keys import CityWebhookKeys, Reporters
from vmsd.store.cameras import CameraRows, Cameras
from vmsd.store.database import Database
from vmsd.store.scope import Scope
from vmsd.store.sealed import holds_sealed
from vmsd.store.system import System
from vmsd.tasks.backup import open_or_recover
from vmsd.tasks.breaker import Breaker
from vmsd.tasks.clockwatch import find_last_known
from vmsd.tasks.scanner import Scanner

CONSOLE = Who(name="console")
"""Whoever stands at the box itself and runs a command."""


@dataclass(frozen=True)
class Base:
    """What both the daemon and the console's commands stand on."""

    settings: Settings
    clock: Clock
    keys: Keys
    database: Database
    rows: CameraRows
    desired: DesiredState
    keeper: Timekeeper
    audit: AuditLog
    last_row_ms: int | None
    """When the audit log got its last row before this program opened it."""
    last_known_ms: int | None = None
    """The newest time a daemon before this program has trusted."""
    recovered: bool = False
    """The database is not the one it was: see `Recovery`."""
    passwords: Passwords = field(default_factory=Passwords)

    @property
    def accounts(self) -> Accounts:
        database, clock, http = self.database, self.clock, self.settings.http
        rules = SessionRules(
            guards=Limits(http.session_idle_s, http.session_absolute_s),
            admins=Limits(http.session_admin_idle_s, http.session_admin_absolute_s),
        )
        return Accounts(
            database,
            self.passwords,
            clock,
            LoginSessions(database, clock, rules),
            SecondFactor(database, self.keys.vault, self.audit, clock, self.settings.site.name),
            self.first_login,
            self.audit,
        )

    @property
    def first_login(self) -> FirstLogin:
        return FirstLogin(self.database, self.passwords, self.audit, self.clock, self.settings.data_dir)

    @property
    def people(self) -> PersonList:
        return PersonList(self.database, self.passwords, self.audit, self.clock)

    @property
    def tokens(self) -> TokenList:
        return TokenList(self.database, self.audit, self.clock)

    @property
    def cities(self) -> CityList:
        return CityList(self.database, self.audit, self.clock)

    def webhook_keys(self, city: City, by: Who = CONSOLE) -> CityWebhookKeys:
        """Beside no running daemon: that one knows of no key it was not told of."""
        reporters = Reporters(self.database, self.keys.vault, self.clock)
        return CityWebhookKeys(reporters, Scope(self.database, city.id), self.audit, self.clock, by=by)

    def cameras(self, city: City, rights: Rights = ALL_RIGHTS, by: Who = CONSOLE) -> CityCameras:
        scope = Scope(self.database, city.id)
        rules = SourceRules(self.desired.hosts, frozenset(self.settings.tunnels))
        store = Cameras(scope, self.rows)
        return CityCameras(store, scope, rules, self.desired, self.audit, self.clock, rights=rights, by=by)


def device_parts(base: Base) -> DeviceParts:
    """One for the whole program: it searches the network once at a time."""
    trusted, rules = partial(clock_trusted, base.keeper), base.settings.cameras
    http = CameraHttp(rules.probe_deadline_s)
    discovery = Discovery(http, base.desired.hosts, rules, base.clock, trusted)
    return DeviceParts(discovery, base.database, base.rows, base.desired, base.audit, base.clock, trusted)


def devices_in(base: Base, parts: DeviceParts, city: City, by: Who = CONSOLE) -> CityDevices:
    """Of all cameras of the city."""
    return CityDevices(parts, city, base.cameras(city, by=by), by)


@asynccontextmanager
async def open_base(
    settings: Settings, clock: Clock | None = None, *, beside_daemon: bool = False
) -> AsyncIterator[Base]:
    """The store and the keys, opened; a missing or broken database is restored from the newest snapshot."""
    clock = clock or SystemClock()
    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    await _finish_restore(settings, beside_daemon=beside_daemon)
    refuse_while_underway(settings.data_dir)
    keys = load_keys(settings.data_dir, partial(holds_sealed, settings.database))
    rows = CameraRows(keys.vault)
    keeper = Timekeeper(clock, read_kernel_clock)
    async with open_or_recover(settings, clock, beside_daemon=beside_daemon) as (database, recovery):
        audit = AuditLog(database, load_box_key(settings.data_dir), clock, partial(clock_trusted, keeper))
        last_row_ms, last_known_ms = await audit.newest_ms(), await find_last_known(database)
        if recovery is not None:
            await audit.note(recovery.entry)
        desired = DesiredState(database, rows, settings, keys)
        yield Base(
            settings,
            clock,
            keys,
            database,
            rows,
            desired,
            keeper,
            audit,
            last_row_ms,
            last_known_ms,
            recovered=recovery is not None,
        )


async def _finish_restore(settings: Settings, *, beside_daemon: bool) -> None:
    """One that was broken off after it was decided; raises `Conflict` while somebody else is at it.

    What backups and restores that were killed have left behind goes when the daemon starts.
    """
    if not beside_daemon:
        await asyncio.to_thread(snapshots.clear, settings.data_dir)
        await asyncio.to_thread(transplant.clear, settings.database)
    if not await asyncio.to_thread(transplant.unfinished, settings.database):
        return
    with daemon_lock(settings.data_dir) if beside_daemon else nullcontext():
        await asyncio.to_thread(transplant.finish, settings.database)


def clock_trusted(keeper: Timekeeper) -> bool:
    """Now, as the daemon judges it; in a command, where nothing has told the keeper of the past, as the kernel does."""
    return keeper.look().trusted if keeper.begun else read_kernel_clock().synchronised is True


@dataclass(frozen=True)
class Volume:
    """Everything that knows the recordings volume."""

    watch: DiskWatch
    keeper: Timekeeper
    tree: Tree
    files: SegmentFiles
    index: RecordingIndex
    system: System


def open_volume(base: Base) -> Volume:
    tree = Tree(base.settings.recordings_dir)
    files = SegmentFiles(tree)
    return Volume(
        watch=DiskWatch(base.settings, base.clock),
        keeper=base.keeper,
        tree=tree,
        files=files,
        index=RecordingIndex(files, base.clock),
        system=System(base.database, base.audit.append),
    )


async def look_at_disk(base: Base, volume: Volume | None = None) -> BreakerState:
    """One look of the breaker outside the daemon; a volume that belongs to nobody yet is adopted."""
    volume = volume or open_volume(base)
    return await breaker_of(base, volume, _tell_nobody).look()


async def _tell_nobody(_is_open: bool) -> None:
    """Outside the daemon the file alone says whether to record."""


def breaker_of(base: Base, volume: Volume, apply: Callable[[bool], Awaitable[None]]) -> Breaker:
    return Breaker(
        watch=volume.watch,
        index=volume.index,
        database=base.database,
        rules=base.settings.disk,
        clock=base.clock,
        apply=apply,
    )


def scanner_of(base: Base, volume: Volume) -> Scanner:
    return Scanner(**segment_parts(base, volume))


def segment_parts(base: Base, volume: Volume) -> dict[str, Any]:
    return {
        "system": volume.system,
        "files": volume.files,
        "index": volume.index,
        "watch": volume.watch,
        "keeper": volume.keeper,
        "clock": base.clock,
    }
