"""Recorded files: layout, times, switches, and what faults leave behind."""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from datetime import UTC, datetime
from itertools import pairwise
from typing import TYPE_CHECKING

import av
import pytest

from tests.contract.contract_boxes import Segment
from tests.contract.contract_camera import Camera
from tests.contract.contract_server import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.contract.conftest import MakeServer
    from tests.contract.contract_server import Server

_NAME = "0b6e2f5c-city/7f8e9d0c-camera"
_FILE = re.compile(r"\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d-\d{6}\.mp4")
_CLOCK = 90_000


def _start_of(file: Path) -> datetime:
    return datetime.strptime(file.stem, "%Y-%m-%d_%H-%M-%S-%f").replace(tzinfo=UTC)


def _wait_parts(file: Path, count: int) -> Segment:
    return wait_for(lambda: seen if len((seen := Segment(file)).parts) >= count else None, 10, "parts on disk")


def _count_frames(file: Path) -> int:
    with av.open(str(file)) as container:
        return sum(1 for _ in container.decode(video=0))


def test_a_running_file_has_the_layout_the_index_reads(start_server: MakeServer, camera: Camera) -> None:
    server = start_server({_NAME: {"source": camera.url, "record": True}})
    asked = datetime.now(UTC)
    (file,) = server.wait_files(_NAME, 1)
    segment = _wait_parts(file, 2)
    assert _FILE.fullmatch(file.name)
    assert abs((_start_of(file) - asked).total_seconds()) < 10
    assert segment.kinds[:2] == ["ftyp", "moov"]
    assert set(segment.kinds[2:]) == {"moof", "mdat"}
    assert [box.kind for box in segment.moov.children()] == ["mvhd", "trak", "mvex", "udta"]
    assert segment.moov.one("mvex", "trex").size == 32
    assert segment.moov.one("udta", "mtxi").size == 52
    assert segment.clocks == [_CLOCK]
    assert segment.duration_ms == 0


def test_the_header_names_the_start_by_the_wall_clock(start_server: MakeServer, camera: Camera) -> None:
    server = start_server({_NAME: {"source": camera.url, "record": True}})
    (file,) = server.wait_files(_NAME, 1)
    mtxi = Segment(file).mtxi
    assert mtxi.number == 0
    assert mtxi.stream_id[6] >> 4 == 4, "a random UUID"
    start_us = mtxi.ntp_ns // 1000
    assert _start_of(file).timestamp() * 1_000_000 == pytest.approx(start_us, abs=1)


def test_parts_hold_a_second_and_join_without_a_gap(start_server: MakeServer, camera: Camera) -> None:
    server = start_server({_NAME: {"source": camera.url, "record": True}})
    (file,) = server.wait_files(_NAME, 1)
    runs = [run for part in _wait_parts(file, 3).parts for run in part]
    assert runs[0].start == 0
    assert runs[0].keys[0]
    assert all(run.version == 1 for run in runs)
    for run, following in pairwise(runs):
        assert sum(run.durations) >= _CLOCK
        assert sum(run.durations) <= 1.3 * _CLOCK
        assert following.start == run.start + sum(run.durations)
    assert not all(runs[0].keys), "non-sync samples are marked"


def test_a_part_reaches_the_disk_each_second(start_server: MakeServer, camera: Camera) -> None:
    server = start_server({_NAME: {"source": camera.url, "record": True}})
    (file,) = server.wait_files(_NAME, 1)
    parts = len(_wait_parts(file, 1).parts)
    began = time.monotonic()
    _wait_parts(file, parts + 2)
    assert time.monotonic() - began < 4


def test_segments_switch_on_a_key_frame_and_continue_each_other(start_server: MakeServer, camera: Camera) -> None:
    server = start_server({_NAME: {"source": camera.url, "record": True, "recordSegmentDuration": "2s"}})
    first, second, third = (Segment(file) for file in server.wait_files(_NAME, 3)[:3])
    assert [s.mtxi.number for s in (first, second, third)] == [0, 1, 2]
    assert first.mtxi.stream_id == second.mtxi.stream_id == third.mtxi.stream_id
    assert second.parts[0][0].keys[0]
    assert second.parts[0][0].start == 0
    assert second.mtxi.dts_ns - first.mtxi.dts_ns == pytest.approx(2e9, abs=2e8)
    for closed, following in ((first, second), (second, third)):
        length_ms = (following.mtxi.dts_ns - closed.mtxi.dts_ns) / 1e6
        assert closed.duration_ms == pytest.approx(length_ms, abs=2)
        assert (following.mtxi.ntp_ns - closed.mtxi.ntp_ns) / 1e6 == pytest.approx(length_ms, abs=500)


def test_a_clean_end_writes_the_duration_into_the_header(start_server: MakeServer, camera: Camera) -> None:
    server = start_server({_NAME: {"source": camera.url, "record": True}})
    (file,) = server.wait_files(_NAME, 1)
    _wait_parts(file, 2)
    server.stop()
    segment = Segment(file)
    ticks = sum(sum(run.durations) for part in segment.parts for run in part)
    assert segment.duration_ms == pytest.approx(ticks * 1000 / _CLOCK, abs=2)
    assert sum(box.size for box in segment.boxes) == len(segment.data)
    assert _count_frames(file) == sum(len(run.durations) for part in segment.parts for run in part)


def test_a_killed_process_leaves_every_whole_part_readable(start_server: MakeServer, camera: Camera) -> None:
    server = start_server({_NAME: {"source": camera.url, "record": True}})
    (file,) = server.wait_files(_NAME, 1)
    parts = len(_wait_parts(file, 3).parts)
    server.kill()
    segment = Segment(file)
    assert segment.duration_ms == 0
    assert len(segment.parts) >= parts
    assert _count_frames(file) >= sum(len(run.durations) for part in segment.parts[:parts] for run in part)


def test_a_restart_begins_a_new_stream(start_server: MakeServer, camera: Camera) -> None:
    server = start_server({_NAME: {"source": camera.url, "record": True}})
    server.wait_files(_NAME, 1)
    server.kill()
    server.start()
    before, after = (Segment(file).mtxi for file in server.wait_files(_NAME, 2))
    assert before.stream_id != after.stream_id
    assert after.number == 0


def test_a_lost_camera_closes_its_file(start_server: MakeServer, own_camera: Camera) -> None:
    server = start_server({_NAME: {"source": own_camera.url, "record": True}})
    (file,) = server.wait_files(_NAME, 1)
    own_camera.kill()
    wait_for(lambda: Segment(file).duration_ms > 0)


def test_switching_recording_off_and_on_begins_a_new_stream(start_server: MakeServer, camera: Camera) -> None:
    server = start_server({_NAME: {"source": camera.url}})
    patch = "/v3/config/pathdefaults/patch"
    server.api(patch, "PATCH", {"record": True})
    (file,) = server.wait_files(_NAME, 1)
    server.api(patch, "PATCH", {"record": False})
    wait_for(lambda: Segment(file).duration_ms > 0, 5)
    server.api(patch, "PATCH", {"record": True})
    before, after = (Segment(one).mtxi for one in server.wait_files(_NAME, 2))
    assert before.stream_id != after.stream_id


def test_a_removed_folder_comes_back_with_the_next_segment(start_server: MakeServer, camera: Camera) -> None:
    server = start_server({_NAME: {"source": camera.url, "record": True, "recordSegmentDuration": "2s"}})
    server.wait_files(_NAME, 1)
    shutil.rmtree(server.recordings)
    assert Segment(server.wait_files(_NAME, 1)[0]).mtxi.number > 0
    assert not server.said("[recorder] write")


def test_the_zone_of_the_names_is_the_one_of_the_process(start_server: MakeServer, camera: Camera) -> None:
    template = "{recordings}/%path/%s-%z"
    server = start_server({})
    template = template.format(recordings=server.recordings)
    server.config["paths"] = {_NAME: {"source": camera.url, "record": True, "recordPath": template}}
    server.reload()
    (file,) = server.wait_files(_NAME, 1)
    assert re.fullmatch(r"\d{10}-Z\.mp4", file.name)
    assert int(file.name[:10]) == Segment(file).mtxi.ntp_ns // 1_000_000_000


def test_sound_is_recorded_beside_the_picture(start_server: MakeServer) -> None:
    camera = Camera("--audio", "aac")
    try:
        server = start_server({_NAME: {"source": camera.url, "record": True}})
        (file,) = server.wait_files(_NAME, 1)
        segment = _wait_parts(file, 3)
        assert len(segment.clocks) == 2
        assert _CLOCK in segment.clocks
        tracks = {run.track for part in segment.parts for run in part}
        assert tracks == {1, 2}
        server.stop()
        with av.open(str(file)) as container:
            assert sorted(stream.codec_context.name for stream in container.streams) == ["aac", "h264"]
    finally:
        camera.kill()


def test_g711_becomes_pcm_in_the_file(start_server: MakeServer) -> None:
    camera = Camera("--audio", "pcma")
    try:
        server = start_server({_NAME: {"source": camera.url, "record": True}})
        assert "G711" in server.wait_available(_NAME)["tracks"]
        (file,) = server.wait_files(_NAME, 1)
        _wait_parts(file, 2)
        server.stop()
        with av.open(str(file)) as container:
            (sound,) = container.streams.audio
            assert (sound.codec_context.name, sound.codec_context.sample_rate) == ("pcm_s16be", 8000)
    finally:
        camera.kill()


def test_h265_is_recorded(start_server: MakeServer) -> None:
    camera = Camera("--codec", "h265")
    try:
        server = start_server({_NAME: {"source": camera.url, "record": True}})
        (track,) = server.wait_available(_NAME)["tracks2"]
        assert (track["codec"], track["codecProps"]["width"]) == ("H265", 320)
        (file,) = server.wait_files(_NAME, 1)
        _wait_parts(file, 2)
        server.stop()
        assert _count_frames(file) > 10
    finally:
        camera.kill()


def test_b_frames_keep_their_order_in_the_file(start_server: MakeServer) -> None:
    camera = Camera("--b-frames", "2")
    try:
        server = start_server({_NAME: {"source": camera.url, "record": True}})
        (file,) = server.wait_files(_NAME, 1)
        segment = _wait_parts(file, 3)
        assert any(offset for part in segment.parts for run in part for offset in run.offsets)
        server.stop()
        with av.open(str(file)) as container:
            times = [frame.pts for frame in container.decode(video=0)]
        assert times == sorted(times)
    finally:
        camera.kill()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Mount two megabytes where the recordings go; only root may."""
    disk = tmp_path / "recordings"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(disk)]
    if not shutil.which("mount") or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a small tmpfs cannot be mounted here (needs root)")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


def test_a_full_disk_leaves_torn_files_and_recording_returns_with_the_space(
    small_disk: Path, start_server: MakeServer, camera: Camera
) -> None:
    server = start_server({_NAME: {"source": camera.url, "record": True}})
    (first,) = server.wait_files(_NAME, 1)
    ballast = _fill(small_disk)
    wait_for(lambda: server.said("no space left"), 15)
    before = server.path(_NAME)["inboundBytes"]
    _wait_retry(server, first)
    assert server.path(_NAME)["inboundBytes"] > before, "live goes on"
    assert Segment(first).parts, "what was whole stays whole"
    ballast.unlink()
    last = wait_for(lambda: file if Segment(file := server.files(_NAME)[-1]).parts and file != first else None, 15)
    assert Segment(last).mtxi.number == 0
    assert Segment(last).mtxi.stream_id != Segment(first).mtxi.stream_id


def _fill(disk: Path) -> Path:
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(16_384))
        except OSError:
            pass
    return ballast


def _wait_retry(server: Server, first: Path) -> None:
    """The recorder tries again every two seconds and a part, and leaves a file each time it can make one."""
    wait_for(lambda: sum("no space left" in line for line in server.lines) >= 2, 15)
    assert all(not Segment(file).parts for file in server.files(_NAME) if file != first and file.stat().st_size < 1000)
