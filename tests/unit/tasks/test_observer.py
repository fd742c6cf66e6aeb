"""The observer against a control API with real sockets, by a clock that is moved by hand."""

from __future__ import annotations

import tracemalloc
from collections.abc import AsyncIterator
from pathlib import Path
from time import monotonic

import pytest

from tests.support.broken_api import FAULTS, path
from tests.unit.tasks.camera_box import DEADLINE_S, CameraBox, ended, open_camera_box
from vmsd.errors import StorageFull
from vmsd.model.state import Cause, State
from vmsd.services.live_states import key_of
from vmsd.store.database import Database
from vmsd.tasks.observer import GONE_AFTER, with_cause


@pytest.fixture
async def cameras(tmp_path: Path) -> AsyncIterator[CameraBox]:
    async with open_camera_box(tmp_path) as box:
        yield box


async def _online(box: CameraBox) -> object:
    camera = await box.add()
    await _send(box, camera, 1000)
    await _send(box, camera, 2000)
    assert box.state(camera).state == State.ONLINE
    return camera


async def _send(box: CameraBox, camera, inbound: int, *, available: bool = True, seconds: float = 1.0) -> None:
    box.api.paths = [path(box.path_of(camera), available=available, inbound=inbound)]
    await box.look(seconds)


@pytest.mark.parametrize("fault", FAULTS)
async def test_an_answer_that_is_no_answer_changes_no_state(cameras: CameraBox, fault: str) -> None:
    camera = await _online(cameras)
    before = cameras.state(camera)
    lines = await cameras.history(camera)
    cameras.api.fault = fault
    for _ in range(GONE_AFTER + 1):
        began_s = monotonic()
        await cameras.look()
        assert monotonic() - began_s < 2 * DEADLINE_S + 1
    assert cameras.state(camera) == before
    assert cameras.states.mediamtx_alive is False
    assert cameras.runner.pulse.failures == GONE_AFTER + 1
    assert cameras.runner.pulse.last_finished_ms == cameras.clock.wall
    cameras.api.fault = ""
    await _send(cameras, camera, 3000)
    assert cameras.state(camera).state == State.ONLINE
    assert cameras.runner.pulse.failures == 0
    assert await cameras.history(camera) == lines


async def test_50_mb_of_answer_are_never_held_in_memory(cameras: CameraBox) -> None:
    await _online(cameras)
    cameras.api.fault = "50 MB"
    tracemalloc.start()
    try:
        await cameras.look()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 12 * 1024 * 1024


async def test_a_mediamtx_that_refuses_connections_takes_its_cameras_with_it_after_3_looks(tmp_path: Path) -> None:
    async with open_camera_box(tmp_path) as box:
        camera = await _online(box)
        box.client._url = "http://127.0.0.1:9"
        for _ in range(GONE_AFTER - 1):
            await box.look()
        assert box.state(camera).state == State.ONLINE
        await box.look()
        assert ended(box.state(camera)) == ("offline", "mediamtx_away")
        assert box.states.available_paths == frozenset()
        box.client._url = f"http://127.0.0.1:{box.api.port}"
        await _send(box, camera, 10)
        assert box.state(camera).state == State.ONLINE


async def test_a_path_that_is_not_there_is_an_offline_camera_and_no_error(cameras: CameraBox) -> None:
    camera = await _online(cameras)
    cameras.api.paths = []
    await cameras.look()
    assert ended(cameras.state(camera)) == ("offline", "unknown")
    assert cameras.runner.pulse.failures == 0


async def test_a_new_camera_is_starting_for_15_seconds_and_then_offline(cameras: CameraBox) -> None:
    camera = await cameras.add()
    await cameras.look()
    assert cameras.state(camera).state == State.STARTING
    await cameras.look(13)
    assert cameras.state(camera).state == State.STARTING
    await cameras.look(3)
    assert cameras.state(camera).state == State.OFFLINE


async def test_no_new_bytes_for_5_seconds_is_stalled_and_the_next_byte_is_online(cameras: CameraBox) -> None:
    camera = await _online(cameras)
    for _ in range(5):
        await _send(cameras, camera, 2000)
        assert cameras.state(camera).state == State.ONLINE
    await _send(cameras, camera, 2000)
    assert ended(cameras.state(camera)) == ("stalled", "no_data")
    await _send(cameras, camera, 2001)
    assert cameras.state(camera).state == State.ONLINE


async def test_a_camera_that_returns_is_not_stalled_before_its_first_byte(cameras: CameraBox) -> None:
    camera = await _online(cameras)
    await _send(cameras, camera, 0, available=False, seconds=20)
    await _send(cameras, camera, 0)
    assert cameras.state(camera).state == State.OFFLINE
    await _send(cameras, camera, 500)
    assert cameras.state(camera).state == State.ONLINE
    lines = [str(line.state) for line in await cameras.history(camera)]
    assert lines[-3:] == ["online", "offline", "online"]


async def test_a_camera_that_returns_and_sends_nothing_is_stalled_after_5_seconds(cameras: CameraBox) -> None:
    camera = await _online(cameras)
    await _send(cameras, camera, 0, available=False, seconds=20)
    await _send(cameras, camera, 0)
    await _send(cameras, camera, 0, seconds=6)
    assert cameras.state(camera).state == State.STALLED


async def test_a_counter_that_went_back_is_a_new_connection_and_no_negative_bitrate(cameras: CameraBox) -> None:
    camera = await _online(cameras)
    await _send(cameras, camera, 100)
    assert cameras.state(camera).state == State.ONLINE
    await _send(cameras, camera, 1100)
    bitrate = cameras.state(camera).facts.bitrate
    assert bitrate is not None
    assert bitrate > 0


async def test_a_camera_that_flaps_for_an_hour_fills_at_most_20_lines(cameras: CameraBox) -> None:
    camera = await _online(cameras)
    for second in range(3600):
        on = second % 6 < 3
        await _send(cameras, camera, 5000 + second if on else 0, available=on)
    lines = await cameras.history(camera)
    assert len(lines) <= 20
    assert ended(cameras.state(camera)) == ("offline", "unstable")
    for second in range(40):
        await _send(cameras, camera, 9000 + second)
    assert cameras.state(camera).state == State.ONLINE
    assert str((await cameras.history(camera))[-1].state) == "online"


async def test_a_slow_flapper_fills_at_most_20_lines_an_hour_and_the_last_one_is_true(cameras: CameraBox) -> None:
    camera = await _online(cameras)
    for step in range(120):
        on = step % 2 == 0
        await _send(cameras, camera, 5000 + step if on else 0, available=on, seconds=30)
    assert len(await cameras.history(camera)) <= 20 + 1
    for step in range(70):
        await _send(cameras, camera, 9000 + step, seconds=60)
    assert str((await cameras.history(camera))[-1].state) == "online"


async def test_restarts_of_mediamtx_make_no_camera_unstable(cameras: CameraBox) -> None:
    camera = await _online(cameras)
    for number in range(6):
        cameras.client._url = "http://127.0.0.1:9"
        for _ in range(GONE_AFTER + 1):
            await cameras.look()
        cameras.client._url = f"http://127.0.0.1:{cameras.api.port}"
        await _send(cameras, camera, 10 + number)
        assert cameras.state(camera).state == State.ONLINE


async def test_a_cause_found_out_later_becomes_that_of_the_line_and_adds_none(cameras: CameraBox) -> None:
    camera = await _online(cameras)
    cameras.api.paths = []
    await cameras.look()
    since_ms = cameras.state(camera).since_ms
    cameras.states.set(key_of(camera), with_cause(cameras.state(camera), Cause.PORT_CLOSED))
    await cameras.look()
    lines = await cameras.history(camera)
    assert (lines[-1].at_ms, lines[-1].cause) == (since_ms, Cause.PORT_CLOSED)
    assert [str(line.state) for line in lines].count("offline") == 1
    cameras.states.set(key_of(camera), with_cause(cameras.state(camera), Cause.UNKNOWN))
    await cameras.look()
    assert await cameras.history(camera) == lines, "what was known is not forgotten"
    cameras.states.set(key_of(camera), with_cause(cameras.state(camera), Cause.WRONG_PASSWORD))
    await cameras.look()
    assert [line.cause for line in (await cameras.history(camera))[-2:]] == [Cause.PORT_CLOSED, Cause.WRONG_PASSWORD]


async def test_what_a_full_database_refused_is_written_when_there_is_room(
    cameras: CameraBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    camera = await _online(cameras)
    cameras.api.paths = []

    def full(self: Database) -> None:
        raise StorageFull("full")

    with monkeypatch.context() as patch:
        patch.setattr(Database, "write", full)
        await cameras.look()
        assert cameras.state(camera).state == State.OFFLINE
        assert cameras.runner.pulse.failures == 0
    await cameras.look()
    line = (await cameras.history(camera))[-1]
    assert (line.state, line.at_ms) == (State.OFFLINE, cameras.state(camera).since_ms)


async def test_a_database_that_failed_once_hides_no_camera(cameras: CameraBox, monkeypatch: pytest.MonkeyPatch) -> None:
    camera = await cameras.add()

    async def broken(*_: object) -> list:
        raise OSError

    with monkeypatch.context() as patch:
        patch.setattr("vmsd.tasks.observer.list_cameras", broken)
        await cameras.look()
        assert cameras.runner.pulse.error == "OSError"
    await _send(cameras, camera, 10)
    assert cameras.states.get(key_of(camera)) is not None


async def test_paths_with_a_signal_are_known_by_name_substreams_too(cameras: CameraBox) -> None:
    camera = await cameras.add(sub_source_url="rtsp://127.0.0.9:9/sub")
    main = cameras.path_of(camera)
    cameras.api.paths = [path(main, inbound=5), path(f"{main}-sub", available=False)]
    await cameras.look()
    assert cameras.states.available_paths == {main}
    cameras.api.paths = [path(main, inbound=9), path(f"{main}-sub", inbound=9)]
    await cameras.look()
    assert cameras.states.available_paths == {main, f"{main}-sub"}


async def test_a_removed_camera_has_no_state(cameras: CameraBox) -> None:
    camera = await _online(cameras)
    await cameras.base.cameras(cameras.city).remove(camera)
    await cameras.look()
    assert cameras.states.get(key_of(camera)) is None
