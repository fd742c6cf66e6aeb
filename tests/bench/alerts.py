"""From a reported plate to every screen: 200 reports a second to 200 WebSockets, beside a server that only echoes."""

from __future__ import annotations

import asyncio
import json
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from daemon import _free_port, _row

from tests.support.plates import reading, signed_body
from tests.support.processes import Process, until
from tests.support.site import Site

HERE = Path(__file__).resolve().parent
CAMERAS, CLIENTS, PER_S, LOAD_S, WARM_S = 20, 200, 200, 10, 4
PEER = "bare aiohttp: a POST, sent on to as many WebSockets"
WIDE = {"per_s": 10_000, "burst": 1_000_000}
LPR = "/api/v1/webhooks/lpr"
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
Send = Callable[[str], Awaitable[None]]


def run() -> list[dict[str, Any]]:
    with tempfile.TemporaryDirectory() as folder:
        for name in ("plates", "wanted"):
            (Path(folder) / name).mkdir()
        return asyncio.run(_measure(Path(folder)))


async def _measure(folder: Path) -> list[dict[str, Any]]:
    peer = await _peer(folder)
    vmsd = await _vmsd(folder / "plates", wanted=False)
    alerts = await _vmsd(folder / "wanted", wanted=True)
    figure = f"{PER_S}/s to {CLIENTS} screens"
    return [
        _row(f"plate to the last screen, p99, {figure}", vmsd.p99_ms, peer.p99_ms, "ms", PEER, "<= 20 ms, <= 3 x"),
        _row(f"plate to the last screen, median, {figure}", vmsd.median_ms, peer.median_ms, "ms", PEER, None),
        _row(f"wanted plate to its alert, p99, {figure}", alerts.p99_ms, peer.p99_ms, "ms", PEER, "<= 500 ms"),
        _row(f"CPU of the server, {figure}", vmsd.cpu, peer.cpu, "% of a core", PEER, None),
        _row(f"durable 202, p99, {PER_S}/s", vmsd.answer_ms, peer.answer_ms, "ms", PEER, None),
    ]


class Figures:
    """Milliseconds from the sending of a plate to when each client has it."""

    def __init__(self) -> None:
        self.sent_s: dict[str, float] = {}
        self.seen_ms: list[float] = []
        self.answers_ms: list[float] = []
        self.cpu = 0.0

    def note(self, plate: str) -> None:
        sent_s = self.sent_s.get(plate)
        if sent_s is not None:
            self.seen_ms.append((time.perf_counter() - sent_s) * 1000)

    @property
    def p99_ms(self) -> float:
        return statistics.quantiles(self.seen_ms, n=100)[98]

    @property
    def median_ms(self) -> float:
        return statistics.median(self.seen_ms)

    @property
    def answer_ms(self) -> float:
        return statistics.quantiles(self.answers_ms, n=100)[98]


async def _peer(folder: Path) -> Figures:
    port = _free_port()
    server = await Process.start(sys.executable, HERE / "alerts_peer.py", port, log=folder / "peer.log")
    try:
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:
            url = f"http://127.0.0.1:{port}"

            async def up() -> bool:
                try:
                    async with http.get(url):
                        return True
                except aiohttp.ClientError:
                    return False

            await until(up, 10, "the peer answers")

            async def send(plate: str) -> None:
                body = {"type": "detection", "plate": plate, "camera_id": "x" * 36, "time": "2026-11-20T22:10:05.000Z"}
                async with http.post(url, data=json.dumps(body, separators=(",", ":"))) as answer:
                    assert answer.status == 202

            return await _load(f"http://127.0.0.1:{port}/ws", {}, send, server.pid, "detection")
    finally:
        await server.end()


async def _vmsd(folder: Path, *, wanted: bool) -> Figures:
    rates = {f"rates.{name}": WIDE for name in ("webhook", "write", "read")}
    async with Site(folder, plates={"same_s": 0}, **rates) as site:
        await site.start_vmsd(healthy=False)
        cameras = [await site.add_camera(f"Entrada {number}", "", protocol="rtmp") for number in range(CAMERAS)]
        _, key = await site.ask("POST", "/api/v1/webhooks/keys", {"name": "bench"})
        if wanted:
            for number in range(100):
                body = {"plate": f"AAA{number % 10}A{number // 10}0", "reason": "banco"}
                status, answer = await site.ask("POST", "/api/v1/wanted-plates", body)
                assert status == 201, answer
        assert site.vmsd is not None
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:

            async def send(plate: str) -> None:
                body = reading(cameras[hash(plate) % len(cameras)], time.time(), plate)
                raw = signed_body(key["secret"], body)
                async with http.post(site.url + LPR, data=raw, headers={"Content-Type": "application/json"}) as answer:
                    assert answer.status == 202, await answer.text()

            headers = {"Authorization": f"Bearer {site.token}"}
            kind = "alert" if wanted else "detection"
            url = f"{site.url}/ws/alerts?city_id={site.city_id}"
            return await _load(url, headers, send, site.vmsd.pid, kind, wanted=wanted)


async def _load(url: str, headers: dict[str, str], send: Send, pid: int, kind: str, *, wanted: bool = False) -> Figures:
    figures, count = Figures(), (WARM_S + LOAD_S) * PER_S
    screens = [await _screen(url, headers, kind, figures) for _ in range(CLIENTS)]
    began_s, cpu_s = time.perf_counter(), _cpu_s(pid)
    async with asyncio.TaskGroup() as group:
        for number in range(count):
            due_s = began_s + number / PER_S
            await asyncio.sleep(max(0.0, due_s - time.perf_counter()))
            group.create_task(_one(send, _plate(number, wanted=wanted), figures, warm=number < WARM_S * PER_S))
    took_s = time.perf_counter() - began_s
    figures.cpu = (_cpu_s(pid) - cpu_s) / took_s * 100
    await asyncio.sleep(1)
    for screen in screens:
        screen.close()
    if not wanted:
        assert len(figures.seen_ms) == LOAD_S * PER_S * CLIENTS, len(figures.seen_ms)
    return figures


class _Screen(asyncio.Protocol):
    """A WebSocket that only looks for plates in what comes: a program that did more would itself be what is slow."""

    def __init__(self, kind: str, figures: Figures) -> None:
        self._figures = figures
        self._wanted = re.compile(rb'"type":"%s"[^{}]*?(?:\{[^{}]*?)?"plate":"([A-Z0-9]{7})"' % kind.encode())
        self._rest = b""
        self.open = asyncio.get_running_loop().create_future()

    def data_received(self, data: bytes) -> None:
        seen = self._rest + data
        if not self.open.done():
            if b"\r\n\r\n" in seen:
                assert seen.startswith(b"HTTP/1.1 101"), seen
                self.open.set_result(None)
            self._rest = seen
            return
        end = 0
        for found in self._wanted.finditer(seen):
            self._figures.note(found[1].decode())
            end = found.end()
        self._rest = seen[max(end, len(seen) - 2000) :]


async def _screen(url: str, headers: dict[str, str], kind: str, figures: Figures) -> asyncio.Transport:
    split = urlsplit(url)
    transport, screen = await asyncio.get_running_loop().create_connection(
        lambda: _Screen(kind, figures), split.hostname, split.port
    )
    asked = headers | {
        "Host": split.netloc,
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    }
    lines = [f"GET {split.path}?{split.query} HTTP/1.1", *(f"{name}: {value}" for name, value in asked.items())]
    transport.write("\r\n".join([*lines, "", ""]).encode())
    await asyncio.wait_for(screen.open, 10)
    return transport


async def _one(send: Send, plate: str, figures: Figures, *, warm: bool) -> None:
    began_s = time.perf_counter()
    if not warm:
        figures.sent_s[plate] = began_s
    await send(plate)
    figures.answers_ms.append((time.perf_counter() - began_s) * 1000)


def _plate(number: int, *, wanted: bool) -> str:
    """None twice; of a wanted one with look-alikes, so that each is found and is another reading."""
    if wanted and number % 10 == 0:
        return f"AAA{number // 10 % 10}A{number // 100 % 10}0"
    return f"BRA{number // 2600 % 10}{LETTERS[number // 100 % 26]}{number % 100:02}"


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100
