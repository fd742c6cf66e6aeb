"""Which cameras stop recording when there is nothing left that may be deleted, and when people are told.

The stated order: the lowest priority stops first, and of one priority the camera that was added last. As many stop
as it takes for what is left to last a day for the others, even if somebody keeps all they record.
"""

from __future__ import annotations

import json
import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

import structlog

from vmsd.clock import Clock
from vmsd.model.audit import Action, Entry, Subject
from vmsd.services.audit import AuditLog
from vmsd.services.live_states import CameraKey
from vmsd.services.storage import Shortage
from vmsd.store.database import Database, Transaction
from vmsd.store.meta import Meta, put
from vmsd.store.protected import Candidate
from vmsd.store.scope import CityTransaction, Scope
from vmsd.store.switches import Switches

log = structlog.get_logger()

DAY_H = 24
LAST_H = 1.0
"""With less than this that may be deleted, only what is kept is left: the rest is just being recorded."""
FORECAST_H = 24 + LAST_H
"""From then on it takes a day at least, whatever people keep of what is recorded meanwhile."""
RESUMED_H = 6.0
"""All record again with so much."""
AGAIN_FACTOR = 1.5
"""One camera records again when what is left would last so many times longer than it has to."""
RATIONED = "rationed"


@dataclass(frozen=True)
class Supply:
    """What there is, in bytes; rates in bytes per day.

    `spare_bytes` is free above the sweeper's reserve, or may be deleted; `last_bytes` is free before all recording
    stops, or may be deleted.
    """

    spare_bytes: float
    last_bytes: float
    protected_bytes: int
    rates: Mapping[CameraKey, float]


def choose(
    candidates: Sequence[Candidate],
    rates: Mapping[CameraKey, float],
    last_bytes: float,
    stopped: Mapping[CameraKey, float],
) -> frozenset[CameraKey]:
    """Who does not record; `candidates` begin with whoever stops last."""
    total = 0.0
    for place, one in enumerate(candidates):
        total += rates.get(one.key, 0.0)
        if total * (AGAIN_FACTOR if one.key in stopped else 1.0) > last_bytes:
            return frozenset(other.key for other in candidates[place:])
    return frozenset()


async def remembered(database: Database) -> Mapping[CameraKey, float]:
    """Who was stopped, and what each recorded until then: a restart changes nothing about it."""
    found = json.loads(await Meta(database).find(RATIONED) or "[]")
    return {(city_id, camera_id): rate for city_id, camera_id, rate in found}


class Rationing:
    """`apply` keeps MediaMTX from recording them; it is told first, and the audit log when it can be."""

    def __init__(
        self,
        database: Database,
        audit: AuditLog,
        clock: Clock,
        *,
        candidates: Callable[[], Awaitable[Sequence[Candidate]]],
        apply: Callable[[frozenset[CameraKey]], None],
    ) -> None:
        self._database = database
        self._audit = audit
        self._clock = clock
        self._candidates = candidates
        self._apply = apply
        self._told: Mapping[CameraKey, float] | None = None
        self._since_ms: int | None = None

    async def judge(self, supply: Supply) -> Shortage | None:
        """Stop whom it takes, let go on who can; what people must know, None when there is nothing."""
        if self._told is None:
            self._told = await remembered(self._database)
        rates = {key: max(supply.rates.get(key, 0.0), self._told.get(key, 0.0)) for key in {*supply.rates, *self._told}}
        hours = hours_of(supply.spare_bytes, sum(rates.values()))
        scarce = hours < FORECAST_H and supply.protected_bytes > supply.spare_bytes
        stopping = scarce and hours < (RESUMED_H if self._told else LAST_H)
        if stopping or self._told:
            await self._ration(supply, rates, hours, stopping=stopping)
        self._since_ms = (self._since_ms or self._clock.wall_ms()) if scarce else None
        if self._since_ms is None:
            return None
        return Shortage(self._since_ms, hours, supply.protected_bytes)

    async def _ration(self, supply: Supply, rates: Mapping[CameraKey, float], hours: float, *, stopping: bool) -> None:
        candidates, before = await self._candidates(), self._told or {}
        keys = choose(candidates, rates, supply.last_bytes, before) if stopping else frozenset()
        self._apply(keys)
        if keys == before.keys():
            return
        after = {key: rates.get(key, 0.0) for key in keys}
        changed = [one for one in candidates if (one.key in keys) != (one.key in before)]
        await self._tell(changed, after, hours)
        self._told = after

    async def _tell(self, changed: Sequence[Candidate], after: Mapping[CameraKey, float], hours: float) -> None:
        now_ms = self._clock.wall_ms()
        async with self._database.write() as transaction:
            for one in changed:
                facts = {"recording": one.key not in after, "priority": one.priority, "hours": int(min(hours, 10**6))}
                subject = Subject("camera", one.public_id)
                entry = Entry(Action.RECORDING_RATIONED, city_id=one.key[0], subject=subject, facts=facts)
                await self._audit.append(transaction, entry, now_ms)
            for key in sorted({*(self._told or {})} ^ after.keys()):
                await self._note_switch(transaction, key, now_ms, enabled=key not in after)
            await put(transaction, RATIONED, json.dumps([[*key, rate] for key, rate in sorted(after.items())]))
        log.warning("recording.rationed", cameras=len(after), changed=len(changed))

    async def _note_switch(self, transaction: Transaction, key: CameraKey, at_ms: int, *, enabled: bool) -> None:
        """So that a timeline can tell why nothing was recorded."""
        city_id, camera_id = key
        switches = Switches(Scope(self._database, city_id))
        await switches.add(CityTransaction(transaction, city_id), camera_id, at_ms, enabled=enabled, rationed=True)


def hours_of(size: float, bytes_per_day: float) -> float:
    return size / bytes_per_day * DAY_H if bytes_per_day > 0 else math.inf
