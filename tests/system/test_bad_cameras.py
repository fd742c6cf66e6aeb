"""Cameras that stall, lie, flap or cannot be reached: each is told by its cause, none disturbs another."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager

from tests.support.ports import free_port
from tests.support.processes import until
from tests.support.site import SMALL, Site
from tests.support.sources import listening
from tests.support.video import ffprobe, gaps_s, spans_of


async def test_a_stalled_a_silent_and_a_garbage_camera_leave_the_others_alone(site: Site) -> None:
    good = await site.camera("Boa")
    hevc = await site.camera("H.265", *SMALL, "--codec", "h265")
    b_frames = await site.camera("B-frames", *SMALL, "--b-frames", "2")
    await site.start()
    good_id, hevc_id, b_frames_id = await site.add_cameras(good, hevc, b_frames)
    for camera_id in (good_id, hevc_id, b_frames_id):
        await site.until_recording(camera_id)

    stall = await site.camera("Trava", *SMALL, "--fault", "stall")
    silent = await site.camera("Muda", *SMALL, "--fault", "silent")
    garbage = await site.camera("Lixo", *SMALL, "--fault", "garbage")
    began_s = time.time()
    stall_id, silent_id, _ = await site.add_cameras(stall, silent, garbage)
    assert (await site.until_state(stall_id, "stalled", 25))["cause"] == "no_data"
    assert (await _named(site, silent_id))["cause"] == "timeout"
    left_s = began_s + 25 - time.time()
    await asyncio.sleep(max(0, left_s))  # long enough for the bad ones to do harm

    for camera_id, codec in ((good_id, "h264"), (hevc_id, "hevc"), (b_frames_id, "h264")):
        assert (await site.status(camera_id))["state"] == "online"
        assert await ffprobe(site.files(camera_id)[0]) == [codec]
    spans = spans_of(site.files(good_id))
    assert max(gaps_s(spans)) < 0.5
    assert time.time() - spans[-1].end_ms / 1000 < 4
    assert site.mediamtx is not None
    assert site.mediamtx.running
    assert site.vmsd is not None
    assert "Traceback" not in site.vmsd.output()


async def test_a_path_that_dies_silently_is_stalled_after_5_seconds(site: Site) -> None:
    """The camera plays for 3 s, then keeps the connection and sends nothing."""
    camera = await site.camera("Trava", *SMALL, "--fault", "stall")
    await site.start()
    camera_id = await site.add_camera(camera.name, camera.url)
    await site.until_state(camera_id, "online", 20)
    online_s = time.monotonic()
    await site.until_state(camera_id, "stalled", 12)
    assert 4.5 < time.monotonic() - online_s < 11, "3 s of video, 5 s of patience, a look every second"


async def test_a_flapping_camera_is_called_unstable_and_fills_no_history(site: Site) -> None:
    flapping = await site.camera("Pisca", *SMALL, "--drop-every-s", "3", "--drop-for-s", "1")
    steady = await site.camera("Firme")
    await site.start()
    flapping_id, steady_id = await site.add_cameras(flapping, steady)

    async def unstable() -> bool:
        return (await site.status(flapping_id))["cause"] == "unstable"

    await until(unstable, 75, "the camera is called unstable")
    lines = await site.history(flapping_id)
    assert len(lines) <= 12
    assert lines[-1] | {"at": None} == {"at": None, "state": "offline", "cause": "unstable"}
    calm_s = time.monotonic() + 10
    while time.monotonic() < calm_s:
        assert (await site.status(flapping_id))["state"] == "offline", "no change is shown while it flaps"
        await asyncio.sleep(0.5)
    assert len(await site.history(flapping_id)) == len(lines)
    assert (await site.history(steady_id))[-1]["state"] == "online"
    assert len(await site.history(steady_id)) <= 2


async def test_every_fault_is_named_and_stands_in_the_history(site: Site) -> None:
    locked = await site.camera("Trancada", *SMALL, "--username", "vigia", "--password", "segredo")
    good = await site.camera("Boa")
    async with _web_server() as port:
        await site.start()
        urls = {
            "wrong_password": locked.url.replace("segredo", "errada"),
            "no_such_stream": good.url.replace("/live", "/nenhuma"),
            "not_a_camera": f"rtsp://127.0.0.1:{port}/live",
            "port_closed": f"rtsp://127.0.0.1:{free_port()}/live",
            "host_unreachable": "rtsp://camera.invalid/live",
        }
        ids = {cause: await site.add_camera(cause, url) for cause, url in urls.items()}
        for cause, camera_id in ids.items():
            assert (await _named(site, camera_id))["cause"] == cause
        for cause, camera_id in ids.items():
            await until(lambda line=(camera_id, cause): _last_line(site, *line), 5, f"the history says {cause}")
            states = [line["state"] for line in await site.history(camera_id)]
            assert states == ["starting", "offline"], "the line got its cause, no line was added"


async def test_the_outage_of_a_killed_camera_is_one_line_with_its_cause(site: Site) -> None:
    camera = await site.camera("Praça")
    await site.start()
    camera_id = await site.add_camera(camera.name, camera.url)
    await site.until_state(camera_id, "online", 20)
    await camera.kill()
    await site.until_state(camera_id, "offline", 3)
    await until(lambda: _last_line(site, camera_id, "port_closed"), 12, "the history says why")
    since = (await site.status(camera_id))["since"]
    await camera.start()
    await site.until_state(camera_id, "online", 20)
    lines = [line for line in await site.history(camera_id) if line["state"] != "starting"]
    told = [(line["state"], line["cause"]) for line in lines]
    assert told == [("online", None), ("offline", "port_closed"), ("online", None)]
    assert lines[1]["at"] == since


async def _last_line(site: Site, camera_id: str, cause: str) -> bool:
    return (await site.history(camera_id))[-1]["cause"] == cause


async def _named(site: Site, camera_id: str) -> dict:
    """The status once the camera is offline and somebody found out why."""

    async def named() -> dict | None:
        status = await site.status(camera_id)
        return status if status["state"] == "offline" and status["cause"] != "unknown" else None

    answer: dict = await until(named, 40, "the cause is named")
    return answer


@asynccontextmanager
async def _web_server():
    """Something that answers, and is no camera."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()

    async with listening(answer) as port:
        yield port
