"""Recording stops before the disk is full, live goes on, and recording comes back by itself."""

from __future__ import annotations

import asyncio
import contextlib
import time
from pathlib import Path

from tests.support.mounts import needs_root, tmpfs
from tests.support.processes import until
from tests.support.site import Site
from tests.support.video import live_sequence, spans_of

MIB = 1024 * 1024
VOLUME_MIB = 48


@needs_root
async def test_a_rogue_filler_stops_recording_before_the_disk_is_full_and_live_goes_on(tmp_path: Path) -> None:
    rules = {"breaker_used": 0.8, "breaker_closes_used": 0.7, "sweep_used": 0.99, "sweep_every_s": 3600}
    with tmpfs(tmp_path / "recordings", f"{VOLUME_MIB}m") as volume:
        async with Site(tmp_path, disk=rules) as site:
            cameras = [await site.camera(f"Câmera {number}") for number in range(2)]
            await site.start()
            ids = await site.add_cameras(*cameras)
            for camera_id in ids:
                await site.until_recording(camera_id)

            filler = volume / "alheio"
            filler.write_bytes(bytes(int(0.85 * VOLUME_MIB) * MIB))
            over_s = time.monotonic()
            sizes = await _stopped(site, ids, over_s + 5)
            with contextlib.suppress(OSError), filler.open("ab") as file:
                while True:
                    file.write(bytes(MIB))
                    file.flush()

            assert await site.health() == {"status": "degraded", "mediamtx": True, "database": True, "disk": False}
            assert "breaker_open" in await site.notices()
            assert (await site.system())["breaker"]["reason"] == "used"
            await _live_goes_on(site, ids)
            assert _bytes(site, ids) == sizes
            for camera_id in ids:
                assert (await site.status(camera_id))["state"] == "online"

            filler.unlink()
            freed_s = time.monotonic()
            await until(lambda: _grown(site, ids, sizes), 12, "recording resumes on every camera")
            assert time.monotonic() - freed_s < 12
            await until(site.is_healthy, 5, "the site is healthy again")
            for camera_id in ids:
                assert len(spans_of(site.files(camera_id))) >= 2
            _said_once(site)
            assert site.mediamtx is not None
            assert "no space left" not in site.mediamtx.output()


def _bytes(site: Site, ids: list[str]) -> dict[str, int]:
    return {camera_id: sum(path.stat().st_size for path in site.files(camera_id)) for camera_id in ids}


async def _stopped(site: Site, ids: list[str], deadline_s: float) -> dict[str, int]:
    """What each camera has once nothing has grown for 2.5 s; the last byte came before `deadline_s`."""
    sizes, grew_s = _bytes(site, ids), time.monotonic()
    while time.monotonic() - grew_s < 2.5:
        await asyncio.sleep(0.1)
        now = _bytes(site, ids)
        if now != sizes:
            sizes, grew_s = now, time.monotonic()
        assert grew_s < deadline_s, "recording goes on over the limit"
    return sizes


async def _live_goes_on(site: Site, ids: list[str]) -> None:
    before = {camera_id: await live_sequence(site, camera_id) for camera_id in ids}

    async def advanced() -> bool:
        return all([(await live_sequence(site, camera_id) or 0) >= (before[camera_id] or 0) + 3 for camera_id in ids])

    await until(advanced, 8, "the live playlists advance")


async def _grown(site: Site, ids: list[str], sizes: dict[str, int]) -> bool:
    now = _bytes(site, ids)
    return all(now[camera_id] > sizes[camera_id] + 10_000 for camera_id in ids)


def _said_once(site: Site) -> None:
    assert site.vmsd is not None
    said = site.vmsd.output()
    assert said.count('"event": "breaker.opened"') == 1
    assert said.count('"event": "breaker.closed"') == 2, "once at the start, once now"
