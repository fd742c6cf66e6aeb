"""Where the box calls cameras, with the real daemon and the real MediaMTX: where was checked, and nowhere else."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
import yaml

from tests.support.mounts import needs_root
from tests.support.processes import Process, until
from tests.support.redirects import counting, lying, playing, rtsp_redirect, sending_to
from tests.support.site import SMALL, VMSD, Site, TestCamera
from tests.support.sources import serving

FOLLOWED_S = 60
"""Within a minute, as everybody is promised."""
QUIET_S = 6
"""Time in which MediaMTX or a relay would have called twice: both try again every 5 s."""
PRIVATE_HOSTS = 'mount --bind "$0" /etc/hosts && exec "$@"'


async def until_cause(site: Site, camera_id: str, cause: str, within_s: float = 25) -> None:
    async def named() -> bool:
        return (await site.status(camera_id))["cause"] == cause

    await until(named, within_s, f"the cause is {cause}")


async def test_nobody_is_called_whom_a_camera_names(site: Site) -> None:
    """By a redirect or a playlist; the probe and the recording alike."""
    async with counting() as elsewhere:
        url = f"http://127.0.0.1:{elsewhere.port}"
        segments = f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{url}/1.ts\n#EXTINF:1,\n{url}/2.ts\n"
        async with serving(sending_to(f"{url}/x")) as sender, serving(playing(segments)) as player:
            await site.start()
            urls = [f"{sender}/still.jpg", f"{sender}/video.mjpg", f"{sender}/live.m3u8", f"{player}/index.m3u8"]
            for address in urls:
                body = {"protocol": "http", "source_url": address}
                status, answer = await site.ask("POST", "/api/v1/cameras/probe", body)
                assert (status, answer["cause"]) == (422, "redirects"), address
            added = [await site.add_camera("x", address, protocol="http") for address in urls]
            for camera_id in added:
                await until_cause(site, camera_id, "redirects")
            await asyncio.sleep(QUIET_S)
        assert elsewhere.connections == 0


async def test_mediamtx_follows_no_camera_in_circles_for_long(site: Site) -> None:
    """Each turn costs MediaMTX memory it does not give back."""
    async with lying(rtsp_redirect("")) as liar:
        liar.answers = rtsp_redirect(f"rtsp://127.0.0.1:{liar.port}/again")
        await site.start()
        camera_id = await site.add_camera("Roda", f"rtsp://127.0.0.1:{liar.port}/live")
        await until_cause(site, camera_id, "redirects")

        async def quiet() -> bool:
            before = len(liar.asked)
            await asyncio.sleep(1)
            return len(liar.asked) - before <= 2

        await until(quiet, 10, "MediaMTX has let go of it")


@pytest.fixture
async def named(tmp_path: Path) -> AsyncIterator[tuple[Site, Path]]:
    """A site whose daemon has an /etc/hosts of its own, which the test writes."""
    hosts = tmp_path / "hosts"
    hosts.write_text("127.0.0.1 localhost\n")
    async with Site(tmp_path, cameras={"networks": ["127.0.0.2/31"]}) as site:
        yield site, hosts


async def start(site: Site, hosts: Path) -> None:
    await site.start_mediamtx()
    namespace = ("unshare", "--mount", "--propagation", "private", "sh", "-c", PRIVATE_HOSTS, hosts)
    site.vmsd = await Process.start(*namespace, *VMSD, "run", "--config", site.config, log=site.folder / "vmsd.log")
    await until(site.is_healthy, 30, "the site is healthy")


def sources(site: Site) -> dict[str, str]:
    paths = yaml.safe_load(site.mediamtx_file.read_text())["paths"] or {}
    return {name.partition("/")[2]: path["source"] for name, path in paths.items()}


@needs_root
async def test_a_camera_whose_name_moves_is_recorded_from_there_and_nobody_else_is_disturbed(
    named: tuple[Site, Path],
) -> None:
    site, hosts = named
    old = await site.camera("Antiga", "--host", "127.0.0.2", *SMALL)
    new = TestCamera("Nova", site.folder, ("--host", "127.0.0.3", *SMALL), port := old.port)
    await new.start()
    other = await site.camera("Outra", "--host", "127.0.0.2", *SMALL)
    hosts.write_text("127.0.0.1 localhost\n127.0.0.2 cam.lan\n")
    await site.command("render-mediamtx", "--out", str(site.mediamtx_file))
    await start(site, hosts)
    moving = await site.add_camera("Portaria", f"rtsp://cam.lan:{port}/live")
    staying = await site.add_camera("Outra", other.url)
    assert sources(site)[moving] == f"rtsp://127.0.0.2:{port}/live"
    await asyncio.gather(site.until_recording(moving), site.until_recording(staying))

    hosts.write_text("127.0.0.1 localhost\n127.0.0.3 cam.lan\n")
    await until(lambda: _at(site, moving, f"rtsp://127.0.0.3:{port}/live"), FOLLOWED_S, "the new address is used")
    await site.until_state(moving, "online", 25)
    assert (await site.status(staying))["state"] == "online"
    assert [line["state"] for line in await site.history(staying)].count("offline") == 0

    hosts.write_text("127.0.0.1 localhost\n127.0.0.1 cam.lan\n")  # neither allowed nor to be called

    async def told() -> bool:
        assert site.vmsd
        return "address_refused" in site.vmsd.output()

    await until(told, FOLLOWED_S, "the log says that the name leads astray")
    assert sources(site)[moving] == f"rtsp://127.0.0.3:{port}/live"
    await new.kill()
    await until_cause(site, moving, "address_refused")
    status, answer = await site.ask("POST", "/api/v1/cameras/probe", {"source_url": f"rtsp://cam.lan:{port}/live"})
    assert (status, answer["errors"][0]["pointer"]) == (422, "/source_url")


async def _at(site: Site, camera_id: str, source: str) -> bool:
    return sources(site).get(camera_id) == source


async def test_a_probed_address_is_in_nobodys_command_line(site: Site, tmp_path: Path) -> None:
    """`-` takes it from standard input; the process that opens it gets it through a pipe."""
    camera = await site.camera("Portaria", "--username", "admin", "--password", "canario-9187")
    seen: set[str] = set()
    with (tmp_path / "probe.log").open("wb") as log:
        probe = await asyncio.create_subprocess_exec(
            *VMSD, "camera", "probe", "-", stdin=asyncio.subprocess.PIPE, stdout=log, stderr=log
        )
    asking = asyncio.ensure_future(probe.communicate(f"{camera.url}\n".encode()))
    while not asking.done():
        seen |= shown_by(psutil.Process(probe.pid))
        await asyncio.sleep(0.02)
    assert probe.returncode == 0, (tmp_path / "probe.log").read_text()
    assert json.loads((tmp_path / "probe.log").read_text())["codec"] == "h264"
    assert any("worker_main" in words for words in seen), "the process that opens the camera was seen"
    assert not [words for words in seen if "canario" in words]


def shown_by(process: psutil.Process) -> set[str]:
    """What can be read of the process and of those it has started: command lines and environments."""
    found: set[str] = set()
    with suppress(psutil.NoSuchProcess):
        for one in (process, *process.children(recursive=True)):
            found |= {" ".join(one.cmdline()), str(one.environ())}
    return found


async def test_the_help_says_how_to_keep_the_password_to_oneself(tmp_path: Path) -> None:
    process = await Process.start(sys.executable, "-m", "vmsd", "camera", "probe", "--help", log=tmp_path / "help.log")
    assert await process.wait(20) == 0
    assert "standard input" in process.output()
