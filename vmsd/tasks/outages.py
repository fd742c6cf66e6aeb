"""Writes down what keeps the whole box from recording, and when the daemon itself was not there to see it.

Reads: the breaker, whether MediaMTX is alive and since when. Writes: outages, and a pulse every few seconds.
Keeps true: an outage is open for as long as it lasts; one that was open when the daemon died goes on if it is still
there at the next start, and else is closed with what is known then.
"""

from __future__ import annotations

from typing import ClassVar

from vmsd.clock import Clock, parse_rfc3339
from vmsd.model.audit import Fact
from vmsd.model.outage import OutageKind
from vmsd.services.live_states import LiveStates
from vmsd.services.outages import Outages
from vmsd.services.storage import DiskWatch
from vmsd.store.database import Database
from vmsd.store.meta import Meta
from vmsd.tasks.breaker import SPACE_REASONS

PULSE = "outages_pulse_ms"
PULSE_S = 5.0
"""By how much too early a death of the daemon may be dated; with a restart it is still within the slack of a cause."""
SILENT_LOOKS = 2
"""One look without an answer may be a busy media server."""
RESTART_MS = 2_000
"""How long before it was up a restarted media server was surely not there."""
STOPPING = (OutageKind.BREAKER, OutageKind.DISK)


class OutageWatch:
    name: ClassVar[str] = "outages"
    every_s: ClassVar[float] = 1.0
    deadline_s: ClassVar[float] = 10.0

    def __init__(self, watch: DiskWatch, states: LiveStates, database: Database, clock: Clock) -> None:
        self._watch = watch
        self._states = states
        self._outages = Outages(database)
        self._meta = Meta(database)
        self._clock = clock
        self._begun = False
        self._last_pulse_ms: int | None = None
        self._pulsed_s: float | None = None
        self._open: set[OutageKind] = set()
        self._carried: set[OutageKind] = set()
        """Open since before the daemon was started, and not yet seen to last."""
        self._alive_ms: int | None = None
        self._started: str | None = None
        self._silent = 0

    async def once(self) -> None:
        now_ms = self._clock.wall_ms()
        if not self._begun:
            await self._begin(now_ms)
        await self._follow_breaker(now_ms)
        await self._follow_mediamtx(now_ms)
        if self._pulsed_s is None or self._clock.monotonic() - self._pulsed_s >= PULSE_S:
            await self._meta.set(PULSE, str(now_ms))
            self._pulsed_s = self._clock.monotonic()

    async def _begin(self, now_ms: int) -> None:
        """What the daemon before this one has left."""
        pulse = await self._meta.find(PULSE)
        self._last_pulse_ms = None if pulse is None else int(pulse)
        self._open = set(await self._outages.open())
        self._carried = set(self._open)
        if self._last_pulse_ms is not None and self._last_pulse_ms < now_ms:
            await self._outages.add(OutageKind.DAEMON, self._last_pulse_ms, now_ms)
        self._begun = True

    async def _follow_breaker(self, now_ms: int) -> None:
        state = self._watch.breaker
        if state.open and state.reason is None:
            return
        kind = OutageKind.BREAKER if state.reason in SPACE_REASONS else OutageKind.DISK
        current = kind if state.open else None
        at_ms = now_ms if current and self._open.intersection(STOPPING) else state.since_ms
        for one in STOPPING:
            if one is not current:
                await self._end(one, at_ms)
        if current:
            await self._begin_one(current, at_ms, {"reason": state.reason})

    async def _follow_mediamtx(self, now_ms: int) -> None:
        if self._states.mediamtx_alive is None:
            return
        if self._states.mediamtx_alive:
            await self._note_alive(now_ms)
            return
        self._silent += 1
        self._alive_ms = self._alive_ms or now_ms
        if self._silent >= SILENT_LOOKS:
            await self._begin_one(OutageKind.MEDIAMTX, self._alive_ms, {})

    async def _note_alive(self, now_ms: int) -> None:
        """A restart too quick to be seen as a silence is seen by when the media server says it was started."""
        started, before = self._states.mediamtx_started, self._started
        up_ms = min(_moment(started) or now_ms, now_ms)
        if OutageKind.MEDIAMTX in self._open:
            await self._end(OutageKind.MEDIAMTX, now_ms, up_ms)
        elif before is not None and started != before:
            await self._outages.add(OutageKind.MEDIAMTX, self._alive_ms or up_ms, up_ms)
        elif before is None and self._last_pulse_ms is not None and self._last_pulse_ms < up_ms < now_ms:
            await self._outages.add(OutageKind.MEDIAMTX, max(self._last_pulse_ms, up_ms - RESTART_MS), up_ms)
        self._started, self._alive_ms, self._silent = started or "", now_ms, 0

    async def _begin_one(self, kind: OutageKind, at_ms: int, facts: dict[str, Fact]) -> None:
        if kind not in self._open:
            await self._outages.begin(kind, at_ms, facts)
        self._open.add(kind)
        self._carried.discard(kind)

    async def _end(self, kind: OutageKind, at_ms: int, unseen_ms: int = 0) -> None:
        """At `at_ms`; what was over before anybody looked, with the last pulse or at `unseen_ms`."""
        if kind in self._open:
            await self._outages.end(kind, max(self._last_pulse_ms or 0, unseen_ms) if kind in self._carried else at_ms)
            self._open.discard(kind)
            self._carried.discard(kind)


def _moment(text: str | None) -> int | None:
    try:
        return parse_rfc3339(text or "")
    except ValueError:
        return None
