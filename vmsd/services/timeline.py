"""What there is of a camera in wall-clock time, what is missing and why, and what happened meanwhile.

Times are those of the segments' names and their measured durations. Before the camera was there, and from the moment
nothing is known of yet, there is neither video nor a gap.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from vmsd.clock import Clock
from vmsd.errors import FieldProblem, Invalid
from vmsd.model.audit import Fact
from vmsd.model.camera import Camera
from vmsd.model.city import City
from vmsd.model.keeping import Keeping, KeptPeriod
from vmsd.model.mark import Mark
from vmsd.model.outage import Outage, OutageKind
from vmsd.model.state import State, StateChange
from vmsd.model.timeline import CalendarDay, Gap, Timeline, TimelineEvent, TimelineSpan
from vmsd.services.causes import (
    Trouble,
    is_unreachable,
    of_outages,
    of_purges,
    of_rationing,
    of_switches,
    of_troubles,
    troubles,
)
from vmsd.services.gaps import Footage, Stretch, clip, explain, holes, mark_preserved, merge
from vmsd.store.kept_periods import KeptPeriods
from vmsd.store.marks import Marks
from vmsd.store.outages import outages_seen
from vmsd.store.scope import Scope
from vmsd.store.states import States
from vmsd.store.switches import Switches
from vmsd.store.timeline import CameraFacts, FileFacts

MOST_SEGMENTS = 100_000
"""Of one answer: 35 days of segments of half a minute."""
UNSETTLED_MS = 15_000
"""What was recorded is in the index one pass (4 s), one part and one fsync later; a file that begins is found one
pass later still. Whether this much before now is missing nobody can tell yet."""
CONNECTING_MS = 15_000
"""So long a camera that was just added is `starting`: it is called, and sends its first keyframe. It misses nothing."""
MOST_MARKS = 2_000
"""Of one answer: the strongest. A day of a busy street has about as many."""
STATES_MS = 7 * 86_400_000
"""A camera's history has 20 lines an hour at most: so much of it fits into one answer of the store."""
_CLOCK_STEPPED = "clock.stepped"


@dataclass(frozen=True)
class Recorded:
    """What there is of `[from_ms, to_ms)` and what is not."""

    from_ms: int
    to_ms: int
    footage: Sequence[Footage]
    missing: Sequence[Stretch]

    @property
    def missing_ms(self) -> int:
        return sum(end_ms - start_ms for start_ms, end_ms in self.missing)

    @property
    def coverage(self) -> float:
        whole_ms = self.to_ms - self.from_ms
        return 1 - self.missing_ms / whole_ms if whole_ms else 1.0


class CityTimeline:
    """Of the cameras of `city`; `time_zone` is the site's, whose days the calendar has."""

    def __init__(self, scope: Scope, city: City, clock: Clock, time_zone: str) -> None:
        self.city = city
        self.zone = ZoneInfo(time_zone)
        self._scope = scope
        self._clock = clock
        self._facts = CameraFacts(scope)
        self._kept = KeptPeriods(scope)
        self._states = States(scope)
        self._marks = Marks(scope)
        self._switches = Switches(scope)

    async def get(self, camera: Camera, start_ms: int, end_ms: int) -> Timeline:
        """Of a removed camera too; `Invalid` for a period with more recordings than one answer holds."""
        life = await self._life(camera)
        kept = await self._kept_by_people(camera, start_ms, end_ms)
        recorded = await self._recorded(camera, life, start_ms, end_ms)
        changes = await self._changes(camera, start_ms, end_ms)
        outages = await self.outages(start_ms, end_ms)
        return Timeline(
            start_ms=start_ms,
            end_ms=end_ms,
            from_ms=recorded.from_ms,
            to_ms=recorded.to_ms,
            spans=await self._spans(camera, recorded, kept),
            gaps=await self._gaps(camera, recorded, changes, outages),
            events=self._events(end_ms, kept, changes, outages, await self._seen(camera, start_ms, end_ms)),
            coverage=recorded.coverage,
        )

    async def recorded(self, camera: Camera, start_ms: int, end_ms: int) -> Recorded:
        """What there is and what is not, without the reasons."""
        return await self._recorded(camera, await self._life(camera), start_ms, end_ms)

    async def days(self, camera: Camera, year: int, month: int) -> Sequence[CalendarDay]:
        """The days of the month in which the camera could have recorded something."""
        days = [(day, self._midnight(day), self._midnight(day + timedelta(1))) for day in _days_of(year, month)]
        life = await self._life(camera)
        kept = await self._kept_by_people(camera, days[0][1], days[-1][2])
        shown = []
        for day, start_ms, end_ms in days:
            if start_ms >= life.end_ms:
                break
            recorded = await self._recorded(camera, life, start_ms, end_ms)
            if recorded.footage or end_ms > life.start_ms:
                preserved = any(one.start_ms < end_ms and one.end_ms > start_ms for one in kept)
                shown.append(_calendar_day(day, start_ms, end_ms, recorded, preserved=preserved))
        return shown

    async def files(self, camera: Camera, start_ms: int, end_ms: int) -> FileFacts:
        """What is known of the files behind the timeline."""
        return await self._facts.files(camera.id, start_ms, end_ms)

    async def outages(self, start_ms: int, end_ms: int) -> Sequence[Outage]:
        """What stopped the whole box from recording, or nobody was there to see."""
        return await outages_seen(self._scope, start_ms, end_ms)

    def _midnight(self, day: date) -> int:
        """Where the clocks skip it, the first moment of the day; where they show it twice, the first time."""
        return round(datetime(day.year, day.month, day.day, tzinfo=self.zone).timestamp() * 1000)

    async def _life(self, camera: Camera) -> Stretch:
        """When it could have recorded, as far as it is known."""
        life, now_ms = await self._facts.life(camera.id), self._clock.wall_ms()
        first_ms = now_ms if life.first_ms is None else life.first_ms
        start_ms = first_ms if first_ms <= camera.created_ms + CONNECTING_MS else camera.created_ms
        return Stretch(start_ms, now_ms if life.removed_ms is None else min(now_ms, life.removed_ms))

    async def _kept_by_people(self, camera: Camera, start_ms: int, end_ms: int) -> Sequence[KeptPeriod]:
        """What an export keeps for itself is nobody's decision."""
        kept = await self._kept.overlapping(camera.id, start_ms, end_ms)
        return [one for one in kept if one.keeping is not Keeping.EXPORT]

    async def _recorded(self, camera: Camera, life: Stretch, start_ms: int, end_ms: int) -> Recorded:
        footage = await self._footage(camera, min(start_ms, life.end_ms - UNSETTLED_MS), end_ms)
        first_ms = min(footage[0].start_ms, life.start_ms) if footage else life.start_ms
        from_ms = min(max(start_ms, first_ms), end_ms)
        to_ms = max(min(end_ms, _settled(footage, life.end_ms)), from_ms)
        shown = clip(footage, from_ms, to_ms)
        return Recorded(from_ms, to_ms, shown, holes(shown, from_ms, to_ms))

    async def _footage(self, camera: Camera, start_ms: int, end_ms: int) -> list[Footage]:
        if end_ms <= start_ms:
            return []
        rows = await self._facts.spans(camera.id, start_ms, end_ms, limit=MOST_SEGMENTS)
        if len(rows) == MOST_SEGMENTS:
            problem = FieldProblem("/end", "must be nearer to start: there are too many recordings between them")
            raise Invalid("the period was refused", problem)
        return merge(rows)

    async def _spans(self, camera: Camera, recorded: Recorded, kept: Sequence[KeptPeriod]) -> Sequence[TimelineSpan]:
        """The last one is `running` when a file in it was written to a moment ago."""
        spans = mark_preserved(recorded.footage, [(one.start_ms, one.end_ms) for one in kept])
        if spans and spans[-1].end_ms > self._clock.wall_ms() - UNSETTLED_MS:
            running = (await self._facts.unsettled(camera.id)).running_us
            if running and running[-1] // 1000 < recorded.footage[-1].end_ms:
                spans[-1] = replace(spans[-1], running=True)
        return spans

    async def _gaps(
        self, camera: Camera, recorded: Recorded, changes: Sequence[StateChange], outages: Sequence[Outage]
    ) -> Sequence[Gap]:
        if not recorded.missing:
            return []
        from_ms, to_ms = recorded.missing[0].start_ms, recorded.missing[-1].end_ms
        purged = [*await self._facts.purged(camera.id, from_ms, to_ms), *(await self._facts.unsettled(camera.id)).going]
        switches = await self._switches.between(camera.id, from_ms, to_ms)
        rationed = await self._switches.between(camera.id, from_ms, to_ms, rationed=True)
        proofs = [
            of_purges(purged),
            of_switches(camera, switches, to_ms),
            of_rationing(rationed, to_ms),
            *of_outages(outages, to_ms),
            await self._silence(camera, troubles(changes, to_ms), outages, to_ms),
        ]
        return explain(recorded.missing, proofs)

    async def _silence(
        self, camera: Camera, found: Sequence[Trouble], outages: Sequence[Outage], to_ms: int
    ) -> Sequence[Gap]:
        away = (OutageKind.DAEMON, OutageKind.POWER)
        unwatched = [Stretch(one.start_ms, one.end_ms or to_ms) for one in outages if one.kind in away]
        lost = [one for one in found if is_unreachable(one)]
        elsewhere: Sequence[tuple[int, int]] = ()
        if lost:
            elsewhere = await self._facts.unreachable_elsewhere(camera.id, lost[0].start_ms, to_ms)
        return of_troubles(found, unwatched, [Stretch(*one) for one in elsewhere])

    async def _changes(self, camera: Camera, start_ms: int, end_ms: int) -> Sequence[StateChange]:
        """The history of the period, led by the state it began in, and to the end of the silence it ended in."""
        changes: list[StateChange] = []
        for first_ms in range(start_ms, end_ms, STATES_MS):
            found = await self._states.between(camera.id, first_ms, min(end_ms, first_ms + STATES_MS))
            changes += [one for one in found if not changes or one.at_ms > changes[-1].at_ms]
        if changes and changes[-1].state is not State.ONLINE:
            after = await self._facts.next_state(camera.id, end_ms)
            changes += [after] if after else []
        return changes

    async def _seen(self, camera: Camera, start_ms: int, end_ms: int) -> Sequence[Mark]:
        return await self._marks.between(camera.id, start_ms, end_ms, limit=MOST_MARKS)

    def _events(
        self,
        end_ms: int,
        kept: Sequence[KeptPeriod],
        changes: Sequence[StateChange],
        outages: Sequence[Outage],
        marks: Sequence[Mark],
    ) -> Sequence[TimelineEvent]:
        """What begins at the end or later is of the period that follows."""
        now_ms = self._clock.wall_ms()
        events = [_state_event(one, now_ms) for one in troubles(changes, now_ms) if one.start_ms < end_ms]
        events += [_outage_event(one, now_ms) for one in outages]
        events += [
            TimelineEvent(f"kept.{one.keeping}", one.start_ms, one.end_ms, facts={"preservation_id": one.public_id})
            for one in kept
        ]
        events += [_mark_event(mark) for mark in marks]
        return sorted(events, key=lambda event: event.start_ms)


def _settled(footage: Sequence[Footage], known_ms: int) -> int:
    """Until when it is known what there is: a moment ago, when the last recording ended then."""
    last_ms = max((one.end_ms for one in footage if one.start_ms < known_ms), default=0)
    return last_ms if 0 <= known_ms - last_ms < UNSETTLED_MS else known_ms


def _state_event(trouble: Trouble, now_ms: int) -> TimelineEvent:
    lasts = trouble.end_ms >= now_ms
    facts = {"cause": trouble.cause}
    return TimelineEvent(f"camera.{trouble.state}", trouble.start_ms, None if lasts else trouble.end_ms, lasts, facts)


def _outage_event(outage: Outage, now_ms: int) -> TimelineEvent:
    kind = _CLOCK_STEPPED if outage.kind is OutageKind.CLOCK else f"outage.{outage.kind}"
    lasts = outage.end_ms is None or outage.end_ms > now_ms
    return TimelineEvent(kind, outage.start_ms, outage.end_ms, lasts, outage.facts)


def _mark_event(mark: Mark) -> TimelineEvent:
    facts: dict[str, Fact] = {"mark_id": mark.public_id, "text": mark.text, "source": mark.source}
    if mark.score is not None:
        facts["percent"] = round(mark.score * 100)
    return TimelineEvent(f"mark.{mark.type}", mark.start_ms, mark.end_ms, facts=facts)


def _days_of(year: int, month: int) -> Sequence[date]:
    first = datetime(year, month, 1, tzinfo=UTC).date()
    return [day for day in (first + timedelta(number) for number in range(31)) if day.month == month]


def _calendar_day(day: date, start_ms: int, end_ms: int, recorded: Recorded, *, preserved: bool) -> CalendarDay:
    return CalendarDay(
        date=day.isoformat(),
        start_ms=start_ms,
        end_ms=end_ms,
        recorded_ms=recorded.to_ms - recorded.from_ms - recorded.missing_ms,
        coverage=recorded.coverage,
        preserved=preserved,
    )
