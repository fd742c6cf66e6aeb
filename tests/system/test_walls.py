"""A screen on a wall, and what is measured of the streams it shows, on a whole site with real cameras."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

import aiohttp

from tests.support.processes import until
from tests.support.site import SMALL, Site

FPS = 10


async def _answer(site: Site, url: str) -> tuple[int, Any]:
    return await site.ask("GET", url, token="")


async def _plays(site: Site, url: str) -> bytes | None:
    """The media playlist behind the index."""
    status, index = await _answer(site, url)
    if status != 200:
        return None
    name = next(line for line in index.decode().splitlines() if line and not line.startswith("#"))
    status, media = await _answer(site, f"{url.rpartition('/')[0]}/{name}")
    return media if status == 200 else None


async def _hang_wall(site: Site, *cameras: str) -> dict[str, Any]:
    body = {"name": "Parede", "layout": "2x2", "cameras": list(cameras)}
    status, mosaic = await site.ask("POST", "/api/v1/mosaics", body)
    assert status == 201, mosaic
    status, wall = await site.ask("POST", "/api/v1/walls", {"name": "Sala", "mosaic_id": mosaic["id"]})
    assert status == 201, wall
    return dict(wall)


async def test_a_revoked_wall_is_dark_within_5_seconds(site: Site) -> None:
    camera = await site.camera("Praça", *SMALL)
    await site.start()
    camera_id = await site.add_camera("Praça", camera.url)
    wall = await _hang_wall(site, camera_id)
    assert (await _answer(site, wall["url"]))[0] == 200
    status, stream = await site.ask("POST", f"/api/v1/streams?camera_id={camera_id}", token=wall["key"])
    assert status == 201, stream
    await until(lambda: _plays(site, stream["hls_url"]), 25, "the wall plays")
    status, _ = await site.ask("DELETE", f"/api/v1/walls/{wall['id']}")
    assert status == 204
    began_s = time.monotonic()
    while (status := (await _answer(site, stream["hls_url"]))[0]) == 200:
        assert time.monotonic() - began_s < 5
        await asyncio.sleep(0.2)
    assert status == 401
    assert (await site.ask("GET", "/api/v1/wall", token=wall["key"]))[0] == 401
    assert (await _answer(site, wall["url"]))[0] == 404


async def test_what_is_told_of_a_stream_is_measured(site: Site) -> None:
    """Recorded or not; and who listens hears of the camera's end."""
    camera = await site.camera("Praça", *SMALL)
    await site.start()
    recorded = await site.add_camera("Gravada", camera.url)
    live = await site.add_camera("Ao vivo", camera.url, recording_enabled=False)
    await site.until_recording(recorded)

    async def measured(camera_id: str) -> dict[str, Any] | None:
        now: dict[str, Any] = (await site.get(f"/api/v1/cameras/{camera_id}/metrics"))["now"]
        return None if None in (now["fps"], now["latency"], now["bitrate"]) else now

    for camera_id in (recorded, live):
        now = await until(lambda camera_id=camera_id: measured(camera_id), 40, "everything is measured")
        assert abs(now["fps"] - FPS) <= 1.5, now
        assert 0 <= now["latency"] < 4, now
        assert now["bitrate"] > 20_000
        assert (now["codecs"], now["width"], now["height"]) == (["H264"], 320, 240)
    _, stream = await site.ask("POST", f"/api/v1/streams?camera_id={recorded}")
    address = f"{site.url}/api/v1/streams/{stream['session_id']}/events?token={stream['hls_url'].rpartition('=')[2]}"
    async with aiohttp.ClientSession() as http, http.ws_connect(address) as ws:
        first = {}
        async with asyncio.timeout(20):
            while {"online", "viewer", "recording"} - first.keys():
                said = json.loads((await ws.receive()).data)
                first[said["type"]] = said
        assert (first["viewer"]["viewers"], first["recording"]["recording"]) == (1, True)
        _, again = await site.ask("POST", f"/api/v1/streams?camera_id={recorded}")
        assert again["camera_id"] == recorded
        await camera.kill()
        later = {}
        async with asyncio.timeout(45):
            while {"offline", "viewer", "recording"} - later.keys():
                said = json.loads((await ws.receive()).data)
                later[said["type"]] = said
        assert (later["viewer"]["viewers"], later["recording"]["recording"]) == (2, False)
        assert all(said["time"] for said in later.values() if said["type"] in ("offline", "viewer", "recording"))
    now = (await site.get(f"/api/v1/cameras/{recorded}/metrics"))["now"]
    assert (now["fps"], now["latency"]) == (None, None)
