"""A gap on the timeline is as long as the silence was, and says what it came from: real video, real files."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest

from tests.support.processes import until
from tests.support.site import Site, TestCamera, media_server, standin
from vmsd.clock import parse_rfc3339, rfc3339

SERVERS = {server.kind: server for server in (standin(), media_server())}
NEAR_MS = 2_000
"""The end of a recording is known to the part (1 s) and the keyframe (1 s)."""


def now_ms() -> int:
    return round(time.time() * 1000)


async def timeline(site: Site, camera_id: str, start_ms: int) -> dict[str, Any]:
    query = f"start={rfc3339(start_ms)}&end={rfc3339(now_ms() + 60_000)}"
    answer: dict[str, Any] = await site.get(f"/api/v1/cameras/{camera_id}/timeline?{query}")
    return answer


async def recorded_again(site: Site, camera_id: str, known: int) -> int:
    """When a new file was seen on the disk."""

    async def there() -> bool:
        return len(site.files(camera_id)) > known

    await until(there, 40, "the camera is recorded again", every_s=0.1)
    return now_ms()


async def gaps_of(site: Site, camera_id: str, start_ms: int, count: int) -> list[dict[str, Any]]:
    """Once the index has all that is on the disk."""

    async def all_there() -> list[dict[str, Any]]:
        found = await timeline(site, camera_id, start_ms)
        gaps: list[dict[str, Any]] = found["gaps"]
        running = found["spans"] and found["spans"][-1]["running"]
        return gaps if running and len({gap["end"] for gap in gaps}) >= count else []

    return await until(all_there, 40, f"there are {count} gaps")


async def cut_camera(site: Site, camera: TestCamera, camera_id: str) -> tuple[int, int]:
    files, cut_ms = len(site.files(camera_id)), now_ms()
    await camera.kill()
    await site.until_state(camera_id, "offline", 20)
    await asyncio.sleep(3)
    await camera.start()
    return cut_ms, await recorded_again(site, camera_id, files)


async def cut_mediamtx(site: Site, _: TestCamera, camera_id: str) -> tuple[int, int]:
    files, cut_ms = len(site.files(camera_id)), now_ms()
    await site.kill_mediamtx()
    await site.until_state(camera_id, "offline", 20)
    await asyncio.sleep(2)
    await site.start_mediamtx()
    return cut_ms, await recorded_again(site, camera_id, files)


async def switch_off(site: Site, _: TestCamera, camera_id: str) -> tuple[int, int]:
    files, cut_ms = len(site.files(camera_id)), now_ms()
    await site.ask("DELETE", f"/api/v1/cameras/{camera_id}/recording")
    await asyncio.sleep(6)
    await site.ask("PUT", f"/api/v1/cameras/{camera_id}/recording", {})
    return cut_ms, await recorded_again(site, camera_id, files)


@pytest.mark.parametrize("server", SERVERS.values(), ids=SERVERS.keys())
async def test_a_gap_is_as_long_as_the_silence_was_and_has_its_cause(tmp_path: Path, server) -> None:
    async with Site(tmp_path, server=server, mediamtx={"segment_s": 30}) as site:
        camera = await site.camera("Portaria")
        await site.start()
        camera_id = await site.add_camera("Portaria", camera.url)
        await recorded_again(site, camera_id, 0)
        await site.until_recording(camera_id)
        start_ms = now_ms()
        real = {}
        for cause, cut in (("camera", cut_camera), ("mediamtx", cut_mediamtx), ("switched_off", switch_off)):
            await asyncio.sleep(4)
            real[cause] = await cut(site, camera, camera_id)
        gaps = await gaps_of(site, camera_id, start_ms, 3)
        shown = {gap["cause"]: (parse_rfc3339(gap["start"]), parse_rfc3339(gap["end"])) for gap in gaps}
        assert shown.keys() == real.keys(), gaps
        for cause, (began_ms, ended_ms) in real.items():
            assert abs(shown[cause][0] - began_ms) <= NEAR_MS, (cause, gaps, began_ms, ended_ms)
            assert abs(shown[cause][1] - ended_ms) <= NEAR_MS, (cause, gaps, began_ms, ended_ms)
        found = await timeline(site, camera_id, start_ms)
        missing = sum(ended - began for began, ended in shown.values())
        whole = parse_rfc3339(found["to"]) - parse_rfc3339(found["from"])
        assert abs(found["coverage"] - (1 - missing / whole)) < 1e-9
        kinds = {event["kind"] for event in found["events"]}
        assert {"camera.offline", "outage.mediamtx"} <= kinds
