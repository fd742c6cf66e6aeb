"""The index and the indexer with few and with many rows: what they do must not grow with what is there."""

from __future__ import annotations

import asyncio
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import structlog

from tests.unit.tasks.recording_box import NOW_MS, Box, Camera, head_of, open_box, parts_of, settings_in
from vmsd.host.tree import Folder
from vmsd.model.segment import segment_file_name
from vmsd.store.database import open_database
from vmsd.tasks.scanner import rebuild

FEW, MANY = 100_000, 1_000_000
CAMERAS = 64
SEGMENT_US = 60_000_000
INSERT = "INSERT INTO segment VALUES (1, ?, ?, 60000, 1000, 1000, 1, 0, NULL, NULL)"
FILES = 4_000


def run() -> list[dict[str, Any]]:
    """One row per figure; a ratio above its goal is a regression."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    with tempfile.TemporaryDirectory(prefix="vmsd-bench-") as folder:
        return asyncio.run(_run(Path(folder)))


async def _run(folder: Path) -> list[dict[str, Any]]:
    few, many = [await _measure(folder / str(rows), rows) for rows in (FEW, MANY)]
    rows = [
        _row(f"{name}, {MANY:,} rows against {FEW:,}", many[name], few[name], 1.3, "ms", f"the same with {FEW:,} rows")
        for name in ("indexer pass",)
    ]
    rows.append(await _rebuild(folder / "rebuild"))
    return rows


def _row(figure: str, vmsd: float, peer: float, goal: float, unit: str, peer_name: str) -> dict[str, Any]:
    return {
        "figure": figure,
        "vmsd": round(vmsd, 3),
        "peer": round(peer, 3),
        "ratio": round(vmsd / peer, 3),
        "goal": goal,
        "unit": unit,
        "peer_name": peer_name,
    }


async def _measure(folder: Path, rows: int) -> dict[str, float]:
    """Milliseconds of each thing at a table of `rows` rows."""
    settings = settings_in(folder)
    async with open_database(settings.database):
        pass
    _fill(settings.database, rows)
    async with open_box(folder, purge_batch=64, purge_cap=64) as box:
        cameras = [await _camera(box, number) for number in range(1, CAMERAS + 1)]
        return {"indexer pass": await _indexer_pass(box, cameras)}


def _fill(database: Path, rows: int, cameras: int = CAMERAS) -> None:
    """Closed segments of a minute, the newest now, for the cameras of one city."""
    with sqlite3.connect(database, isolation_level=None) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("BEGIN")
        connection.execute(
            """INSERT INTO city (id, public_id, name, status, plan, created_ms, changed_ms)
            VALUES (1, ?, 'Bench', 'active', 'premium', 0, 0)""",
            (_uuid(0),),
        )
        for number in range(1, cameras + 1):
            connection.execute(
                """INSERT INTO camera (city_id, id, public_id, name, protocol, vendor, host, channel, subtype, username,
                tunnel, tunnel_target, recording_enabled, recording_since_ms, audio, created_ms, changed_ms)
                VALUES (1, ?, ?, 'x', 'rtsp', '', '', 1, 0, '', '', '', 0, 0, 0, 0, 0)""",
                (number, _uuid(number)),
            )
            connection.executemany(INSERT, _rows(number, rows // cameras))
        connection.execute("UPDATE segment SET sha256 = zeroblob(32)")
        connection.execute("COMMIT")


def _rows(number: int, count: int) -> Iterator[tuple[int, int]]:
    newest_us = NOW_MS * 1000 - SEGMENT_US
    return ((number, newest_us - index * SEGMENT_US) for index in range(count, 0, -1))


def _uuid(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012d}"


async def _camera(box: Box, number: int) -> Camera:
    camera = Camera(Folder(_uuid(0), _uuid(number)), (1, number), box.settings.recordings_dir)
    camera.begin(NOW_MS, 2)
    return camera


async def _median(once: Callable[[], Awaitable[object]], times: int) -> float:
    taken = []
    await once()
    for _ in range(times):
        began = time.perf_counter()
        await once()
        taken.append((time.perf_counter() - began) * 1000)
    return statistics.median(taken)


async def _indexer_pass(box: Box, cameras: list[Camera]) -> float:
    """A pass in which every camera has written a second."""
    indexer, second, taken = box.indexer(), 2, []
    await indexer.once()
    for _ in range(12):
        for camera in cameras:
            camera.grow(NOW_MS, second, 1)
        second += 1
        box.clock.pass_s(4)
        began = time.perf_counter()
        await indexer.once()
        taken.append((time.perf_counter() - began) * 1000)
    return statistics.median(taken)


async def _rebuild(folder: Path) -> dict[str, Any]:
    """Segments per second of an empty index that fills from closed files; the goal is 2,000 of them."""
    async with open_box(folder) as box:
        for number in (1, 2):
            camera = await box.camera(number)
            camera.begin(NOW_MS).unlink()
            for index in range(FILES // 2):
                start_ms = NOW_MS + index * 2000
                path = camera.path(start_ms).parent / segment_file_name(start_ms * 1000)
                path.write_bytes(head_of(start_ms, 2000) + parts_of(0, 2))
        began = time.perf_counter()
        taken_up = await rebuild(box.scanner(), box.index, lambda *_: None)
        per_s = taken_up / (time.perf_counter() - began)
    return _row("rebuild of the index", 2000 / per_s, 1, 1.0, "x of its time at 2,000 segments/s", "the goal itself")


if __name__ == "__main__":
    for one in run():
        print(one)
