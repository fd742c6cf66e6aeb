"""Low-latency HLS for many players in step: what reaches MediaMTX, what a part is late, what an answer costs."""

from __future__ import annotations

import asyncio
import re
import statistics
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import psutil

from tests.support.site import Site
from vmsd.host.keys import load_keys

PLAYERS = 50
FOR_S = 10
CAMERA = ("--size", "640x360", "--fps", "15", "--gop-s", "1", "--bitrate-k", "600")
PEER = "MediaMTX directly"
_PART = re.compile(r"#EXT-X-PART:DURATION=([0-9.]+)")
_HINT = re.compile(r'#EXT-X-PRELOAD-HINT:TYPE=PART,URI="([^"]+)"')


def run() -> list[dict[str, Any]]:
    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(_measure(Path(folder)))


@dataclass
class Watched:
    """What players saw at one server, each with its query; `late_s` is from the end of a part to its playlist."""

    base: str
    queries: list[str]
    headers: Mapping[str, str] = field(default_factory=dict)
    answers: int = 0
    waits: set[str] = field(default_factory=set)
    cpu_s: float = 0
    late_s: list[float] = field(default_factory=list)


async def _measure(folder: Path) -> list[dict[str, Any]]:
    async with (
        Site(folder, mediamtx={"hls_segment_s": 2}) as site,
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http,
    ):
        camera = await site.camera("Banco", *CAMERA)
        await site.start()
        camera_id = await site.add_camera("Banco", camera.url)
        await site.until_state(camera_id, "online", 30)
        secret = load_keys(folder / "data").cdn_secret
        own = f"http://127.0.0.1:{site.ports.hls}/{site.city_id}/{camera_id}/"
        ours = Watched(
            f"{site.url}/hls/stream_{camera_id}/ll/", [await _token(site, camera_id) for _ in range(PLAYERS)]
        )
        theirs = Watched(own, ["?token=none"] * PLAYERS, {"Authorization": f"Bearer {secret}"})
        assert site.vmsd is not None
        assert site.mediamtx is not None
        before = await _upstream(site)
        await _watch(http, ours, site.vmsd.pid)
        asked = await _upstream(site) - before
        await _watch(http, theirs, site.mediamtx.pid)
        return _rows(ours, theirs, asked / (2 * len(ours.waits)))


async def _token(site: Site, camera_id: str) -> str:
    _, stream = await site.ask("POST", f"/api/v1/streams?camera_id={camera_id}")
    return str(stream["ll_hls_url"]).rpartition("index.m3u8")[2]


async def _upstream(site: Site) -> int:
    return int((await site.system())["hls"]["upstream_requests"])


async def _watch(http: aiohttp.ClientSession, watched: Watched, pid: int) -> None:
    process = psutil.Process(pid)
    before = sum(process.cpu_times()[:2])
    until_s = asyncio.get_running_loop().time() + FOR_S
    await asyncio.gather(*(_play(http, watched, query, until_s) for query in watched.queries))
    watched.cpu_s = sum(process.cpu_times()[:2]) - before


async def _play(http: aiohttp.ClientSession, watched: Watched, query: str, until_s: float) -> None:
    """Ask for the next playlist and the announced part at once, as players do."""
    await _get(http, watched, f"index.m3u8{query}")
    media = f"video1_stream.m3u8{query}"
    text = await _get(http, watched, media)
    while asyncio.get_running_loop().time() < until_s:
        segment = int(re.findall(r"SEQUENCE:(\d+)", text)[0]) + text.count("#EXTINF:")
        parts = _PART.findall(text.rpartition("_seg")[2])
        hint = _HINT.findall(text)[0]
        wait = f"&_HLS_msn={segment}&_HLS_part={len(parts)}"
        watched.waits.add(wait)
        text, _ = await asyncio.gather(_get(http, watched, media + wait), _get(http, watched, hint))
        watched.answers += 2
        watched.late_s.append(_now_s() - _end_s(text))


async def _get(http: aiohttp.ClientSession, watched: Watched, where: str) -> str:
    async with http.get(watched.base + where, headers=watched.headers) as answer:
        assert answer.status == 200, (where, answer.status)
        return (await answer.read()).decode("utf-8", "replace")


def _end_s(text: str) -> float:
    """When the newest part ends: the date of the newest segment, its length, and the parts behind it."""
    date = datetime.fromisoformat(re.findall(r"DATE-TIME:(\S+)", text)[-1])
    parts = _PART.findall(text.rpartition("_seg")[2])
    return date.timestamp() + float(re.findall(r"#EXTINF:([0-9.]+)", text)[-1]) + sum(map(float, parts))


def _now_s() -> float:
    return datetime.now(UTC).timestamp()


def _rows(ours: Watched, theirs: Watched, asked: float) -> list[dict[str, Any]]:
    late = [1000 * statistics.median(one.late_s) for one in (ours, theirs)]
    cost = [1000 * one.cpu_s / one.answers for one in (ours, theirs)]
    who = f"{PLAYERS} low-latency players"
    return [
        _row(f"upstream requests per part and playlist, {who}", asked, 1, 1.2, "requests", "one fetch"),
        _row(f"newest part behind its last frame, {who}", *late, None, "ms", PEER) | {"limit": 50.0},
        _row(f"CPU per low-latency answer, {who}", *cost, None, "CPU ms", PEER),
    ]


def _row(figure: str, vmsd: float, peer: float, goal: float | None, unit: str, peer_name: str) -> dict[str, Any]:
    return {
        "figure": figure,
        "vmsd": round(vmsd, 3),
        "peer": round(peer, 3),
        "ratio": round(vmsd / peer, 3) if peer else 0.0,
        "goal": goal,
        "unit": unit,
        "peer_name": peer_name,
    }


if __name__ == "__main__":
    for each in run():
        print(each)
