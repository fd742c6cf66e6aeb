"""Writes down once that somebody fetches an export, however many pieces their program asks for."""

from __future__ import annotations

import asyncio
from collections import OrderedDict

from vmsd.clock import Clock
from vmsd.model.audit import Action, Entry, Subject, Who
from vmsd.model.export import Export
from vmsd.services.audit import AuditLog

IDLE_S = 600.0
"""Who asks for nothing for so long has fetched it, or given up; what comes then is another download."""
DOWNLOADS = 5_000


class DownloadAudit:
    """Nothing is handed out that could not be written down."""

    def __init__(self, audit: AuditLog, clock: Clock) -> None:
        self._audit = audit
        self._clock = clock
        self._seen: OrderedDict[tuple[Who, str, int], float] = OrderedDict()
        self._writing = asyncio.Lock()

    async def seen(self, who: Who, city_id: int, export: Export, digest: str) -> None:
        """To be told of every request for its bytes; those that come together are one download."""
        async with self._writing:
            await self._note(who, city_id, export, digest)

    async def _note(self, who: Who, city_id: int, export: Export, digest: str) -> None:
        download, now_s = (who, export.public_id, export.changed_ms), self._clock.monotonic()
        last_s = self._seen.get(download)
        if last_s is None or now_s - last_s > IDLE_S:
            subject, facts = Subject("export", export.public_id), {"sha256": digest}
            await self._audit.record(Entry(Action.EXPORT_DOWNLOADED, who, city_id, subject, facts=facts))
        self._seen[download] = now_s
        self._seen.move_to_end(download)
        while len(self._seen) > DOWNLOADS:
            self._seen.popitem(last=False)
