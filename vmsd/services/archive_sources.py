"""What is to be kept off the box as well, and where its bytes are: sealed packages, snapshots, heads of the audit log.

Never a recording as such: what leaves the box was sealed for somebody, is encrypted for the operator, or says nothing
of what was seen.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import structlog

from vmsd.clock import Clock, rfc3339
from vmsd.config import Archive as Rules
from vmsd.errors import VmsdError
from vmsd.host.signing import BoxKey
from vmsd.host.volume import OWN_FOLDER
from vmsd.model.audit import Head
from vmsd.services.bundles import read_keys, write_bundle
from vmsd.services.disk_thread import DiskThread
from vmsd.services.export_room import folder_of
from vmsd.store.archive import ArchiveItems, Item, Kind

log = structlog.get_logger()

FOLDER = "archive"
"""Beside the snapshots; here lie encrypted ones until they have arrived."""
DAY_MS = 86_400_000
KEPT_DAYS = 90
HEADS_AT_ONCE = 1000
HEADS_FORMAT = "vmsd-audit-heads/1"
NEWEST = 2**63 - 1
SERIAL_DIGITS = 16
"""Of the box's fingerprint: boxes that share a bucket stay apart."""


class Gone(VmsdError):
    """It is not there any more, or not what it was: it will never be sent."""


class ArchiveSources:
    """`newest_snapshot` blocks, and finds a good one or none; `recipient` None: no snapshot leaves the box."""

    def __init__(
        self,
        items: ArchiveItems,
        recordings_dir: Path,
        data_dir: Path,
        key: BoxKey,
        clock: Clock,
        rules: Rules,
        recipient: str | None,
        newest_snapshot: Callable[[], Path | None],
    ) -> None:
        self._items = items
        self._recordings_dir = recordings_dir
        self._folder = recordings_dir / OWN_FOLDER / FOLDER
        self._data_dir = data_dir
        self._key = key
        self._clock = clock
        self._rules = rules
        self._recipient = recipient
        self._newest_snapshot = newest_snapshot
        self._thread = DiskThread("archive-sources")
        self._root = f"{rules.prefix}{key.fingerprint[:SERIAL_DIGITS]}"

    async def collect(self, *, may_write: bool) -> None:
        """Let everything new wait, within bounds: what finds no room here is found again later.

        Nothing is written to the recordings volume unless that may be.
        """
        if self._rules.audit_heads:
            await self._collect_heads()
        if self._rules.packages:
            await self._collect_packages()
        if may_write and self._rules.snapshots and self._recipient is not None:
            await self._collect_snapshot(self._recipient)
        await self._items.forget(self._clock.wall_ms() - KEPT_DAYS * DAY_MS)

    async def _collect_packages(self) -> None:
        room = self._rules.queued - len(await self._items.waiting(Kind.PACKAGE))
        for new in await self._items.new_packages(max(0, room)):
            name = f"{self._root}/packages/{new.city}/{new.public_id}{Path(new.name).suffix}"
            await self._add(Kind.PACKAGE, new.public_id, name, new.sha256, new.size_bytes)

    async def _collect_heads(self) -> None:
        """One document at a time, of all heads there are since the last one."""
        if await self._items.waiting(Kind.AUDIT_HEAD):
            return
        newest = await self._items.newest(Kind.AUDIT_HEAD)
        after = int(newest.source.partition("-")[2]) if newest else 0
        heads = await self._items.heads(after, NEWEST, HEADS_AT_ONCE)
        if heads:
            document = self._document(heads)
            name = f"{self._root}/audit-heads/{_stamp(heads[-1].at_ms)}-{heads[-1].seq:012d}.json"
            sha256 = hashlib.sha256(document).hexdigest()
            await self._add(Kind.AUDIT_HEAD, f"{after}-{heads[-1].seq}", name, sha256, len(document))

    def _document(self, heads: Sequence[Head]) -> bytes:
        """The same for the same heads, whenever it is made."""
        told = [
            {
                "seq": one.seq,
                "hash": one.hash.hex(),
                "at": rfc3339(one.at_ms),
                "clock_trusted": one.clock_trusted,
                "public_key": one.public_key.hex(),
                "signature": one.signature.hex(),
            }
            for one in heads
        ]
        return json.dumps({"format": HEADS_FORMAT, "heads": told}, indent=1, sort_keys=True).encode()

    async def _collect_snapshot(self, recipient: str) -> None:
        """Once a day; one that nothing was sent of yet makes room for it, one half sent is finished first."""
        newest, now_ms = await self._items.newest(Kind.SNAPSHOT), self._clock.wall_ms()
        if newest is not None and abs(now_ms - newest.created_ms) < DAY_MS:
            return
        waiting = await self._items.waiting(Kind.SNAPSHOT)
        if any(item.upload is not None for item in waiting):
            return
        snapshot = await self._thread.run(self._newest_snapshot)
        if snapshot is None:
            return
        file = self._folder / f"{_stamp(now_ms)}.age"
        bundle = await self._thread.run(self._encrypt, snapshot, recipient, file, now_ms)
        for older in waiting:
            await self._items.remove(older)
        name = f"{self._root}/snapshots/{file.name}"
        await self._add(Kind.SNAPSHOT, file.name, name, *bundle)
        await self.tidy()

    def _encrypt(self, snapshot: Path, recipient: str, file: Path, now_ms: int) -> tuple[str, int]:
        self._folder.mkdir(mode=0o700, exist_ok=True)
        bundle = write_bundle(snapshot, read_keys(self._data_dir), self._key, recipient, file, now_ms)
        return bundle.sha256, bundle.size_bytes

    async def _add(self, kind: Kind, source: str, name: str, sha256: str, size_bytes: int) -> None:
        await self._items.add(kind, source, name, sha256, size_bytes, self._clock.wall_ms())
        log.info("archive.waiting", kind=kind, object=name, bytes=size_bytes)

    async def tidy(self) -> None:
        """Encrypted snapshots that nobody waits for go."""
        waiting = {item.source for item in await self._items.waiting(Kind.SNAPSHOT)}
        await self._thread.run(_remove_others, self._folder, waiting)

    async def find(self, item: Item) -> Path | bytes:
        """Where its bytes are, or the bytes themselves when they are few; raises `Gone`."""
        if item.kind is Kind.AUDIT_HEAD:
            after, _, last = item.source.partition("-")
            document = self._document(await self._items.heads(int(after), int(last), HEADS_AT_ONCE))
            if hashlib.sha256(document).hexdigest() != item.sha256:
                raise Gone("these heads of the audit log are not what they were")
            return document
        file = self._folder / item.source if item.kind is Kind.SNAPSHOT else await self._package(item)
        size = await self._thread.run(_size, file)
        if size != item.size_bytes:
            raise Gone("it is not there any more" if size is None else "it has another size than when it was made")
        return file

    async def _package(self, item: Item) -> Path:
        found = await self._items.find_package(item.source)
        if found is None or found.gone:
            raise Gone("the package was removed before all of it was sent")
        return folder_of(self._recordings_dir, item.source) / found.name

    def close(self) -> None:
        self._thread.close()


def _remove_others(folder: Path, kept: set[str]) -> None:
    for file in folder.glob("*.age"):
        if file.name not in kept:
            file.unlink(missing_ok=True)


def _size(file: Path) -> int | None:
    try:
        return file.stat().st_size
    except FileNotFoundError:
        return None


def _stamp(ms: int) -> str:
    return rfc3339(ms).partition(".")[0].replace("-", "").replace(":", "") + "Z"
