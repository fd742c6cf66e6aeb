"""The playlist of a recorded period plays in players that know HLS and nothing of us: the hls.js of the live page."""

from __future__ import annotations

import time
from typing import Any

import pytest

from tests.browser.conftest import Guard
from tests.support.processes import until
from tests.unit.tasks.export_box import put_segment
from tests.unit.tasks.recording_box import Camera
from vmsd.clock import rfc3339
from vmsd.host.tree import Folder

pytestmark = [pytest.mark.browser, pytest.mark.timeout(60)]

SECONDS, FILES = 4, 2
OPEN = """(url) => {
    const video = document.body.appendChild(document.createElement("video"));
    video.muted = true;
    const hls = new Hls({ enableWorker: false });
    window.seen = { hls, video, errors: [] };
    hls.on("hlsError", (_, data) => window.seen.errors.push([data.details, data.fatal]));
    hls.loadSource(url);
    hls.attachMedia(video);
    video.playbackRate = 2;
    return video.play();
}"""
LOOK = """() => ({
    at: seen.video.currentTime, ready: seen.video.readyState, seeking: seen.video.seeking, ended: seen.video.ended,
    duration: seen.video.duration, wall: seen.hls.playingDate && seen.hls.playingDate.getTime(),
    frames: seen.video.getVideoPlaybackQuality().totalVideoFrames, errors: seen.errors,
})"""
SEEK = "(at) => { seen.video.currentTime = at; return seen.video.play(); }"


async def until_at(guard: Guard, at_s: float) -> dict[str, Any]:
    """The player once it plays, with a picture, from there on."""

    async def there() -> dict[str, Any] | None:
        seen = await guard.page.evaluate(LOOK)
        assert not [error for error in seen["errors"] if error[1]], seen
        return seen if at_s <= seen["at"] < at_s + 3 and seen["ready"] >= 2 and not seen["seeking"] else None

    seen: dict[str, Any] = await until(there, 15, f"the player is at {at_s} s", every_s=0.05)
    return seen


async def test_an_ordinary_player_plays_over_two_files_and_seeks_in_them(visitor: Guard) -> None:
    site = visitor.site
    camera_id = await site.add_camera("Portaria", "rtsp://127.0.0.1:9/none", recording_enabled=False)
    start_ms = round(time.time()) * 1000 - 600_000
    camera = Camera(Folder(site.city_id, camera_id), (0, 0), site.recordings)
    for number in range(FILES):
        put_segment(camera, start_ms + number * SECONDS * 1000, SECONDS, number)

    async def indexed() -> bool:
        return len(await site.indexed(camera_id)) == FILES

    await until(indexed, 30, "the recordings have their rows", every_s=0.2)
    await (await visitor.come_in()).open("/")
    period = f"start={rfc3339(start_ms)}&end={rfc3339(start_ms + FILES * SECONDS * 1000)}"
    await visitor.page.evaluate(OPEN, f"/replay/stream_{camera_id}/index.m3u8?{period}")
    assert (await until_at(visitor, 0.2))["duration"] == pytest.approx(FILES * SECONDS, abs=0.2)
    await until_at(visitor, SECONDS + 0.3)
    for at_s in (1.0, 6.2, 2.5):
        await visitor.page.evaluate(SEEK, at_s)
        seen = await until_at(visitor, at_s)
        assert seen["wall"] - start_ms == pytest.approx(seen["at"] * 1000, abs=150), "the time of day it says"
    await visitor.page.evaluate(SEEK, 7.0)

    async def ended() -> bool:
        return bool((await visitor.page.evaluate(LOOK))["ended"])

    await until(ended, 10, "it plays to the end", every_s=0.1)
    assert (await visitor.page.evaluate(LOOK))["errors"] == []
