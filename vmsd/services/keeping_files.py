"""Keeping one file of a camera and no other, and letting it go again."""

from __future__ import annotations

from collections.abc import Iterable

from vmsd.clock import Clock
from vmsd.errors import Conflict
from vmsd.model.audit import Action
from vmsd.model.camera import Camera
from vmsd.model.keeping import Keeping, KeptPeriod, Stretch, without
from vmsd.model.person import Verb
from vmsd.model.segment import Segment, SegmentState
from vmsd.services.keeping import CityKeeping, Part
from vmsd.services.recordings import Recording
from vmsd.store.holds import Holds
from vmsd.store.incidents import Incidents
from vmsd.store.kept_periods import KeptPeriods
from vmsd.store.scope import CityTransaction, Scope
from vmsd.store.segments import Segments


class KeptFiles:
    """Like `keeping`, of one city and for one caller."""

    def __init__(self, scope: Scope, keeping: CityKeeping, clock: Clock) -> None:
        self._scope = scope
        self._store = KeptPeriods(scope)
        self._segments = Segments(scope)
        self._incidents = Incidents(scope)
        self._holds = Holds(scope)
        self._keeping = keeping
        self._clock = clock

    async def preserve(self, recording: Recording, camera: Camera, reason: str) -> None:
        """Keep one file and no other; nothing changes when somebody has asked for all of it before.

        `NotFound` for one whose deletion has begun meanwhile.
        """
        segment = recording.segment
        part = Part(camera, *await self._own_stretch(segment))
        async with self._scope.write() as transaction:
            await self._segments.get(segment.camera_id, segment.start_us, transaction)
            periods = await self._store.overlapping(*part.stretch, transaction)
            if any(one.keeping is Keeping.PRESERVED and covers(one, part, segment) for one in periods):
                return
            await self._keeping.add(transaction, part, self._clock.wall_ms(), reason=reason)
            await self._keeping.tell(transaction, Action.RECORDING_PRESERVED, part, segment.bytes, reason)

    async def _own_stretch(self, segment: Segment) -> Stretch:
        """The time that is this file's alone, or all of its time when there is none.

        What a period touches is kept whole, and a camera's files overlap by hundredths of a second.
        """
        start_ms, end_ms = inner(segment)
        near = await self._segments.list(segment.camera_id, start_ms * 1000, end_ms * 1000, limit=100)
        before = [outer(one)[1] for one in near if one.start_us < segment.start_us]
        after = [outer(one)[0] for one in near if one.start_us > segment.start_us]
        own = (max([start_ms, *before]), min([end_ms, *after]))
        return own if own[0] < own[1] else (start_ms, end_ms)

    async def let_go(self, recording: Recording, camera: Camera, reason: str = "") -> None:
        """Cut one file's time out of what is preserved; `Conflict` while an incident or a hold keeps it."""
        part = Part(camera, *outer(recording.segment))
        now_ms = self._clock.wall_ms()
        async with self._scope.write() as transaction:
            periods = await self._store.overlapping(*part.stretch, transaction)
            await self._refuse_held(periods)
            preserved = [one for one in periods if one.keeping is Keeping.PRESERVED]
            for one in preserved:
                await self._cut(transaction, one, part, now_ms)
            if preserved:
                await self._keeping.tell(transaction, Action.RECORDING_RELEASED, part, recording.segment.bytes, reason)

    async def _cut(self, transaction: CityTransaction, period: KeptPeriod, part: Part, now_ms: int) -> None:
        """What is left of the period stays as it was asked for, by whom and when."""
        await self._store.release(transaction, period, now_ms)
        for start_ms, end_ms in without((period.start_ms, period.end_ms), (part.start_ms, part.end_ms)):
            await self._store.add(
                transaction,
                period.camera_id,
                start_ms,
                end_ms,
                reason=period.reason,
                person=period.person,
                person_name=period.person_name,
                now_ms=period.created_ms,
            )

    async def _refuse_held(self, periods: Iterable[KeptPeriod]) -> None:
        """Names it to who may see it."""
        held = next((one for one in periods if one.incident_id or one.hold_id), None)
        if held is None:
            return
        seen = (await self._keeping.cameras(Verb.REPLAY)).keys()
        if held.hold_id:
            named = (await self._holds.seen({held.hold_id}, seen)).get(held.hold_id)
            what = f"hold {(await self._holds.get(named)).number}" if named else "a hold"
        else:
            number = held.incident_id or 0
            named = (await self._incidents.seen({number}, seen)).get(number)
            what = f"incident {(await self._incidents.get(named)).name}" if named else "an incident"
        raise Conflict(f"{what} keeps this recording")


def covers(period: KeptPeriod, part: Part, segment: Segment) -> bool:
    """A file that still grows is covered by what has its beginning."""
    running = segment.state is SegmentState.RUNNING
    return period.start_ms <= part.start_ms and (running or period.end_ms >= part.end_ms)


def inner(segment: Segment) -> Stretch:
    """The whole milliseconds inside the file's time; one at least."""
    start_ms = -(-segment.start_us // 1000)
    return start_ms, max(start_ms + 1, segment.start_us // 1000 + segment.duration_ms)


def outer(segment: Segment) -> Stretch:
    """The whole milliseconds the file has something of; one at least."""
    end_us = segment.start_us + segment.duration_ms * 1000
    return segment.start_ms, max(segment.start_ms + 1, -(-end_us // 1000))
