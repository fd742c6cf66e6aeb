"""What was recorded is played by programs that know nothing of us, from the playlist alone."""

from __future__ import annotations

import asyncio
import re
import shutil
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import psutil
import pytest

from tests.support.processes import until
from tests.support.site import SMALL, Site, standin
from vmsd.clock import parse_rfc3339, rfc3339
from vmsd.demo.media_server import MediaServer, find_media_server

GOP_MS = 1000
SEGMENTS = 3


def servers() -> list[Any]:
    """The real one with sound that browsers cannot play, which is left out."""
    found = find_media_server()
    real = pytest.mark.skipif(found.kind != "real", reason="MediaMTX is not installed")
    return [pytest.param(standin(), "none", id="standin"), pytest.param(found, "pcma", id="real", marks=real)]


async def run(*command: str) -> str:
    """What a program prints; it must not complain."""
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, errors = await asyncio.wait_for(process.communicate(), 60)
    assert (process.returncode, errors.decode()) == (0, ""), errors
    return out.decode()


async def recorded(site: Site, camera_id: str, closed: int) -> list[dict[str, Any]]:
    """The camera's files once so many are closed and one runs with something in it."""

    async def there() -> list[dict[str, Any]] | None:
        items = await site.indexed(camera_id)
        running = [item for item in items if item["state"] == "running" and item["duration"] > 2]
        return items if len(items) - len(running) >= closed and running else None

    found: list[dict[str, Any]] = await until(there, 70, "files are closed and one runs")
    return found


async def playlist_url(site: Site, camera_id: str, start: str, end: str) -> str:
    _, stream = await site.ask("POST", f"/api/v1/streams?camera_id={camera_id}")
    token = parse_qs(urlsplit(stream["hls_url"]).query)["token"][0]
    return f"{site.url}/replay/stream_{camera_id}/index.m3u8?start={start}&end={end}&token={token}"


@pytest.mark.parametrize(("server", "sound"), servers())
async def test_players_play_a_period_across_files_up_to_the_running_one(
    tmp_path: Path, server: MediaServer, sound: str
) -> None:
    async with Site(tmp_path, server=server) as site:
        camera = await site.camera("Portaria", *SMALL, "--audio", sound)
        await site.start()
        camera_id = await site.add_camera("Portaria", camera.url, audio=sound != "none")
        items = await recorded(site, camera_id, SEGMENTS)
        url = await playlist_url(site, camera_id, "2020-01-01T00:00:00Z", "2120-01-01T00:00:00Z")
        _, text = await site.ask("GET", url.removeprefix(site.url), token="")
        seconds = sum(float(one) for one in re.findall(r"#EXTINF:([\d.]+)", text.decode()))
        wall = parse_rfc3339(items[-1]["end"]) - parse_rfc3339(items[0]["start"])
        assert abs(seconds * 1000 - wall) <= 2 * GOP_MS, (seconds, wall)
        played = float(await run("ffprobe", "-v", "error", "-show_entries", "format=duration", "-of", "csv=p=0", url))
        assert abs(played * 1000 - seconds * 1000) <= GOP_MS
        streams = await run("ffprobe", "-v", "error", "-show_entries", "stream=codec_type", "-of", "csv=p=0", url)
        assert set(streams.split()) == {"video"}
        closed = await playlist_url(site, camera_id, items[0]["start"], items[SEGMENTS]["start"])
        there = [await _pictures(str(file), "packets") for file in site.files(camera_id)[:SEGMENTS]]
        # With sound, a file begins some milliseconds before the last picture of the one before.
        assert sum(there) - 1 <= await _pictures(closed, "packets") <= sum(there)
        assert await _pictures(closed, "frames") > 0.9 * sum(there)  # ffmpeg's decoder stumbles where a file ends
        await _plays_from_the_middle(site, camera_id, items)


async def _plays_from_the_middle(site: Site, camera_id: str, items: list[dict[str, Any]]) -> None:
    """Three seconds around the end of the first file, as a player asks for them."""
    edge = parse_rfc3339(items[1]["start"])
    start, end = rfc3339(edge - 1500), rfc3339(edge + 1500)
    url = await playlist_url(site, camera_id, start, end)
    _, text = await site.ask("GET", url.removeprefix(site.url), token="")
    dates = [parse_rfc3339(one) for one in re.findall(r"DATE-TIME:(\S+)", text.decode())]
    assert edge - 1500 - GOP_MS - 100 <= dates[0] <= edge - 1500
    assert len(dates) == 2
    assert 25 <= await _pictures(url, "packets") <= 65


async def _pictures(place: str, what: str) -> int:
    """How many an independent reader finds in it, or makes of it, without a complaint."""
    shown = (f"-count_{what}", "-select_streams", "v", "-show_entries", f"stream=nb_read_{what}", "-of", "csv=p=0")
    return int((await run("ffprobe", "-v", "error", *shown, place)).split()[0].strip(","))


async def test_pictures_come_soon_after_a_file_is_closed_and_replay_costs_the_daemon_no_memory(site: Site) -> None:
    camera = await site.camera("Portaria", "--size", "640x360", "--fps", "10", "--gop-s", "1", "--bitrate-k", "8000")
    await site.start()
    camera_id = await site.add_camera("Portaria", camera.url)
    items = await recorded(site, camera_id, 1)

    async def pictured() -> dict[str, Any] | None:
        period = f"start={items[0]['start']}&end={items[0]['end']}"
        answer = await site.get(f"/api/v1/cameras/{camera_id}/thumbnails?{period}&step=1")
        return answer if answer["sheets"] else None

    sheets = (await until(pictured, 30, "the closed file has pictures"))["sheets"]
    status, jpeg = await site.ask("GET", sheets[0]["url"])
    assert (status, jpeg[:2]) == (200, b"\xff\xd8")
    assert site.vmsd is not None
    daemon = psutil.Process(site.vmsd.pid)
    before = daemon.memory_info().rss
    path = f"/replay/stream_{camera_id}/{items[0]['id']}.mp4"
    _, whole = await site.ask("GET", path)
    for _ in range(20):
        await site.ask("GET", path)
    status, part = await site.ask("GET", path, Range="bytes=1000-200999")
    assert (status, part) == (206, whole[1000:201_000])
    assert daemon.memory_info().rss - before < 16 << 20


@pytest.mark.skipif(shutil.which("ffprobe") is None, reason="ffprobe is not installed")
async def test_what_a_dead_recorder_left_is_played_as_far_as_it_is_whole(site: Site) -> None:
    camera = await site.camera("Portaria", *SMALL)
    await site.start()
    camera_id = await site.add_camera("Portaria", camera.url)
    await recorded(site, camera_id, 1)
    await site.kill_mediamtx()
    newest = site.files(camera_id)[-1]
    with newest.open("r+b") as file:
        file.truncate(newest.stat().st_size - 700)
    url = await playlist_url(site, camera_id, "2020-01-01T00:00:00Z", "2120-01-01T00:00:00Z")
    played = float(await run("ffprobe", "-v", "error", "-show_entries", "format=duration", "-of", "csv=p=0", url))
    assert played > 10
