"""Cameras are asked now and then who they are, and followed by the box itself where that is switched on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.onvif import OnvifDevice, OnvifNetwork, onvif_network
from tests.unit.tasks.camera_box import CameraBox, open_camera_box
from vmsd.base import device_parts, devices_in
from vmsd.config import CameraRules
from vmsd.model.audit import Who
from vmsd.model.camera import Camera
from vmsd.model.city import City
from vmsd.model.device import Device
from vmsd.model.state import LiveState, State
from vmsd.services.devices import DeviceParts
from vmsd.services.live_states import key_of
from vmsd.services.moved_cameras import Move
from vmsd.services.sources import main_url
from vmsd.store.audit import Audit
from vmsd.tasks.devices import GONE_MS, MOST_WAITS, SEARCH_AGAIN_S, DevicesTask

PASSWORD = "segredo-da-câmera"
EVERY_S = 1800.0


@pytest.fixture
async def net() -> AsyncIterator[OnvifNetwork]:
    async with onvif_network() as net:
        yield net


@pytest.fixture
async def cameras(tmp_path: Path) -> AsyncIterator[CameraBox]:
    async with open_camera_box(tmp_path) as box:
        box.base.keeper.begin(None)
        yield box


def _parts(box: CameraBox, net: OnvifNetwork, *, follow_moved: bool) -> tuple[DevicesTask, DeviceParts]:
    rules = CameraRules(**net.rules, follow_moved=follow_moved)
    base = replace(box.base, settings=box.settings.model_copy(update={"cameras": rules}))
    parts = device_parts(base)
    return DevicesTask(lambda city: devices_in(base, parts, city, Who()), box.states, rules, box.clock), parts


async def _camera(box: CameraBox, device: OnvifDevice) -> Camera:
    url = f"rtsp://{device.host}:{device.rtsp_port}/live"
    camera = await box.add(device.name, url, username="admin", password=PASSWORD)
    box.states.watched = [*box.states.watched, (box.city, camera)]
    _set(box, camera, State.ONLINE)
    return camera


def _set(box: CameraBox, camera: Camera, state: State) -> None:
    box.states.set(key_of(camera), LiveState(state, box.clock.wall))


async def _row(box: CameraBox, parts: DeviceParts, camera: Camera) -> Device | None:
    return await devices_in(box.base, parts, box.city).find(camera)


async def _know(box: CameraBox, parts: DeviceParts, camera: Camera, device: OnvifDevice) -> None:
    """As the page has it written down: where its service is."""
    await devices_in(box.base, parts, box.city).ask(camera, device.url)
    device.asked.clear()


async def test_a_camera_on_air_is_asked_again_after_a_pause_and_a_dark_one_is_left_alone(
    cameras: CameraBox, net: OnvifNetwork
) -> None:
    device = await net.add(OnvifDevice(login=("admin", PASSWORD)))
    task, parts = _parts(cameras, net, follow_moved=False)
    camera = await _camera(cameras, device)
    await _know(cameras, parts, camera, device)
    _set(cameras, camera, State.OFFLINE)
    await task.once()
    assert device.asked == []
    _set(cameras, camera, State.ONLINE)
    await task.once()
    assert device.asked.count("GetSystemDateAndTime") == 1
    await task.once()
    assert device.asked.count("GetSystemDateAndTime") == 1
    device.clock_ahead_s, device.serial = 7200, "SN-0001"
    cameras.clock.pass_s(EVERY_S + 1)
    before = await _row(cameras, parts, camera)
    await task.once()
    after = await _row(cameras, parts, camera)
    assert before is not None
    assert after is not None
    assert after.seen_ms > before.seen_ms
    assert after.clock_offset_ms != before.clock_offset_ms


async def test_a_camera_that_does_not_speak_onvif_is_asked_more_and_more_seldom(
    cameras: CameraBox, net: OnvifNetwork
) -> None:
    device = await net.add(OnvifDevice(login=("admin", PASSWORD)))
    task, parts = _parts(cameras, net, follow_moved=False)
    camera = await _camera(cameras, device)
    await _know(cameras, parts, camera, device)
    device.lies["*"] = b"nothing of the kind"
    asked = []
    for _ in range(3 * MOST_WAITS):
        await task.once()
        asked.append(len(device.asked))
        cameras.clock.pass_s(EVERY_S + 1)
    assert asked[-1] <= 6
    assert (await _row(cameras, parts, camera)) is not None, "what it once said is kept"


async def test_a_camera_that_is_gone_is_followed_only_where_that_is_switched_on(
    cameras: CameraBox, net: OnvifNetwork
) -> None:
    device = await net.add(OnvifDevice(login=("admin", PASSWORD)))
    for follow_moved in (False, True):
        task, parts = _parts(cameras, net, follow_moved=follow_moved)
        camera = await _camera(cameras, device)
        await _know(cameras, parts, camera, device)
        home = device.host
        await net.move(device, "127.0.0.5")
        _set(cameras, camera, State.OFFLINE)
        searched = net.searched
        await task.once()
        assert net.searched == searched, "a camera that has been gone for a moment only is not searched for"
        cameras.clock.pass_s(GONE_MS / 1000 + 1)
        await task.once()
        now = await cameras.base.cameras(cameras.city).get(camera.public_id)
        assert main_url(now).host == ("127.0.0.5" if follow_moved else home)
        assert now.secret.password == PASSWORD
        await net.move(device, home)
        cameras.states.watched = []
    rows = await Audit(cameras.base.database).chunk(0, 10**9, 10**6)
    (moved,) = [row for row in rows if row.action == "camera.moved"]
    assert (moved.person, moved.person_name, moved.subject) == (None, None, camera.public_id)


async def test_one_city_is_searched_for_at_a_time_and_the_others_next(cameras: CameraBox) -> None:
    searched: list[int] = []

    class Devices:
        def __init__(self, city: City) -> None:
            self._city = city

        async def find_moved(self, only: set[int]) -> list[Move]:
            searched.append(self._city.id)
            return []

    camera = await cameras.add("Portaria", "rtsp://127.0.0.2/live")
    cities = [replace(cameras.city, id=cameras.city.id + number) for number in range(3)]
    cameras.states.watched = [(city, replace(camera, city_id=city.id)) for city in cities]
    for _, one in cameras.states.watched:
        _set(cameras, one, State.OFFLINE)
    cameras.clock.pass_s(GONE_MS / 1000 + 1)
    rules = CameraRules(follow_moved=True, interfaces=["lo"])
    task = DevicesTask(Devices, cameras.states, rules, cameras.clock)  # type: ignore[arg-type]
    for _ in range(5):
        await task.once()
    assert searched == [city.id for city in cities]
    cameras.clock.pass_s(SEARCH_AGAIN_S)
    await task.once()
    assert searched[3:] == [cities[0].id]


async def test_who_does_not_know_the_password_is_not_followed(cameras: CameraBox, net: OnvifNetwork) -> None:
    device = await net.add(OnvifDevice(login=("admin", PASSWORD)))
    task, parts = _parts(cameras, net, follow_moved=True)
    camera = await _camera(cameras, device)
    await _know(cameras, parts, camera, device)
    await net.move(device, "127.0.0.5")
    device.login = ("admin", "outra")
    _set(cameras, camera, State.OFFLINE)
    cameras.clock.pass_s(GONE_MS / 1000 + 1)
    await task.once()
    assert (await cameras.base.cameras(cameras.city).get(camera.public_id)).source_url == camera.source_url
