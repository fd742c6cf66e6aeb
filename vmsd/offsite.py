"""What keeps the box's own memory from being lost: snapshots on the other disk, and the archive off the box."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from vmsd.base import Base, Volume
from vmsd.config import Archive as Rules
from vmsd.errors import BadSetting
from vmsd.host.aws_signature import StoreKey
from vmsd.host.object_store import ObjectStore, StorePlace
from vmsd.host.outgoing import HttpSender
from vmsd.host.signing import load_box_key
from vmsd.services.archive import Archive
from vmsd.services.archive_sources import ArchiveSources
from vmsd.services.outgoing_places import OutgoingPlaces, outgoing_places
from vmsd.services.safekeeping import Safekeeping
from vmsd.store.archive import ArchiveItems
from vmsd.tasks.archiver import Archiver
from vmsd.tasks.backup import Backup, find_newest_snapshot
from vmsd.tasks.base import Task

CREDENTIAL = "archive.secret"


class Offsite:
    """Built by the daemon; raises `BadSetting` for an archive without its secret."""

    def __init__(self, base: Base, volume: Volume) -> None:
        settings, clock = base.settings, base.clock
        self._base, self._volume = base, volume
        self.safekeeping = Safekeeping(clock.monotonic(), settings.backup.may_share_disk)
        self._backup = Backup(base.database, settings.recordings_dir, volume.watch, clock, self.safekeeping)
        self._line = StoreLine(base) if settings.archive.enabled else None
        self._archive = self._archive_of(self._line) if self._line else None
        if self._archive is not None:
            archive = self._archive
            self.safekeeping.archive = lambda: archive.state

    def tasks(self) -> Sequence[Task]:
        if self._archive is None:
            return (self._backup,)
        return (self._backup, Archiver(self._archive, self._base.keeper, self._base.clock))

    def _archive_of(self, line: StoreLine) -> Archive:
        base, rules, items = self._base, self._base.settings.archive, ArchiveItems(self._base.database)
        sources = ArchiveSources(
            items,
            base.settings.recordings_dir,
            base.settings.data_dir,
            load_box_key(base.settings.data_dir),
            base.clock,
            rules,
            base.settings.backup.recipient,
            partial(find_newest_snapshot, base.settings.recordings_dir),
        )
        store, watch = line.store, self._volume.watch
        return Archive(store, items, sources, base.database, base.audit, watch, base.clock, rules)

    async def close(self) -> None:
        if self._archive is not None:
            self._archive.close()
        if self._line is not None:
            await self._line.close()


class StoreLine:
    """The way to the store: only to addresses that news may be sent to as well."""

    def __init__(self, base: Base) -> None:
        rules = base.settings.archive
        key = StoreKey(rules.access_key, rules.region, read_secret(rules))
        place = StorePlace(rules.endpoint or "", rules.bucket, rules.virtual_host)
        self._places: OutgoingPlaces = outgoing_places(base.settings)
        pinned = rules.ca_file is not None
        self._http = HttpSender(self._places.find, rules.deadline_s, rules.ca_file, pinned=pinned)
        self.store = ObjectStore(self._http, place, key, base.clock)

    async def close(self) -> None:
        await self._http.close()
        self._places.close()


def read_secret(rules: Rules) -> str:
    """Raises `BadSetting` when there is none, or none that can be read; its words hold nothing of it."""
    credentials = os.environ.get("CREDENTIALS_DIRECTORY")
    handed = Path(credentials) / CREDENTIAL if credentials else None
    file = rules.secret_file or (handed if handed and handed.exists() else None)
    if file is None:
        raise BadSetting(f"archive.secret_file: not set, and there is no credential {CREDENTIAL}")
    try:
        secret = file.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise BadSetting(f"archive.secret_file: cannot read {file}") from error
    if not secret:
        raise BadSetting(f"archive.secret_file: {file} is empty")
    return secret
