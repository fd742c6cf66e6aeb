"""What it costs when a process is killed, or told to stop, at the worst moment."""

from __future__ import annotations

import asyncio
import signal
import time

from tests.support.processes import until
from tests.support.site import Site
from tests.support.video import gaps_s, spans_of

FRAME_GAP_S = 0.5
"""Cameras of 10 frames per second: more than this between two files would be a lost picture."""


async def test_a_killed_mediamtx_records_everything_again_within_10_seconds(site: Site) -> None:
    cameras = [await site.camera(f"Câmera {number}") for number in range(3)]
    await site.start()
    ids = await site.add_cameras(*cameras)
    for camera_id in ids:
        await site.until_recording(camera_id)

    await site.kill_mediamtx()
    for camera_id in ids:
        assert (await site.until_state(camera_id, "offline", 10))["cause"] == "mediamtx_away"
    assert not (await site.system())["mediamtx"]["alive"]
    health = await site.health()
    assert health == {"status": "degraded", "mediamtx": False, "database": True, "disk": True}
    assert "mediamtx_away" in await site.notices()

    before = {camera_id: set(site.files(camera_id)) for camera_id in ids}
    back_s = time.monotonic()
    await site.start_mediamtx()
    await until(lambda: _new_video(site, before), 10, "every camera is recording into a new file", every_s=0.2)
    for camera_id in ids:
        left_s = max(0.5, 13 - (time.monotonic() - back_s))
        await site.until_state(camera_id, "online", left_s)
    assert site.vmsd is not None
    assert site.vmsd.running
    assert '"level": "error"' not in site.vmsd.output()
    for camera_id in ids:
        states = [(line["state"], line["cause"]) for line in await site.history(camera_id)]
        assert states[-2:] == [("offline", "mediamtx_away"), ("online", None)]


async def _new_video(site: Site, before: dict[str, set]) -> bool:
    return all(spans_of(set(site.files(camera_id)) - known) for camera_id, known in before.items())


async def test_a_killed_vmsd_costs_no_recorded_second_and_finds_every_file_again(site: Site) -> None:
    camera = await site.camera("Portaria")
    await site.start()
    camera_id = await site.add_camera("Portaria", camera.url)
    await site.until_recording(camera_id)

    await site.stop_vmsd(signal.SIGKILL)
    assert site.mediamtx is not None
    away_s = 14
    await asyncio.sleep(away_s)  # longer than a segment: files begin and end while nobody indexes them
    assert site.mediamtx.running
    alone = spans_of(site.files(camera_id))
    assert len(alone) >= 2

    await site.start_vmsd()
    await until(lambda: _all_indexed(site, camera_id), 15, "every file has a row, the running one too")
    await site.until_recording(camera_id)
    spans = spans_of(site.files(camera_id))
    assert max(gaps_s(spans)) < FRAME_GAP_S, spans
    assert min(gaps_s(spans)) > -FRAME_GAP_S, spans
    newest_age_s = time.time() - spans[-1].end_ms / 1000
    assert newest_age_s < 4, "the newest part on the disk is a few seconds old at most"
    wall_s = (spans[-1].end_ms - spans[0].start_ms) / 1000
    assert abs(sum(span.seconds for span in spans) - wall_s) < 1
    assert wall_s > away_s


async def _all_indexed(site: Site, camera_id: str) -> bool:
    return len(await site.indexed(camera_id)) == len(site.files(camera_id))


async def test_vmsd_stops_within_10_seconds_of_sigterm_while_everything_goes_on(site: Site) -> None:
    camera = await site.camera("Portaria")
    await site.start()
    camera_id = await site.add_camera("Portaria", camera.url)
    await site.until_state(camera_id, "online", 20)
    began_s = time.monotonic()
    assert await site.stop_vmsd() == 0
    assert time.monotonic() - began_s < 10
    assert site.vmsd is not None
    assert "Traceback" not in site.vmsd.output()
    assert '"event": "daemon.stopped"' in site.vmsd.output()
    assert site.mediamtx is not None
    assert site.mediamtx.running


async def test_a_bad_configuration_ends_with_78_and_names_the_field(site: Site) -> None:
    good = site.config.read_text("utf-8")
    assert "fine" in await site.command("check-config")
    for wrong, field in (
        (good.replace("breaker_used = 0.99", "breaker_used = 99"), "disk.breaker_used"),
        (good + "\n[site]\ntime_zone = 'Lugar/Nenhum'\n", "site.time_zone"),
        (good.replace("[disk]", "[disc]"), "disc"),
        (good.replace(f'recordings_dir = "{site.recordings}"', 'recordings_dir = "video"'), "recordings_dir"),
    ):
        site.config.write_text(wrong, "utf-8")
        for words in (("check-config",), ("run",)):
            assert field in await site.command(*words, expect=78)
