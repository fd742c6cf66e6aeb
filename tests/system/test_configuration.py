"""MediaMTX's file follows the store: soon, not too often, and whatever happens to it."""

from __future__ import annotations

import asyncio
import itertools
import re
import time
from pathlib import Path

from tests.support.api_recorder import inode_of
from tests.support.processes import until
from tests.support.site import Site


async def test_a_new_camera_is_in_mediamtx_when_its_answer_comes(site: Site) -> None:
    await site.start()
    for number in range(3):
        began_s = time.monotonic()
        camera = {"name": f"Câmera {number}", "source_url": _nowhere(number)}
        status, body = await site.ask("POST", "/api/v1/cameras", camera)
        assert (status, body["applied"]) == (201, True)
        assert time.monotonic() - began_s < 5
        assert body["id"] in site.mediamtx_file.read_text("utf-8")
    assert (await site.system())["mediamtx"]["applied"]


async def test_many_changes_are_few_writes_and_the_same_content_is_not_written_again(site: Site) -> None:
    await site.start()
    watching = asyncio.create_task(_writes(site.mediamtx_file, 9))
    camera_ids = await asyncio.gather(*(site.add_camera(f"Câmera {n}", _nowhere(n)) for n in range(8)))
    seen = await watching
    assert 1 <= len(seen) <= 4
    assert all(after - before > 1.9 for before, after in itertools.pairwise(seen)), seen
    assert all(camera_id in site.mediamtx_file.read_text("utf-8") for camera_id in camera_ids)

    inode = site.mediamtx_file.stat().st_ino
    status, body = await site.ask("PATCH", f"/api/v1/cameras/{camera_ids[0]}", {"name": "Outro nome"})
    assert (status, body["applied"]) == (200, True)
    assert site.mediamtx_file.stat().st_ino == inode
    assert _last_good(site).read_text("utf-8") == site.mediamtx_file.read_text("utf-8")


async def test_vmsd_and_its_command_write_the_same_file_to_the_byte(site: Site) -> None:
    await site.start()
    await site.add_camera("Portaria", _nowhere(1))
    await site.ask("POST", "/api/v1/cameras", {"name": "Empurra", "protocol": "rtmp"})

    async def both() -> bool:
        return site.mediamtx_file.read_text("utf-8").count("source:") == 2

    await until(both, 8, "the daemon has written both cameras")
    await site.command("render-mediamtx", "--out", str(site.folder / "other.yml"))
    assert (site.folder / "other.yml").read_bytes() == site.mediamtx_file.read_bytes()


async def test_a_file_that_somebody_edits_is_put_right_within_10_seconds(site: Site) -> None:
    await site.start()
    await site.add_camera("Portaria", _nowhere(1))
    right = site.mediamtx_file.read_text("utf-8")
    without_paths, none_at_all = (
        re.sub(r"paths:\n(?s:.*)", "paths: {}\n", right),
        right.replace("hls: true", "hls: talvez"),
    )
    for wrong in (without_paths, none_at_all, ""):
        assert wrong != right
        _put(site.mediamtx_file, wrong)
        await until(lambda: _says(site, right), 10, "the file is right again")
        if not (site.mediamtx and site.mediamtx.running):
            await site.start_mediamtx()  # it ends when its file is none; systemd starts it again
        await until(lambda: _applied(site), 12, "MediaMTX has everything")


async def test_a_mediamtx_started_with_nothing_has_everything_within_10_seconds(site: Site) -> None:
    await site.start()
    camera = await site.camera("Portaria")
    camera_id = await site.add_camera("Portaria", camera.url)
    await site.until_state(camera_id, "online", 20)
    await site.kill_mediamtx()
    empty = re.sub(r"paths:\n(?s:.*)", "paths: {}\n", site.mediamtx_file.read_text("utf-8"))
    other = site.folder / "run" / "empty.yml"
    other.write_text(empty, "utf-8")
    other.rename(site.mediamtx_file)
    await site.start_mediamtx()
    await until(lambda: _path_is_there(site), 10, "the path is back")
    await site.until_state(camera_id, "online", 15)


async def test_cameras_from_the_console_are_taken_up_by_the_running_daemon(site: Site) -> None:
    await site.start()
    cameras = site.folder / "cameras.csv"
    cameras.write_text(f"name,source_url\nPortaria,{_nowhere(1)}\n", "utf-8")
    await site.command("camera", "import", str(cameras), "--city", site.city_id)
    await until(lambda: _path_is_there(site), 10, "MediaMTX's file has the camera")


def _nowhere(number: int) -> str:
    return f"rtsp://127.0.0.{number + 1}:9/live"


def _last_good(site: Site) -> Path:
    return site.mediamtx_file.with_suffix(".last.yml")


def _put(file: Path, text: str) -> None:
    temporary = file.with_suffix(".edited")
    temporary.write_text(text, "utf-8")
    temporary.rename(file)


async def _says(site: Site, text: str) -> bool:
    return site.mediamtx_file.read_text("utf-8") == text


async def _applied(site: Site) -> bool:
    mediamtx = (await site.system())["mediamtx"]
    return bool(mediamtx["applied"] and mediamtx["alive"])


async def _path_is_there(site: Site) -> bool:
    return "source:" in site.mediamtx_file.read_text("utf-8") and await _applied(site)


async def _writes(file: Path, for_s: float) -> list[float]:
    """When the file was replaced, in seconds of the monotonic clock."""
    seen, inode, end_s = [], inode_of(file), time.monotonic() + for_s
    while time.monotonic() < end_s:
        await asyncio.sleep(0.02)
        if inode_of(file) != inode:
            inode = inode_of(file)
            seen.append(time.monotonic())
    return seen
