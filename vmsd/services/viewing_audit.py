"""Writes down once per viewing that somebody watches a camera, however many files their player asks for."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

import structlog

from vmsd.clock import Clock
from vmsd.errors import VmsdError
from vmsd.model.audit import Action, Entry, Subject, Who
from vmsd.services.audit import AuditLog

log = structlog.get_logger()

IDLE_S = 120.0
"""A viewer who asks for nothing for so long has stopped; what comes then is another viewing."""
VIEWINGS = 20_000


@dataclass(frozen=True)
class Viewing:
    """`session` tells viewings of the same person apart: a viewing session's id, or empty without one."""

    who: Who
    city_id: int
    camera: str
    session: str = ""
    action: Action = Action.VIEW_LIVE


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

    async def seen(self, viewing: Viewing) -> None:
        now_s = self._clock.monotonic()
        last_s = self._seen.get(viewing)
        self._seen[viewing] = now_s
        self._seen.move_to_end(viewing)
        if last_s is None or now_s - last_s > self._idle_s:
            self._forget(now_s)
            await self._begin(viewing)

    async def _begin(self, viewing: Viewing) -> None:
        entry = Entry(
            viewing.action,
            viewing.who,
            viewing.city_id,
            Subject("camera", viewing.camera),
            facts={"session": viewing.session} if viewing.session else {},
        )
        try:
            await self._audit.record(entry)
        except VmsdError as error:
            log.warning("audit.not_written", action=viewing.action, camera_id=viewing.camera, error=str(error))
            self._seen.pop(viewing, None)
        except BaseException:
            self._seen.pop(viewing, None)
            raise

    def _forget(self, now_s: float) -> None:
        """The oldest come first; over the limit one that still watches is written down again."""
        while len(self._seen) > self._limit or now_s - next(iter(self._seen.values())) > self._idle_s:
            self._seen.popitem(last=False)
