"""The book of alerts: what is raised and counted on, what is over, and who is told."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import structlog

from vmsd.model.alert import Alert, AlertKind, AlertState, Level, Step, louder
from vmsd.model.camera import Camera
from vmsd.model.person import Role
from vmsd.services.alert_answers import Event, news_of, shown
from vmsd.services.feed import Feed
from vmsd.services.outbox import ALARM, Outbox, OutboxItem, Priority
from vmsd.store import alerts
from vmsd.store.scope import CityTransaction

log = structlog.get_logger()

TOPICS: Mapping[Event, str] = {
    "raised": "alertas.novo",
    "closed": "alertas.encerrado",
    "again": "alertas.mudou",
    "reminded": "alertas.mudou",
    "changed": "alertas.mudou",
}
"""Under which each goes out of the box."""
PRIORITIES: Mapping[Event, Priority] = {"raised": ALARM, "closed": ALARM}


@dataclass(frozen=True)
class NewAlert:
    """`subject` makes two of a kind the same one. `at_ms` is when it happened, or began.

    `facts` and `subject` are kept for years: a plate is in neither, it is looked up where it was read
    (`detection_id`) for as long as it may be known.
    """

    kind: AlertKind
    subject: str
    level: Level
    at_ms: int
    camera: Camera | None = None
    detection_id: int | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    audience: Role = Role.USER


@dataclass(frozen=True)
class Raised:
    """An alert as it is now, and what has just become of it."""

    alert: Alert
    event: Event


class AlertBook:
    """Of all cities; every change is made in a transaction of one city, and announced after its commit."""

    def __init__(self, feed: Feed, outbox: Outbox) -> None:
        self._feed = feed
        self._outbox = outbox
        self.on_change: Callable[[], None] = lambda: None

    async def raise_alert(self, transaction: CityTransaction, new: NewAlert, now_ms: int) -> Raised:
        """A new one, or, while one of this kind and subject is not closed, that one counted on."""
        known = await alerts.find_open(transaction, new.kind, new.subject)
        if known is None:
            return await self._told(transaction, await self._add(transaction, new, now_ms), "raised", now_ms)
        if known.ended_ms is not None:
            await alerts.add_step(transaction, known, Step.AGAIN, now_ms)
        again = await alerts.count_on(
            transaction,
            known,
            at_ms=new.at_ms,
            level=louder(known.level, new.level),
            detection_id=new.detection_id,
            facts={**known.facts, **new.facts},
        )
        return await self._told(transaction, again, "again", now_ms)

    async def _add(self, transaction: CityTransaction, new: NewAlert, now_ms: int) -> Alert:
        alert = await alerts.insert(
            transaction,
            kind=new.kind,
            level=new.level,
            subject=new.subject,
            audience=new.audience,
            camera_id=new.camera.id if new.camera else None,
            detection_id=new.detection_id,
            at_ms=new.at_ms,
            facts=new.facts,
            now_ms=now_ms,
        )
        await alerts.add_step(transaction, alert, Step.RAISED, now_ms)
        log.warning("alert.raised", alert_id=alert.public_id, kind=alert.kind, level=alert.level)
        return alert

    async def end_condition(
        self,
        transaction: CityTransaction,
        city_id: int,
        kind: AlertKind,
        subject: str,
        now_ms: int,
        *,
        ended_ms: int | None = None,
    ) -> Raised | None:
        """What it told of is over, since `ended_ms` if that was earlier.

        It is closed with that, unless somebody has it and the kind does not close itself. None when there is no such
        alert, or it is known to be over. The city is the transaction's.
        """
        if transaction.city_id != city_id:
            raise ValueError("this is another city's transaction")
        alert = await alerts.find_open(transaction, kind, subject)
        if alert is None or alert.ended_ms is not None:
            return None
        over_ms = now_ms if ended_ms is None else min(ended_ms, now_ms)
        duration_s = max(0, over_ms - alert.at_ms) // 1000
        await alerts.end(transaction, alert, {**alert.facts, "duration": duration_s}, over_ms)
        await alerts.add_step(transaction, alert, Step.ENDED, now_ms)
        if not alert.manner.closes_itself and alert.state is not AlertState.NEW:
            return await self._told(transaction, await alerts.get(transaction, alert.public_id), "changed", now_ms)
        await alerts.close(transaction, alert, now_ms)
        await alerts.add_step(transaction, alert, Step.CLOSED, now_ms)
        log.info("alert.ended", alert_id=alert.public_id, kind=alert.kind, duration_s=duration_s)
        return await self._told(transaction, await alerts.get(transaction, alert.public_id), "closed", now_ms)

    async def remind(self, transaction: CityTransaction, alert: Alert, now_ms: int) -> Raised:
        """It goes on and on: tell everybody once more."""
        duration_s = max(0, now_ms - alert.at_ms) // 1000
        await alerts.remind(transaction, alert, {**alert.facts, "duration": duration_s}, now_ms)
        await alerts.add_step(transaction, alert, Step.REMINDED, now_ms)
        return await self._told(transaction, await alerts.get(transaction, alert.public_id), "reminded", now_ms)

    async def follow(self, transaction: CityTransaction, alert: Alert, facts: Mapping[str, Any], now_ms: int) -> Raised:
        """What there is to say of it has changed while it lasts."""
        await alerts.set_facts(transaction, alert, {**alert.facts, **facts})
        return await self._told(transaction, await alerts.get(transaction, alert.public_id), "changed", now_ms)

    async def moved(self, transaction: CityTransaction, alert: Alert, now_ms: int) -> Raised:
        """Somebody did something about it."""
        after = await alerts.get(transaction, alert.public_id)
        event: Event = "closed" if after.state is AlertState.CLOSED else "changed"
        return await self._told(transaction, after, event, now_ms)

    async def _told(self, transaction: CityTransaction, alert: Alert, event: Event, now_ms: int) -> Raised:
        """What leaves the box stands in the same transaction."""
        body, camera = {"event": event, **shown(alert, plates=True)}, alert.camera
        item = OutboxItem(TOPICS[event], body, PRIORITIES.get(event, 2), camera.id if camera else None)
        await self._outbox.put(transaction, item, now_ms)
        return Raised(alert, event)

    def announce(self, raised: Raised) -> None:
        """To everybody who listens; after the commit."""
        self._feed.publish(news_of(raised.alert, raised.event))
        self._outbox.nudge()
        self.on_change()
