"""A seek in a day of recordings: playlist and first bytes over HTTP, beside MediaMTX's own playback server."""

from __future__ import annotations

import asyncio
import http.client
import os
import statistics
import struct
import subprocess
import tempfile
import time
import urllib.parse
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import structlog

from tests.support.ports import free_port
from tests.unit.api.served import Served, serve
from tests.unit.video.mp4_fixture import TIMESCALE, avcc, fragment, header, mtxi, pictures, sample_of, video_trak
from vmsd.clock import rfc3339
from vmsd.demo.media_server import find_media_server
from vmsd.host.tree import Folder
from vmsd.model.person import Role
from vmsd.model.segment import Segment, SegmentFlag, SegmentState, segment_file_name
from vmsd.services.derived import CutsCache, Kind
from vmsd.video import cuts, cuts_file

CAMERAS, DAYS, A_DAY = 64, 30, 48
SEGMENT_S = 1800
START_MS = 1_795_219_200_000
"""2026-11-21T00:00:00Z."""
SEEKS_S = (61, 5400, 20_000, 43_333, 61_234, 86_000)
FIRST_BYTES = 256 << 10
LISTEN_S = 20


def run() -> list[dict[str, Any]]:
    """One row per figure; a ratio above its goal is a regression."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    with tempfile.TemporaryDirectory(prefix="vmsd-bench-") as folder:
        return asyncio.run(_run(Path(folder)))


async def _run(folder: Path) -> list[dict[str, Any]]:
    async with serve(folder) as served:
        camera, first = await _archive(served)
        await served.person("guard", Role.SUPERADMIN)
        who = await served.token("guard") | {"X-City-ID": camera.city}
        derived = served.daemon.evidence.derived
        cold = await asyncio.to_thread(_seeks, served, camera, who, lambda: setattr(derived, "_cache", CutsCache()))
        warm = await asyncio.to_thread(_seeks, served, camera, who, lambda: None)
        peer, name = await asyncio.to_thread(_peer, folder, camera, first)
    return [
        _row("seek in 24 h, indexes read anew", cold, peer, 0.2, "ms", name),
        _row("seek in 24 h", warm, peer, 0.2, "ms", name),
        _row("seek in 24 h, indexes read anew, against its limit", cold, 50, 1.0, "ms", "50 ms"),
    ]


def _row(figure: str, vmsd: float, peer: float, goal: float, unit: str, peer_name: str) -> dict[str, Any]:
    return {
        "figure": figure,
        "vmsd": round(vmsd, 2),
        "peer": round(peer, 2),
        "ratio": round(vmsd / peer, 3),
        "goal": goal,
        "unit": unit,
        "peer_name": peer_name,
    }


async def _archive(served: Served) -> tuple[Folder, Path]:
    """Rows of 64 cameras for 30 days, and the last day of one of them on the disk with its replay indexes."""
    system, derived = served.daemon._volume.system, served.daemon.evidence.derived
    city, recordings = str(UUID(int=1 << 64)), served.base.settings.recordings_dir
    for number in range(1, CAMERAS + 1):
        await system.recover(city, str(UUID(int=number)), "premium", START_MS)
    folder = Folder(city, str(UUID(int=7)))
    first = recordings / folder.city / folder.camera / segment_file_name(START_MS * 1000)
    first.parent.mkdir(parents=True)
    first.write_bytes(_half_hour())
    with first.open("rb", buffering=0) as video:
        index = cuts.read_cuts(video)
    for key in [one.key for one in await system.folders()]:
        await system.put([_segment(key, number, index) for number in range(A_DAY * (1 - DAYS), A_DAY)])
    for number in range(A_DAY):
        start_us = (START_MS + number * SEGMENT_S * 1000) * 1000
        if number:
            os.link(first, first.with_name(segment_file_name(start_us)))
        derived.write(folder, start_us, Kind.CUTS, cuts_file.encode(index))
    return folder, first


def _segment(key: tuple[int, int], number: int, index: cuts.Cuts) -> Segment:
    start_us, size = (START_MS + number * SEGMENT_S * 1000) * 1000, index.facts.file_bytes
    duration_ms = index.facts.duration_ms
    return Segment(*key, start_us, duration_ms, size, size, SegmentState.CLOSED, SegmentFlag(0))


def _half_hour() -> bytes:
    """Parts of a second, each with a keyframe, from ten seconds of pictures that come again and again."""
    sets, units = pictures(100)
    samples = [sample_of(unit) for unit in units]
    parts = (
        fragment(second, {1: second * TIMESCALE}, {1: samples[second * 10 % 100 : second * 10 % 100 + 10]})
        for second in range(SEGMENT_S)
    )
    boxes = mtxi(0, 0, START_MS * 1_000_000)
    head = header(video_trak(320, 240, avcc(sets)), duration_ms=SEGMENT_S * 1000, udta=boxes)
    return head + b"".join(parts)


def _seeks(served: Served, camera: Folder, who: dict[str, str], forget: Callable[[], object]) -> float:
    """Milliseconds until the playlist has come, and until the first bytes of the right second have after that."""
    period = urllib.parse.urlencode({"start": rfc3339(START_MS), "end": rfc3339(START_MS + 86_400_000)})
    base = f"/replay/stream_{camera.camera}/"
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=20)
    taken = []
    for _ in range(3):
        for seek_s in SEEKS_S:
            forget()
            began = time.perf_counter()
            text = _get(connection, f"{base}index.m3u8?{period}", who)
            listed = time.perf_counter()
            uri, start, size = _entry(text, seek_s)
            asked = f"bytes={start}-{start + min(size, FIRST_BYTES) - 1}"
            found = time.perf_counter()
            data = _get(connection, base + uri, who | {"Range": asked})
            taken.append((time.perf_counter() - found + listed - began) * 1000)
            assert data[4:8] == b"moof"
    return statistics.median(taken)


def _get(connection: http.client.HTTPConnection, path: str, headers: dict[str, str]) -> bytes:
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse()
    assert answer.status in (200, 206), answer.status
    return answer.read()


def _entry(text: bytes, seek_s: float) -> tuple[str, int, int]:
    """As a player finds it: the entry in which so many seconds of the playlist have gone by."""
    clock = 0.0
    for line in text.split(b"#EXTINF:")[1:]:
        seconds, _, rest = line.partition(b",\n#EXT-X-BYTERANGE:")
        clock += float(seconds)
        if clock > seek_s:
            span, uri = rest.split(b"\n")[:2]
            size, _, start = span.partition(b"@")
            return uri.decode(), int(start), int(size)
    raise AssertionError("the playlist ends before")


def _peer(folder: Path, camera: Folder, first: Path) -> tuple[float, str]:
    server = find_media_server()
    if server.kind != "real":
        return _read_whole(first), "reading the one file"
    return _playback(folder, camera, server.command), "MediaMTX playback /get"


def _read_whole(path: Path) -> float:
    taken = []
    for _ in range(5):
        began = time.perf_counter()
        with path.open("rb", buffering=0) as file:
            while file.read(1 << 20):
                pass
        taken.append((time.perf_counter() - began) * 1000)
    return statistics.median(taken)


def _playback(folder: Path, camera: Folder, command: tuple[str, ...]) -> float:
    """Its playback server over the same files, asked for ten seconds from each of the same moments."""
    port, config = free_port(), folder / "playback.yml"
    off = "".join(f"{name}: no\n" for name in ("rtsp", "rtmp", "hls", "webrtc", "srt", "moq"))
    record = f"{folder}/video/%path/%Y-%m-%d_%H-%M-%S-%f"
    config.write_text(
        f"{off}playback: yes\nplaybackAddress: 127.0.0.1:{port}\nauthMethod: internal\n"
        "authInternalUsers: [{user: any, permissions: [{action: playback}]}]\n"
        f"pathDefaults:\n  recordPath: {record}\n  recordDeleteAfter: 0s\npaths:\n  {camera.city}/{camera.camera}:\n"
    )
    environment = os.environ | {"TZ": "UTC"}
    process = subprocess.Popen([*command, str(config)], stdout=subprocess.DEVNULL, env=environment)
    try:
        return statistics.median([_playback_seek(port, camera, seek_s) for _ in range(3) for seek_s in SEEKS_S])
    finally:
        process.kill()
        process.wait()


def _playback_seek(port: int, camera: Folder, seek_s: float) -> float:
    query = {
        "path": f"{camera.city}/{camera.camera}",
        "start": rfc3339(START_MS + round(seek_s * 1000)),
        "duration": 10,
        "format": "fmp4",
    }
    path, ends = f"/get?{urllib.parse.urlencode(query)}", time.monotonic() + LISTEN_S
    while True:
        began = time.perf_counter()
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
            connection.request("GET", path)
            answer = connection.getresponse()
            break
        except ConnectionRefusedError:
            if time.monotonic() > ends:
                raise
            time.sleep(0.05)
    data = answer.read(FIRST_BYTES)
    taken = (time.perf_counter() - began) * 1000
    connection.close()
    assert answer.status == 200, data[:200]
    assert struct.unpack(">4x4s", data[:8])[0] == b"ftyp"
    return taken


if __name__ == "__main__":
    for one in run():
        print(one)
