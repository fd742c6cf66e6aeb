"""The purge reports of one city: what was deleted in a period, by which rule, what was kept, and the proof of it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

import structlog

from vmsd.clock import Clock, rfc3339
from vmsd.errors import FieldProblem, Invalid, NotAllowed
from vmsd.model.audit import Action, AuditSearch, Entry, Fact, Subject, Who
from vmsd.model.city import DAY_MS, City
from vmsd.model.continuity import BoxIdentity, Software
from vmsd.model.keeping import Keeping, KeptPeriod
from vmsd.model.person import ALL_RIGHTS, Rights, Verb
from vmsd.model.purge import CameraPurges, KeptException, LedgerProof, PurgeFacts, RuleTotal, SignedHead
from vmsd.model.segment import PurgeReason
from vmsd.services.audit import AuditLog
from vmsd.services.keeping_costs import places_of
from vmsd.store.audit import Audit
from vmsd.store.database import Database
from vmsd.store.kept_periods import KeptPeriods
from vmsd.store.purge_reports import NEWEST, PurgeReport, PurgeReports
from vmsd.store.purges import BEFORE_ALL, Place, Purge, Purges, PurgeTotal, ledger_digest
from vmsd.store.scope import Scope
from vmsd.store.segments import Segments

log = structlog.get_logger()

MOST_DAYS = 366
MOST_PROVED = 250_000
"""Lines of one report that are held against the audit log, one by one."""
LINES = 2_000
ROWS = 500
MOST_PERIODS = 10_000

Moment = tuple[int, str]
"""When something was purged, and why: what one row of the audit log tells of."""


@dataclass(frozen=True)
class PurgeParts:
    """What the reports of every city are made with; `software` names versions."""

    database: Database
    audit: AuditLog
    clock: Clock
    site_name: str
    time_zone: str
    box: BoxIdentity
    software: Callable[[], Software]


class CityPurges:
    """Handed out for one caller, who is `by`. A report names every camera: it is for who may manage them all."""

    def __init__(
        self,
        parts: PurgeParts,
        city: City,
        *,
        rights: Rights = ALL_RIGHTS,
        by: Who = Who(),  # noqa: B008 - frozen
    ) -> None:
        scope = Scope(parts.database, city.id)
        self._parts = parts
        self._city = city
        self._rights = rights
        self._by = by
        self._scope = scope
        self._reports = PurgeReports(scope)
        self._ledger = Purges(scope)
        self._segments = Segments(scope)

    async def list(self, *, after: str | None = None, limit: int = 50) -> Sequence[PurgeReport]:
        """Newest first."""
        self._require()
        before = NEWEST if after is None else (await self._reports.get(after)).id
        return await self._reports.list(before=before, limit=limit)

    async def get(self, public_id: str) -> PurgeReport:
        self._require()
        return await self._reports.get(public_id)

    async def files(
        self, report: PurgeReport, *, after: Place = BEFORE_ALL, limit: int = 500
    ) -> Sequence[tuple[Place, Purge]]:
        """The lines of the ledger it is about, in the order in which they were written."""
        self._require()
        return await self._ledger.lines(report.start_ms, report.end_ms, after=after, limit=limit)

    def _require(self) -> None:
        if self._rights.groups_with({Verb.MANAGE}) is not None:
            raise NotAllowed("your account may not see what was deleted of every camera")

    async def own_periods(self, since_ms: int) -> frozenset[tuple[int, int]]:
        """Of the reports the box has made by itself."""
        return await self._reports.own_periods(since_ms)

    async def make(self, start_ms: int, end_ms: int) -> PurgeReport:
        """Of a period that is over, and no longer than a year."""
        self._require()
        now_ms = self._parts.clock.wall_ms()
        _refuse(start_ms, end_ms, now_ms)
        facts = await self._facts(start_ms, end_ms, now_ms)
        async with self._scope.write() as transaction:
            report = await self._reports.add(
                transaction,
                start_ms=start_ms,
                end_ms=end_ms,
                now_ms=now_ms,
                person=self._by.person,
                person_name=self._by.name,
                facts=dict(facts),
            )
            period: dict[str, Fact] = {"start": rfc3339(start_ms), "end": rfc3339(end_ms)}
            told = {**period, "recordings": facts["recordings"], "bytes": facts["bytes"]}
            subject = Subject("purge_report", report.public_id)
            entry = Entry(Action.PURGE_REPORTED, self._by, subject=subject, facts=told)
            await self._parts.audit.append(transaction, entry, now_ms)
        log.info("purge.reported", report_id=report.public_id, recordings=facts["recordings"])
        return report

    async def _facts(self, start_ms: int, end_ms: int, now_ms: int) -> PurgeFacts:
        totals: list[PurgeTotal] = []
        for day_ms in range(start_ms, end_ms, DAY_MS):
            totals += await self._ledger.totals(day_ms, min(day_ms + DAY_MS, end_ms))
        recordings = sum(one.recordings for one in totals)
        return {
            "recordings": recordings,
            "bytes": sum(one.bytes for one in totals),
            "oldest": _time(min((one.oldest_us for one in totals), default=None)),
            "newest": _time(max((one.newest_us for one in totals), default=None)),
            "by_rule": _by_rule(totals),
            "by_camera": _by_camera(totals),
            "kept": list(await self._exceptions(now_ms)),
            "ledger": await self._proof(start_ms, end_ms, recordings),
            "audit_head": await self._head(),
        }

    async def _exceptions(self, now_ms: int) -> Sequence[KeptException]:
        """What is older than it was to be kept, and still there because somebody keeps it."""
        limits = {
            one.camera_id: now_ms - DAY_MS * min(self._city.retention_days, one.retention_days or MOST_DAYS)
            for one in await self._segments.totals()
        }
        periods = await KeptPeriods(self._scope).list(limit=MOST_PERIODS)
        aged = [one for one in periods if one.start_ms < limits.get(one.camera_id, one.start_ms)]
        names = await self._reports.names()
        by_name: dict[tuple[Keeping, str | None], list[KeptPeriod]] = {}
        for one in aged:
            by_name.setdefault((one.keeping, _name(one, *names)), []).append(one)
        kept = [await self._exception(keeping, name, own, limits) for (keeping, name), own in by_name.items()]
        return [one for one in kept if one["bytes"]]

    async def _exception(
        self, keeping: Keeping, name: str | None, periods: Sequence[KeptPeriod], limits: Mapping[int, int]
    ) -> KeptException:
        places = places_of((one.camera_id, one.start_ms, min(one.end_ms, limits[one.camera_id])) for one in periods)
        size = sum(await self._segments.sizes(places))
        return {"keeping": keeping, "periods": len(periods), "bytes": size, "name": name}

    async def _proof(self, start_ms: int, end_ms: int, lines: int) -> LedgerProof:
        """Held against the log: a line that was changed, added or taken away proves none of those beside it."""
        if lines > MOST_PROVED:
            return {"lines": lines, "proved": None}
        digests = {moment: digest async for moment, digest in self._told(start_ms, end_ms)}
        proved = 0
        async for moment, purges in self._moments(start_ms, end_ms):
            digest = await asyncio.to_thread(ledger_digest, purges)
            proved += len(purges) if digests.get(moment) == digest else 0
        return {"lines": lines, "proved": proved}

    async def _told(self, start_ms: int, end_ms: int) -> AsyncIterator[tuple[Moment, str]]:
        """What the audit log has on the ledger, by the moment and the reason."""
        for action in (Action.RECORDING_PURGED, Action.RECORDING_VANISHED):
            search, cursor = AuditSearch(action=action, start_ms=start_ms, end_ms=end_ms), None
            while True:
                page = await self._parts.audit.list(self._city, search, cursor=cursor, limit=ROWS)
                for row in page.items:
                    yield (row.at_ms, row.reason or ""), json.loads(row.facts).get("ledger_sha256", "")
                if (cursor := page.next) is None:
                    break

    async def _moments(self, start_ms: int, end_ms: int) -> AsyncIterator[tuple[Moment, Sequence[Purge]]]:
        """The lines of the ledger, those of one row of the audit log together."""
        after, held = BEFORE_ALL, list[Purge]()
        while lines := await self._ledger.lines(start_ms, end_ms, after=after, limit=LINES):
            after = lines[-1][0]
            held += [purge for _, purge in lines]
            last_ms = held[-1].purged_ms
            for moment, purges in _grouped(one for one in held if one.purged_ms != last_ms):
                yield moment, purges
            held = [one for one in held if one.purged_ms == last_ms]
        for moment, purges in _grouped(held):
            yield moment, purges

    async def _head(self) -> SignedHead | None:
        head = await Audit(self._parts.database).last_head()
        return None if head is None else {"hash": head.hash.hex(), "at": rfc3339(head.at_ms)}

    async def print(self, report: PurgeReport, shown: Mapping[str, object]) -> bytes:
        """The answer about it as a PDF, with whose it is; made in a thread, for it takes its time."""
        parts = self._parts
        place = {"site": parts.site_name, "time_zone": parts.time_zone, "box": parts.box, "software": parts.software()}
        whose = {"city": {"id": self._city.public_id, "name": self._city.name}}
        log.info("purge.printed", report_id=report.public_id)
        return await asyncio.to_thread(_render, {**shown, **place, **whose})


def _render(report: Mapping[str, object]) -> bytes:
    from vmsd.paper.purge_report import render  # the printing library is heavy, and most days nobody prints

    return render(report)


def _refuse(start_ms: int, end_ms: int, now_ms: int) -> None:
    if end_ms > now_ms:
        raise Invalid("the period was refused", FieldProblem("/end", "must not lie in the future"))
    if end_ms - start_ms > MOST_DAYS * DAY_MS:
        raise Invalid("the period was refused", FieldProblem("/end", f"at most {MOST_DAYS} days after start"))


def _grouped(purges: Iterable[Purge]) -> list[tuple[Moment, Sequence[Purge]]]:
    ordered = sorted(purges, key=_moment)
    return [(moment, list(own)) for moment, own in groupby(ordered, key=_moment)]


def _moment(purge: Purge) -> Moment:
    return (purge.purged_ms, str(purge.reason))


def _by_rule(totals: Sequence[PurgeTotal]) -> list[RuleTotal]:
    """In the order in which the rules are named; those alone by which something went."""
    return [
        {"rule": rule, "recordings": sum(one.recordings for one in own), "bytes": sum(one.bytes for one in own)}
        for rule in PurgeReason
        if (own := [one for one in totals if one.reason is rule])
    ]


def _by_camera(totals: Sequence[PurgeTotal]) -> list[CameraPurges]:
    """By their names."""
    ordered = sorted(totals, key=lambda one: (one.camera_name, one.camera_public_id))
    cameras: list[CameraPurges] = []
    for (name, public_id), group in groupby(ordered, key=lambda one: (one.camera_name, one.camera_public_id)):
        own = list(group)
        cameras.append(
            {
                "camera_id": public_id,
                "name": name,
                "recordings": sum(one.recordings for one in own),
                "bytes": sum(one.bytes for one in own),
                "oldest": rfc3339(min(one.oldest_us for one in own) // 1000),
                "newest": rfc3339(max(one.newest_us for one in own) // 1000),
            }
        )
    return cameras


def _name(period: KeptPeriod, incidents: Mapping[int, str], holds: Mapping[int, str]) -> str | None:
    if period.hold_id is not None:
        return holds.get(period.hold_id)
    return None if period.incident_id is None else incidents.get(period.incident_id)


def _time(at_us: int | None) -> str | None:
    return None if at_us is None else rfc3339(at_us // 1000)
