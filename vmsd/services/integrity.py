"""Whether disk and database say the same, and recordings are the bytes they were: who asked, and what was found."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

import structlog

from vmsd.clock import Clock, rfc3339
from vmsd.host.tree import FileFacts
from vmsd.model.audit import Action, Entry, Fact, Subject, Who
from vmsd.model.segment import segment_start_us
from vmsd.services.audit import AuditLog
from vmsd.store.database import Database
from vmsd.store.integrity import CheckedFolder, CheckRow, Cursor, HashedSegment, IntegrityChecks, RowFacts

log = structlog.get_logger()

BELIEVED = 5
BELIEVED_SHARE = 0.05
"""More that is wrong than both: that is no damage to a recording, that is a wrong disk or database; hands off."""
NIGHT_MINUTES = 60
"""How long after its time a nightly check may still begin; a box that was off then waits for the next night."""


@dataclass
class Counts:
    """What a check has found so far; `bytes` and `files` as they are on the disk, `hashed` recordings read again."""

    files: int = 0
    bytes: int = 0
    hashed: int = 0
    missing: int = 0
    unknown: int = 0
    altered: int = 0
    quarantined: int = 0
    unreadable: int = 0
    stopped: bool = False


@dataclass
class Findings:
    """One folder against its rows. What is `missing` or `changed` is looked at again before it counts."""

    files: int = 0
    bytes: int = 0
    missing: set[int] = field(default_factory=set)
    unknown: set[int] = field(default_factory=set)
    changed: set[int] = field(default_factory=set)
    foreign: list[FileFacts] = field(default_factory=list)


def compare(files: Iterable[FileFacts], rows: Mapping[int, RowFacts]) -> Findings:
    """Both ways: every file has a row, every whole row a file of its size; what is no recording belongs elsewhere."""
    found, missing = Findings(), {start for start, row in rows.items() if row.whole}
    for facts in files:
        found.files += 1
        found.bytes += facts.bytes
        start_us = segment_start_us(facts.name)
        if start_us is None:
            found.foreign.append(facts)
            continue
        row = rows.get(start_us)
        missing.discard(start_us)
        if row is None:
            found.unknown.add(start_us)
        elif row.hashed_bytes not in (None, facts.bytes):
            found.changed.add(start_us)
    found.missing = missing
    return found


def is_too_much(wrong: int, looked: int) -> bool:
    return wrong > BELIEVED and wrong > BELIEVED_SHARE * looked


class Integrity:
    """The checks as everybody sees them; the task of the same name does the work.

    `altered` is the number of recordings whose bytes are not what they were, whenever that was found.
    """

    def __init__(self, database: Database, audit: AuditLog, clock: Clock, *, at: str, zone: ZoneInfo) -> None:
        self._database = database
        self.checks = IntegrityChecks(database)
        self._audit = audit
        self._clock = clock
        hour, _, minute = at.partition(":")
        self._at_minutes = 60 * int(hour) + int(minute)
        self._zone = zone
        self.on_start: Callable[[], None] = lambda: None
        self.running: CheckRow | None = None
        self.counts = Counts()
        self.last: CheckRow | None = None
        self.altered = 0
        self._loaded = False

    async def load(self) -> None:
        """Once: a check the daemon was ended in begins again, and only how far it had read is remembered."""
        if not self._loaded:
            self._loaded = True
            self.running = await self.checks.newest(ended=False)
            self.last = await self.checks.newest(ended=True)
            self.altered = await self.checks.count_altered()

    async def ask(self, by: Who) -> None:
        """Begin a check now; nothing happens while one runs."""
        await self.load()
        if self.running is None:
            self.running = await self._begin(by.name or "-", Entry(Action.INTEGRITY_ASKED, by))
            self.on_start()

    async def begin_if_due(self, now_ms: int) -> None:
        """Once a night of the site's own calendar."""
        local = datetime.fromtimestamp(now_ms / 1000, self._zone)
        if not 0 <= 60 * local.hour + local.minute - self._at_minutes < NIGHT_MINUTES:
            return
        last = await self.checks.newest(nightly=True)
        if last is None or datetime.fromtimestamp(last.started_ms / 1000, self._zone).date() != local.date():
            self.running = await self._begin(None, None)

    async def _begin(self, person_name: str | None, entry: Entry | None) -> CheckRow:
        now_ms = self._clock.wall_ms()
        async with self._database.write() as transaction:
            if entry is not None:
                await self._audit.append(transaction, entry, now_ms)
            return await self.checks.begin(transaction, now_ms, person_name)

    def last_cursor(self) -> Cursor:
        """Where to go on reading: of the running check if it has come anywhere, else of the one before."""
        for row in (self.running, self.last):
            if row is not None and "cursor" in row.result:
                return Cursor(*row.result["cursor"])
        return Cursor()

    async def note_altered(self, segment: HashedSegment, found: str) -> None:
        """Mark a recording that is not what it was; it stays where it is. `found` is a hash, or what is wrong."""
        now_ms = self._clock.wall_ms()
        facts: dict[str, Fact] = {
            "recording": rfc3339(segment.start_us // 1000),
            "expected": segment.sha256.hex(),
            "found": found,
        }
        entry = self._about_camera(Action.RECORDING_ALTERED, segment, facts)
        async with self._database.write() as transaction:
            if await self.checks.alter(transaction, segment):
                await self._audit.append(transaction, entry, now_ms)
        self.altered = await self.checks.count_altered()
        log.error("recording.altered", camera_id=segment.camera, start=facts["recording"])

    async def note_quarantined(self, folder: CheckedFolder, file: FileFacts) -> None:
        """Before it is moved: nothing goes anywhere untold."""
        facts: dict[str, Fact] = {"file": file.name, "bytes": file.bytes}
        await self._audit.record(self._about_camera(Action.RECORDING_QUARANTINED, folder, facts))
        log.warning("file.quarantined", camera_id=folder.camera, file=file.name)

    def _about_camera(self, action: Action, of: HashedSegment | CheckedFolder, facts: Mapping[str, Fact]) -> Entry:
        return Entry(action, city_id=of.city_id, subject=Subject("camera", of.camera), facts=facts)

    async def save(self, cursor: Cursor) -> None:
        """So that a crash reads little twice."""
        if self.running is not None:
            async with self._database.write() as transaction:
                await self.checks.save(transaction, self.running.id, self._result(cursor), None)

    async def end(self, cursor: Cursor) -> None:
        """Keep and tell the result."""
        check, now_ms = self.running, self._clock.wall_ms()
        if check is None:
            return
        result = self._result(cursor)
        facts: dict[str, Fact] = {**asdict(self.counts)}
        entry = Entry(Action.INTEGRITY_CHECKED, Who(name=check.person_name), facts=facts)
        async with self._database.write() as transaction:
            await self.checks.save(transaction, check.id, result, now_ms)
            await self._audit.append(transaction, entry, now_ms)
        self.last = CheckRow(check.id, check.started_ms, now_ms, check.person_name, result)
        self.running, self.counts = None, Counts()
        log.info("integrity.checked", **facts)

    def _result(self, cursor: Cursor) -> dict[str, object]:
        return {**asdict(self.counts), "cursor": list(cursor)}
