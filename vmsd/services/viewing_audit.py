"""Writes down once per viewing that somebody watches a camera, however many files their player asks for."""

from __future__ import annotations

from collections import OrderedDict
from typing import NamedTuple

from vmsd.clock import Clock, rfc3339
from vmsd.model.audit import Action, Entry, Fact, Subject
from vmsd.model.person import Caller
from vmsd.services.audit import AuditLog

IDLE_S = 120.0
"""A viewer who asks for nothing for so long has stopped; what comes then is another viewing."""
VIEWINGS = 20_000


class Viewing(NamedTuple):
    """What tells viewings apart: a viewing token that is used at another address is another one.

    Stills beside the video, or the same camera in two tiles of a page, are not.
    """

    person: str
    address: str
    camera: str
    action: Action
    period: tuple[int, int] | None = None
    """Of recorded video: a player that asks for another period is another viewing."""


class ViewingAudit:
    """To be told of every request for live or recorded video; most cost one look into memory.

    A row that cannot be written is tried again at the next request: nobody goes blind for a full disk.
    """

    def __init__(self, audit: AuditLog, clock: Clock, *, idle_s: float = IDLE_S, limit: int = VIEWINGS) -> None:
        self._audit = audit
        self._clock = clock
        self._idle_s = idle_s
        self._limit = limit
        self._seen: OrderedDict[Viewing, float] = OrderedDict()

    async def seen(
        self,
        caller: Caller,
        city_id: int,
        camera: str,
        session: str = "",
        action: Action = Action.VIEW_LIVE,
        period: tuple[int, int] | None = None,
    ) -> None:
        """`camera` is its public id, `session` that of a viewing session.

        `period` is what a playlist of recorded video was asked for, in ms; its files, which name none, belong to it.
        """
        viewing = Viewing(caller.person.public_id, caller.address, camera, action, period)
        is_new = self._note(viewing)
        if period is not None:
            self._note(viewing._replace(period=None))
        if is_new:
            self._forget(self._clock.monotonic())
            await self._begin(viewing, caller, city_id, session)

    def _note(self, viewing: Viewing) -> bool:
        """True when it begins now."""
        now_s = self._clock.monotonic()
        last_s = self._seen.get(viewing)
        self._seen[viewing] = now_s
        self._seen.move_to_end(viewing)
        return last_s is None or now_s - last_s > self._idle_s

    async def _begin(self, viewing: Viewing, caller: Caller, city_id: int, session: str) -> None:
        facts: dict[str, Fact] = {"session": session} if session else {}
        if viewing.period is not None:
            facts |= dict(zip(("start", "end"), map(rfc3339, viewing.period), strict=True))
        entry = Entry(viewing.action, caller.who, city_id, Subject("camera", viewing.camera), facts=facts)
        written = False
        try:
            written = await self._audit.note(entry)
        finally:
            if not written:
                self._seen.pop(viewing, None)
                self._seen.pop(viewing._replace(period=None), None)

    def _forget(self, now_s: float) -> None:
        """The oldest come first; over the limit one that still watches is written down again."""
        while len(self._seen) > self._limit or now_s - next(iter(self._seen.values())) > self._idle_s:
            self._seen.popitem(last=False)
