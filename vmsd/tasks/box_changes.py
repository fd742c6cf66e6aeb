"""Writes into the audit log what changes about the box without anybody's doing.

Reads: the breaker, the volume, the certificate that is served. Writes: a row per change, and beside it what was
written last, so that a change while the daemon was down is seen too. Keeps true: the log tells whether recording is
stopped, on which volume it goes on, and by which certificate the box is known.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import ClassVar

from vmsd.clock import rfc3339
from vmsd.host.certificate import Pair
from vmsd.host.tls import ServedCertificate
from vmsd.model.audit import Action, Entry, Subject
from vmsd.services.audit import AuditLog
from vmsd.services.interventions import NOTED_VOLUME
from vmsd.services.storage import BreakerState, DiskWatch
from vmsd.store.database import Database
from vmsd.store.meta import Meta

NOTED_BREAKER = "noted_breaker"
NOTED_CERTIFICATE = "noted_certificate"
CLOSED = "closed"

Telling = Callable[[str | None], Entry | None]
"""The row for a change from what was written last; None when it is not worth one."""


class BoxChanges:
    name: ClassVar[str] = "box_changes"
    every_s: ClassVar[float] = 2.0
    deadline_s: ClassVar[float] = 20.0

    def __init__(self, database: Database, audit: AuditLog, watch: DiskWatch, certificate: ServedCertificate) -> None:
        self._meta = Meta(database)
        self._audit = audit
        self._watch = watch
        self._certificate = certificate
        self._seen: dict[str, str] = {}

    async def once(self) -> None:
        """What cannot be written now is tried again in the next pass."""
        for key, value, tell in self._now():
            if self._seen.get(key) != value:
                before = await self._meta.find(key)
                entry = None if before == value else tell(before)
                if entry is not None:
                    await self._audit.record(entry, {key: value})
                self._seen[key] = value

    def _now(self) -> Iterator[tuple[str, str, Telling]]:
        breaker, volume, pair = self._watch.breaker, self._watch.expected_uuid, self._certificate.pair
        if not breaker.open or breaker.reason is not None:
            yield NOTED_BREAKER, breaker.reason or CLOSED, lambda before: _of_breaker(breaker, before)
        if volume is not None:
            yield NOTED_VOLUME, volume, lambda before: _of_volume(volume, before)
        if pair is not None:
            yield NOTED_CERTIFICATE, pair.fingerprint, lambda before: _of_certificate(pair, before)


def _of_breaker(state: BreakerState, before: str | None) -> Entry | None:
    """Another reason for staying open is no change."""
    if state.open == (before not in (None, CLOSED)):
        return None
    action = Action.BREAKER_OPENED if state.open else Action.BREAKER_CLOSED
    return Entry(action, facts={"cause": state.reason or before, "since": rfc3339(state.since_ms)})


def _of_volume(uuid: str, before: str | None) -> Entry:
    return Entry(Action.VOLUME_ADOPTED, subject=Subject("volume", uuid), facts={"from": before, "to": uuid})


def _of_certificate(pair: Pair, before: str | None) -> Entry:
    return Entry(
        Action.CERTIFICATE_CHANGED,
        subject=Subject("certificate", pair.fingerprint),
        facts={"from": before, "to": pair.fingerprint, "own": pair.made_here, "until": rfc3339(pair.not_after_ms)},
    )
