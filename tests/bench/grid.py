"""Sixteen tiles on one page: frames that are not shown, the longest wait for one, and what it takes of the machine."""

from __future__ import annotations

import asyncio
import tempfile
import time
from pathlib import Path
from typing import Any

from playwright.async_api import Browser
from screen import (
    OWN_PAGES,
    browser_cpu_s,
    chromium,
    is_possible,
    log_in,
    own_server,
    row,
)

from tests.support.processes import until
from tests.support.site import Site

TILES = 16
FPS = 12
CAMERA = ("--size", "640x360", "--fps", f"{FPS}", "--gop-s", "2", "--bitrate-k", "500")
SETTLE_S = 15
WATCH_S = 40
NAMES = {"webrtc": "WebRTC", "hls": "HLS"}
# Of every frame that is shown: how many, and the longest wait for the next.
COUNT = """() => {
    window.tiles = [...document.querySelectorAll("video")].map((video) => {
        const tile = { video, shown: 0, last: performance.now(), wait: 0, before: video.getVideoPlaybackQuality() };
        const next = (now, facts) => {
            tile.shown += facts.presentedFrames - (tile.presented ?? facts.presentedFrames - 1);
            tile.presented = facts.presentedFrames;
            tile.wait = Math.max(tile.wait, now - tile.last);
            tile.last = now;
            video.requestVideoFrameCallback(next);
        };
        video.requestVideoFrameCallback(next);
        return tile;
    });
    return window.tiles.length;
}"""
COUNTED = """() => window.tiles.map(({ video, shown, wait, last, before }) => {
    const after = video.getVideoPlaybackQuality();
    return {
        shown,
        wait: Math.max(wait, performance.now() - last),
        dropped: after.droppedVideoFrames - before.droppedVideoFrames,
        black: !video.isConnected || video.readyState < 2,
    };
})"""


def run() -> list[dict[str, Any]]:
    if not is_possible():
        return []
    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(_measure(Path(folder)))


async def _measure(folder: Path) -> list[dict[str, Any]]:
    """One generated camera stands for all: it is the screen that is measured."""
    async with Site(folder, mediamtx={"hls_segment_s": 2}) as site, chromium() as browser:
        camera = await site.camera("Banco", *CAMERA)
        await site.start()
        cameras = [{"name": f"Banco {number + 1}", "source_url": camera.url} for number in range(TILES)]
        status, answer = await site.ask("POST", "/api/v1/cameras/import", {"cameras": cameras})
        assert status == 201, answer
        await until(lambda: _online(site), 60, "every camera is on air")
        rows = []
        for quality, name in NAMES.items():
            ours = await _watch_ours(site, browser, quality)
            theirs = await _watch_own(folder, browser, quality, camera.url)
            rows += _rows(name, ours, theirs)
        return rows


async def _online(site: Site) -> bool:
    return all(one["state"] == "online" for one in (await site.get("/api/v1/states"))["items"])


async def _watch_ours(site: Site, browser: Browser, quality: str) -> dict[str, float]:
    async with await browser.new_context(viewport={"width": 1920, "height": 1080}) as window:
        await log_in(window, site.url, quality)
        page = await window.new_page()
        await page.goto(site.url)
        every = f"""() => {{
            const tiles = [...document.querySelectorAll("vmsd-player")];
            return tiles.length === {TILES} && tiles.every((tile) => tile.dataset.by === "{quality}");
        }}"""
        await page.wait_for_function(every, timeout=60_000)
        return await _watch([page])


async def _watch_own(folder: Path, browser: Browser, quality: str, source: str) -> dict[str, float]:
    """Its own pages in a grid of frames, as wide and high as tiles are."""
    paths = [f"camera{number}" for number in range(TILES)]
    async with (
        own_server(folder, source, paths, low_latency=False) as own,
        await browser.new_context(viewport={"width": 1920, "height": 1080}) as window,
    ):
        await asyncio.sleep(SETTLE_S)
        page = await window.new_page()
        pages = [own.page(quality, path) for path in paths]
        await page.goto(pages[0])
        frames = "".join(f'<iframe src="{url}" width="470" height="260"></iframe>' for url in pages)
        await page.set_content(frames)
        return await _watch(page.frames[1:])


async def _watch(frames: list[Any]) -> dict[str, float]:
    await asyncio.sleep(SETTLE_S)
    counted = [await frame.evaluate(COUNT) for frame in frames]
    assert sum(counted) == TILES, counted
    cpu_s, began = browser_cpu_s(), time.monotonic()
    await asyncio.sleep(WATCH_S)
    tiles = [tile for frame in frames for tile in await frame.evaluate(COUNTED)]
    took_s = time.monotonic() - began
    assert not any(tile["black"] for tile in tiles), tiles
    return {
        "missed": max(0.0, 1 - sum(tile["shown"] for tile in tiles) / (took_s * FPS * TILES)) * 100,
        "dropped": sum(tile["dropped"] for tile in tiles) / (took_s * FPS * TILES) * 100,
        "wait_ms": max(tile["wait"] for tile in tiles),
        "cpu": (browser_cpu_s() - cpu_s) / took_s * 100,
    }


def _rows(name: str, vmsd: dict[str, float], peer: dict[str, float]) -> list[dict[str, Any]]:
    figures = (
        ("missed", "frames of the cameras not shown", "%", "<= 2 %"),
        ("dropped", "frames the browser dropped", "%", "<= 2 %"),
        ("wait_ms", "longest wait for a frame", "ms", None),
        ("cpu", "CPU of Chromium", "% of a core", "<= 1.1 x"),
    )
    peer_name = f"{OWN_PAGES}, {TILES} of them"
    return [
        row(f"{TILES} tiles by {name}: {what}", vmsd[key], peer[key], unit, goal, peer_name)
        for key, what, unit, goal in figures
    ]
