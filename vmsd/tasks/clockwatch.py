"""Watches whether the wall clock may be believed, and remembers the newest time that was.

Reads: wall, monotonic and kernel clock. Writes: `last_known_ms` every minute while trusted, any doubt, a row of the
audit log for every step, outages. Keeps true: after a start the clock is judged by what this box knew before it went
down, and whoever reads the log can tell which of its times were shifted, and by how much; times that were jumped over
by a clock that was believed before and after are an outage, since no recording can be of them.
"""

from __future__ import annotations

from typing import ClassVar

from vmsd.clock import Clock, rfc3339
from vmsd.model.audit import Action, Entry, Fact
from vmsd.model.outage import OutageKind
from vmsd.services.audit import AuditLog
from vmsd.services.clock_trust import ClockTrust, Timekeeper
from vmsd.services.outages import Outages
from vmsd.store.database import Database
from vmsd.store.meta import Meta

LAST_KNOWN = "last_known_ms"
DOUBTED = "clock_doubted"
REMEMBER_EVERY_S = 60.0
TOLD_STEP_MS = 2000
"""Between two looks a clock that is kept right moves by thousandths of a second; a busy machine may add some."""


class ClockWatch:
    name: ClassVar[str] = "clockwatch"
    every_s: ClassVar[float] = 5.0
    deadline_s: ClassVar[float] = 10.0

    def __init__(self, keeper: Timekeeper, database: Database, audit: AuditLog, clock: Clock) -> None:
        self._keeper = keeper
        self._database = database
        self._meta = Meta(database)
        self._audit = audit
        self._clock = clock
        self._outages = Outages(database)
        self._believed: tuple[int, float] | None = None
        self._looked: tuple[int, float] | None = None
        self._begun = False
        self._doubted = False
        self._remembered_s: float | None = None

    async def once(self) -> None:
        if not self._begun:
            await self._begin()
        trust = self._keeper.look()
        await self._note_step(trust)
        await self._note_lost_time(trust)
        await self._note_doubt(trust)
        if trust.trusted and self._due():
            await self._meta.set(LAST_KNOWN, str(trust.wall_ms))
            self._remembered_s = self._clock.monotonic()

    async def _begin(self) -> None:
        self._doubted = await self._meta.find(DOUBTED) == "1"
        self._keeper.begin(await find_last_known(self._database), doubted=self._doubted)
        self._begun = True

    async def _note_step(self, trust: ClockTrust) -> None:
        """Believed or not: `from` is what the wall clock would have shown now without it."""
        now_s, before = self._clock.monotonic(), self._looked
        self._looked = (trust.wall_ms, now_s)
        expected_ms = trust.wall_ms if before is None else before[0] + round((now_s - before[1]) * 1000)
        step_ms = trust.wall_ms - expected_ms
        if abs(step_ms) >= TOLD_STEP_MS:
            facts: dict[str, Fact] = {"from": rfc3339(expected_ms), "to": rfc3339(trust.wall_ms), "step_ms": step_ms}
            await self._audit.note(Entry(Action.CLOCK_STEPPED, facts=facts))

    async def _note_lost_time(self, trust: ClockTrust) -> None:
        """From the last time that was believed to the one believed now; what was doubted in between gets renamed."""
        if not trust.trusted:
            return
        now_s, before = self._clock.monotonic(), self._believed
        self._believed = (trust.wall_ms, now_s)
        if before is None:
            return
        elapsed_ms = round((now_s - before[1]) * 1000)
        step_ms = trust.wall_ms - before[0] - elapsed_ms
        if step_ms >= TOLD_STEP_MS:
            end_ms = before[0] + step_ms + min(elapsed_ms, round(self.every_s * 2000))
            await self._outages.add(OutageKind.CLOCK, before[0], end_ms, {"step_ms": step_ms})

    async def _note_doubt(self, trust: ClockTrust) -> None:
        """So that a restart does not make a clock honest that jumped while the daemon ran."""
        if self._doubted != (not trust.trusted):
            await self._meta.set(DOUBTED, "0" if trust.trusted else "1")
            self._doubted = not trust.trusted

    def _due(self) -> bool:
        return self._remembered_s is None or self._clock.monotonic() - self._remembered_s >= REMEMBER_EVERY_S


async def find_last_known(database: Database) -> int | None:
    """The newest time that was trusted; None on a new box."""
    found = await Meta(database).find(LAST_KNOWN)
    return None if found is None else int(found)
