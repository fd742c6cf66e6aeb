"""Glass to glass: from the clock a camera paints into its picture to the screen, per quality, beside MediaMTX alone."""

from __future__ import annotations

import asyncio
import statistics
import tempfile
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, Page
from screen import behind_s, chromium, is_possible, log_in, own_server, row, until_shown

from tests.support.processes import until
from tests.support.site import Site

CAMERA = ("--size", "640x360", "--fps", "15", "--gop-s", "1", "--bitrate-k", "600")
SAMPLES = 40
ROUNDS = 3
EVERY_S = 0.15
RUNNING_S = 20
"""A camera that has only just come is nearer: its playlist is still short."""
SETTLE_S = 8
"""Players catch up with live during their first seconds."""
NAMES = {"webrtc": "WebRTC", "ll_hls": "LL-HLS", "hls": "HLS"}
GOALS = {"webrtc": "<= 0.5 s, <= 1.1 x", "ll_hls": "<= 2 s, <= 1.1 x", "hls": "<= 6 s, <= 1.1 x"}


def run() -> list[dict[str, Any]]:
    if not is_possible():
        return []
    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(_measure(Path(folder)))


async def _measure(folder: Path) -> list[dict[str, Any]]:
    async with Site(folder, mediamtx={"hls_segment_s": 2}) as site, chromium() as browser:
        camera = await site.camera("Relógio", *CAMERA)
        await site.start()
        camera_id = await site.add_camera(camera.name, camera.url)
        await site.until_state(camera_id, "online", 30)
        async with (
            own_server(folder, camera.url, ["camera"], low_latency=True) as quick,
            own_server(folder, camera.url, ["camera"], low_latency=False) as plain,
        ):
            await asyncio.sleep(RUNNING_S)
            rows = []
            for quality in NAMES:
                own = plain if quality == "hls" else quick
                rows += await _compare(site, browser, quality, own.page(quality, "camera"), camera_id)
            return rows


async def _compare(site: Site, browser: Browser, quality: str, own_url: str, camera_id: str) -> list[dict[str, Any]]:
    """Both screens are open at once and looked at in turns."""
    async with await browser.new_context() as ours, await browser.new_context() as theirs:
        await log_in(ours, site.url, quality)
        mine, own = await ours.new_page(), await theirs.new_page()
        await mine.goto(f"{site.url}/camera/{camera_id}")
        await own.goto(own_url)
        await until_shown(mine)
        await until_shown(own)
        await until(lambda: _comes_by(mine, quality), 30, f"the picture comes by {quality}")
        await asyncio.sleep(SETTLE_S)
        samples: dict[Page, list[float]] = {mine: [], own: []}
        for _ in range(ROUNDS):
            for page in samples:
                samples[page] += await _look(page)
        assert await _comes_by(mine, quality), f"{quality} did not last"
    vmsd, peer = sorted(samples[mine]), sorted(samples[own])
    name, p95 = NAMES[quality], lambda seen: seen[int(len(seen) * 0.95)]
    return [
        row(f"glass to glass, {name}, median", statistics.median(vmsd), statistics.median(peer), "s", GOALS[quality]),
        row(f"glass to glass, {name}, 95 %", p95(vmsd), p95(peer), "s", None),
    ]


async def _comes_by(page: Page, quality: str) -> bool:
    return bool(await page.evaluate("document.querySelector('vmsd-player').dataset.by") == quality)


async def _look(page: Page) -> list[float]:
    seen = []
    for _ in range(SAMPLES):
        behind = await behind_s(page)
        seen += [] if behind is None else [behind]
        await asyncio.sleep(EVERY_S)
    return seen
