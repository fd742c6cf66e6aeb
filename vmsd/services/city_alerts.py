"""The alerts of one city, for one caller: to be found, taken, held, noted, closed and printed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import structlog
from pydantic import Field
from typing_extensions import TypedDict

from vmsd.clock import Clock, rfc3339
from vmsd.errors import Conflict, FieldProblem, Invalid, NotAllowed, NotFound
from vmsd.model.alert import LEVELS, Alert, AlertState, Level, Step
from vmsd.model.audit import Action, Entry, Fact, Subject
from vmsd.model.city import City
from vmsd.model.person import Caller, Verb
from vmsd.model.shapes import Count, Id
from vmsd.services.alert_answers import AlertAnswer, shown, shown_whole
from vmsd.services.alerts import AlertBook, Raised
from vmsd.services.audit import AuditLog
from vmsd.store import alerts
from vmsd.store.alerts import NEWEST, Alerts, AlertSearch, Move, Sight
from vmsd.store.scope import CityTransaction, Scope

log = structlog.get_logger()

HOUR_MS = 3_600_000
USUAL_HOLD_MS = HOUR_MS
"""How long one is on hold when nobody says until when: none is to be forgotten there."""
LONGEST_HOLD_MS = 7 * 24 * HOUR_MS
AUDITED = {
    Step.ACKNOWLEDGED: Action.ALERT_ACKNOWLEDGED,
    Step.TAKEN_OVER: Action.ALERT_ACKNOWLEDGED,
    Step.HELD: Action.ALERT_HELD,
    Step.CLOSED: Action.ALERT_CLOSED,
}


class CountsAnswer(TypedDict):
    """Of what the caller may see and is not closed."""

    new: Count
    acknowledged: Count
    on_hold: Count
    mine: Annotated[int, Field(ge=0, description="Those the caller has taken.")]
    loudest: Annotated[Level | None, Field(description="Of those nobody has taken.")]


class TakenAnswer(TypedDict):
    acknowledged: Annotated[list[Id], Field(description="Taken by the caller, now or before.")]
    refused: Annotated[list[Id], Field(description="Somebody else's, closed, or not there.")]


@dataclass(frozen=True)
class Change:
    """What somebody wants of an alert. `until_ms` is for one on hold; `take_over` also takes it from its owner."""

    state: AlertState | None = None
    note: str | None = None
    until_ms: int | None = None
    take_over: bool = False


@dataclass(frozen=True)
class AlertParts:
    """What the alerts of every city are kept with."""

    book: AlertBook
    audit: AuditLog
    clock: Clock
    paper: Callable[[], Mapping[str, object]]
    """Whose the box is, as it is printed: `site`, `time_zone`, `box`, `software`."""


CropOf = Callable[[str], Awaitable[tuple[object, Path]]]
"""Where the crop of a detection lies, by its public id; `NotFound` and `NotAllowed` as for anybody who asks for it."""


class CityAlerts:
    """What the caller may not VIEW, or is not for their role, is not there."""

    def __init__(self, parts: AlertParts, scope: Scope, city: City, caller: Caller, crop_of: CropOf) -> None:
        self._parts = parts
        self._city = city
        self._crop_of = crop_of
        self._scope = scope
        self._store = Alerts(scope)
        self._book = parts.book
        self._audit = parts.audit
        self._clock = parts.clock
        self._by = caller.who
        self._sight = Sight.of(caller.rights, caller.role)
        self._rights = caller.rights

    async def list(self, search: AlertSearch, *, after: str | None = None, limit: int = 50) -> Sequence[Alert]:
        """Newest first."""
        before = NEWEST if after is None else (await self.get(after)).id
        return await self._store.list(self._sight, search, before=before, limit=limit)

    async def get(self, public_id: str) -> Alert:
        return await self._store.get(self._sight, public_id)

    def shown(self, alert: Alert) -> AlertAnswer:
        return shown(alert, plates=self._reads_plates(alert))

    async def whole(self, alert: Alert) -> AlertAnswer:
        """With its history."""
        return shown_whole(alert, await self._store.steps(alert), plates=self._reads_plates(alert))

    def _reads_plates(self, alert: Alert) -> bool:
        return alert.camera is None or Verb.PLATES in self._rights.on(alert.camera.group_id, alert.camera.id)

    async def counts(self) -> CountsAnswer:
        found = await self._store.counts(self._sight, self._by.person)
        loud = {one.level for one in found if one.state is AlertState.NEW}
        by_state = {state: sum(one.alerts for one in found if one.state is state) for state in AlertState}
        return {
            "new": by_state[AlertState.NEW],
            "acknowledged": by_state[AlertState.ACKNOWLEDGED],
            "on_hold": by_state[AlertState.ON_HOLD],
            "mine": sum(one.alerts for one in found if one.mine),
            "loudest": max(loud, key=LEVELS.index, default=None),
        }

    async def change(self, public_id: str, change: Change) -> Alert:
        """Raises `Conflict` for a step that is not allowed, and for one somebody else was quicker to take."""
        now_ms = self._clock.wall_ms()
        async with self._scope.write() as transaction:
            before = await self._store.get(self._sight, public_id, transaction)
            raised = await self._change(transaction, before, change, now_ms)
        if raised is None:
            return before
        self._book.announce(raised)
        return raised.alert

    async def acknowledge(self, ids: Sequence[str]) -> TakenAnswer:
        """All of them at once; what cannot be taken is left as it is."""
        now_ms, taken, refused, told = self._clock.wall_ms(), [], [], []
        async with self._scope.write() as transaction:
            for public_id in dict.fromkeys(ids):
                try:
                    alert = await self._store.get(self._sight, public_id, transaction)
                    told.append(await self._change(transaction, alert, Change(AlertState.ACKNOWLEDGED), now_ms))
                    taken.append(public_id)
                except (Conflict, NotFound):
                    refused.append(public_id)
        for raised in told:
            if raised is not None:
                self._book.announce(raised)
        return {"acknowledged": taken, "refused": refused}

    async def print(self, alert: Alert) -> bytes:
        """The record of it as a PDF; made in a thread, for it takes its time."""
        answer = await self.whole(alert)
        image = await self._image(answer["detection_id"])
        whose = {"city": {"id": self._city.public_id, "name": self._city.name}, "printed_by": self._by.name}
        printed = {"printed_at": rfc3339(self._clock.wall_ms())}
        return await asyncio.to_thread(_render, {**answer, **self._parts.paper(), **whose, **printed}, image)

    async def _image(self, detection_id: str | None) -> bytes | None:
        """None where there is none, or none for them."""
        if detection_id is None:
            return None
        try:
            _, path = await self._crop_of(detection_id)
            return await asyncio.to_thread(path.read_bytes)
        except (NotFound, NotAllowed, OSError):
            return None

    async def _change(self, transaction: CityTransaction, before: Alert, change: Change, now_ms: int) -> Raised | None:
        """None when it is so already."""
        steps = self._steps(before, change)
        if not steps:
            return None
        to = self._move(before, change, now_ms)
        if not await alerts.move(transaction, before, to):
            raise Conflict("somebody else has just changed this alert; look at it again")
        for step in steps:
            note = (change.note or "") if step is steps[-1] else ""
            await alerts.add_step(
                transaction, before, step, now_ms, note=note, person=self._by.person, person_name=self._by.name
            )
            await self._tell(transaction, before, step, note, now_ms)
        return await self._book.moved(transaction, before, now_ms)

    def _steps(self, alert: Alert, change: Change) -> Sequence[Step]:
        """What has to be done to get there."""
        if change.state is None:
            return [Step.NOTED] if change.note is not None else []
        if alert.state is AlertState.CLOSED or change.state is AlertState.NEW:
            raise Conflict("a closed alert stays closed" if alert.state is AlertState.CLOSED else "it is not new again")
        taking = self._taking(alert, change)
        if change.state is AlertState.ON_HOLD:
            return [*taking, Step.HELD]
        if change.state is AlertState.CLOSED:
            refuse_lasting(alert)
            return [*taking, Step.CLOSED]
        if not taking and alert.state is AlertState.ON_HOLD:
            return [Step.RETURNED]
        return taking or ([Step.NOTED] if change.note is not None else [])

    def _taking(self, alert: Alert, change: Change) -> Sequence[Step]:
        """Raises `Conflict`, which names the owner, for one that somebody else has."""
        if alert.person is None:
            return [Step.ACKNOWLEDGED]
        if alert.person == self._by.person:
            return []
        if not change.take_over:
            raise Conflict(f"{alert.person_name} has taken this alert")
        return [Step.TAKEN_OVER]

    def _move(self, alert: Alert, change: Change, now_ms: int) -> Move:
        state = change.state or alert.state
        note = alert.note if change.note is None else change.note
        owner = (alert.person, alert.person_name) if change.state is None else (self._by.person, self._by.name)
        held_ms = alert.held_until_ms if change.state is None else None
        if state is AlertState.ON_HOLD and change.state is not None:
            held_ms = now_ms + USUAL_HOLD_MS if change.until_ms is None else change.until_ms
            refuse_hold(held_ms, now_ms)
        closed_ms = alert.closed_ms or (now_ms if state is AlertState.CLOSED else None)
        return Move(state, *owner, note, held_ms, closed_ms)

    async def _tell(self, transaction: CityTransaction, alert: Alert, step: Step, note: str, now_ms: int) -> None:
        if step not in AUDITED:
            return
        facts: dict[str, Fact] = {"kind": alert.kind}
        if alert.camera is not None:
            facts["camera"] = alert.camera.public_id
        if step is Step.TAKEN_OVER:
            facts["from"] = alert.person_name
        entry = Entry(AUDITED[step], self._by, None, Subject("alert", alert.public_id), note or None, facts)
        await self._audit.append(transaction, entry, now_ms)


def _render(record: Mapping[str, object], image: bytes | None) -> bytes:
    from vmsd.paper.alert_record import render  # the printing library is heavy, and most days nobody prints

    return render(record, image)


def refuse_lasting(alert: Alert) -> None:
    if alert.lasts:
        raise Conflict(f"what this alert tells of lasts; it is put right at {alert.place}")


def refuse_hold(until_ms: int, now_ms: int) -> None:
    if until_ms <= now_ms:
        raise Invalid("the time was refused", FieldProblem("/until", "must be in the future"))
    if until_ms > now_ms + LONGEST_HOLD_MS:
        raise Invalid("the time was refused", FieldProblem("/until", "must be within seven days"))


async def return_held(scope: Scope, book: AlertBook, now_ms: int) -> Sequence[Raised]:
    """Give those whose time on hold is up back to their owners, as the box itself; to be announced."""
    returned = []
    for alert in await Alerts(scope).due(now_ms, now_ms + LONGEST_HOLD_MS):
        async with scope.write() as transaction:
            to = Move(AlertState.ACKNOWLEDGED, alert.person, alert.person_name, alert.note)
            if await alerts.move(transaction, alert, to):
                await alerts.add_step(transaction, alert, Step.RETURNED, now_ms)
                returned.append(replace(await book.moved(transaction, alert, now_ms), event="reminded"))
    return returned
