"""Keeps copies of the database on the recordings volume, and brings the newest good one back when it is lost.

Reads: the database. Writes: snapshots in vmsd's own folder on the volume. Keeps true: losing the database
costs an hour of what people decided, and nothing of what was recorded.
"""

from __future__ import annotations

import asyncio
import re
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import structlog

from vmsd.clock import Clock, rfc3339
from vmsd.config import Settings
from vmsd.errors import StorageFull
from vmsd.host.durable import sync
from vmsd.host.volume import OWN_FOLDER, read_marker
from vmsd.model.audit import Action, Entry
from vmsd.services.disk_thread import DiskThread
from vmsd.services.safekeeping import Safekeeping
from vmsd.services.storage import DiskWatch
from vmsd.store.database import Database, open_database
from vmsd.store.former import keep_former, refuse_newer
from vmsd.store.rescue import is_sound, set_aside, snapshot_volume

log = structlog.get_logger()

SNAPSHOTS = "snapshots"
KEPT = 24
PRIVATE = 0o600
NAME = re.compile(r"vmsd-(\d{8})-\d{8}T\d{6}Z\.db")
"""The number orders them: times would put a snapshot of a day when the clock was wrong first for ever."""


class Backup:
    name: ClassVar[str] = "backup"
    every_s: ClassVar[float] = 3600.0
    deadline_s: ClassVar[float] = 600.0

    def __init__(
        self,
        database: Database,
        recordings_dir: Path,
        watch: DiskWatch,
        clock: Clock,
        safekeeping: Safekeeping | None = None,
    ) -> None:
        self._database = database
        self._safekeeping = safekeeping or Safekeeping(clock.monotonic())
        self._folder = recordings_dir / OWN_FOLDER / SNAPSHOTS
        self._watch = watch
        self._clock = clock
        self._thread = DiskThread("backup")

    async def once(self) -> None:
        await self._database.refill_ballast()
        if not await self._watch.confirm_ok() or self._watch.breaker.open:
            return
        temporary = await self._thread.run(prepare, self._folder)
        await self._database.back_up(temporary)
        name = await self._thread.run(keep, temporary, rfc3339(self._clock.wall_ms()))
        log.info("database.backed_up", snapshot=name)
        await self._tell()

    async def _tell(self) -> None:
        known = self._safekeeping
        known.last_s, known.last_ms = self._clock.monotonic(), self._clock.wall_ms()
        shares_disk = await self._thread.run(share_disk, self._database.path, self._folder)
        if shares_disk and not known.shares_disk and not known.may_share_disk:
            log.warning("database.snapshots_on_same_disk", folder=str(self._folder))
        known.shares_disk = shares_disk


def share_disk(database: Path, folder: Path) -> bool:
    """Whether both are on one file system: what breaks it takes the database and its copies at once."""
    return database.stat().st_dev == folder.stat().st_dev


def prepare(folder: Path) -> Path:
    """A place for the next snapshot, with nothing there."""
    folder.mkdir(mode=0o750, exist_ok=True)
    temporary = folder / "new.db"
    for leftover in folder.glob("new.db*"):
        leftover.unlink()
    return temporary


def keep(temporary: Path, at: str) -> str:
    """Make the snapshot durable under its name, then let the oldest ones go."""
    folder, known = temporary.parent, list_snapshots(temporary.parent)
    number = 1 + (_number(known[0]) if known else 0)
    utc = at.partition(".")[0].replace("-", "").replace(":", "")
    final = folder / f"vmsd-{number:08d}-{utc}Z.db"
    temporary.chmod(PRIVATE)
    sync(temporary)
    temporary.rename(final)
    sync(folder)
    for old in list_snapshots(folder)[KEPT:]:
        old.unlink()
    return final.name


def list_snapshots(folder: Path) -> list[Path]:
    """Newest first."""
    found = [path for path in folder.glob("vmsd-*.db") if NAME.fullmatch(path.name)]
    return sorted(found, key=_number, reverse=True)


def find_newest_snapshot(recordings_dir: Path) -> Path | None:
    """The newest snapshot that is sound, of a schema this program knows, and made for this very volume."""
    try:
        marker = read_marker(recordings_dir)
    except (OSError, ValueError):
        return None
    if marker is None:
        return None
    for path in list_snapshots(recordings_dir / OWN_FOLDER / SNAPSHOTS):
        if snapshot_volume(path) == marker.uuid:
            return path
    return None


def restore_if_missing(settings: Settings, now_ms: int) -> Path | None:
    """Put the newest good snapshot in the place of a missing database; None when nothing was done."""
    database = settings.database
    snapshot = None if database.exists() else find_newest_snapshot(settings.recordings_dir)
    if snapshot is None:
        return None
    set_aside(database, f".stale.{now_ms}")
    temporary = database.with_name(f"{database.name}.restoring")
    shutil.copyfile(snapshot, temporary)
    temporary.chmod(PRIVATE)
    sync(temporary)
    temporary.rename(database)
    sync(database.parent)
    log.warning("database.restored", snapshot=snapshot.name)
    return snapshot


def set_aside_if_corrupt(settings: Settings, now_ms: int) -> bool:
    """Keep a database that SQLite finds broken for whoever wants to look into it, under another name."""
    database = settings.database
    if not database.exists() or is_sound(database):
        return False
    set_aside(database, f".corrupt.{now_ms}")
    log.error("database.corrupt", kept_as=f"{database.name}.corrupt.{now_ms}")
    return True


def keep_before_migrating(settings: Settings) -> None:
    """A copy of what an older program left; without room for one the hourly snapshots are all there is.

    Raises `BadSetting` for a database that a newer program has changed.
    """
    refuse_newer(settings.database)
    try:
        copy = keep_former(settings.database)
    except (OSError, StorageFull) as error:
        log.warning("database.not_copied", error=str(error))
        return
    if copy is not None:
        log.warning("database.copied_before_migration", copy=copy.name)


@dataclass(frozen=True)
class Recovery:
    """That the database is not the one it was: `snapshot` is None when there was none to put in its place."""

    corrupt: bool
    snapshot: Path | None

    @property
    def entry(self) -> Entry:
        """What the audit log is told: the rows since the snapshot are not in it."""
        snapshot = self.snapshot.name if self.snapshot else None
        return Entry(Action.DATABASE_RESTORED, facts={"snapshot": snapshot, "corrupt": self.corrupt})


@asynccontextmanager
async def open_or_recover(
    settings: Settings, clock: Clock, *, beside_daemon: bool = False
) -> AsyncIterator[tuple[Database, Recovery | None]]:
    """Open the database; for a broken or missing one the newest good snapshot, else an empty one.

    What was recorded since comes back from the disk by itself: nothing on the volume is deleted by this.
    Who may be running `beside_daemon` puts no other file in the place of one the daemon has open.
    """
    now_ms = clock.wall_ms()
    corrupt = not beside_daemon and await asyncio.to_thread(set_aside_if_corrupt, settings, now_ms)
    snapshot = await asyncio.to_thread(restore_if_missing, settings, now_ms)
    recovery = Recovery(corrupt, snapshot) if corrupt or snapshot else None
    await asyncio.to_thread(keep_before_migrating, settings)
    ballast_bytes = settings.disk.ballast_bytes
    async with open_database(settings.database, ballast_bytes=ballast_bytes, checkpoints=not beside_daemon) as database:
        yield database, recovery


def _number(snapshot: Path) -> int:
    match = NAME.fullmatch(snapshot.name)
    return int(match.group(1)) if match else 0
