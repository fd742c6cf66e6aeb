"""The history of what cameras did: few lines, and each with its cause as soon as that is known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import structlog

from vmsd.clock import Clock
from vmsd.errors import StorageFull
from vmsd.model.state import Cause, LiveState, StateChange
from vmsd.services.live_states import CameraKey
from vmsd.store.database import Database
from vmsd.store.scope import Scope
from vmsd.store.states import States

log = structlog.get_logger()

LINES_PER_HOUR = 20
CAUSES_PER_HOUR = 10
"""Lines that tell only of another cause leave room for those that tell of another state."""
HOUR_S = 3600


@dataclass
class Page:
    """The newest line of a camera that is in the database, and when lines were added (monotonic)."""

    last: StateChange | None = None
    added_s: list[float] = field(default_factory=list)


@dataclass(frozen=True)
class Entry:
    """A new line, or (`names`) the cause of the last one."""

    key: CameraKey
    line: StateChange
    names: bool = False


class History:
    """What could not be written is written by a later call: only what stands in the database counts as said."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._pages: dict[CameraKey, Page] = {}
        self._full = False

    async def note(self, states: Mapping[CameraKey, LiveState]) -> None:
        """Write down what is new; cameras that are not in `states` are forgotten."""
        self._pages = {key: self._pages.get(key) or Page() for key in states}
        entries = [entry for key, state in states.items() if (entry := self._due(key, state))]
        for city_id in {entry.key[0] for entry in entries}:
            await self._write(city_id, [entry for entry in entries if entry.key[0] == city_id])

    def _due(self, key: CameraKey, state: LiveState) -> Entry | None:
        page, last = self._pages[key], self._pages[key].last
        if last is None or last.state != state.state:
            line = StateChange(state.since_ms, state.state, state.cause)
            return Entry(key, line) if self._may_add(page, LINES_PER_HOUR) else None
        if state.cause in (last.cause, None, Cause.UNKNOWN):
            return None
        if last.cause == Cause.UNKNOWN:
            return Entry(key, StateChange(last.at_ms, state.state, state.cause), names=True)
        line = StateChange(self._clock.wall_ms(), state.state, state.cause)
        return Entry(key, line) if self._may_add(page, CAUSES_PER_HOUR) else None

    def _may_add(self, page: Page, most: int) -> bool:
        now_s = self._clock.monotonic()
        page.added_s = [at for at in page.added_s if now_s - at < HOUR_S]
        return len(page.added_s) < most

    async def _write(self, city_id: int, entries: Sequence[Entry]) -> None:
        scope = Scope(self._database, city_id)
        states = States(scope)
        try:
            async with scope.write() as transaction:
                for entry in entries:
                    write = states.name_cause if entry.names else states.add
                    await write(transaction, entry.key[1], entry.line)
        except StorageFull:
            if not self._full:
                log.warning("history.full", waiting=len(entries))
            self._full = True
            return
        self._full = False
        for entry in entries:
            self._note_written(entry)

    def _note_written(self, entry: Entry) -> None:
        page = self._pages[entry.key]
        page.last = entry.line
        if not entry.names:
            page.added_s.append(self._clock.monotonic())
