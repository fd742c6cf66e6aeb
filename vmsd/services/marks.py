"""The marks on the timelines of one city: what was seen in the video, by the box itself or by a program outside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import uuid4

import structlog

from vmsd.clock import Clock, rfc3339
from vmsd.errors import FieldProblem, Invalid
from vmsd.model.alert import AlertKind
from vmsd.model.audit import Action, Entry, Fact, Subject, Who
from vmsd.model.camera import Camera
from vmsd.model.mark import MOTION, Box, Mark, MotionRule
from vmsd.services.alerts import AlertBook, NewAlert, Raised
from vmsd.services.audit import AuditLog
from vmsd.services.feed import Feed, News
from vmsd.services.mark_answers import shown
from vmsd.services.outbox import Outbox, OutboxItem
from vmsd.store.marks import Marks
from vmsd.store.motion_rules import MotionRules
from vmsd.store.scope import CityTransaction, Scope

log = structlog.get_logger()

TOPIC = "eventos.marca"
EARLY_MS = 300_000
"""A clock outside may be ahead of ours by as much."""
LATE_MS = 31 * 86_400_000
"""What is older is of no timeline any more."""


@dataclass(frozen=True)
class NewMark:
    """What a program outside has seen; `alert` when somebody has to look at it."""

    camera: Camera
    type: str
    start_ms: int
    end_ms: int
    score: float | None
    box: Box | None
    text: str
    alert: bool


class CityMarks:
    """Handed out for the one city a request is about, and for one caller."""

    def __init__(
        self,
        scope: Scope,
        audit: AuditLog,
        clock: Clock,
        book: AlertBook,
        feed: Feed,
        outbox: Outbox,
        *,
        by: Who,
    ) -> None:
        self._scope = scope
        self._marks = Marks(scope)
        self._rules = MotionRules(scope)
        self._audit = audit
        self._clock = clock
        self._book = book
        self._feed = feed
        self._outbox = outbox
        self._by = by

    async def between(
        self, camera: Camera, start_ms: int, end_ms: int, *, limit: int, type_: str | None = None
    ) -> Sequence[Mark]:
        """Those that touch the period, by their start; the strongest where there are more than `limit`."""
        return await self._marks.between(camera.id, start_ms, end_ms, limit=limit, type_=type_)

    async def add(self, new: NewMark) -> tuple[Mark, Raised | None]:
        """Raises `Invalid` for a time that cannot be; what is raised has been announced."""
        now_ms = self._clock.wall_ms()
        if not now_ms - LATE_MS <= new.start_ms <= now_ms + EARLY_MS:
            raise Invalid("the time was refused", FieldProblem("/time", "must be within the last 31 days"))
        raised = None
        async with self._scope.write() as transaction:
            mark = self._mark(new, await self._marks.next_id(transaction))
            await self._marks.add(transaction, mark, now_ms)
            await self._outbox.put(transaction, item_of(mark, new.camera), now_ms)
            if new.alert:
                raised = await self._book.raise_alert(transaction, _alert(new, mark), now_ms)
            await self._tell(transaction, new, mark, now_ms)
        self._feed.publish(news_of(self._scope.city_id, mark, new.camera))
        if raised is not None:
            self._book.announce(raised)
        self._outbox.nudge()
        return mark, raised

    def _mark(self, new: NewMark, number: int) -> Mark:
        return Mark(
            id=number,
            public_id=str(uuid4()),
            camera_id=new.camera.id,
            type=new.type,
            start_ms=new.start_ms,
            end_ms=new.end_ms,
            score=new.score,
            box=new.box,
            text=new.text,
            source=self._by.name or "",
        )

    async def _tell(self, transaction: CityTransaction, new: NewMark, mark: Mark, now_ms: int) -> None:
        facts: dict[str, Fact] = {"type": mark.type, "time": rfc3339(mark.start_ms), "alert": new.alert}
        subject = Subject("camera", new.camera.public_id)
        await self._audit.append(transaction, Entry(Action.MARK_ADDED, self._by, subject=subject, facts=facts), now_ms)

    async def rule(self, camera: Camera) -> MotionRule:
        """The usual one where nobody has made another."""
        return (await self._rules.list()).get(camera.id, MotionRule(camera.id))

    async def set_rule(self, camera: Camera, rule: MotionRule) -> None:
        facts: dict[str, Fact] = {
            "alert": rule.alert,
            "threshold": f"{rule.threshold:.3f}",
            "corners": len(rule.area),
            "windows": len(rule.windows),
        }
        async with self._scope.write() as transaction:
            await self._rules.put(transaction, rule, self._clock.wall_ms())
            await self._tell_rule(transaction, camera, facts)

    async def drop_rule(self, camera: Camera) -> None:
        """Back to the usual one."""
        async with self._scope.write() as transaction:
            if await self._rules.remove(transaction, camera.id):
                await self._tell_rule(transaction, camera, {"alert": False, "removed": True})

    async def _tell_rule(self, transaction: CityTransaction, camera: Camera, facts: dict[str, Fact]) -> None:
        entry = Entry(Action.MOTION_CHANGED, self._by, subject=Subject("camera", camera.public_id), facts=facts)
        await self._audit.append(transaction, entry, self._clock.wall_ms())


def _alert(new: NewMark, mark: Mark) -> NewAlert:
    """One per camera and type, until somebody closes it."""
    return NewAlert(
        kind=AlertKind.EVENT,
        subject=f"{new.camera.public_id} {mark.type}",
        level="warning",
        at_ms=mark.start_ms,
        camera=new.camera,
        facts={"type": mark.type, "text": mark.text, "source": mark.source, "mark_id": mark.public_id},
    )


def item_of(mark: Mark, camera: Camera) -> OutboxItem:
    """What others are told of a mark; folded first when they cannot be reached."""
    body = {**shown(mark, camera), "camera_name": camera.name}
    return OutboxItem(TOPIC, body, priority=3, camera_id=camera.id)


def news_of(city_id: int, mark: Mark, camera: Camera) -> News:
    whole = shown(mark, camera)
    body = {"type": "mark", "mark": whole["type"]} | {
        name: value for name, value in whole.items() if name in ("id", "camera_id", "time", "score")
    }
    return News(city_id, body, camera=camera)


def is_own_type(type_: str) -> bool:
    """Types the box gives itself, and nobody else."""
    return type_ == MOTION
