"""Live through the daemon: what is served, to whom, and for how long."""

from __future__ import annotations

from typing import Any

from tests.support.processes import until
from tests.support.site import SMALL, Site


async def _playlist(site: Site, url: str) -> tuple[int, Any]:
    return await site.ask("GET", url, token="")


async def _plays(site: Site, url: str) -> bytes | None:
    status, body = await _playlist(site, url)
    return body if status == 200 else None


async def test_a_dead_substream_gives_way_to_the_main_stream(site: Site) -> None:
    camera = await site.camera("Portaria")
    await site.start()
    dead = camera.url.replace("/live", "/nowhere")
    camera_id = await site.add_camera("Portaria", camera.url, sub_source_url=dead)
    await site.until_state(camera_id, "online", 20)
    _, stream = await site.ask("POST", f"/api/v1/streams?camera_id={camera_id}")
    body = await until(lambda: _plays(site, stream["hls_url"]), 20, "live plays without its substream")
    assert b"RESOLUTION=320x240" in body


async def test_a_player_of_a_removed_camera_ends_within_5_seconds(site: Site) -> None:
    camera = await site.camera("Praça", *SMALL)
    await site.start()
    camera_id = await site.add_camera("Praça", camera.url)
    _, stream = await site.ask("POST", f"/api/v1/streams?camera_id={camera_id}")
    await until(lambda: _plays(site, stream["hls_url"]), 25, "live plays")
    await site.ask("DELETE", f"/api/v1/cameras/{camera_id}")

    async def ended() -> bool:
        return (await _playlist(site, stream["hls_url"]))[0] in (401, 404)

    await until(ended, 5, "the player is refused")


async def test_a_viewing_token_opens_no_other_camera_even_while_it_plays(site: Site) -> None:
    camera = await site.camera("Pátio")
    await site.start()
    own = await site.add_camera("Pátio", camera.url)
    other = await site.add_camera("Cofre", camera.url)
    _, stream = await site.ask("POST", f"/api/v1/streams?camera_id={own}")
    await until(lambda: _plays(site, stream["hls_url"]), 25, "live plays")
    status, _ = await _playlist(site, stream["hls_url"].replace(own, other))
    assert status == 404
