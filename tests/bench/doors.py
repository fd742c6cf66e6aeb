"""What the door costs: requests of somebody logged in beside the same without a door, and logins felt by others."""

from __future__ import annotations

import asyncio
import re
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import aiohttp
from daemon import _first_answer, _free_port, _row

from tests.support.processes import Process
from tests.support.site import Site

HERE = Path(__file__).resolve().parent
CAMERAS = 20
ROUNDS = 3
LOAD_S = 3
LOGINS = 20
WITHOUT_DOOR = "the same handlers without door, rates and audit"
RATES = {f"rates.{name}": {"per_s": 10_000, "burst": 1_000_000} for name in ("read", "login")}
UNITS_MS = {"us": 0.001, "ms": 1.0, "s": 1000.0}


def run() -> list[dict[str, Any]]:
    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(_measure(Path(folder)))


async def _measure(folder: Path) -> list[dict[str, Any]]:
    async with Site(folder, **RATES) as site:
        await site.start_vmsd(healthy=False)
        cameras = [{"name": f"Banco {number}", "source_url": "rtsp://198.51.100.9/"} for number in range(CAMERAS)]
        status, answer = await site.ask("POST", "/api/v1/cameras/import", {"cameras": cameras})
        assert status == 201, answer
        rows = [] if shutil.which("wrk") is None else await _rates(site, folder)
        return [*rows, await _logins(site)]


async def _rates(site: Site, folder: Path) -> list[dict[str, Any]]:
    port = _free_port()
    peer = await Process.start(sys.executable, HERE / "doors_peer.py", site.config, port, log=folder / "peer.log")
    await asyncio.to_thread(_first_answer, port)
    rows = []
    for path in ("/api/v1/auth/me", "/api/v1/cameras?limit=20"):
        rates: dict[str, list[float]] = {"vmsd": [], "peer": []}
        slowest: dict[str, list[float]] = {"vmsd": [], "peer": []}
        for _ in range(ROUNDS):
            for name, url in (("vmsd", site.url), ("peer", f"http://127.0.0.1:{port}")):
                rate, p99_ms = await _load(site, url + path)
                rates[name].append(rate)
                slowest[name].append(p99_ms)
        for what, of, unit, goal in (("rate", rates, "1/s", None), ("p99", slowest, "ms", None)):
            vmsd, without = statistics.median(of["vmsd"]), statistics.median(of["peer"])
            rows.append(_row(f"{what}, GET {path}", vmsd, without, unit, WITHOUT_DOOR, goal))
    await peer.end()
    return rows


async def _load(site: Site, url: str) -> tuple[float, float]:
    """Requests a second, and what the slowest hundredth waited at least, in milliseconds."""
    headers = ("-H", f"Authorization: Bearer {site.token}", "-H", f"X-City-ID: {site.city_id}")
    command = ("wrk", "-t1", "-c8", f"-d{LOAD_S}s", "--latency", *headers, url)
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    text = (await process.communicate())[0].decode()
    assert "Non-2xx" not in text, text
    rate = re.search(r"Requests/sec:\s+([\d.]+)", text)
    p99 = re.search(r"99%\s+([\d.]+)(us|ms|s)", text)
    assert rate, text
    assert p99, text
    return float(rate[1]), float(p99[1]) * UNITS_MS[p99[2]]


async def _logins(site: Site) -> dict[str, Any]:
    """The longest somebody else waits for an answer while many log in at once; nobody logging in is the peer."""
    async with aiohttp.ClientSession() as session:
        await _log_in(session, site)
        quiet_ms = await _longest_ms(session, site, asyncio.create_task(asyncio.sleep(3)))
        crowd = asyncio.create_task(_crowd(session, site))
        busy_ms = await _longest_ms(session, site, crowd)
        await crowd
    return _row(
        f"longest wait of others while {LOGINS} log in", busy_ms, quiet_ms, "ms", "nobody logging in", "<= 50 ms"
    )


async def _crowd(session: aiohttp.ClientSession, site: Site) -> None:
    async with asyncio.TaskGroup() as group:
        for _ in range(LOGINS):
            group.create_task(_log_in(session, site))


async def _log_in(session: aiohttp.ClientSession, site: Site) -> None:
    body = {"name": "admin", "password": "uma senha de teste"}
    async with session.post(f"{site.url}/api/v1/auth/login", json=body) as answer:
        assert answer.status == 200, await answer.text()


async def _longest_ms(session: aiohttp.ClientSession, site: Site, until: asyncio.Task[None]) -> float:
    waited = []
    while not until.done():
        began = time.perf_counter()
        async with session.get(f"{site.url}/health") as answer:
            await answer.read()
        waited.append((time.perf_counter() - began) * 1000)
        await asyncio.sleep(0.002)
    return max(waited)
