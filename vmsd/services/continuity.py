"""The continuity certificate: what of a period was recorded, and why the rest was not, signed by the box.

Whoever holds it can check it without this product: the signature is over its canonical JSON.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, tzinfo
from uuid import uuid4

from vmsd.clock import Clock, rfc3339
from vmsd.model.audit import Action, Entry, Subject, Who
from vmsd.model.camera import Camera
from vmsd.model.continuity import (
    AuditHead,
    CertifiedClock,
    CertifiedFiles,
    CertifiedGap,
    CertifiedOutage,
    CertifiedPeriod,
    CertifiedSpan,
    ContinuityCertificate,
    Signature,
    Software,
)
from vmsd.model.outage import Outage
from vmsd.model.timeline import Gap, Timeline
from vmsd.services.audit import AuditLog
from vmsd.services.box_seal import BoxSeal
from vmsd.services.clock_trust import Timekeeper
from vmsd.services.timeline import CityTimeline
from vmsd.store.audit import Audit
from vmsd.store.database import Database
from vmsd.store.timeline import FileFacts


@dataclass(frozen=True)
class Continuity:
    """Issues certificates; each is written down in the audit log before anybody gets it."""

    seal: BoxSeal
    audit: AuditLog
    database: Database
    keeper: Timekeeper
    clock: Clock
    site_name: str
    software: Callable[[], Software]

    async def certify(
        self, timeline: CityTimeline, camera: Camera, start_ms: int, end_ms: int, by: Who
    ) -> tuple[ContinuityCertificate, Signature]:
        found = await timeline.get(camera, start_ms, end_ms)
        files = await timeline.files(camera, start_ms, end_ms)
        outages = await timeline.outages(start_ms, end_ms)
        whole_ms, missing_ms = found.to_ms - found.from_ms, sum(gap.end_ms - gap.start_ms for gap in found.gaps)
        certificate: ContinuityCertificate = {
            "format": "vmsd-continuity/1",
            "id": str(uuid4()),
            "issued_at": rfc3339(self.clock.wall_ms()),
            "issued_by": {"id": by.person, "name": by.name, "role": by.role},
            "site": self.site_name,
            "time_zone": str(timeline.zone),
            "box": self.seal.identity,
            "city": {"id": timeline.city.public_id, "name": timeline.city.name},
            "camera": {"id": camera.public_id, "name": camera.name},
            "period": _period(found, timeline.zone),
            "coverage": coverage_of(whole_ms - missing_ms, whole_ms),
            "requested_seconds": _seconds(whole_ms),
            "recorded_seconds": _seconds(whole_ms - missing_ms),
            "missing_seconds": _seconds(missing_ms),
            "gaps": [_gap(gap, timeline.zone) for gap in found.gaps],
            "spans": _spans(found),
            "segments": _files(files),
            "clock": self._clock_now(found),
            "outages": [_outage(one) for one in outages],
            "audit_head": await self._audit_head(),
            "software": self.software(),
        }
        await self._tell(certificate, timeline.city.id, by)
        return certificate, self.seal.sign(certificate)

    async def _tell(self, certificate: ContinuityCertificate, city_id: int, by: Who) -> None:
        period = certificate["period"]
        facts = {"certificate": certificate["id"], "start": period["start"], "end": period["end"]}
        subject = Subject("camera", certificate["camera"]["id"])
        await self.audit.record(Entry(Action.CONTINUITY_CERTIFIED, by, city_id, subject, facts=facts))

    def _clock_now(self, found: Timeline) -> CertifiedClock:
        trust = self.keeper.look()
        untrusted_ms = sum(span.end_ms - span.start_ms for span in found.spans if not span.clock_trusted)
        return {
            "trusted": trust.trusted,
            "synchronised": trust.synchronised,
            "reason": trust.reason,
            "untrusted_seconds": _seconds(untrusted_ms),
        }

    async def _audit_head(self) -> AuditHead | None:
        head = await Audit(self.database).last_head()
        return None if head is None else {"hash": head.hash.hex(), "at": rfc3339(head.at_ms)}


async def on_paper(certificate: ContinuityCertificate, signature: Signature) -> bytes:
    """The same as a PDF; made in a thread, for it takes its time."""
    return await asyncio.to_thread(_render, certificate, signature)


def _render(certificate: ContinuityCertificate, signature: Signature) -> bytes:
    from vmsd.paper.continuity import render  # the printing library is heavy, and most days nobody prints

    return render(certificate, signature)


def coverage_of(recorded_ms: int, whole_ms: int) -> float:
    """To four places, never rounded up; counted in whole numbers, for a ratio may come out a hair too small."""
    return _number(recorded_ms * 10_000 // whole_ms, 10_000) if whole_ms else 1


def local_time(ms: int, zone: tzinfo) -> str:
    """RFC 3339 with the offset the zone had then."""
    return datetime.fromtimestamp(ms / 1000, zone).isoformat(timespec="milliseconds")


def _seconds(ms: int) -> float:
    return _number(ms, 1000)


def _number(count: int, divisor: int) -> float:
    """Whole numbers stay whole: every program writes them alike."""
    return count // divisor if count % divisor == 0 else count / divisor


def _period(found: Timeline, zone: tzinfo) -> CertifiedPeriod:
    return {
        "start": rfc3339(found.start_ms),
        "end": rfc3339(found.end_ms),
        "from": rfc3339(found.from_ms),
        "to": rfc3339(found.to_ms),
        "local_start": local_time(found.start_ms, zone),
        "local_end": local_time(found.end_ms, zone),
    }


def _gap(gap: Gap, zone: tzinfo) -> CertifiedGap:
    return {
        "start": rfc3339(gap.start_ms),
        "end": rfc3339(gap.end_ms),
        "local_start": local_time(gap.start_ms, zone),
        "local_end": local_time(gap.end_ms, zone),
        "seconds": _seconds(gap.end_ms - gap.start_ms),
        "cause": gap.cause,
        "detail": gap.detail,
        "purged_at": None if gap.purged_ms is None else rfc3339(gap.purged_ms),
    }


def _spans(found: Timeline) -> list[CertifiedSpan]:
    """Who keeps what is nobody's business here."""
    joined: list[CertifiedSpan] = []
    for span in found.spans:
        start, end, trusted = rfc3339(span.start_ms), rfc3339(span.end_ms), span.clock_trusted
        if joined and (joined[-1]["end"], joined[-1]["clock_trusted"]) == (start, trusted):
            joined[-1]["end"] = end
        else:
            joined.append({"start": start, "end": end, "clock_trusted": trusted})
    return joined


def _files(files: FileFacts) -> CertifiedFiles:
    return {
        "count": files.count,
        "bytes": files.bytes,
        "hashed": files.hashed,
        "running": files.running,
        "damaged": files.damaged,
        "altered": files.altered,
        "clock_untrusted": files.clock_untrusted,
        "clock_corrected": files.clock_corrected,
    }


def _outage(outage: Outage) -> CertifiedOutage:
    end = None if outage.end_ms is None else rfc3339(outage.end_ms)
    return {"kind": outage.kind, "start": rfc3339(outage.start_ms), "end": end, "facts": dict(outage.facts)}
