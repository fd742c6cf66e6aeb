"""Measures the streams of all cameras, and writes down every five minutes what that came to.

Reads: live states, viewing sessions, the playlists of live HLS. Writes: the stream facts in memory, and their rows:
one transaction in five minutes. Keeps true: a figure that is shown was measured a short while ago; rows are kept
for eight days, and as long as the clock is not trusted.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import ClassVar

import structlog

from vmsd.clock import Clock
from vmsd.errors import MediaServerAway, NotFound, TooMany
from vmsd.mediamtx.names import PathName
from vmsd.model.camera import Camera
from vmsd.model.city import City
from vmsd.model.state import State
from vmsd.services.clock_trust import Timekeeper
from vmsd.services.live_states import LiveStates, key_of
from vmsd.services.stream_facts import DAY_MS, KEPT_DAYS, StreamFacts
from vmsd.store.database import Database
from vmsd.store.stream_facts import put_stream_facts

log = structlog.get_logger()

LOOK_AGAIN_S = 30.0
"""At the playlist of a camera nobody watches; of one that is watched in every pass."""
LOOKS_S = 3.0
"""How long the looks of one pass may take together."""
ONE_LOOK_S = 1.0

NewestEnd = Callable[[str], Awaitable[int | None]]
"""Wall time at which the newest segment of a live path ends, as it is served; raises `NotFound`, `MediaServerAway`."""


class StreamFactsTask:
    name: ClassVar[str] = "stream_facts"
    every_s: ClassVar[float] = 4.7
    """No multiple of a segment's length: looks that always fell into the same moment of one would lie."""
    deadline_s: ClassVar[float] = 20.0

    def __init__(
        self,
        facts: StreamFacts,
        states: LiveStates,
        newest_end: NewestEnd,
        database: Database,
        keeper: Timekeeper,
        clock: Clock,
    ) -> None:
        self._facts = facts
        self._states = states
        self._newest_end = newest_end
        self._database = database
        self._keeper = keeper
        self._clock = clock

    async def once(self) -> None:
        if self._states.mediamtx_alive:
            await self._look_at_playlists()
        self._facts.sample()
        if self._facts.pending:
            before_ms = (self._keeper.trusted_ms() or 0) - KEPT_DAYS * DAY_MS
            await put_stream_facts(self._database, self._facts.pending, before_ms)
            self._facts.pending = ()

    async def _look_at_playlists(self) -> None:
        """Who was looked at longest ago comes first: what is not reached now is reached next time."""
        began_s = self._clock.monotonic()
        for city, camera in self._due():
            if self._clock.monotonic() - began_s > LOOKS_S:
                return
            try:
                await self._look(city, camera)
            except MediaServerAway:
                return

    def _due(self) -> Sequence[tuple[City, Camera]]:
        now_s, facts = self._clock.monotonic(), self._facts
        known = {key_of(camera): facts.looked_s(key_of(camera)) or 0.0 for _, camera in self._states.watched}
        due = [
            (city, camera)
            for city, camera in self._states.watched
            if self._states.of(camera).state == State.ONLINE
            and (facts.viewers(camera) or now_s - known[key_of(camera)] >= LOOK_AGAIN_S or not known[key_of(camera)])
        ]
        return sorted(due, key=lambda one: known[key_of(one[1])])

    async def _look(self, city: City, camera: Camera) -> None:
        """At the stream a viewer would be given: the smaller one where there is one."""
        sub = str(PathName(city.public_id, camera.public_id, sub=True))
        has_sub = bool(camera.sub_source_url) and sub in self._states.available_paths
        path = sub if has_sub else str(PathName(city.public_id, camera.public_id))
        try:
            async with asyncio.timeout(ONE_LOOK_S):
                self._facts.note_newest_end(key_of(camera), await self._newest_end(path))
        except (NotFound, TooMany, TimeoutError) as error:
            log.debug("stream_facts.missed", camera_id=camera.public_id, error=str(error))
