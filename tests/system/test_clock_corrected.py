"""A box without a battery boots in 1970: what it records then stands at its true time once the clock is right."""

from __future__ import annotations

import itertools
import time
from pathlib import Path
from typing import Any

from tests.support.clocks import FakeClock, needs_faketime
from tests.support.processes import until
from tests.support.site import Site, standin
from tests.support.video import ffprobe
from vmsd.clock import rfc3339
from vmsd.model.segment import SegmentFlag, segment_start_us

pytestmark = needs_faketime
IN_1970 = "-56y"
CORRECTED_S = 60
RESTART_GAP_MS = 8000
"""The recorder begins anew after a step, and waits two seconds and a keyframe for that."""


async def test_what_was_recorded_in_1970_is_at_its_true_time_a_minute_after_the_clock_is_right(tmp_path: Path) -> None:
    async with Site(tmp_path, server=standin(), mediamtx={"segment_s": 3}) as site:
        clock = FakeClock(tmp_path / "faketime")
        clock.jump(IN_1970)
        site.env = clock.env
        site.mediamtx_env |= clock.env
        camera = await site.camera("Portaria")
        await site.start()
        camera_id = await site.add_camera("Portaria", camera.url)
        await until(lambda: _files_named(site, camera_id, "197", 4), 40, "there are recordings of 1970")
        assert "clock_untrusted" in await site.notices()
        assert _flags(site) == {int(SegmentFlag.CLOCK_UNTRUSTED)}
        before = len(site.files(camera_id))

        clock.jump("+0")
        began_s = time.monotonic()
        await until(lambda: _none_named(site, camera_id, "197"), CORRECTED_S, "no recording is of 1970 any more")
        assert time.monotonic() - began_s < CORRECTED_S
        await until(lambda: _files_named(site, camera_id, "20", before + 3), 40, "it records on")
        assert "clock_untrusted" not in await site.notices()
        assert site.sql("SELECT * FROM purge") == []
        assert _flags(site) == {0, int(SegmentFlag.CLOCK_CORRECTED)}

        rows = await _settled(site, camera_id)
        _times_are_true(site, camera_id, rows)
        await _timeline_is_true(site, camera_id, rows)
        for file in site.files(camera_id)[:before]:
            assert await ffprobe(file) == ["h264"]
        assert site.sql("SELECT count(*) FROM audit WHERE action = 'clock.corrected'")[0][0] >= 1


async def _files_named(site: Site, camera_id: str, prefix: str, count: int) -> bool:
    return sum(path.name.startswith(prefix) for path in site.files(camera_id)) >= count


async def _none_named(site: Site, camera_id: str, prefix: str) -> bool:
    known = site.sql("SELECT count(*) FROM segment WHERE start_us < 100000000000000")[0][0]
    return known == 0 and not await _files_named(site, camera_id, prefix, 1)


def _flags(site: Site) -> set[int]:
    return {flags for (flags,) in site.sql("SELECT DISTINCT flags FROM segment")}


async def _settled(site: Site, camera_id: str) -> list[Any]:
    """Recording is stopped, every row is closed; start, duration in ms."""
    await site.kill_mediamtx()

    async def closed() -> list[Any] | None:
        rows = site.sql("SELECT start_us / 1000, duration_ms, state, bytes FROM segment ORDER BY start_us")
        return rows if len(rows) == len(site.files(camera_id)) else None

    rows: list[Any] = await until(closed, 20, "every file has its row")
    return [row for row in rows if row[3] > 0]


async def _timeline_is_true(site: Site, camera_id: str, rows: list[Any]) -> None:
    """Without a trace of 1970: one stretch before the clock was set, one after."""
    start_ms, end_ms = rows[0][0], rows[-1][0] + rows[-1][1]
    period = f"start={rfc3339(start_ms)}&end={rfc3339(end_ms)}"
    shown = await site.get(f"/api/v1/cameras/{camera_id}/timeline?{period}")
    assert len(shown["spans"]) <= 2, shown
    assert all(span["clock_trusted"] for span in shown["spans"])
    assert shown["coverage"] > 1 - (RESTART_GAP_MS + 1000) / (end_ms - start_ms)


def _times_are_true(site: Site, camera_id: str, rows: list[Any]) -> None:
    """Each ends when its file was last written, and they follow each other as they were recorded."""
    written_ms = {segment_start_us(path.name) // 1000: path.stat().st_mtime * 1000 for path in site.files(camera_id)}
    for start_ms, duration_ms, _, _ in rows:
        assert abs(start_ms + duration_ms - written_ms[start_ms]) < 3000
    gaps = [after[0] - (was[0] + was[1]) for was, after in itertools.pairwise(rows)]
    assert sum(gap > 1000 for gap in gaps) <= 1, gaps
    assert min(gaps) > -500
    assert max(gaps) < RESTART_GAP_MS
