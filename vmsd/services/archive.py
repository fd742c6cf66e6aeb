"""Keeps what must outlive the box in an S3-compatible store: one part after the other, whatever breaks in between."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import structlog

from vmsd.clock import Clock, rfc3339
from vmsd.config import Archive as Rules
from vmsd.host.object_store import Lock, ObjectStore, Part, StoreAway, Stored, StoreRefused
from vmsd.model.audit import Action, Entry, Fact, Subject
from vmsd.services.archive_reading import CHANGED, MIB, ArchiveReader
from vmsd.services.archive_sources import ArchiveSources, Gone
from vmsd.services.audit import AuditLog
from vmsd.services.storage import DiskWatch
from vmsd.store.archive import ArchiveItems, Item, Kind, end
from vmsd.store.database import Database

log = structlog.get_logger()

PART_BYTES = 8 * MIB
"""Of what is small enough; a store takes parts of 5 MiB or more, but for the last."""
MOST_PARTS = 9_000
"""A store takes ten thousand."""
STEP_S = 1500.0
"""For one part, however slowly the store takes it."""
FIRST_S, MOST_S = 5.0, 900.0
"""The pause after a failure, and the longest one."""
LOCK_ASKED_S = 3600.0
NO_SUCH_UPLOAD = "NoSuchUpload"
MAY_NOT_LOOK = {403, 405}
"""A key that may only write is a good key: then the answer to the writing has to do."""
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS


@dataclass(frozen=True)
class ArchiveState:
    """As people are told of it; `trouble` is why the last attempt failed, None when it did not."""

    items: int = 0
    bytes: int = 0
    oldest_ms: int | None = None
    last_done_ms: int | None = None
    trouble: str | None = None
    sent_bytes: int = 0
    """Since the start of the daemon."""
    late_ms: int = DAY_MS

    def behind(self, now_ms: int) -> bool:
        return self.oldest_ms is not None and now_ms - self.oldest_ms > self.late_ms


class Archive:
    """`step` and `look` are one task's alone."""

    def __init__(
        self,
        store: ObjectStore,
        items: ArchiveItems,
        sources: ArchiveSources,
        database: Database,
        audit: AuditLog,
        watch: DiskWatch,
        clock: Clock,
        rules: Rules,
    ) -> None:
        self._store = store
        self._items = items
        self._sources = sources
        self._database = database
        self._audit = audit
        self._watch = watch
        self._clock = clock
        self._rules = rules
        self._reader = ArchiveReader(rules.bytes_per_s)
        self._failures = 0
        self._not_before_s = 0.0
        self._may_lock: tuple[float, bool] | None = None
        self.state = ArchiveState(late_ms=round(rules.late_hours * HOUR_MS))

    async def collect(self) -> None:
        """Find what is new, when the volume is there to find it on."""
        if await self._watch.confirm_ok():
            await self._sources.collect(may_write=not self._watch.breaker.open)
        await self._look()

    async def step(self) -> bool:
        """A part of what is next; False when nothing can be done now."""
        if self._clock.monotonic() < self._not_before_s:
            return False
        item = await self._items.find_next()
        if item is None or (item.kind is not Kind.AUDIT_HEAD and not await self._watch.confirm_ok()):
            return False
        try:
            async with asyncio.timeout(STEP_S):
                await self._send_more(item, await self._sources.find(item))
        except Gone as error:
            await self._give_up(item, str(error))
        except TimeoutError:
            await self._note_trouble(item, StoreAway(f"it has not taken a part within {STEP_S:g} s"))
        except (StoreAway, StoreRefused, OSError) as error:
            await self._note_trouble(item, self._reader.failure or error)
        else:
            self._failures = 0
            self.state = replace(self.state, trouble=None)
        await self._look()
        return True

    @property
    def pause_s(self) -> float:
        """Until something may be tried again."""
        return max(0.0, self._not_before_s - self._clock.monotonic())

    async def _send_more(self, item: Item, source: Path | bytes) -> None:
        if item.upload is None and item.tries and await self._arrived(item):
            return
        if item.size_bytes <= PART_BYTES:
            piece = await self._reader.piece(source, 0, item.size_bytes)
            if piece.sha256.hex() != item.sha256:
                raise Gone(CHANGED)
            await self._store.put(item.object, piece, item.sha256, await self._lock())
            await self._confirm(item)
        elif item.upload is None:
            if isinstance(source, Path) and not await self._reader.look_on(item, source):
                return
            upload = await self._store.begin(item.object, item.sha256, await self._lock())
            await self._items.note_sent(item, upload, 0)
        else:
            await self._send_part(item, item.upload, source)

    async def _send_part(self, item: Item, upload: str, source: Path | bytes) -> None:
        try:
            if item.sent_bytes >= item.size_bytes:
                await self._finish(item, upload)
                return
            part_bytes = part_bytes_of(item.size_bytes)
            size = min(part_bytes, item.size_bytes - item.sent_bytes)
            piece = await self._reader.piece(source, item.sent_bytes, size)
            await self._store.put_part(item.object, upload, item.sent_bytes // part_bytes + 1, piece)
            await self._items.note_sent(item, upload, item.sent_bytes + size)
        except StoreRefused as error:
            if error.code != NO_SUCH_UPLOAD:
                raise
            if not await self._arrived(item):  # finished before a crash, or cleared away by the store
                await self._items.note_sent(item, None, 0)

    async def _finish(self, item: Item, upload: str) -> None:
        """The store says what it has; the first part it has not is sent again."""
        parts = await self._store.parts(item.object, upload)
        whole = whole_parts(parts, item.size_bytes)
        if whole * part_bytes_of(item.size_bytes) < item.size_bytes:
            await self._items.note_sent(item, upload, whole * part_bytes_of(item.size_bytes))
            return
        await self._store.finish(item.object, upload, parts[:whole])
        await self._confirm(item)

    async def _arrived(self, item: Item) -> bool:
        """Whether the store has all of it already: an answer may have been lost."""
        try:
            stored = await self._store.find(item.object)
        except StoreRefused as error:
            if error.status in MAY_NOT_LOOK:
                return False
            raise
        if stored is None or (stored.size_bytes, stored.sha256) != (item.size_bytes, item.sha256):
            return False
        await self._end(item, stored)
        return True

    async def _confirm(self, item: Item) -> None:
        try:
            stored = await self._store.find(item.object)
        except StoreRefused as error:
            if error.status not in MAY_NOT_LOOK:
                raise
            stored = Stored(item.size_bytes, item.sha256, None)
        if stored is None or stored.size_bytes != item.size_bytes:
            raise StoreAway("the store does not have what it has taken")
        await self._end(item, stored)

    async def _end(self, item: Item, stored: Stored) -> None:
        """Evidence has left the box: that is written down with the fact itself."""
        now_ms = self._clock.wall_ms()
        entry = await self._entry(item, stored)
        async with self._database.write() as transaction:
            if await end(transaction, item, now_ms, stored.locked_until_ms) and entry is not None:
                await self._audit.append(transaction, entry, now_ms)
        await self._sources.tidy()
        log.info("archive.sent", kind=item.kind, object=item.object, bytes=item.size_bytes)

    async def _entry(self, item: Item, stored: Stored) -> Entry | None:
        """None for heads of the audit log: each would make the next one."""
        if item.kind is Kind.AUDIT_HEAD:
            return None
        until = stored.locked_until_ms
        facts: dict[str, Fact] = {
            "object": item.object,
            "sha256": item.sha256,
            "bytes": item.size_bytes,
            "locked_until": None if until is None else rfc3339(until),
        }
        if item.kind is Kind.SNAPSHOT:
            return Entry(Action.ARCHIVE_SENT, facts=facts)
        package = await self._items.find_package(item.source)
        subject = Subject("export", item.source)
        return Entry(Action.ARCHIVE_SENT, city_id=package.city_id if package else None, subject=subject, facts=facts)

    async def _give_up(self, item: Item, why: str) -> None:
        async with self._database.write() as transaction:
            await end(transaction, item, self._clock.wall_ms(), None, why)
        log.error("archive.given_up", kind=item.kind, object=item.object, reason=why)
        if item.upload is not None:
            try:
                await self._store.abandon(item.object, item.upload)
            except (StoreAway, StoreRefused) as error:
                log.warning("archive.left_behind", object=item.object, error=str(error))

    async def _note_trouble(self, item: Item, error: Exception) -> None:
        """Everything waits: what one thing failed of, the next one mostly fails of too."""
        why = (error.strerror or type(error).__name__) if isinstance(error, OSError) else str(error)
        if isinstance(error, OSError):
            self._watch.report(error)
        await self._items.note_try(item, why)
        self._failures += 1
        pause_s = min(MOST_S, FIRST_S * 2 ** min(self._failures - 1, 10)) * random.uniform(0.5, 1)  # noqa: S311 - jitter
        if isinstance(error, StoreAway) and error.retry_after_s is not None:
            pause_s = min(MOST_S, max(pause_s, error.retry_after_s))
        self._not_before_s = self._clock.monotonic() + pause_s
        if why != self.state.trouble:
            log.warning("archive.trouble", object=item.object, error=why)
        self.state = replace(self.state, trouble=why)

    async def _look(self) -> None:
        weight = await self._items.weigh()
        self.state = replace(
            self.state,
            items=weight.items,
            bytes=weight.bytes,
            oldest_ms=weight.oldest_ms,
            last_done_ms=weight.last_done_ms,
            sent_bytes=self._reader.sent_bytes,
        )

    async def _lock(self) -> Lock | None:
        """Where the bucket offers it; asked now and then."""
        if not self._rules.lock_days:
            return None
        now_s = self._clock.monotonic()
        if self._may_lock is None or now_s - self._may_lock[0] > LOCK_ASKED_S:
            offered = await self._store.offers_lock()
            if not offered:
                log.warning("archive.no_lock", bucket=self._rules.bucket)
            self._may_lock = (now_s, offered)
        if not self._may_lock[1]:
            return None
        return Lock(self._rules.lock_mode, self._clock.wall_ms() + self._rules.lock_days * DAY_MS)

    def close(self) -> None:
        self._reader.close()
        self._sources.close()


def part_bytes_of(size_bytes: int) -> int:
    """The same for the same size, so that a restart goes on where it was."""
    return max(PART_BYTES, -(-size_bytes // (MOST_PARTS * MIB)) * MIB)


def whole_parts(parts: Sequence[Part], size_bytes: int) -> int:
    """How many parts from the first on are there and as long as they must be."""
    part_bytes = part_bytes_of(size_bytes)
    for place, part in enumerate(parts):
        wanted = min(part_bytes, size_bytes - place * part_bytes)
        if (part.number, part.size_bytes) != (place + 1, wanted):
            return place
    return len(parts)
