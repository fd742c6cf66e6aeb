"""What the box raises alerts about by itself, when it reminds of them, and when they are over; with a clock by hand."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.unit.api.served import Served, serve
from vmsd.base import CONSOLE
from vmsd.errors import StorageFull
from vmsd.model.alert import Alert, AlertKind, AlertState
from vmsd.model.person import ALL_RIGHTS, Caller, Role
from vmsd.services.city_alerts import Change
from vmsd.services.live_states import key_of
from vmsd.services.storage import BreakerState, OpenReason
from vmsd.store.alerts import NEWEST, Alerts, AlertSearch, Sight
from vmsd.store.scope import Scope
from vmsd.tasks.alerts import AlertWatch

if TYPE_CHECKING:
    from vmsd.model.camera import Camera
    from vmsd.model.city import City

EVERYTHING = Sight(None, None, Role.SUPERADMIN)


@dataclass
class Box:
    """A daemon whose alert task is run by hand; its cameras write when they are told to."""

    served: Served
    city: City
    cameras: list[Camera] = field(default_factory=list)
    silent: set[str] = field(default_factory=set)

    @property
    def task(self) -> AlertWatch:
        return next(one.task for one in self.served.daemon.runners if one.task.name == "alerts")

    async def add(self, count: int) -> None:
        token, self.served.daemon.states.mediamtx_alive = await self.served.token("root"), False
        for number in range(count):
            made = await self.served.camera(token, self.city, name=f"Câmera {number}")
            self.cameras.append(await self.served.base.cameras(self.city).get(made["id"]))
        self.served.daemon.states.watched = [(self.city, one) for one in self.cameras]
        self.served.daemon.states.mediamtx_alive = True

    async def pass_s(self, seconds: float, step_s: float = 5.0) -> None:
        """Time goes by in passes of the task; who is not silent writes meanwhile."""
        gone_s = 0.0
        while gone_s < seconds:
            gone_s += step_s
            self.served.clock.pass_s(step_s)
            for camera in self.cameras:
                if camera.public_id not in self.silent:
                    self.served.daemon._volume.index.note_grown(key_of(camera), 1000)
            await self.task.once()

    async def alerts(self, city: City | None = None) -> list[Alert]:
        scope = Scope(self.served.base.database, (city or self.city).id)
        found = await Alerts(scope).list(EVERYTHING, AlertSearch(), before=NEWEST, limit=500)
        return [one for one in found if one.kind is not AlertKind.EXPIRY][::-1]

    async def one(self) -> Alert:
        (alert,) = await self.alerts()
        return alert

    async def steps(self, alert: Alert) -> list[str]:
        steps = await Alerts(Scope(self.served.base.database, self.city.id)).steps(alert)
        return [one.step for one in steps]

    async def change(self, alert: Alert, change: Change) -> Alert:
        caller = Caller(self.served.people["gestora"], "session")
        caller = replace(caller, person=replace(caller.person, rights=ALL_RIGHTS))
        return await self.served.daemon.site.open_city(self.city, caller).alerts.change(alert.public_id, change)

    @property
    def served_by(self) -> Any:
        return CONSOLE

    def hush(self, *cameras: Camera) -> None:
        self.silent |= {one.public_id for one in cameras}

    def wake(self) -> None:
        self.silent.clear()


@asynccontextmanager
async def opened(folder: Path, **sections: Any) -> AsyncIterator[Box]:
    async with serve(folder, **sections) as served:
        cities = await served.base.cities.list()
        box = Box(served, cities[0] if cities else await served.city("Aqui"))
        served.close_breaker()
        served.daemon._volume.watch.checked_ms = served.clock.wall_ms()
        served.daemon.states.mediamtx_alive = True
        served.base.keeper.begin(None)
        served.base.keeper.look()
        if not cities:
            await served.person("root", Role.SUPERADMIN)
            await served.person("gestora", Role.GESTOR, box.city)
        yield box


@pytest.fixture
async def box(tmp_path: Path) -> AsyncIterator[Box]:
    async with opened(tmp_path) as box:
        yield box


async def test_a_camera_that_has_written_nothing_for_five_minutes_is_told_and_closes_itself(box):
    await box.add(3)
    await box.pass_s(60)
    box.hush(box.cameras[0])
    stopped_ms = box.served.clock.wall_ms()
    await box.pass_s(290)
    assert await box.alerts() == []
    await box.pass_s(30)
    alert = await box.one()
    assert (alert.kind, alert.camera.public_id, alert.state) == ("not_recording", box.cameras[0].public_id, "new")
    assert alert.at_ms == stopped_ms
    await box.pass_s(600)
    box.wake()
    resumed_ms = box.served.clock.wall_ms()
    await box.pass_s(60)
    assert (await box.one()).state == "new"
    await box.pass_s(90)
    closed = await box.one()
    assert (closed.state, closed.person, closed.ended_ms) == ("closed", None, resumed_ms + 5000)
    assert closed.facts["duration"] == (resumed_ms + 5000 - stopped_ms) // 1000
    assert await box.steps(closed) == ["raised", "ended", "closed"]


async def test_a_camera_that_comes_and_goes_stays_one_alert(box):
    await box.add(1)
    await box.pass_s(10)
    box.hush(*box.cameras)
    await box.pass_s(330)
    for _ in range(5):
        box.wake()
        await box.pass_s(20)
        box.hush(*box.cameras)
        await box.pass_s(100)
    assert (await box.one()).state == "new"


async def test_it_is_reminded_of_after_an_hour_and_every_day(box):
    await box.add(1)
    await box.pass_s(10)
    box.hush(*box.cameras)
    await box.pass_s(330)
    await box.pass_s(3600, step_s=60)
    alert = await box.one()
    assert await box.steps(alert) == ["raised", "reminded"]
    await box.pass_s(86_400 * 2, step_s=600)
    assert await box.steps(alert) == ["raised", *["reminded"] * 3]


async def test_fifty_cameras_that_stop_together_are_one_alert_without_their_names(box):
    await box.add(12)
    await box.pass_s(20)
    for number, camera in enumerate(box.cameras):
        if number % 4 == 0:
            await box.pass_s(5)
        box.hush(camera)
    await box.pass_s(400)
    alert = await box.one()
    assert (alert.subject, alert.level, alert.camera, alert.facts) == ("many", "critical", None, {"cameras": 12})
    box.silent = {box.cameras[0].public_id}
    await box.pass_s(600)
    first, second = await box.alerts()
    assert (first.subject, first.state) == ("many", "closed")
    assert (second.camera.public_id, second.state) == (box.cameras[0].public_id, "new")


async def test_while_the_whole_box_stands_still_no_camera_is_blamed(box):
    await box.add(3)
    await box.pass_s(20)
    box.served.daemon.states.mediamtx_alive = False
    box.hush(*box.cameras)
    await box.pass_s(1200)
    assert [one.kind for one in await box.alerts()] == ["mediamtx"]
    box.served.daemon.states.mediamtx_alive = True
    await box.pass_s(280)
    assert [(one.kind, one.state) for one in await box.alerts()] == [("mediamtx", "closed")]
    await box.pass_s(60)
    assert [one.kind for one in await box.alerts()] == ["mediamtx", *["not_recording"] * 3]


async def test_announced_maintenance_switched_off_and_rationed_cameras_raise_nothing(box):
    await box.add(3)
    await box.pass_s(20)
    box.hush(*box.cameras)
    await box.served.daemon.evidence.maintenance.begin(30, "troca de switch", box.served_by)
    await box.pass_s(900)
    assert await box.alerts() == []
    box.served.daemon.states.watched = [
        (box.city, replace(box.cameras[0], recording_enabled=False)),
        (box.city, box.cameras[1]),
    ]
    box.served.base.desired._rationed = frozenset({key_of(box.cameras[1])})
    await box.pass_s(1800)
    assert await box.alerts() == []


async def test_an_open_breaker_is_told_in_every_active_city_and_cannot_be_closed_by_hand(box):
    there = await box.served.city("Lá")
    away = await box.served.city("Suspensa")
    await box.served.base.cities.change(away, name="Suspensa", status="suspended", plan="basic", by=box.served_by)
    watch = box.served.daemon._volume.watch
    now_ms = box.served.clock.wall_ms()
    watch.breaker = BreakerState(open=True, reason=OpenReason.USED, since_ms=now_ms)
    await box.pass_s(30)
    alert = await box.one()
    assert (alert.kind, alert.level, alert.place) == ("breaker", "critical", "/health-board")
    assert [one.kind for one in await box.alerts(there)] == ["breaker"]
    assert await box.alerts(away) == []
    with pytest.raises(Exception, match="/health-board"):
        await box.change(alert, Change(AlertState.CLOSED))
    watch.breaker = BreakerState(open=False, reason=None, since_ms=now_ms)
    await box.change(alert, Change(AlertState.ACKNOWLEDGED))
    await box.pass_s(30)
    assert (await box.one()).state == "closed"


async def test_what_flickers_for_less_than_fifteen_seconds_is_not_told(box):
    for _ in range(5):
        box.served.daemon.states.mediamtx_alive = False
        await box.pass_s(10)
        box.served.daemon.states.mediamtx_alive = True
        await box.pass_s(10)
    assert await box.alerts() == []


async def test_a_restart_neither_forgets_nor_doubles_what_is_open(tmp_path):
    async with opened(tmp_path) as box:
        await box.add(1)
        await box.pass_s(10)
        box.hush(*box.cameras)
        await box.pass_s(330)
        before = await box.one()
        cameras = box.cameras
    async with opened(tmp_path) as box:
        box.cameras = cameras
        box.served.daemon.states.watched = [(box.city, one) for one in cameras]
        box.hush(*cameras)
        await box.pass_s(1200)
        assert (await box.one()).public_id == before.public_id
        assert (await box.one()).state == "new"
        box.wake()
        await box.pass_s(200)
        assert (await box.one()).state == "closed"


async def test_altered_recordings_are_told_once_and_again_when_there_are_more(box):
    box.served.daemon.evidence.integrity.altered = 1
    await box.pass_s(10)
    await box.change(await box.one(), Change(AlertState.CLOSED, "visto"))
    await box.pass_s(60)
    assert len(await box.alerts()) == 1
    box.served.daemon.evidence.integrity.altered = 2
    await box.pass_s(10)
    assert [one.state for one in await box.alerts()] == ["closed", "new"]


async def test_refused_logins_above_a_rate_are_told_to_managers_without_figures(box):
    for _ in range(30):
        await box.served.ask("POST", "/api/v1/auth/login", {"name": "nobody", "password": "x"})
    await box.pass_s(10)
    alert = await box.one()
    assert (alert.kind, alert.audience, alert.facts) == ("failed_logins", Role.GESTOR, {})
    await box.pass_s(1300)
    assert (await box.one()).state == "closed"


async def test_who_put_one_on_hold_has_it_back_loudly_when_its_time_is_up(box):
    await box.add(1)
    await box.pass_s(10)
    box.hush(*box.cameras)
    await box.pass_s(330)
    heard: list[Any] = []
    box.served.daemon.guards_room.feed.publish = heard.append
    until_ms = box.served.clock.wall_ms() + 120_000
    await box.change(await box.one(), Change(AlertState.ON_HOLD, until_ms=until_ms))
    await box.pass_s(100)
    assert (await box.one()).state == "on_hold"
    await box.pass_s(30)
    alert = await box.one()
    assert (alert.state, alert.person_name, alert.held_until_ms) == ("acknowledged", "gestora", None)
    assert [one.body["event"] for one in heard] == ["changed", "reminded"]


async def test_a_hold_that_ends_is_told_a_week_and_a_day_before(box):
    scope = Scope(box.served.base.database, box.city.id)
    async with box.served.base.database.write() as transaction:
        await transaction.execute(
            """INSERT INTO hold (city_id, id, public_id, number, authority, purpose, deadline_ms, created_ms,
            changed_ms) VALUES (:city, 1, 'h', 'Ofício 1', 'Vara', 'x', :deadline, 0, 0)""",
            {"city": box.city.id, "deadline": box.served.clock.wall_ms() + 8 * 86_400_000},
        )
    told = {}
    for day in range(8):
        await box.pass_s(86_400, step_s=21_600)
        found = await Alerts(scope).list(EVERYTHING, AlertSearch(kind=AlertKind.EXPIRY), before=NEWEST, limit=9)
        told[day + 1] = [(one.level, one.state) for one in found][::-1]
    assert told[6] == [("warning", "new")]
    assert told[7] == [("warning", "closed"), ("critical", "new")]


async def test_one_that_could_not_be_written_is_raised_as_soon_as_it_can(box, monkeypatch):
    await box.add(1)
    await box.pass_s(10)
    box.hush(*box.cameras)
    with monkeypatch.context() as full:
        full.setattr(box.task._book, "raise_alert", _refuse)
        with pytest.raises(StorageFull):
            await box.pass_s(330)
    await box.pass_s(5)
    assert (await box.one()).kind == "not_recording"


async def _refuse(*_: object) -> None:
    raise StorageFull("the database's volume is full")


async def test_a_camera_switched_on_by_a_clock_far_ahead_is_told_all_the_same(box):
    await box.add(1)
    ahead = replace(box.cameras[0], recording_since_ms=box.served.clock.wall_ms() + 40 * 365 * 86_400_000)
    box.served.daemon.states.watched = [(box.city, ahead)]
    box.hush(ahead)
    await box.pass_s(330)
    assert (await box.one()).kind == "not_recording"


async def test_a_clock_that_was_far_ahead_keeps_back_no_reminder_and_nobody_on_hold(box):
    await box.add(1)
    year_ms = 365 * 86_400_000
    box.served.clock.wall += year_ms
    box.hush(*box.cameras)
    await box.pass_s(330)
    (alert,) = [one for one in await box.alerts() if one.camera]
    await box.change(alert, Change(AlertState.ON_HOLD))
    box.served.clock.wall -= year_ms
    await box.pass_s(60)
    assert await box.steps(alert) == ["raised", "acknowledged", "held", "returned", "reminded"]


async def test_what_was_closed_long_ago_goes_with_its_steps_and_never_by_a_clock_that_jumped(box):
    await box.add(2)
    await box.pass_s(10)
    box.hush(box.cameras[0])
    await box.pass_s(330)
    box.wake()
    await box.pass_s(200)
    closed = await box.one()
    box.hush(box.cameras[1])
    await box.pass_s(330)
    box.served.clock.wall += 5 * 365 * 86_400_000
    await box.pass_s(610)
    box.served.clock.wall -= 5 * 365 * 86_400_000
    await box.pass_s(5)
    assert closed.public_id in [one.public_id for one in await box.alerts()]
    await box.pass_s(731 * 86_400, step_s=86_400 * 86)
    left = await box.alerts()
    assert closed.public_id not in [one.public_id for one in left]
    assert box.cameras[1].public_id in [one.subject for one in left if one.state == "new"]
    assert await box.steps(closed) == []
