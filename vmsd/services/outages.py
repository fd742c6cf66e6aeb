"""What stopped recording on the whole box, written down as it begins and ends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import structlog

from vmsd.model.audit import Fact
from vmsd.model.outage import Outage, OutageKind
from vmsd.store.database import Database
from vmsd.store.outages import OutageRows

log = structlog.get_logger()

REJOIN_MS = 10_000
"""What was over for a moment only was not over: no camera has come back by then. It also bounds the rows of a
media server that dies again and again."""
NOTHING: Mapping[str, Fact] = MappingProxyType({})


class Outages:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._rows = OutageRows(database)

    async def begin(self, kind: OutageKind, at_ms: int, facts: Mapping[str, Fact] = NOTHING) -> None:
        """Nothing happens when one of the kind is open."""
        async with self._database.write() as transaction:
            last = await self._rows.newest(transaction, kind)
            if last is not None and last.end_ms is None:
                return
            if last is not None and last.end_ms is not None and 0 <= at_ms - last.end_ms <= REJOIN_MS:
                await self._rows.reopen(transaction, last, facts)
            else:
                await self._rows.add(transaction, kind, at_ms, None, facts)
        log.warning("outage.begun", kind=kind, **facts)

    async def end(self, kind: OutageKind, at_ms: int) -> None:
        """Nothing happens when none of the kind is open."""
        async with self._database.write() as transaction:
            ended = await self._rows.end(transaction, kind, at_ms)
        if ended:
            log.info("outage.ended", kind=kind)

    async def add(self, kind: OutageKind, start_ms: int, end_ms: int, facts: Mapping[str, Fact] = NOTHING) -> None:
        """One that is over already; a clock put back in between makes it a moment."""
        async with self._database.write() as transaction:
            await self._rows.add(transaction, kind, start_ms, max(start_ms, end_ms), facts)
        log.info("outage.found", kind=kind, lasted_s=max(0, end_ms - start_ms) // 1000)

    async def open(self) -> Mapping[OutageKind, Outage]:
        """Those nobody has seen the end of."""
        return {one.kind: one for one in await self._rows.open()}

    async def between(self, start_ms: int, end_ms: int) -> Sequence[Outage]:
        """Those that have something of the period, by their start."""
        return await self._rows.between(start_ms, end_ms)
