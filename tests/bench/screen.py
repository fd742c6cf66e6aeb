"""What a screen shows: Chromium in front of live pictures, and MediaMTX alone with its own pages, the peer."""

from __future__ import annotations

import base64
import json
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from playwright.async_api import Browser, BrowserContext, Page, async_playwright

from tests.support.ports import free_port
from tests.support.processes import Process, until
from vmsd.demo.camera_picture import read_strip
from vmsd.demo.media_server import find_media_server
from vmsd.errors import BadMedia

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--autoplay-policy=no-user-gesture-required",
)
OWN_PAGES = "MediaMTX's own page"
GREY_WIDTH, GREY_HEIGHT = 320, 240
# Luma of the frame that is shown next and the moment it is to be seen; by this machine's clock, as the camera's.
LOOK = f"""() => new Promise((resolve, reject) => {{
    const video = [...document.querySelectorAll("video")].find((one) => one.readyState >= 2);
    if (!video) return resolve(null);
    setTimeout(() => resolve(null), 5000);
    video.requestVideoFrameCallback((now, facts) => {{
        const canvas = new OffscreenCanvas({GREY_WIDTH}, {GREY_HEIGHT});
        const pen = canvas.getContext("2d", {{ willReadFrequently: true }});
        pen.drawImage(video, 0, 0, canvas.width, canvas.height);
        const pixels = pen.getImageData(0, 0, canvas.width, canvas.height).data;
        const luma = Array.from({{ length: pixels.length / 4 }}, (_, at) => pixels[at * 4 + 1]);
        const text = luma.map((value) => String.fromCharCode(value)).join("");
        resolve([performance.timeOrigin + facts.expectedDisplayTime, btoa(text)]);
    }});
}})"""


@dataclass(frozen=True)
class OwnServer:
    """A MediaMTX nobody stands before, reading the same camera."""

    webrtc_port: int
    hls_port: int

    def page(self, quality: str, path: str) -> str:
        port = self.webrtc_port if quality == "webrtc" else self.hls_port
        return f"http://127.0.0.1:{port}/{path}/"


@asynccontextmanager
async def own_server(folder: Path, source: str, paths: list[str], *, low_latency: bool) -> AsyncIterator[OwnServer]:
    """With the segments and parts vmsd asks of its own by default."""
    webrtc, hls, rtsp, media = (free_port() for _ in range(4))
    settings = {
        "logLevel": "warn",
        "rtspAddress": f"127.0.0.1:{rtsp}",
        "rtspTransports": ["tcp"],
        "rtmp": False,
        "srt": False,
        "moq": False,
        "webrtcAddress": f"127.0.0.1:{webrtc}",
        "webrtcLocalUDPAddress": f"127.0.0.1:{media}",
        "webrtcIPsFromInterfaces": False,
        "webrtcAdditionalHosts": ["127.0.0.1"],
        "hlsAddress": f"127.0.0.1:{hls}",
        "hlsVariant": "lowLatency" if low_latency else "fmp4",
        "hlsAlwaysRemux": True,
        "hlsSegmentDuration": "2s",
        "hlsPartDuration": "200ms",
        "paths": {path: {"source": source, "rtspTransport": "tcp"} for path in paths},
    }
    file = folder / f"own-{webrtc}.yml"
    file.write_text(json.dumps(settings), "utf-8")
    process = await Process.start(*find_media_server().command, file, log=folder / "own.log", env={"TZ": "UTC"})
    try:
        yield OwnServer(webrtc, hls)
    finally:
        await process.end()


def is_possible() -> bool:
    """Real pictures on a real screen, or no figure at all."""
    if CHROMIUM.exists() and find_media_server().kind == "real":
        return True
    sys.stderr.write("needs Chromium and the real MediaMTX\n")
    return False


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        await browser.close()


async def log_in(context: BrowserContext, url: str, quality: str) -> None:
    """A window of somebody who asked for this quality in this browser."""
    await context.add_init_script(f"localStorage.setItem('vmsd.live', '{quality}')")
    body = {"name": "admin", "password": "uma senha de teste"}
    answer = await context.request.post(f"{url}/api/v1/auth/login", data=body)
    assert answer.ok, await answer.text()


async def behind_s(page: Page) -> float | None:
    """Seconds from the camera's clock in the picture to the moment it is seen; None when nothing legible is shown."""
    seen = await page.evaluate(LOOK)
    if seen is None:
        return None
    try:
        _, painted_ms = read_strip(base64.b64decode(seen[1]), GREY_WIDTH, GREY_HEIGHT)
    except BadMedia:
        return None
    return float(seen[0] - painted_ms) / 1000


async def until_shown(page: Page, within_s: float = 40) -> None:
    await until(lambda: behind_s(page), within_s, f"{page.url} shows the camera", every_s=0.2)


def browser_processes() -> Iterator[psutil.Process]:
    for process in psutil.Process().children(recursive=True):
        if "chrom" in process.name():
            yield process


def browser_cpu_s() -> float:
    """Seconds of a core that every process of this run's browsers has taken."""
    total = 0.0
    for process in browser_processes():
        times = process.cpu_times()
        total += times.user + times.system
    return total


def row(figure: str, vmsd: float, peer: float, unit: str, goal: object, peer_name: str = OWN_PAGES) -> dict[str, Any]:
    return {
        "figure": figure,
        "vmsd": vmsd,
        "peer": peer,
        "ratio": vmsd / peer if peer else None,
        "goal": goal,
        "unit": unit,
        "peer_name": peer_name,
    }
