"""Why an offline camera is offline, found out politely."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.names import NameServer
from tests.support.ports import free_port
from tests.support.processes import until
from tests.support.redirects import counting, lying, rtsp_redirect
from tests.unit.tasks.camera_box import CameraBox, open_camera_box
from vmsd.model.camera import Camera
from vmsd.model.state import Cause, LiveState, State
from vmsd.services.camera_paths import REFUSED
from vmsd.services.cameras import CameraFields
from vmsd.services.desired import UNREADABLE, Plan
from vmsd.services.live_states import key_of
from vmsd.services.sources import main_url
from vmsd.tasks.camera_health import AT_ONCE, CameraHealth

PROBE_S = 0.3


@pytest.fixture
async def cameras(tmp_path: Path) -> AsyncIterator[CameraBox]:
    async with open_camera_box(tmp_path) as box:
        yield box


def _health(box: CameraBox) -> CameraHealth:
    return CameraHealth(
        box.base.database, box.base.rows, box.states, box.clock,
        again_s=60, probe_s=PROBE_S, relays=box.settings.runtime_dir / "relays",
        desired=box.base.desired,
    )  # fmt: skip


def _offline(box: CameraBox, camera: Camera, cause: Cause = Cause.UNKNOWN) -> None:
    box.states.set(key_of(camera), LiveState(State.OFFLINE, box.clock.wall, cause))


def _paths(plan: Plan) -> set[str]:
    return {path.name for path in plan.desired.paths}


class Door:
    """Counts who calls and never answers."""

    def __init__(self) -> None:
        self.callers: list[float] = []
        self.now = self.most = 0
        self.port = free_port()

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Door]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        async with server:
            yield self

    async def called(self) -> bool:
        return bool(self.callers)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.callers.append(asyncio.get_running_loop().time())
        self.now += 1
        self.most = max(self.most, self.now)
        await reader.read()
        self.now -= 1
        writer.close()


async def test_a_closed_port_and_a_silent_camera_are_told_apart(cameras: CameraBox) -> None:
    async with Door().open() as door:
        closed = await cameras.add("Fechada", f"rtsp://127.0.0.1:{free_port()}/live")
        silent = await cameras.add("Muda", f"rtsp://127.0.0.1:{door.port}/live")
        for camera in (closed, silent):
            _offline(cameras, camera)
        await _health(cameras).once()
    assert cameras.state(closed).cause == Cause.PORT_CLOSED
    assert cameras.state(silent).cause == Cause.TIMEOUT


async def test_never_more_than_four_at_once_and_the_one_that_waits_longest_first(cameras: CameraBox) -> None:
    """With more dead cameras than can be asked within the interval nobody is left out."""
    async with Door().open() as door:
        added = [await cameras.add(f"C{number}", f"rtsp://127.0.0.1:{door.port}/{number}") for number in range(10)]
        for camera in added:
            _offline(cameras, camera)
        health = _health(cameras)
        for _ in range(3):
            await health.once()
            cameras.clock.pass_s(100)  # so slow that the first ones are due again
        assert door.most == AT_ONCE
    assert [cameras.state(camera).cause for camera in added] == [Cause.TIMEOUT] * 10


async def test_a_camera_is_asked_once_in_its_interval_and_at_once_when_it_was_changed(cameras: CameraBox) -> None:
    async with Door().open() as door:
        camera = await cameras.add(url=f"rtsp://127.0.0.1:{door.port}/live")
        _offline(cameras, camera)
        health = _health(cameras)
        for _ in range(10):
            await health.once()
            cameras.clock.pass_s(4)
        assert len(door.callers) == 1
        cameras.clock.pass_s(40)
        await health.once()
        assert len(door.callers) == 2
        cameras.clock.pass_s(1)
        await cameras.base.cameras(cameras.city).set_recording(camera, enabled=False)
        await health.once()
        assert len(door.callers) == 3


@pytest.mark.parametrize("state", [State.ONLINE, State.STALLED, State.STARTING, State.DISABLED])
async def test_nobody_calls_a_camera_that_is_not_offline(cameras: CameraBox, state: State) -> None:
    async with Door().open() as door:
        camera = await cameras.add(url=f"rtsp://127.0.0.1:{door.port}/live")
        cameras.states.set(key_of(camera), LiveState(state, cameras.clock.wall))
        await _health(cameras).once()
        assert door.callers == []


@pytest.mark.parametrize("cause", [Cause.UNSTABLE, Cause.MEDIAMTX_AWAY])
async def test_what_the_observer_knows_better_stays(cameras: CameraBox, cause: Cause) -> None:
    async with Door().open() as door:
        camera = await cameras.add(url=f"rtsp://127.0.0.1:{door.port}/live")
        _offline(cameras, camera, cause)
        await _health(cameras).once()
        assert (door.callers, cameras.state(camera).cause) == ([], cause)


async def test_what_kept_a_camera_from_mediamtx_is_its_cause(cameras: CameraBox) -> None:
    server = NameServer()
    cameras.base.desired.hosts.ask, cameras.base.desired.hosts.again_s = server.ask, 0
    refused = await cameras.add("Proibida", "rtsp://cam.lan/x")
    relayed = await cameras.add("Proibida", "http://cam.lan/x.jpg")
    unknown = await cameras.add("Sem nome", "rtsp://nobody.lan/x")
    unreadable = await cameras.add("Danificada", "rtsp://127.0.0.9:9/x")
    server.names["cam.lan"] = "169.254.169.254"
    async with cameras.base.database.write() as transaction:
        await transaction.execute("UPDATE camera SET secret = zeroblob(80) WHERE id = :id", {"id": unreadable.id})
    await until(lambda: _plan_knows_refusal(cameras, refused), 10, "the new answer for the name is known")
    await cameras.base.desired.plan()
    for camera in (refused, relayed, unknown, unreadable):
        _offline(cameras, camera)
    await _health(cameras).once()
    causes = [cameras.state(camera).cause for camera in (refused, relayed, unknown, unreadable)]
    assert causes == [REFUSED, REFUSED, Cause.HOST_UNREACHABLE, UNREADABLE]


async def test_a_camera_is_asked_at_the_address_that_was_checked(cameras: CameraBox) -> None:
    """`cam.lan` is known to this name server alone."""
    server = NameServer(cam_lan="127.0.0.1")
    cameras.base.desired.hosts.ask = server.ask
    async with Door().open() as door:
        camera = await cameras.add(url=f"rtsp://cam.lan:{door.port}/x")
        await cameras.base.desired.plan()
        _offline(cameras, camera)
        await _health(cameras).once()
        assert len(door.callers) == 1
    assert cameras.state(camera).cause == Cause.TIMEOUT


async def test_a_camera_that_sends_elsewhere_is_kept_from_mediamtx_until_it_stops(cameras: CameraBox) -> None:
    """MediaMTX would follow it for ever, and faster and faster."""
    async with counting() as elsewhere, lying(rtsp_redirect(f"rtsp://127.0.0.1:{elsewhere.port}/")) as liar:
        camera = await cameras.add(url=f"rtsp://127.0.0.1:{liar.port}/x")
        other = await cameras.add("Outra", f"rtsp://127.0.0.1:{free_port()}/x")
        health = _health(cameras)
        _offline(cameras, camera)
        assert _paths(await cameras.base.desired.plan()) == {cameras.path_of(camera), cameras.path_of(other)}
        await health.once()
        assert cameras.state(camera).cause == Cause.REDIRECTS
        assert _paths(await cameras.base.desired.plan()) == {cameras.path_of(other)}
        liar.answers = lambda *_: "RTSP/1.0 404 Not Found\r\nCSeq: {cseq}\r\n\r\n"
        cameras.clock.pass_s(100)
        await health.once()
        assert cameras.state(camera).cause == Cause.NO_SUCH_STREAM
        assert cameras.path_of(camera) in _paths(await cameras.base.desired.plan())
        assert elsewhere.connections == 0


async def test_a_camera_that_is_given_another_address_is_free_at_once(cameras: CameraBox) -> None:
    camera = await cameras.add(url="rtsp://127.0.0.9:9/x")
    desired = cameras.base.desired
    desired.withhold(camera, Cause.REDIRECTS)
    assert _paths(await desired.plan()) == set()
    fields = CameraFields("Portaria", "rtsp", source_url="rtsp://127.0.0.9:10/x")
    await cameras.base.cameras(cameras.city).change(camera, fields)
    assert _paths(await desired.plan()) == {cameras.path_of(camera)}


async def test_a_camera_that_came_back_meanwhile_keeps_its_state(cameras: CameraBox) -> None:
    async with Door().open() as door:
        camera = await cameras.add(url=f"rtsp://127.0.0.1:{door.port}/live")
        _offline(cameras, camera)
        async with asyncio.TaskGroup() as group:
            group.create_task(_health(cameras).once())
            await until(door.called, 5, "somebody calls", every_s=0.01)
            cameras.states.set(key_of(camera), replace(cameras.state(camera), state=State.ONLINE, cause=None))
    assert (cameras.state(camera).state, cameras.state(camera).cause) == (State.ONLINE, None)


async def _plan_knows_refusal(cameras: CameraBox, camera: Camera) -> bool:
    """A plan waits for no answer about a name that was asked for before."""
    await cameras.base.desired.plan()
    return cameras.base.desired.hosts.leads_astray(main_url(camera))
