"""A mosaic whose cameras come and go: no tile ends black, none lies, and the page does not grow.

`VMSD_TEST_FLAPPING_S` is how long it is watched, `VMSD_TEST_FLAPPING_CAMERAS` how many tiles there are: 600 and 16
are a guard's night in small.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from statistics import median
from typing import Any

import psutil
import pytest
import pytest_asyncio
from playwright.async_api import CDPSession, Page

from tests.browser.conftest import Guard, chromium
from tests.browser.test_mosaic import BRIGHTEST
from tests.support.processes import until
from tests.support.site import Site, TestCamera

LENGTH_S = float(os.environ.get("VMSD_TEST_FLAPPING_S", "20"))
CAMERAS = int(os.environ.get("VMSD_TEST_FLAPPING_CAMERAS", "4"))
pytestmark = [pytest.mark.browser, pytest.mark.timeout(LENGTH_S + 240)]

FRUGAL = ("--size", "320x180", "--fps", "5", "--gop-s", "1", "--bitrate-k", "100")
LOOK_EVERY_S = 1.0
UP_S, DOWN_S = ((4, 8), (5, 8)) if LENGTH_S < 120 else ((25, 60), (6, 20))
TOLD_WITHIN_S = 8
"""After this long without a camera its tile no longer says that the picture is live."""
DARKEST = 60
LOOK = f"""() => [...document.querySelectorAll("#mosaic > .cell")].map((cell) => ({{
    shown: cell.querySelector("vmsd-player:not([inert])").dataset.show ?? "",
    by: cell.querySelector("vmsd-player:not([inert])").dataset.by ?? "",
    brightness: ({BRIGHTEST})(cell),
}}))"""


@dataclass
class Flapping:
    """One camera that is killed and started again until the end."""

    camera: TestCamera
    chance: random.Random
    down_since_s: float | None = None
    falls: int = 0

    async def go_on(self) -> None:
        while True:
            await asyncio.sleep(self.chance.uniform(*UP_S))
            await self.camera.kill()
            self.down_since_s, self.falls = asyncio.get_running_loop().time(), self.falls + 1
            await asyncio.sleep(self.chance.uniform(*DOWN_S))
            await bring_back(self.camera)
            self.down_since_s = None

    @property
    def must_be_told(self) -> bool:
        down_s = self.down_since_s
        return down_s is not None and asyncio.get_running_loop().time() - down_s > TOLD_WITHIN_S


async def bring_back(camera: TestCamera, tries: int = 5) -> None:
    """On its own port, which somebody else's connection may hold for a moment."""
    while True:
        try:
            await camera.start()
        except AssertionError:
            tries -= 1
            if not tries:
                raise
            await asyncio.sleep(1)
        else:
            return


@dataclass
class Watch:
    """What was seen of a page while its cameras came and went."""

    page: Page
    session: CDPSession
    looks: int = 0
    dark: list[str] = field(default_factory=list)
    lies: list[str] = field(default_factory=list)
    longest_dark: int = 0
    heaps: list[float] = field(default_factory=list)
    nodes: list[float] = field(default_factory=list)
    listeners: list[float] = field(default_factory=list)
    resident_mb: list[float] = field(default_factory=list)

    async def look(self, dark_for: list[int], cameras: list[Flapping]) -> None:
        tiles: list[dict[str, Any]] = await self.page.evaluate(LOOK)
        self.looks += len(tiles)
        for number, tile in enumerate(tiles):
            is_dark = (tile["brightness"] or 0) <= DARKEST
            if is_dark:
                self.dark.append(f"{tile['shown']} {tile['by']}".strip())
            dark_for[number] = dark_for[number] + 1 if is_dark else 0
            self.longest_dark = max(self.longest_dark, dark_for[number])
            if cameras[number].must_be_told and tile["shown"] == "live":
                self.lies.append(f"tile {number + 1} of a dead camera says {tile['shown']}")

    async def measure(self) -> None:
        """After the garbage was collected."""
        await self.session.send("HeapProfiler.collectGarbage")
        metrics = {one["name"]: one["value"] for one in (await self.session.send("Performance.getMetrics"))["metrics"]}
        self.heaps.append(metrics["JSHeapUsedSize"] / 1e6)
        self.nodes.append(metrics["Nodes"])
        self.listeners.append(metrics["JSEventListeners"])
        self.resident_mb.append(renderer_mb())

    def __str__(self) -> str:
        def row(name: str, values: list[float]) -> str:
            first, last = thirds(values)
            return f"{name:18} first third {first:9.1f}   last third {last:9.1f}   most {max(values):9.1f}"

        figures = {
            "heap, MB": self.heaps,
            "nodes": self.nodes,
            "listeners": self.listeners,
            "renderer, MB": self.resident_mb,
        }
        lines = [row(name, values) for name, values in figures.items()]
        dark = f"dark {len(self.dark)} {dict(Counter(self.dark))}, longest {self.longest_dark} in a row"
        return "\n".join([f"looks {self.looks}, {dark}", *lines])


def renderer_mb() -> float:
    """Of the largest renderer below this process: the page's."""
    found = []
    for process in psutil.Process().children(recursive=True):
        try:
            if "--type=renderer" in process.cmdline():
                found.append(process.memory_info().rss / 1e6)
        except psutil.Error:
            continue
    return max(found, default=0.0)


def thirds(values: list[float]) -> tuple[float, float]:
    """The medians of the first and of the last third."""
    size = max(1, len(values) // 3)
    return median(values[:size]), median(values[-size:])


@pytest_asyncio.fixture
async def watched(site: Site) -> AsyncIterator[tuple[Guard, list[TestCamera]]]:
    await site.start()
    cameras = [await site.camera(f"Câmera {number + 1}", *FRUGAL) for number in range(CAMERAS)]
    ids = await site.add_cameras(*cameras)
    side = 4 if CAMERAS > 9 else 3 if CAMERAS > 4 else 2
    body = {"name": "Noite", "layout": f"{side}x{side}", "cameras": ids}
    status, mosaic = await site.ask("POST", "/api/v1/mosaics", body)
    assert status == 201, mosaic
    async with (
        chromium() as browser,
        await browser.new_context(viewport={"width": 1920, "height": 1080}, locale="pt-BR") as context,
    ):
        guard = await Guard(site, await context.new_page()).come_in()
        await guard.open(f"/mosaic/{mosaic['id']}")
        await guard.until_playing(60, CAMERAS)
        yield guard, cameras
        assert guard.complaints == []


async def test_no_tile_ends_black_and_the_page_does_not_grow_while_cameras_flap(
    watched: tuple[Guard, list[TestCamera]],
) -> None:
    guard, cameras = watched
    session = await guard.page.context.new_cdp_session(guard.page)
    await session.send("Performance.enable")
    watch, chance = Watch(guard.page, session), random.Random(5)
    flapping = [Flapping(camera, random.Random(chance.random())) for camera in cameras]
    try:
        await watch_for(watch, flapping)
    finally:
        print(f"\n{LENGTH_S:.0f} s, {CAMERAS} tiles, {sum(one.falls for one in flapping)} falls\n{watch}")
    for camera in cameras:
        if camera.process is None or not camera.process.running:
            await bring_back(camera)
    await guard.until_playing(60, CAMERAS)
    assert sum(one.falls for one in flapping) >= CAMERAS
    assert watch.longest_dark < 2, "a tile stayed black"
    assert watch.lies == []
    heap, nodes = thirds(watch.heaps), thirds(watch.nodes)
    assert heap[1] < heap[0] * 1.2 + 2, watch
    assert nodes[1] < nodes[0] * 1.1 + 50, watch


async def watch_for(watch: Watch, flapping: list[Flapping]) -> None:
    """Cameras come and go for `LENGTH_S`; a measure every thirtieth of it."""
    now_s = asyncio.get_running_loop().time
    end_s, due_s, dark_for = now_s() + LENGTH_S, now_s(), [0] * CAMERAS
    tasks = [asyncio.create_task(one.go_on()) for one in flapping]
    try:
        while now_s() < end_s:
            await watch.look(dark_for, flapping)
            if now_s() >= due_s:
                await watch.measure()
                due_s += LENGTH_S / 30
            await asyncio.sleep(LOOK_EVERY_S)
            assert not [task for task in tasks if task.done()], "a camera did not come back"
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    await until(watch.page.title, 10, "the page is still there")
