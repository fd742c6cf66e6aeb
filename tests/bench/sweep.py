"""The sweeper: a pass that finds nothing costs the same whatever there is; a day of 64 cameras beside bare unlinks."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any
from unittest.mock import patch

import structlog
from index import SEGMENT_US, _fill, _row, _uuid

from tests.unit.tasks.recording_box import DAY_MS, HOUR_MS, NOW_MS, Box, open_box, settings_in
from vmsd.model.segment import segment_file_name
from vmsd.store.database import open_database

FEW, MANY = 100_000, 2_500_000
CAMERAS = (64, 640)
PERIODS = 1_000
PASSES = 30
GOAL_MS = 5.0
KEPT_GOAL_MS = 40.0
"""Where nothing is kept for so long, a pass does not even ask; with this, it does so once in ten minutes."""
HALF_HOURS = 48
DAY_GOAL = 6.0
"""Every batch is marked in a transaction that is made durable, and leaves a line and a proof for each file."""
CLOSED = "INSERT INTO segment VALUES (1, ?, ?, ?, ?, ?, 1, 0, zeroblob(32), NULL)"
KEPT = "INSERT INTO kept_period VALUES (1, ?, ?, ?, ?, ?, NULL, NULL, NULL, '', NULL, NULL, 0, NULL)"


def run() -> list[dict[str, Any]]:
    """One row per figure; a ratio above its goal is a regression."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    with tempfile.TemporaryDirectory(prefix="vmsd-bench-") as folder:
        return asyncio.run(_run(Path(folder)))


async def _run(folder: Path) -> list[dict[str, Any]]:
    rows = []
    for cameras in CAMERAS:
        few, _ = await _idle(folder / f"{cameras}-few", cameras, FEW)
        many, kept = await _idle(folder / f"{cameras}-many", cameras, MANY)
        name = f"sweeper pass, nothing due, {cameras} cameras"
        rows += [
            _row(f"{name}, {MANY:,} rows", many, few, 2.0, "ms", f"the same with {FEW:,} rows"),
            _row(f"{name}, {MANY:,} rows", many, GOAL_MS, 1.0, "ms", "the goal itself"),
            _row(f"{name}, {PERIODS:,} periods kept", kept, KEPT_GOAL_MS, 1.0, "ms", "the goal itself"),
        ]
    return [*rows, await _day(folder / "day")]


async def _idle(folder: Path, cameras: int, rows: int) -> tuple[float, float]:
    """Milliseconds of a pass, and of one beside old recordings that somebody keeps; each looks for itself."""
    settings = settings_in(folder)
    async with open_database(settings.database):
        pass
    _fill(settings.database, rows, cameras)
    async with open_box(folder) as box:
        idle = await _pass(box)
        _keep(settings.database, cameras)
        return idle, await _pass(box)


async def _pass(box: Box) -> float:
    taken = []
    for _ in range(PASSES):
        sweeper = box.sweeper()
        began = time.perf_counter()
        await sweeper.once()
        taken.append((time.perf_counter() - began) * 1000)
    return statistics.median(taken)


def _keep(database: Path, cameras: int) -> None:
    """Hours of more than a month ago, each with its recordings: all of it overdue, none of it free."""
    with sqlite3.connect(database, isolation_level=None) as connection:
        connection.execute("BEGIN")
        for number in range(PERIODS):
            camera, start_ms = number % cameras + 1, NOW_MS - 90 * DAY_MS + number * HOUR_MS
            connection.execute(KEPT, (number + 1, _uuid(10_000 + number), camera, start_ms, start_ms + HOUR_MS))
            starts = range(start_ms * 1000, (start_ms + HOUR_MS) * 1000, SEGMENT_US)
            connection.executemany(CLOSED, [(camera, start, 60_000, 1000, 1000) for start in starts])
        connection.execute("COMMIT")


async def _day(folder: Path) -> dict[str, Any]:
    """A day of half hours that is due at once, at 64 cameras."""
    settings = settings_in(folder)
    async with open_database(settings.database):
        pass
    _fill(settings.database, 0)
    files = _files(settings.recordings_dir, 31)
    with sqlite3.connect(settings.database, isolation_level=None) as connection:
        rows = [(camera, start_us, 1_800_000, 1, 1) for camera, start_us, _ in files]
        connection.execute("BEGIN")
        connection.executemany(CLOSED, rows)
        connection.execute("COMMIT")
    async with open_box(folder) as box:
        with patch("vmsd.tasks.sweeper.HOURLY_SHARE", 1.0):
            began = time.perf_counter()
            await box.sweeper(purge_cap=len(files)).once()
            swept_s = time.perf_counter() - began
        assert await box.system.count_segments() == 0
    peer_s = _bare(_files(settings.recordings_dir, 31))
    return _row(
        f"sweep of a day at 64 cameras, {len(files):,} files",
        swept_s,
        peer_s,
        DAY_GOAL,
        "s",
        "unlink, fsync per folder",
    )


def _files(root: Path, days: int) -> list[tuple[int, int, Path]]:
    found = []
    for camera in range(1, CAMERAS[0] + 1):
        folder = root / _uuid(0) / _uuid(camera)
        folder.mkdir(parents=True, exist_ok=True)
        for index in range(HALF_HOURS):
            start_us = (NOW_MS - days * DAY_MS) * 1000 - index * 1_800_000_000
            path = folder / segment_file_name(start_us)
            path.write_bytes(b"x")
            found.append((camera, start_us, path))
    os.sync()
    return found


def _bare(files: list[tuple[int, int, Path]]) -> float:
    began = time.perf_counter()
    for _, _, path in files:
        path.unlink()
    for folder in {path.parent for _, _, path in files}:
        handle = os.open(folder, os.O_RDONLY)
        os.fsync(handle)
        os.close(handle)
    return time.perf_counter() - began


if __name__ == "__main__":
    for one in run():
        print(one)
