"""One camera through the whole product, with real processes and real video."""

from __future__ import annotations

import asyncio

from tests.support.processes import until
from tests.support.site import Site


async def test_a_camera_is_live_and_recorded_and_shown(site: Site) -> None:
    camera = await site.camera("Portaria")
    await site.start()
    camera_id = await site.add_camera("Portaria", camera.url)
    await site.until_state(camera_id, "online", 20)
    await site.until_recording(camera_id)
    still = await until(lambda: _still(site, camera_id), 30, "there is a picture")
    assert still.startswith(b"\xff\xd8\xff")
    probe = await asyncio.create_subprocess_exec(
        "ffprobe", "-v", "error", "-show_entries", "stream=codec_name,width", "-of", "csv=p=0",
        str(site.files(camera_id)[0]), stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, _ = await probe.communicate()
    assert out.split() == [b"h264,320"]


async def _still(site: Site, camera_id: str) -> bytes | None:
    status, body = await site.ask("GET", f"/api/v1/cameras/{camera_id}/snapshot.jpg")
    return body if status == 200 else None


async def test_a_killed_camera_is_shown_offline_within_3_seconds_and_comes_back(site: Site) -> None:
    camera = await site.camera("Praça")
    await site.start()
    camera_id = await site.add_camera("Praça", camera.url)
    await site.until_state(camera_id, "online", 20)
    await camera.kill()
    await site.until_state(camera_id, "offline", 3)
    status = await until(lambda: _cause(site, camera_id), 15, "the cause is named")
    assert status == "port_closed"
    await camera.start()
    await site.until_state(camera_id, "online", 20)


async def _cause(site: Site, camera_id: str) -> str | None:
    cause = (await site.status(camera_id))["cause"]
    return cause if cause != "unknown" else None
