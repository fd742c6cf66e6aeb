"""The timeline of a camera in a real database: what is there, what is missing, why, and what happened."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.unit.tasks.recording_box import NOW_MS, Box, open_box
from vmsd.host.keys import load_keys
from vmsd.model.camera import Camera
from vmsd.model.city import City
from vmsd.model.outage import OutageKind
from vmsd.model.segment import PurgeReason, Segment, SegmentFlag, SegmentState
from vmsd.model.state import Cause, State, StateChange
from vmsd.model.timeline import GapCause, Timeline
from vmsd.services.outages import Outages
from vmsd.services.timeline import CityTimeline
from vmsd.store.cameras import CameraRows, Cameras
from vmsd.store.kept_periods import KeptPeriods
from vmsd.store.scope import Scope
from vmsd.store.states import States
from vmsd.store.switches import Switches

MINUTE_MS = 60_000
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
T0 = NOW_MS - 10 * HOUR_MS


@dataclass
class Scene:
    """Times are minutes after `T0`, ten hours before now."""

    box: Box
    camera: Camera
    other: Camera
    scope: Scope
    timeline: CityTimeline

    async def record(self, start: float, minutes: float, **facts: Any) -> Segment:
        segment = self._segment(round(T0 + start * MINUTE_MS), round(minutes * MINUTE_MS), **facts)
        await self.box.system.put([segment])
        return segment

    def _segment(self, start_ms: int, duration_ms: int, **facts: Any) -> Segment:
        state, flags = facts.get("state", SegmentState.CLOSED), facts.get("flags", SegmentFlag(0))
        city_id, number = self.camera.city_id, self.camera.id
        return Segment(city_id, number, start_ms * 1000, duration_ms, 1000, 1000, state, flags)

    async def say(self, minute: float, state: State, cause: Cause | None = None, camera: Camera | None = None) -> None:
        change = StateChange(round(T0 + minute * MINUTE_MS), state, cause)
        async with self.scope.write() as transaction:
            await States(self.scope).add(transaction, (camera or self.camera).id, change)

    async def switch(self, minute: float, *, enabled: bool) -> None:
        async with self.scope.write() as transaction:
            at_ms = round(T0 + minute * MINUTE_MS)
            await Switches(self.scope).add(transaction, self.camera.id, at_ms, enabled=enabled)

    async def outage(self, kind: OutageKind, start: float, end: float, **facts: Any) -> None:
        times = round(T0 + start * MINUTE_MS), round(T0 + end * MINUTE_MS)
        await Outages(self.box.database).add(kind, *times, facts)

    async def keep(self, start: float, end: float, **owner: int) -> None:
        async with self.scope.write() as transaction:
            await KeptPeriods(self.scope).add(
                transaction,
                self.camera.id,
                round(T0 + start * MINUTE_MS),
                round(T0 + end * MINUTE_MS),
                reason="x",
                person=None,
                person_name=None,
                now_ms=NOW_MS,
                **owner,
            )

    async def get(self, start: float, end: float) -> Timeline:
        return await self.timeline.get(self.camera, round(T0 + start * MINUTE_MS), round(T0 + end * MINUTE_MS))

    async def gaps(self, start: float, end: float) -> list[tuple[float, float, str, str | None]]:
        return [
            (minutes(gap.start_ms), minutes(gap.end_ms), gap.cause, gap.detail)
            for gap in (await self.get(start, end)).gaps
        ]

    async def sql(self, statement: str, **values: Any) -> None:
        async with self.box.database.write() as transaction:
            await transaction.execute(statement, values)


def minutes(ms: int) -> float:
    return (ms - T0) / MINUTE_MS


async def camera_of(box: Box, number: int) -> Camera:
    """In the city since five hours before `T0`, and recording since then."""
    folder = (await box.camera(number)).folder
    async with box.database.write() as transaction:
        born = {"ms": T0 - 5 * HOUR_MS, "id": folder.camera}
        await transaction.execute(
            "UPDATE camera SET created_ms = :ms, recording_since_ms = :ms, recording_enabled = 1 WHERE public_id = :id",
            born,
        )
    return await Cameras(Scope(box.database, 1), CameraRows(load_keys(box.settings.data_dir).vault)).get(folder.camera)


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    async with open_box(tmp_path) as box:
        camera, other = await camera_of(box, 1), await camera_of(box, 2)
        scope = Scope(box.database, 1)
        city = City(1, "c", "Cidade", "active", "basic", 0, 0)
        yield Scene(box, camera, other, scope, CityTimeline(scope, city, box.clock, "America/Sao_Paulo"))


async def test_what_is_missing_has_the_first_cause_that_is_proven_and_the_rest_stays_unknown(scene: Scene):
    await scene.record(0, 10)
    await scene.record(110, 10)
    await scene.sql(
        """INSERT INTO purge (city_id, camera_id, start_us, purged_ms, duration_ms, bytes, reason)
        VALUES (1, :camera, :us, :ms, 600000, 1, 'retention_plan')""",
        camera=scene.camera.id,
        us=(T0 + 10 * MINUTE_MS) * 1000,
        ms=NOW_MS - 5,
    )
    await scene.switch(-300, enabled=True)
    await scene.switch(20, enabled=False)
    await scene.switch(30, enabled=True)
    await scene.outage(OutageKind.POWER, 30, 40)
    await scene.outage(OutageKind.BREAKER, 40, 50, reason="used")
    await scene.outage(OutageKind.MEDIAMTX, 50, 60)
    await scene.outage(OutageKind.MAINTENANCE, 55, 70, reason="disco novo")
    await scene.outage(OutageKind.CLOCK, 70, 75)
    await scene.outage(OutageKind.DAEMON, 75, 80)
    await scene.say(-200, State.ONLINE)
    await scene.say(80, State.OFFLINE, Cause.WRONG_PASSWORD)
    await scene.say(90, State.STALLED, Cause.NO_DATA)
    await scene.say(95, State.ONLINE)
    assert await scene.gaps(0, 120) == [
        (10, 20, "purge", "retention_plan"),
        (20, 30, "switched_off", None),
        (30, 40, "power", None),
        (40, 50, "breaker", "used"),
        (50, 60, "mediamtx", None),
        (60, 70, "maintenance", "disco novo"),
        (70, 75, "clock", None),
        (75, 80, "unknown", None),
        (80, 90, "camera", "wrong_password"),
        (90, 95, "camera", "no_data"),
        (95, 110, "unknown", None),
    ]
    found = await scene.get(0, 120)
    assert found.gaps[0].purged_ms == NOW_MS - 5
    assert found.coverage == pytest.approx(20 / 120)


async def test_silence_is_the_networks_only_while_another_camera_of_the_city_was_out_of_reach_too(scene: Scene):
    await scene.record(0, 10)
    await scene.record(100, 10)
    await scene.say(-10, State.ONLINE)
    await scene.say(10, State.OFFLINE, Cause.TIMEOUT)
    await scene.say(100, State.ONLINE)
    assert await scene.gaps(0, 110) == [(10, 100, "camera", "timeout")]
    await scene.say(-10, State.ONLINE, camera=scene.other)
    await scene.say(10.5, State.OFFLINE, Cause.HOST_UNREACHABLE, camera=scene.other)
    await scene.say(39, State.ONLINE, camera=scene.other)
    assert await scene.gaps(0, 110) == [(10, 40, "network", "timeout"), (40, 100, "camera", "timeout")]
    assert await scene.gaps(60, 110) == [(60, 100, "camera", "timeout")]


async def test_nothing_is_proven_of_a_camera_while_nobody_was_there_to_see_it(scene: Scene):
    await scene.record(0, 10)
    await scene.say(10, State.OFFLINE, Cause.TIMEOUT)
    await scene.outage(OutageKind.DAEMON, 20, 30)
    await scene.say(30, State.STARTING)
    await scene.say(30.5, State.OFFLINE, Cause.TIMEOUT)
    assert await scene.gaps(0, 40) == [
        (10, 20, "camera", "timeout"),
        (20, 30, "unknown", None),
        (30, 40, "camera", "timeout"),
    ]


async def test_files_that_vanished_are_the_disks_doing_and_those_being_deleted_are_purged_already(scene: Scene):
    await scene.record(0, 10)
    going = await scene.record(10, 10)
    gone = await scene.record(20, 10)
    await scene.box.system.drop_vanished([((1, scene.camera.id), gone.start_us)], NOW_MS)
    await scene.box.system.mark([going], PurgeReason.SPACE)
    assert await scene.gaps(0, 30) == [(10, 20, "purge", "space"), (20, 30, "disk", "vanished")]


async def test_the_last_seconds_are_no_gap_and_the_running_file_counts_as_far_as_it_is_indexed(scene: Scene):
    await scene.record(0, 599.9, state=SegmentState.RUNNING)
    found = await scene.get(590, 700)
    assert (found.gaps, found.coverage, minutes(found.to_ms)) == ([], 1.0, 599.9)
    assert [span.running for span in found.spans] == [True]
    scene.box.clock.pass_s(60)
    found = await scene.get(590, 700)
    assert [(minutes(gap.start_ms), minutes(gap.end_ms)) for gap in found.gaps] == [(599.9, 601)]
    assert [span.running for span in found.spans] == [False]


async def test_before_the_camera_and_after_now_there_is_neither_video_nor_a_gap(scene: Scene):
    before = await scene.get(-600, -400)
    assert (before.spans, before.gaps, before.coverage, before.from_ms) == ([], [], 1.0, before.to_ms)
    ahead = await scene.get(700, 800)
    assert (ahead.spans, ahead.gaps, ahead.coverage, ahead.from_ms) == ([], [], 1.0, ahead.to_ms)
    await scene.record(-330, 10)
    assert minutes((await scene.get(-600, -300)).from_ms) == -330


async def test_a_removed_camera_misses_nothing_after_its_removal(scene: Scene):
    await scene.record(0, 10)
    await scene.sql("UPDATE camera SET removed_ms = :ms WHERE id = :id", ms=T0 + 10 * MINUTE_MS, id=scene.camera.id)
    found = await scene.get(0, 60)
    assert (found.gaps, found.coverage, minutes(found.to_ms)) == ([], 1.0, 10)


async def test_kept_periods_cut_the_spans_but_not_those_an_export_keeps_for_itself(scene: Scene):
    await scene.record(0, 60)
    await scene.keep(10, 20)
    await scene.sql(
        """INSERT INTO export (city_id, id, public_id, format, start_ms, end_ms, reason, request_number, state,
        attempts, done_bytes, total_bytes, created_ms, changed_ms)
        VALUES (1, 1, 'e', 'mp4', 1, 2, '', '', 'queued', 0, 0, 0, 0, 0)"""
    )
    await scene.keep(30, 40, export_id=1)
    found = await scene.get(0, 60)
    assert [(minutes(span.start_ms), minutes(span.end_ms), span.preserved) for span in found.spans] == [
        (0, 10, False),
        (10, 20, True),
        (20, 60, False),
    ]
    assert [event.kind for event in found.events] == ["kept.preserved"]


async def test_recordings_under_a_doubted_clock_say_so(scene: Scene):
    await scene.record(0, 10, flags=SegmentFlag.CLOCK_UNTRUSTED)
    await scene.record(10, 10)
    found = await scene.get(0, 20)
    assert [span.clock_trusted for span in found.spans] == [False, True]
    assert found.gaps == []


async def test_an_hour_recorded_twice_counts_once(scene: Scene):
    await scene.record(0, 60)
    await scene.record(30, 60)
    found = await scene.get(0, 90)
    assert (len(found.spans), found.gaps, found.coverage) == (1, [], 1.0)


async def test_events_tell_what_went_on_in_the_period_and_what_still_does(scene: Scene):
    await scene.record(0, 60)
    await scene.say(-5, State.OFFLINE, Cause.TIMEOUT)
    await scene.say(5, State.ONLINE)
    await scene.say(50, State.OFFLINE, Cause.PORT_CLOSED)
    await scene.say(70, State.ONLINE)
    await scene.outage(OutageKind.CLOCK, 20, 25, step_ms=300_000)
    await Outages(scene.box.database).begin(OutageKind.BREAKER, T0 + 55 * MINUTE_MS, {"reason": "used"})
    events = [
        (event.kind, minutes(event.start_ms), event.end_ms and minutes(event.end_ms), event.open)
        for event in (await scene.get(0, 60)).events
    ]
    assert events == [
        ("camera.offline", -5, 5, False),
        ("clock.stepped", 20, 25, False),
        ("camera.offline", 50, 70, False),
        ("outage.breaker", 55, None, True),
    ]


@pytest.mark.parametrize(
    ("zone", "month", "short", "hours"),
    [
        ("Europe/Lisbon", (2026, 3), "2026-03-29", 23),
        ("Europe/Lisbon", (2026, 10), "2026-10-25", 25),
        ("America/Santiago", (2026, 9), "2026-09-06", 23),
        ("America/Santiago", (2026, 4), "2026-04-04", 25),
    ],
)
async def test_days_of_23_and_of_25_hours_are_as_long_as_they_are(scene: Scene, zone, month, short, hours):
    """Santiago has no midnight on the day it loses an hour."""
    first = datetime(*month, 1, tzinfo=ZoneInfo(zone))
    start_ms = round(first.timestamp() * 1000)
    born = {"ms": start_ms - 40 * DAY_MS, "id": scene.camera.id}
    await scene.sql("UPDATE camera SET created_ms = :ms WHERE id = :id", **born)
    await scene.box.system.put([scene._segment(start_ms + hour * HOUR_MS, HOUR_MS) for hour in range(-30, 31 * 24 + 3)])
    scene.box.clock.wall = start_ms + 60 * DAY_MS
    camera = await camera_again(scene)
    timeline = CityTimeline(scene.scope, scene.timeline.city, scene.box.clock, zone)
    days = await timeline.days(camera, *month)
    lengths = {day.date: (day.end_ms - day.start_ms) / HOUR_MS for day in days}
    assert {date for date, length in lengths.items() if length != 24} == {short}
    assert lengths[short] == hours
    assert all(day.coverage == 1 and day.recorded_ms == day.end_ms - day.start_ms for day in days)
    assert all(before.end_ms == after.start_ms for before, after in pairwise(days))
    assert days[0].start_ms == start_ms


async def camera_again(scene: Scene) -> Camera:
    rows = CameraRows(load_keys(scene.box.settings.data_dir).vault)
    return await Cameras(scene.scope, rows).get(scene.camera.public_id)


async def test_a_calendar_has_the_days_the_camera_was_there_and_what_of_them_is_kept(scene: Scene):
    await scene.record(0, 60)
    await scene.keep(10, 20)
    days = await scene.timeline.days(scene.camera, 2026, 11)
    shown = [(day.date, day.recorded_ms // MINUTE_MS, day.preserved) for day in days]
    assert shown == [("2026-11-20", 60, True), ("2026-11-21", 0, False)]
    first, today = days
    assert today.start_ms == datetime(2026, 11, 21, 3, tzinfo=UTC).timestamp() * 1000
    assert (first.coverage, today.coverage) == (pytest.approx(60 / 420), 0)
    assert await scene.timeline.days(scene.camera, 2026, 12) == []
    assert await scene.timeline.days(scene.camera, 2026, 10) == []


async def test_gaps_spans_and_coverage_always_add_up(scene: Scene):
    for start, length in ((0, 7), (9, 1), (10, 30), (38, 10), (100, 2)):
        await scene.record(start, length)
    found = await scene.get(-20, 200)
    recorded = sum(span.end_ms - span.start_ms for span in found.spans)
    missing = sum(gap.end_ms - gap.start_ms for gap in found.gaps)
    assert recorded + missing == found.to_ms - found.from_ms
    assert found.coverage == pytest.approx(recorded / (recorded + missing))


async def test_a_camera_misses_nothing_while_it_is_being_connected_for_the_first_time(scene: Scene):
    scene.box.clock.wall = scene.camera.created_ms + 6_000
    just_added = await scene.get(-310, 0)
    assert (just_added.gaps, just_added.from_ms, just_added.coverage) == ([], just_added.to_ms, 1.0)
    await scene.record(-300 + 0.1, 10)
    scene.box.clock.wall = NOW_MS
    found = await scene.get(-310, -295)
    assert (found.gaps, minutes(found.from_ms)) == ([], pytest.approx(-299.9))
    await scene.sql("UPDATE camera SET created_ms = :ms", ms=scene.camera.created_ms - 15_000)
    scene.camera = await camera_again(scene)
    assert [minutes(gap.start_ms) for gap in (await scene.get(-310, -295)).gaps] == [-300.25]


async def test_a_recording_of_a_time_nobody_vouches_for_does_not_make_the_camera_older(scene: Scene):
    doubted = -30 * 24 * 60
    await scene.record(doubted, 10, flags=SegmentFlag.CLOCK_UNTRUSTED)
    before = await scene.get(-600, -300)
    assert (before.gaps, before.from_ms) == ([], before.to_ms)
    there = await scene.get(doubted - 60, doubted + 10)
    assert ([minutes(span.start_ms) for span in there.spans], there.gaps) == ([doubted], [])
    shown = [day.recorded_ms // MINUTE_MS for day in await scene.timeline.days(scene.camera, 2026, 10)]
    assert shown == [10]


async def test_a_silence_that_is_called_otherwise_after_the_period_is_no_event_of_it(scene: Scene):
    await scene.record(0, 50)
    await scene.say(50, State.STALLED, Cause.NO_DATA)
    await scene.say(65, State.OFFLINE, Cause.PORT_CLOSED)
    await scene.say(120, State.ONLINE)
    events = [(one.kind, minutes(one.start_ms), one.open) for one in (await scene.get(0, 60)).events]
    assert events == [("camera.stalled", 50, False)]


async def test_a_camera_the_box_itself_stopped_for_want_of_room_says_so(scene: Scene):
    async with scene.scope.write() as transaction:
        for minute, enabled in ((10, False), (20, True)):
            at_ms = T0 + minute * MINUTE_MS
            switches = Switches(scene.scope)
            await switches.add(transaction, scene.camera.id, at_ms, enabled=enabled, rationed=True)
    await scene.record(0, 10)
    await scene.record(20, 10)
    assert await scene.gaps(0, 30) == [(10, 20, "breaker", "rationed")]


async def test_an_outage_tells_a_city_nothing_of_the_others_and_is_of_no_period_it_is_over_before(scene: Scene):
    await scene.outage(OutageKind.POWER, 10, 20, cameras=37, torn=4, lost_s=2, integrity="ok")
    (event,) = (await scene.get(0, 30)).events
    assert event.facts == {"integrity": "ok"}
    assert (await scene.get(20, 30)).events == []


async def test_thousands_of_short_silences_are_told_from_one_another(scene: Scene):
    """More lines of history than one answer of the store holds."""
    async with scene.scope.write() as transaction:
        states = States(scene.scope)
        for number in range(6_000):
            state = State.OFFLINE if number % 2 == 0 else State.ONLINE
            at_ms = T0 - 20 * DAY_MS + number * 240_000
            await states.add(
                transaction,
                scene.camera.id,
                StateChange(at_ms, state, Cause.TIMEOUT if state is State.OFFLINE else None),
            )
    born = {"ms": T0 - 20 * DAY_MS, "id": scene.camera.id}
    await scene.sql("UPDATE camera SET created_ms = :ms, recording_since_ms = :ms WHERE id = :id", **born)
    found = await scene.timeline.get(await camera_again(scene), T0 - 20 * DAY_MS, T0)
    causes = [gap.cause for gap in found.gaps]
    assert causes.count(GapCause.CAMERA) == 3_000
    assert found.gaps[5_998].end_ms - found.gaps[5_998].start_ms == 240_000
