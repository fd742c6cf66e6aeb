"""What a relay says when there is nothing to relay, what it never shows, and how it ends."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from pathlib import Path
from typing import Any

import av
import psutil
import pytest

from tests.support.processes import Process, until
from tests.support.sources import PictureCamera, free_port, serving, tunnel_to, until_gone
from vmsd.clock import SystemClock
from vmsd.errors import SourceFailed
from vmsd.video.relay_tunnel import Tunnel
from vmsd.video.relay_video import MOST_HEIGHT, MOST_WIDTH, fitted, timed

RELAY = (sys.executable, "-m", "vmsd", "relay")
SECRET = "c4nário"
STUBBORN = "trap '' TERM INT; echo {url}; sleep 600 & while :; do wait; done"
STARTER = "import subprocess, sys, time; subprocess.Popen(sys.argv[1:]); time.sleep(600)"


def order(folder: Path, source: str | None = None, **more: Any) -> Path:
    """The file a relay is started with; nobody listens where it publishes."""
    file = folder / "camera.json"
    content = {
        "source": source,
        "command": None,
        "username": "",
        "password": None,
        "publish": f"rtsp://camera:{SECRET}@127.0.0.1:{free_port()}/city/camera",
    }
    file.write_text(json.dumps(content | more), "utf-8")
    return file


async def cause(file: Path) -> str:
    """The first word the relay leaves."""
    status = file.with_suffix(".status")

    async def written() -> str | None:
        return status.read_text("utf-8") if status.exists() else None

    return str(json.loads(await until(written, 20, "the relay says why"))["cause"])


async def start(file: Path) -> Process:
    return await Process.start(*RELAY, file, log=file.with_suffix(".log"))


async def child_of(process: psutil.Process) -> psutil.Process:
    async def found() -> list[psutil.Process]:
        return process.children()

    children: list[psutil.Process] = await until(found, 10, "it has a child")
    return children[0]


@pytest.mark.parametrize(
    ("path", "password", "expected"),
    [
        ("/video.mjpg", "another", "wrong_password"),
        ("/nothing.mjpg", None, "no_such_stream"),
        ("/huge.jpg", None, "not_a_camera"),
        ("/page.html", None, "not_a_camera"),
        ("/video.mjpg", None, "unknown"),  # the camera is fine, MediaMTX is away
    ],
)
async def test_the_cause_is_written_down(tmp_path: Path, path: str, password: str | None, expected: str) -> None:
    async with serving(PictureCamera(password).app) as origin:
        file = order(tmp_path, origin.replace("//", f"//admin:{SECRET}@") + path)
        process = await start(file)
        assert await cause(file) == expected
        assert psutil.Process(process.pid).memory_info().rss < 150 << 20
        await process.end()
        assert SECRET not in process.output()


async def test_a_closed_port_is_tried_again_without_a_new_process(tmp_path: Path) -> None:
    file = order(tmp_path, f"http://127.0.0.1:{free_port()}/video.mjpg")
    process = await start(file)
    assert await cause(file) == "port_closed"
    file.with_suffix(".status").unlink()
    assert await cause(file) == "port_closed"
    assert process.running
    await process.end()


@pytest.mark.parametrize(
    "command", [["/nowhere/at/all"], ["true"], ["echo", "no address"], ["sh", "-c", "exec >&-; sleep 600"]]
)
async def test_a_tunnel_that_gives_no_address_is_down(tmp_path: Path, command: list[str]) -> None:
    file = order(tmp_path, command=command)
    process = await start(file)
    assert await cause(file) == "tunnel_down"
    await process.end()


async def test_a_tunnel_that_dies_ends_the_relay_and_is_named(tmp_path: Path) -> None:
    camera = PictureCamera()
    async with serving(camera.app) as origin:
        file = order(tmp_path, command=tunnel_to(f"{origin}/silent"))
        process = await start(file)
        await until(lambda: _asked(camera), 10, "the tunnel has said where the camera is")
        (await child_of(psutil.Process(process.pid))).kill()
        assert await process.wait(5) == 1
        assert await cause(file) == "tunnel_down"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_it_at_once_while_its_source_hangs(tmp_path: Path, number: int) -> None:
    camera = PictureCamera()
    async with serving(camera.app) as origin:
        file = order(tmp_path, command=tunnel_to(f"{origin}/silent"))
        process = await start(file)
        relay = psutil.Process(process.pid)
        tunnel = await child_of(relay)
        await until(lambda: _asked(camera), 10, "the source is asked")
        before = sum(relay.cpu_times()[:2])
        await asyncio.sleep(1)  # the time over which the processor is measured
        assert sum(relay.cpu_times()[:2]) - before < 0.1
        assert await process.end(number, within_s=1) == 0
        await until_gone([tunnel], 1)
        assert not file.with_suffix(".status").exists()


async def _asked(camera: PictureCamera) -> bool:
    return camera.asked > 0


async def test_a_tunnel_that_ignores_its_end_is_killed_with_its_children(tmp_path: Path) -> None:
    async with serving(PictureCamera().app) as origin:
        file = order(tmp_path, command=["sh", "-c", STUBBORN.format(url=f"{origin}/silent")])
        process = await start(file)
        tunnel = await child_of(psutil.Process(process.pid))
        grandchild = await child_of(tunnel)
        await process.end(within_s=4)
        await until_gone([tunnel, grandchild], 4)


async def test_a_killed_relay_takes_its_tunnel_along(tmp_path: Path) -> None:
    async with serving(PictureCamera().app) as origin:
        process = await start(order(tmp_path, command=tunnel_to(f"{origin}/silent")))
        tunnel = await child_of(psutil.Process(process.pid))
        await process.end(signal.SIGKILL)
        await until_gone([tunnel], 4)


async def test_it_ends_when_the_process_that_started_it_is_gone(tmp_path: Path) -> None:
    async with serving(PictureCamera().app) as origin:
        file = order(tmp_path, command=tunnel_to(f"{origin}/silent"))
        starter = await Process.start(sys.executable, "-c", STARTER, *RELAY, file, log=tmp_path / "log")
        relay = await child_of(psutil.Process(starter.pid))
        tunnel = await child_of(relay)
        await starter.end(signal.SIGKILL)
        await until_gone([relay, tunnel], 4)


async def test_a_new_order_ends_it(tmp_path: Path) -> None:
    file = order(tmp_path, f"http://127.0.0.1:{free_port()}/video.mjpg")
    process = await start(file)
    await cause(file)
    order(tmp_path, f"http://127.0.0.1:{free_port()}/other.mjpg")
    assert await process.wait(4) == 0


async def test_nothing_secret_is_on_a_command_line(tmp_path: Path) -> None:
    camera = PictureCamera(SECRET)
    async with serving(camera.app) as origin:
        command = tunnel_to(f"{origin}/silent")
        file = order(tmp_path, command=command, username="admin", password=SECRET)
        process = await start(file)
        relay = psutil.Process(process.pid)
        await until(lambda: _asked(camera), 10, "the source is asked")
        for one in (relay, await child_of(relay)):
            assert SECRET not in " ".join(one.cmdline())
        assert not any(SECRET in value for value in relay.environ().values())
        await process.end()


def test_a_tunnel_may_talk_as_much_as_it_likes() -> None:
    tunnel = Tunnel(["sh", "-c", "echo rtsp://127.0.0.1/live; yes | head -c 1000000; sleep 600"])
    try:
        assert tunnel.read_address(SystemClock(), lambda: None) == "rtsp://127.0.0.1/live"
        for _ in range(50):
            tunnel.check()
    finally:
        tunnel.close()


def test_a_tunnel_that_has_ended_is_down() -> None:
    tunnel = Tunnel(["true"])
    try:
        with pytest.raises(SourceFailed, match="ended"):
            tunnel.check(within_s=5)
    finally:
        tunnel.close()


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        ([(None, None), (10, 10), (20, 20)], [(0, 0), (10, 10), (20, 20)]),
        (
            [(None, None), (30, None), (10, None), (20, 10), (60, 20)],
            [(0, -20), (30, -10), (10, 0), (20, 10), (60, 20)],
        ),
    ],
)
def test_the_first_pictures_get_the_times_they_lack(
    times: list[tuple[int | None, int | None]], expected: list[tuple[int, int]]
) -> None:
    packets = []
    for pts, dts in times:
        packet: av.Packet[Any] = av.Packet(b"picture")
        packet.pts, packet.dts, packet.duration = pts, dts, 10
        packets.append(packet)
    assert [(packet.pts, packet.dts) for packet in timed(iter(packets))] == expected


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((320, 240), (320, 240)),
        ((321, 241), (320, 240)),
        ((3840, 2160), (MOST_WIDTH, MOST_HEIGHT)),
        ((1, 1), (2, 2)),
        ((1080, 4000), (290, 1080)),
    ],
)
def test_a_picture_is_encoded_no_larger_than_a_guard_needs(size: tuple[int, int], expected: tuple[int, int]) -> None:
    assert fitted(*size) == expected
