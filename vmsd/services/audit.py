"""The audit log: what was done, by whom, from where and why, and the proof that nobody has changed it since."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import astuple, dataclass, replace
from types import MappingProxyType

import structlog

from vmsd.clock import Clock
from vmsd.errors import Conflict, NotFound, StorageFull, TooMany, VmsdError
from vmsd.host.signing import BoxKey
from vmsd.logs import redact
from vmsd.model.audit import (
    GENESIS,
    AuditSearch,
    Entry,
    Fact,
    Fault,
    Flaw,
    Head,
    Record,
    Subject,
    Verdict,
    Who,
    statement,
)
from vmsd.model.city import City
from vmsd.services.audit_chain import Chain, find_true_place
from vmsd.services.audit_csv import CSV_HEAD, csv_lines
from vmsd.store.audit import END, FIRST, Audit, CityAudit, append
from vmsd.store.database import Database, Transaction
from vmsd.store.meta import put
from vmsd.store.scope import CityTransaction, Scope

log = structlog.get_logger()

CHUNK_ROWS = 500
"""Some milliseconds of work at a time: the verifier must not be felt by anybody."""
TEXT_CHARS = 200
REASON_CHARS = 1000
FACT_ITEMS = 50
CSV_ROWS = 500
NOTE_S = 2.0
"""How long what happens anyway waits for its row."""
NOTHING: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True)
class AuditPage:
    """`next` is the cursor of the page after this one; None when this is the last."""

    items: Sequence[Record]
    next: str | None


class AuditLog:
    """`clock_trusted` is asked at each row: a time nobody vouches for is written down as such."""

    def __init__(self, database: Database, key: BoxKey, clock: Clock, clock_trusted: Callable[[], bool]) -> None:
        self._database = database
        self._rows = Audit(database)
        self._key = key
        self._clock = clock
        self._clock_trusted = clock_trusted
        self._verifying = False

    async def append(self, transaction: Transaction | CityTransaction, entry: Entry, now_ms: int) -> None:
        """Write it down in the transaction of the change it tells of: both stand, or neither."""
        await append(transaction, bounded(entry), now_ms, clock_trusted=self._clock_trusted())

    async def record(self, entry: Entry, remembered: Mapping[str, str] = NOTHING) -> None:
        """Write down what changes nothing in the database but `remembered`, facts of the `meta` table."""
        async with self._database.write() as transaction:
            await self.append(transaction, entry, self._clock.wall_ms())
            for key, value in remembered.items():
                await put(transaction, key, value)

    async def note(self, entry: Entry, remembered: Mapping[str, str] = NOTHING) -> bool:
        """Write down what happens whether it can be written down or not; False, and a line in the log, when it cannot.

        A full disk's first failure has released the ballast: then there is room at the second try.
        """
        try:
            async with asyncio.timeout(NOTE_S):
                try:
                    await self.record(entry, remembered)
                except StorageFull:
                    await self.record(entry, remembered)
        except (VmsdError, sqlite3.Error, TimeoutError) as error:
            log.warning("audit.not_written", action=entry.action, error=str(error) or type(error).__name__)
            return False
        return True

    async def newest_ms(self) -> int | None:
        """When the last row was written; None in an empty log."""
        newest = await self._rows.list(AuditSearch(), limit=1)
        return newest[0].at_ms if newest else None

    async def list(
        self, city: City | None, search: AuditSearch, *, cursor: str | None = None, limit: int = 50
    ) -> AuditPage:
        """Newest first; of one city, or with None of the whole box. `NotFound` for a cursor that is none of its."""
        source = self._source(city)
        before = END if cursor is None else await _place(source, cursor)
        found = await source.list(search, before=before, limit=limit + 1)
        items = found[:limit]
        return AuditPage(items, items[-1].id if len(found) > limit else None)

    def _source(self, city: City | None) -> Audit | CityAudit:
        return Audit(self._database) if city is None else CityAudit(Scope(self._database, city.id))

    async def csv(self, city: City | None, search: AuditSearch) -> AsyncIterator[bytes]:
        """A table for a spreadsheet, newest first, a page at a time; UTF-8 that says so, and no formula in it."""
        yield CSV_HEAD
        cursor: str | None = None
        while True:
            page = await self.list(city, search, cursor=cursor, limit=CSV_ROWS)
            yield csv_lines(page.items)
            if page.next is None:
                return
            cursor = page.next

    async def verify(self) -> Verdict:
        """Read every row and every signed head; `TooMany` while another such reading goes on."""
        if self._verifying:
            raise TooMany("the audit log is being verified already", retry_after_s=10)
        self._verifying = True
        try:
            verdict = await self._verify()
        finally:
            self._verifying = False
        if verdict.fault:
            log.error("audit.broken", row=verdict.fault.seq, flaw=verdict.fault.flaw)
        return verdict

    async def _verify(self) -> Verdict:
        """What is added meanwhile is not looked at: the last head is read before the last row."""
        chain = Chain(self._signed)
        last_head = await self._rows.last_head()
        last_seq, last_hash = await self._rows.tip()
        fault = await self._follow(chain, last_seq) or await asyncio.to_thread(chain.end, last_head)
        length = last_seq if fault is None else await self._rows.count()
        return Verdict(length, last_hash, await self._refined(fault, length))

    async def _follow(self, chain: Chain, last_seq: int) -> Fault | None:
        """In chunks, so that memory stays small, and hashed in a thread, so that nobody waits for it."""
        first = FIRST if chain.seq == 0 else chain.seq + 1
        while rows := await self._rows.chunk(first, last_seq, CHUNK_ROWS):
            heads = await self._rows.heads(first, rows[-1].seq)
            fault = await asyncio.to_thread(chain.follow, rows, heads)
            if fault:
                return fault
            first = rows[-1].seq + 1
        return None

    async def _refined(self, fault: Fault | None, length: int) -> Fault | None:
        """Tells a row that was moved from one that was changed."""
        if fault is None or fault.flaw is not Flaw.CHANGED:
            return fault
        rows = await self._rows.chunk(fault.seq, fault.seq, 1)
        place = await asyncio.to_thread(find_true_place, rows[0], length + 1) if rows else None
        return fault if place in (None, fault.seq) else replace(fault, flaw=Flaw.REORDERED)

    async def sign_head(self) -> Head | None:
        """Sign what the chain has come to; None when there is nothing new.

        Raises `Conflict`, and signs nothing, when what came since the last head does not follow from it.
        """
        last = await self._rows.last_head()
        seq, row_hash = await self._rows.tip()
        if (seq, row_hash) == ((last.seq, last.hash) if last else (0, GENESIS)):
            return None
        fault = await self._since(last, seq)
        if fault:
            raise Conflict(f"the audit log is broken at row {fault.seq}: {fault.flaw}")
        head = Head(seq, row_hash, self._clock.wall_ms(), self._clock_trusted(), self._key.public_key)
        head = replace(head, signature=self._key.sign(statement(head)))
        await self._rows.add_head(head)
        return head

    async def _since(self, last: Head | None, seq: int) -> Fault | None:
        """What is wrong with the rows after the last signed one."""
        if last is None:
            return await self._follow(Chain(self._signed), seq)
        if seq <= last.seq:
            return Fault(seq + 1, Flaw.TRUNCATED) if seq < last.seq else Fault(seq, Flaw.REWRITTEN)
        return await self._follow(Chain(self._signed, last.seq, last.hash), seq)

    def _signed(self, head: Head) -> bool:
        return head.public_key == self._key.public_key and self._key.signed(statement(head), head.signature)


async def _place(source: Audit | CityAudit, cursor: str) -> int:
    try:
        place = await source.find_place(bytes.fromhex(cursor))
    except ValueError:
        place = None
    if place is None:
        raise NotFound("there is no such row")
    return place


def bounded(entry: Entry) -> Entry:
    """The same, no longer than a row may be, in letters that can be written, without passwords in addresses.

    Texts may come from a stranger at the login page, and must not be able to make the row impossible.
    """
    who = Who(*(_text(value) for value in astuple(entry.who)))
    subject = entry.subject and Subject(entry.subject.kind, _text(entry.subject.id) or "")
    facts = redact(None, "", {key: _fact(value) for key, value in entry.facts.items()})
    reason = redact(None, "", {"reason": _text(entry.reason, REASON_CHARS)})["reason"]
    return replace(entry, who=who, subject=subject, reason=reason, facts=facts)


def _fact(value: Fact) -> Fact:
    if isinstance(value, list):
        return [_text(one) or "" for one in value[:FACT_ITEMS]]
    return _text(value) if isinstance(value, str) else value


def _text(value: str | None, chars: int = TEXT_CHARS) -> str | None:
    return None if value is None else value[:chars].encode("utf-8", "replace").decode()
