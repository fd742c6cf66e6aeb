"""Writes down where something moved, and forgets marks with the video they stand on.

Reads: what the stills showed, the rules. Writes: marks, alerts.
Keeps true: motion is on the timeline some seconds after the still that showed it; no mark outlives its video.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from typing import ClassVar
from uuid import uuid4

from vmsd.clock import Clock
from vmsd.model.alert import AlertKind
from vmsd.model.camera import Camera
from vmsd.model.city import City
from vmsd.model.mark import MOTION, Mark, MotionRule
from vmsd.services.alerts import AlertBook, NewAlert, Raised
from vmsd.services.clock_trust import Timekeeper
from vmsd.services.desired import list_cameras
from vmsd.services.feed import Feed
from vmsd.services.live_states import CameraKey, key_of
from vmsd.services.marks import item_of, news_of
from vmsd.services.motion import MotionWatch, Movement
from vmsd.services.outbox import Outbox
from vmsd.store.cameras import CameraRows, Cameras
from vmsd.store.cities import Cities
from vmsd.store.database import Database
from vmsd.store.marks import Marks
from vmsd.store.motion_rules import MotionRules
from vmsd.store.scope import CityTransaction, Scope

DAY_MS = 86_400_000
TIDY_EVERY_S = 600.0
DROPPED_AT_ONCE = 5_000


class MotionTask:
    name: ClassVar[str] = "motion"
    every_s: ClassVar[float] = 5.0
    deadline_s: ClassVar[float] = 30.0

    def __init__(
        self,
        watch: MotionWatch,
        *,
        database: Database,
        rows: CameraRows,
        book: AlertBook,
        feed: Feed,
        outbox: Outbox,
        keeper: Timekeeper,
        clock: Clock,
    ) -> None:
        self._watch = watch
        self._database = database
        self._rows = rows
        self._book = book
        self._feed = feed
        self._outbox = outbox
        self._keeper = keeper
        self._clock = clock
        self._tidied_s: float | None = None

    async def once(self) -> None:
        cameras = await list_cameras(self._database, self._rows)
        self._watch.forget({key_of(camera) for _, camera in cameras})
        cities = {city.id: city for city in await Cities(self._database).list()}
        self._watch.rules = await self._rules(cities)
        found = defaultdict(list)
        for movement in self._watch.take():
            found[movement.camera.city_id].append(movement)
        for city_id, movements in found.items():
            await self._write(city_id, movements)
        await self._tidy(cities.values())

    async def _rules(self, cities: dict[int, City]) -> dict[CameraKey, MotionRule]:
        rules: dict[CameraKey, MotionRule] = {}
        for city_id in cities:
            of_city = await MotionRules(Scope(self._database, city_id)).list()
            rules |= {(city_id, camera_id): rule for camera_id, rule in of_city.items()}
        return rules

    async def _write(self, city_id: int, movements: Sequence[Movement]) -> None:
        """One transaction for all of a city: with many cameras, one for each would keep the disk busy."""
        scope, now_ms = Scope(self._database, city_id), self._clock.wall_ms()
        marks, added, raised = Marks(scope), list[tuple[Mark, Camera]](), list[Raised]()
        written = [(one, one.end_ms, one.score) for one in movements]
        async with scope.write() as transaction:
            for one, end_ms, score in written:
                if one.mark_id is not None:
                    await marks.extend(transaction, one.mark_id, end_ms, score)
                else:
                    added.append((await self._add(transaction, marks, one, now_ms), one.camera))
                if one.alarmed:
                    raised.append(await self._book.raise_alert(transaction, _alert(one), now_ms))
        self._note_written(written, added)
        for mark, camera in added:
            self._feed.publish(news_of(city_id, mark, camera))
        for alert in raised:
            self._book.announce(alert)
        self._outbox.nudge()

    async def _add(self, transaction: CityTransaction, marks: Marks, one: Movement, now_ms: int) -> Mark:
        mark = Mark(
            id=await marks.next_id(transaction),
            public_id=str(uuid4()),
            camera_id=one.camera.id,
            type=MOTION,
            start_ms=one.start_ms,
            end_ms=one.end_ms,
            score=one.score,
            box=None,
            text="",
            source="",
        )
        await marks.add(transaction, mark, now_ms)
        await self._outbox.put(transaction, item_of(mark, one.camera), now_ms)
        return mark

    def _note_written(
        self, written: Sequence[tuple[Movement, int, float]], added: Sequence[tuple[Mark, Camera]]
    ) -> None:
        """Only now: a transaction that failed is written again. What went on meanwhile has more to be written."""
        numbers = iter(mark.id for mark, _ in added)
        for one, end_ms, _ in written:
            if one.mark_id is None:
                one.mark_id = next(numbers)
            one.alarmed = False
            one.dirty = one.end_ms != end_ms

    async def _tidy(self, cities: Collection[City]) -> None:
        """Of removed cameras too: their video goes by age like any other."""
        now_s, trusted_ms = self._clock.monotonic(), self._keeper.trusted_ms()
        if trusted_ms is None or (self._tidied_s is not None and now_s - self._tidied_s < TIDY_EVERY_S):
            return
        for city in cities:
            scope = Scope(self._database, city.id)
            for camera in await Cameras(scope, self._rows).list(removed_too=True):
                days = camera.retention_days or city.retention_days
                async with scope.write() as transaction:
                    await Marks(scope).drop(transaction, camera.id, trusted_ms - days * DAY_MS, DROPPED_AT_ONCE)
        self._tidied_s = now_s


def _alert(one: Movement) -> NewAlert:
    return NewAlert(
        kind=AlertKind.MOTION,
        subject=one.camera.public_id,
        level="warning",
        at_ms=one.start_ms,
        camera=one.camera,
        facts={"percent": round(one.score * 100)},
    )
