"""The daemon is killed again and again while cameras record: it costs no recording and no row somebody could have seen.

`VMSD_TEST_KILLS=1000` makes a long one of it; the figures are printed (`pytest -s`).
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import random
import signal
import sqlite3
import statistics
import time
from contextlib import closing
from dataclasses import asdict, dataclass, field
from pathlib import Path

import pytest

from tests.support.processes import until
from tests.support.site import Site
from tests.support.video import gaps_s, spans_of
from vmsd.model.segment import SegmentState, segment_file_name

ASKED = os.environ.get("VMSD_TEST_KILLS")
KILLS = int(ASKED or 25)
SHORT_S = 45.0
"""Who has not asked for a long one waits for no more kills than fit into this."""
FRAME_GAP_S = 0.5
RESTART_S = 10.0
"""On a busy machine; alone it takes a second or two."""
Place = tuple[str, int]
ROWS = """SELECT camera.public_id, start_us, valid_bytes, state, sha256 FROM segment
    JOIN camera ON camera.city_id = segment.city_id AND camera.id = segment.camera_id"""


@dataclass
class Figures:
    kills: int = 0
    acknowledged: int = 0
    lost: int = 0
    dangling: int = 0
    orphans: int = 0
    restarts_s: list[float] = field(default_factory=list)


def rows_of(site: Site) -> dict[Place, tuple[int, int, bytes | None]]:
    """What is committed now, read as anybody may; valid bytes, state, hash."""
    with closing(sqlite3.connect(f"{site.database.as_uri()}?mode=ro", uri=True, timeout=10)) as connection:
        return {(camera, start): tuple(rest) for camera, start, *rest in connection.execute(ROWS)}


def path_of(site: Site, place: Place) -> Path:
    return site.recordings / site.city_id / place[0] / segment_file_name(place[1])


async def one_kill(site: Site, chance: random.Random, figures: Figures) -> None:
    began_s = time.monotonic()
    await site.start_vmsd(healthy=False)
    figures.restarts_s.append(time.monotonic() - began_s)
    await asyncio.sleep(chance.uniform(0, 1.5))
    seen = rows_of(site)
    assert site.vmsd is not None
    await site.vmsd.end(signal.SIGKILL)
    after = rows_of(site)
    figures.kills += 1
    figures.acknowledged += len(seen)
    figures.lost += sum(place not in after or after[place][0] < row[0] for place, row in seen.items())
    for place, (valid_bytes, state, _) in after.items():
        path = path_of(site, place)
        there = path.stat().st_size if path.exists() else -1
        figures.dangling += there < valid_bytes and state != SegmentState.GARBAGE


@pytest.mark.timeout(120 + 10 * KILLS)
async def test_killed_again_and_again_it_loses_nothing(tmp_path: Path) -> None:
    async with Site(tmp_path, mediamtx={"segment_s": 3}) as site:
        cameras = [await site.camera(f"Câmera {number}") for number in range(2)]
        await site.start()
        ids = await site.add_cameras(*cameras)
        for camera_id in ids:
            await site.until_recording(camera_id)
        await site.stop_vmsd(signal.SIGKILL)

        chance, figures = random.Random(KILLS), Figures()
        until_s = time.monotonic() + SHORT_S
        while figures.kills < KILLS and (ASKED or time.monotonic() < until_s):
            await one_kill(site, chance, figures)
            if figures.kills % 50 == 0:
                _tell(figures)
        assert figures.kills >= min(5, KILLS)
        await site.start_vmsd()
        began_s = time.monotonic()
        await until(lambda: _agree(site, ids), 20, "every file has a row, every row a file")
        figures.orphans = _orphans(site, ids)
        _tell(figures, agreed_s=round(time.monotonic() - began_s, 2))
        assert (figures.lost, figures.dangling, figures.orphans) == (0, 0, 0)
        assert statistics.median(figures.restarts_s) < RESTART_S
        assert site.sql("SELECT count(*) FROM purge WHERE reason <> 'empty'") == [(0,)]
        await until(lambda: _hashed(site), 30, "every whole recording has its hash")
        _hashes_are_true(site)
        for camera_id in ids:
            spans = spans_of(site.files(camera_id))
            assert max(gaps_s(spans)) < FRAME_GAP_S, "MediaMTX records on"


def _orphans(site: Site, ids: list[str]) -> int:
    known = rows_of(site)
    files = [path for camera_id in ids for path in site.files(camera_id)]
    places = {path_of(site, place) for place in known}
    return sum(path not in places for path in files[:-1] if path.stat().st_size)


async def _agree(site: Site, ids: list[str]) -> bool:
    known = {path_of(site, place) for place in rows_of(site)}
    files = {path for camera_id in ids for path in site.files(camera_id) if path.stat().st_size}
    return known == files


async def _hashed(site: Site) -> bool:
    return all(row[2] for row in rows_of(site).values() if row[1] == SegmentState.CLOSED)


def _hashes_are_true(site: Site) -> None:
    for place, (_, _, sha256) in rows_of(site).items():
        if sha256 is not None:
            assert hashlib.sha256(path_of(site, place).read_bytes()).digest() == sha256


def _tell(figures: Figures, **more: float) -> None:
    restarts = sorted(figures.restarts_s)
    told = asdict(figures) | {
        "restarts_s": {
            "median": round(restarts[len(restarts) // 2], 2),
            "p99": round(restarts[len(restarts) * 99 // 100], 2),
            "worst": round(restarts[-1], 2),
        },
        **more,
    }
    print(json.dumps(told), flush=True)
