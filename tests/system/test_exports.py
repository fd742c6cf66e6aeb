"""Exports of a whole site: of what the media server really records, and with the power gone in the middle."""

from __future__ import annotations

import asyncio
import hashlib
import json
import shutil
import signal
import subprocess
import time
import zipfile
from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import pytest

from tests.support.processes import Process, until
from tests.support.site import Site
from tests.unit.video.mp4_fixture import TIMESCALE, avcc, header, mtxi, pictures, video_trak
from tests.unit.video.recorded import write_sparse
from vmsd.clock import rfc3339
from vmsd.model.segment import segment_file_name, segment_start_us

PUSHED = (
    "ffmpeg", "-nostdin", "-v", "warning", "-re", "-f", "lavfi", "-i", "testsrc2=size=320x240:rate=10",
    "-f", "lavfi", "-i", "sine=frequency=440:sample_rate=16000", "-c:v", "libx264", "-preset", "veryfast", "-bf", "2",
    "-rc-lookahead", "2", "-threads", "1",
    "-pix_fmt", "yuv420p", "-g", "10", "-b:v", "200k", "-c:a", "aac", "-f", "flv",
)  # fmt: skip


async def ask_export(site: Site, camera_ids: list[str], start_ms: int, end_ms: int, **more: Any) -> str:
    period = {"start": rfc3339(start_ms), "end": rfc3339(end_ms)}
    wanted = {"camera_ids": camera_ids, **period, "reason": "Teste", "request_number": "1/2026"} | more
    status, body = await site.ask("POST", "/api/v1/exports", wanted)
    assert status == 202, body
    return str(body["id"])


async def ended(site: Site, export_id: str, within_s: float = 60) -> dict[str, Any]:
    async def over() -> dict[str, Any] | None:
        export = await site.get(f"/api/v1/exports/{export_id}")
        return export if export["state"] not in ("queued", "running") else None

    answer: dict[str, Any] = await until(over, within_s, "the export ends", every_s=0.3)
    return answer


async def fetched(site: Site, export: dict[str, Any], folder: Path) -> Path:
    status, data = await site.ask("GET", f"/api/v1/exports/{export['id']}/download")
    assert status == 200
    path = folder / export["files"][0]["name"]
    path.write_bytes(data)
    assert hashlib.sha256(data).hexdigest() == export["files"][0]["sha256"]
    return path


def probe(film: Path) -> dict[str, Any]:
    """What an independent reader finds; it must decode everything without a word."""
    decode = ("ffmpeg", "-nostdin", "-v", "error", "-xerror", "-i", str(film), "-f", "null", "-")
    done = subprocess.run(decode, capture_output=True, check=True, timeout=60)
    assert not done.stderr, done.stderr
    ask = ("ffprobe", "-v", "error", "-show_format", "-show_streams", "-of", "json", str(film))
    found: dict[str, Any] = json.loads(subprocess.run(ask, capture_output=True, check=True, timeout=60).stdout)
    return found


@pytest.fixture
async def quick_site(tmp_path: Path) -> AsyncIterator[Site]:
    async with Site(tmp_path, mediamtx={"segment_s": 4}) as site:
        yield site


async def test_what_the_media_server_records_with_b_frames_and_sound_comes_out_as_one_film(
    quick_site: Site, tmp_path: Path
):
    """Over several of its files and up to the one it is writing, the first picture asked for to the last.

    Not of the first file: what a camera sends in one go when it begins is named after when it came.
    """
    site = quick_site
    if shutil.which("ffmpeg") is None:
        pytest.skip("ffmpeg, which plays this camera, is not installed")
    camera = await site.camera("Portaria")
    await site.start()
    status, body = await site.ask("POST", "/api/v1/cameras", {"name": "Praça", "protocol": "rtmp", "audio": True})
    assert status == 201, body
    url = f"rtmp://127.0.0.1:{body['publish']['rtmp_port']}{body['publish']['rtmp_path']}"
    ids = [body["id"], await site.add_camera("Portaria", camera.url)]
    pusher = await Process.start(*PUSHED, url, log=tmp_path / "ffmpeg.log")
    try:
        for camera_id in ids:
            await site.until_recording(camera_id)
        await until(lambda: _long_enough(site, ids), 60, "enough files each", every_s=0.5)
    finally:
        await pusher.end(signal.SIGKILL)
    second_us = max(segment_start_us(site.files(camera_id)[1].name) or 0 for camera_id in ids)
    start_ms, end_ms = second_us // 1000 + 1_300, second_us // 1000 + 9_300

    for camera_id, sound in ((ids[0], True), (ids[1], False)):
        export = await ended(site, await ask_export(site, [camera_id], start_ms, end_ms))
        assert export["state"] == "done", export
        assert export["missing_seconds"] == pytest.approx(0, abs=0.25), export["cameras"]
        film = await fetched(site, export, tmp_path)
        found = probe(film)
        assert [one["codec_type"] for one in found["streams"]] == (["video", "audio"] if sound else ["video"])
        assert float(found["format"]["duration"]) == pytest.approx(8, abs=0.3)
        with av.open(str(film)) as opened:
            times = sorted(frame.time for frame in opened.decode(video=0))
        assert len([at for at in times if 0 <= at < 8]) == pytest.approx(80, abs=3)
        assert max(after - at for at, after in pairwise(times)) < 0.25, "no picture is lost between two files"

    export = await ended(site, await ask_export(site, ids, start_ms, end_ms, format="package"))
    assert export["state"] == "done", export
    package = await fetched(site, export, tmp_path)
    with zipfile.ZipFile(package) as opened:
        assert opened.testzip() is None
        manifest = json.loads(opened.read("manifest.json"))
        for entry in manifest["cameras"]:
            assert len(entry["segments"]) >= 2
            for segment in entry["segments"]:
                recorded = (site.recordings / site.city_id / entry["id"] / Path(segment["path"]).name).read_bytes()
                data = opened.read(segment["path"])
                assert recorded.startswith(data)
                assert hashlib.sha256(data).hexdigest() == segment["sha256"]


async def _long_enough(site: Site, ids: list[str]) -> bool:
    return all(len(site.files(camera_id)) >= 5 for camera_id in ids)


HUGE_FRAGMENTS, HUGE_SAMPLE = 1200, 1 << 20


def put_huge(site: Site, camera_id: str) -> int:
    """A recording of 20 minutes and 1.2 GB, nearly all of it holes; when it began."""
    sets, units = pictures(10)
    start_ms = round(time.time() * 1000) - 3_600_000
    folder = site.recordings / site.city_id / camera_id
    folder.mkdir(parents=True)
    track = video_trak(320, 240, avcc(sets))
    head = header(track, duration_ms=HUGE_FRAGMENTS * 1000, udta=mtxi(0, 0, start_ms * 1_000_000))
    write_sparse(folder / ".huge", head, HUGE_FRAGMENTS, [HUGE_SAMPLE], TIMESCALE)
    (folder / ".huge").rename(folder / segment_file_name(start_ms * 1000))
    assert units
    return start_ms


async def half_made(site: Site, export_id: str) -> Path:
    """The unfinished file once a good part of it is written."""
    folder = site.recordings / ".exports" / export_id

    async def there() -> Path | None:
        parts = list(folder.glob("*.part")) if folder.exists() else []
        return parts[0] if parts and parts[0].stat().st_size > 100 << 20 else None

    found: Path = await until(there, 40, "a part of the export is written", every_s=0.01)
    return found


async def test_an_export_that_is_broken_off_and_killed_half_way_is_made_after_all(site: Site) -> None:
    await site.start()
    camera_id = await site.add_camera("Praça", "rtsp://127.0.0.1:9/none", recording_enabled=False)
    start_ms = put_huge(site, camera_id)
    await until(lambda: _is_indexed(site, camera_id), 60, "the recording has its row and its hash", every_s=0.5)
    export_id = await ask_export(site, [camera_id], start_ms, start_ms + HUGE_FRAGMENTS * 1000)

    await half_made(site, export_id)
    began_s = time.monotonic()
    assert await site.stop_vmsd() == 0
    assert time.monotonic() - began_s < 10
    assert site.vmsd is not None
    assert "Traceback" not in site.vmsd.output()
    assert not list((site.recordings / ".exports").rglob("*.part"))
    assert site.sql("SELECT state, attempts FROM export") == [("queued", 0)]

    await site.start_vmsd()
    part = await half_made(site, export_id)
    assert (await site.get(f"/api/v1/exports/{export_id}"))["state"] == "running"
    assert (await site.ask("GET", f"/api/v1/exports/{export_id}/download"))[0] == 409
    await site.stop_vmsd(signal.SIGKILL)
    assert part.exists()

    await site.start_vmsd()
    export = await ended(site, export_id)
    assert (export["state"], export["attempts"], export["missing_seconds"]) == ("done", 2, 0)
    folder = site.recordings / ".exports" / export_id
    assert [path.name for path in folder.iterdir()] == [export["files"][0]["name"]]
    digest = await asyncio.to_thread(digest_of, folder / export["files"][0]["name"])
    assert digest == export["files"][0]["sha256"]
    assert site.sql("SELECT count(*) FROM kept_period WHERE released_ms IS NULL") == [(0,)]


def digest_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


async def _is_indexed(site: Site, camera_id: str) -> bool:
    return any(one["sha256"] for one in await site.indexed(camera_id))
