"""The check of disk against database, and the second reading of recordings, beside the tools anybody would take."""

from __future__ import annotations

import asyncio
import hashlib
import os
import sqlite3
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import structlog

from tests.unit.tasks.recording_box import NOW_MS, Box, open_box, settings_in
from vmsd.config import Integrity as Rules
from vmsd.model.audit import Who
from vmsd.model.segment import segment_file_name
from vmsd.services.integrity import Integrity
from vmsd.store.database import open_database
from vmsd.tasks.integrity import IntegrityTask

NAMES, CAMERAS = 200_000, 64
READ_FILES, READ_BYTES = 8, 64 << 20
TIMES = 3
SEGMENT_US = 60_000_000
INSERT = "INSERT INTO segment VALUES (1, ?, ?, 60000, ?, ?, 1, 0, ?, NULL)"


def run() -> list[dict[str, Any]]:
    """One row per figure; a ratio above its goal is a regression."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    with tempfile.TemporaryDirectory(prefix="vmsd-bench-") as folder:
        walk = asyncio.run(_walk(Path(folder) / "walk"))
        return [walk, asyncio.run(_read(Path(folder) / "read"))]


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


def _uuid(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012d}"


async def _fill(folder: Path, each: int, cameras: int, content: bytes) -> None:
    """Files of one content, and rows that know them."""
    settings, digest = settings_in(folder), hashlib.sha256(content).digest()
    async with open_database(settings.database):
        pass
    with sqlite3.connect(settings.database, isolation_level=None) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("BEGIN")
        connection.execute(
            "INSERT INTO city (id, public_id, name, status, plan, created_ms, changed_ms) "
            "VALUES (1, ?, 'Bench', 'active', 'premium', 0, 0)",
            (_uuid(0),),
        )
        for number in range(1, cameras + 1):
            connection.execute(
                """INSERT INTO camera (city_id, id, public_id, name, protocol, vendor, host, channel, subtype, username,
                secret, tunnel, tunnel_target, recording_enabled, recording_since_ms, audio, created_ms, changed_ms)
                VALUES (1, ?, ?, 'x', 'rtsp', '', '', 1, 0, '', NULL, '', '', 0, 0, 0, 0, 0)""",
                (number, _uuid(number)),
            )
            rows = ((number, start, len(content), len(content), digest) for start in _starts(each))
            connection.executemany(INSERT, rows)
            await asyncio.to_thread(_write, settings.recordings_dir / _uuid(0) / _uuid(number), each, content)
        connection.execute("COMMIT")


def _starts(each: int) -> Iterator[int]:
    return (NOW_MS * 1000 - (index + 1) * SEGMENT_US for index in range(each))


def _write(folder: Path, each: int, content: bytes) -> None:
    folder.mkdir(parents=True)
    for start in _starts(each):
        (folder / segment_file_name(start)).write_bytes(content)


async def _check(box: Box, *, read: bool) -> tuple[float, float]:
    """Seconds of the comparison, and of the reading that follows it."""
    box.index.complete = True
    integrity = Integrity(box.database, box.audit, box.clock, at="03:30", zone=ZoneInfo("UTC"))
    task = IntegrityTask(
        integrity,
        clocks=box.system.clocks,
        tree=box.tree,
        watch=box.watch,
        index=box.index,
        keeper=box.keeper,
        rules=Rules(bytes_per_s=1 << 40),
        clock=box.clock,
    )
    await integrity.ask(Who(name="bench"))
    began_s = time.perf_counter()
    await task.once()
    compared_s = time.perf_counter() - began_s
    assert integrity.counts.missing == integrity.counts.unknown == integrity.counts.altered == 0
    if not read:
        return compared_s, 0.0
    began_s = time.perf_counter()
    while integrity.running is not None:
        await task.once()
        box.clock.pass_s(2)
    assert integrity.last is not None
    assert integrity.last.result["hashed"] == READ_FILES
    return compared_s, time.perf_counter() - began_s


async def _walk(folder: Path) -> dict[str, Any]:
    await _fill(folder, NAMES // CAMERAS, CAMERAS, b"x")
    video, vmsd, peer = folder / "video", [], []
    async with open_box(folder) as box:
        for _ in range(TIMES):
            vmsd.append((await _check(box, read=False))[0])
            async with box.database.write() as transaction:
                await transaction.execute("UPDATE integrity_check SET ended_ms = 0")
            peer.append(await asyncio.to_thread(_timed, ["find", str(video), "-type", "f", "-printf", "%p %s %T@\\n"]))
    figure = f"disk against database, {NAMES:,} recordings"
    return _row(figure, statistics.median(vmsd), statistics.median(peer), 8, "s", "find with names, sizes and times")


async def _read(folder: Path) -> dict[str, Any]:
    await _fill(folder, READ_FILES, 1, os.urandom(READ_BYTES))
    files, vmsd, peer = sorted((folder / "video").rglob("*.mp4")), [], []
    async with open_box(folder) as box:
        for _ in range(TIMES):
            _forget(files)
            vmsd.append((await _check(box, read=True))[1])
            _forget(files)
            peer.append(await asyncio.to_thread(_timed, ["sha256sum", *map(str, files)]))
    figure = f"reading {READ_FILES * READ_BYTES >> 20} MiB again, without a limit"
    return _row(figure, statistics.median(vmsd), statistics.median(peer), 1.2, "s", "sha256sum")


def _forget(files: list[Path]) -> None:
    """Out of the cache: both read from the disk."""
    for file in files:
        with file.open("rb") as opened:
            os.fsync(opened.fileno())
            os.posix_fadvise(opened.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def _timed(command: list[str]) -> float:
    began_s = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, timeout=300)
    return time.perf_counter() - began_s


if __name__ == "__main__":
    for one in run():
        print(one)
