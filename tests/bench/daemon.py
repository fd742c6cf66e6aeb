"""The daemon as a process: how fast it answers, what it holds, and what it costs beside MediaMTX."""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import time
import urllib.error
import urllib.request
from contextlib import suppress
from pathlib import Path
from typing import Any

import aiohttp
import psutil

from tests.support.processes import Process, until
from tests.support.site import Site

HERE = Path(__file__).resolve().parent
CAMERAS = 64
GUARDS = 8
TILES = 16
STARTS = 5
WATCH_S = 20
ANSWER_S = 30


def run() -> list[dict[str, Any]]:
    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(_measure(Path(folder)))


async def _measure(folder: Path) -> list[dict[str, Any]]:
    async with Site(folder, mediamtx={"segment_s": 60, "hls_segment_s": 2}) as site:
        camera = await site.camera("Banco", "--size", "640x360", "--fps", "12", "--gop-s", "2", "--bitrate-k", "500")
        await site.start()
        cameras = [{"name": f"Banco {number}", "source_url": camera.url} for number in range(CAMERAS)]
        status, answer = await site.ask("POST", "/api/v1/cameras/import", {"cameras": cameras})
        assert status == 201, answer
        ids = [item["id"] for item in answer["items"]]
        await until(lambda: _recording(site, CAMERAS), 90, "every camera is recorded")
        return [await _memory(site, folder), *await _cpu(site, ids), await _start(site, folder)]


async def _recording(site: Site, count: int) -> bool:
    states = (await site.get("/api/v1/states"))["items"]
    return sum(one["recording"] for one in states) == count


async def _memory(site: Site, folder: Path) -> dict[str, Any]:
    assert site.vmsd is not None
    port = _free_port()
    peer = await Process.start(sys.executable, HERE / "daemon_peer.py", port, log=folder / "peer.log")
    await asyncio.to_thread(_first_answer, port)
    peer_mb = psutil.Process(peer.pid).memory_info().rss / 1e6
    await peer.end()
    vmsd_mb = psutil.Process(site.vmsd.pid).memory_info().rss / 1e6
    return _row(f"RSS with {CAMERAS} cameras recording", vmsd_mb, peer_mb, "MB", "bare aiohttp stack", goal="<= 120 MB")


async def _cpu(site: Site, ids: list[str]) -> list[dict[str, Any]]:
    alone = await _watch(site)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        guards = [asyncio.create_task(_guard(site, session, ids[:TILES])) for _ in range(GUARDS)]
        watched = await _watch(site)
        for guard in guards:
            guard.cancel()
        await asyncio.gather(*guards, return_exceptions=True)
    names = (f"CPU with {CAMERAS} cameras", f"CPU with {CAMERAS} cameras and {GUARDS} guards at {TILES} tiles")
    return [
        _row(name, vmsd, mediamtx, "% of a core", "MediaMTX", goal="<= 0.25")
        for name, (vmsd, mediamtx) in zip(names, (alone, watched), strict=True)
    ]


async def _watch(site: Site) -> tuple[float, float]:
    """Per cent of a core that the daemon (its decoder included) and MediaMTX took over a while."""
    assert site.vmsd is not None
    assert site.mediamtx is not None
    pids = (site.vmsd.pid, site.mediamtx.pid)
    before, began = [_cpu_s(pid) for pid in pids], time.monotonic()
    await asyncio.sleep(WATCH_S)
    took_s = time.monotonic() - began
    vmsd, mediamtx = ((_cpu_s(pid) - start) / took_s * 100 for pid, start in zip(pids, before, strict=True))
    return vmsd, mediamtx


def _cpu_s(pid: int) -> float:
    process = psutil.Process(pid)
    return sum(sum(one.cpu_times()[:2]) for one in (process, *process.children(recursive=True)))


async def _guard(site: Site, session: aiohttp.ClientSession, ids: list[str]) -> None:
    await asyncio.gather(*(_tile(site, session, camera_id) for camera_id in ids))


async def _tile(site: Site, session: aiohttp.ClientSession, camera_id: str) -> None:
    """What a player does: the playlist every 2 s, and each segment once."""
    _, stream = await site.ask("POST", f"/api/v1/streams?camera_id={camera_id}")
    base, _, query = (site.url + stream["hls_url"]).partition("index.m3u8?")
    seen: set[str] = set()
    while True:
        with suppress(aiohttp.ClientError):
            async with session.get(f"{base}video1_stream.m3u8?{query}") as answer:
                playlist = await answer.text() if answer.status == 200 else ""
            files = [line for line in playlist.splitlines() if "_seg" in line and not line.startswith("#")]
            for file in files[-1:] if not seen else files:
                if file not in seen:
                    seen.add(file)
                    async with session.get(base + file) as answer:
                        await answer.read()
        await asyncio.sleep(2)


async def _start(site: Site, folder: Path) -> dict[str, Any]:
    """Seconds from the command to the first answer of /health, cameras and recordings already in the store."""
    assert site.vmsd is not None
    vmsd, peer = [], []
    for number in range(STARTS):
        await site.vmsd.end()
        began = time.monotonic()
        command = (sys.executable, "-m", "vmsd", "run", "--config", site.config)
        site.vmsd = await Process.start(*command, log=folder / "vmsd.log")
        await asyncio.to_thread(_first_answer, site.ports.http)
        vmsd.append(time.monotonic() - began)
        port, began = _free_port(), time.monotonic()
        process = await Process.start(sys.executable, HERE / "daemon_peer.py", port, log=folder / f"peer{number}.log")
        await asyncio.to_thread(_first_answer, port)
        peer.append(time.monotonic() - began)
        await process.end()
    return _row(
        "start to the first /health",
        statistics.median(vmsd),
        statistics.median(peer),
        "s",
        "bare aiohttp stack",
        goal="<= 1.0 s",
    )


def _first_answer(port: int) -> None:
    deadline = time.monotonic() + ANSWER_S
    while time.monotonic() < deadline:
        with suppress(urllib.error.URLError, ConnectionError):
            urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=2).read()
            return
        time.sleep(0.005)
    raise TimeoutError(f"nothing answered on port {port} within {ANSWER_S} s")


def _free_port() -> int:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def _row(figure: str, vmsd: float, peer: float, unit: str, peer_name: str, goal: object) -> dict[str, Any]:
    return {
        "figure": figure,
        "vmsd": vmsd,
        "peer": peer,
        "ratio": vmsd / peer,
        "goal": goal,
        "unit": unit,
        "peer_name": peer_name,
    }
