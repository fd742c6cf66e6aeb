"""Every closed segment gets the hash of its bytes, at a bounded rate."""

from __future__ import annotations

import hashlib

from tests.unit.tasks.recording_box import NOW_MS, Box
from vmsd.model.segment import SegmentFlag, SegmentState

START = NOW_MS - 3_600_000


async def test_the_hash_is_that_of_the_file(box: Box):
    camera = await box.camera()
    path = camera.record(START)
    await box.scan()
    row = (await box.rows(camera))[START]
    assert row["sha256"] == hashlib.sha256(path.read_bytes()).digest()


async def test_a_running_segment_is_not_hashed(box: Box):
    camera = await box.camera()
    camera.begin(START)
    await box.indexer().once()
    await box.hasher().once()
    row = (await box.rows(camera))[START]
    assert (row["state"], row["sha256"]) == (SegmentState.RUNNING, None)


async def test_a_large_file_takes_several_passes_and_no_byte_twice(box: Box, monkeypatch):
    monkeypatch.setattr("vmsd.tasks.hasher.PASS_BYTES", 4096)
    monkeypatch.setattr("vmsd.tasks.hasher.READ_BYTES", 1024)
    camera = await box.camera()
    path = camera.record(START, 10)
    hasher, passes = box.hasher(), 0
    await box.scanner().once()
    while await box.system.unhashed(1):
        if passes == 2:
            early = await box.camera(1, city=1)
            early.record(START - 5000)
            await box.scanner().once()
        await hasher.once()
        passes += 1
        assert passes < 40
    assert passes >= path.stat().st_size // 4096
    assert (await box.rows(camera))[START]["sha256"] == hashlib.sha256(path.read_bytes()).digest()


async def test_reading_every_byte_finds_a_torn_end_the_header_did_not_tell(box: Box):
    camera = await box.camera()
    path = camera.record(START, 5)
    good = path.stat().st_size
    with path.open("ab") as file:
        file.write(b"\0\0\x20\0moof" + bytes(50))
    await box.scanner().once()
    assert not (await box.rows(camera))[START]["flags"]
    await box.hasher().once()
    row = (await box.rows(camera))[START]
    assert row["flags"] == SegmentFlag.DAMAGED
    assert (row["valid_bytes"], row["duration_ms"]) == (good, 5000)
    assert row["sha256"] == hashlib.sha256(path.read_bytes()).digest()


async def test_a_file_that_grew_after_it_was_closed_is_measured_again_before_its_hash(box: Box):
    camera = await box.camera()
    path = camera.record(START, 2)
    await box.scanner().once()
    camera.grow(START, 2, 3)
    hasher = box.hasher()
    await hasher.once()
    await hasher.once()
    row = (await box.rows(camera))[START]
    assert (row["bytes"], row["duration_ms"]) == (path.stat().st_size, 5000)
    assert row["sha256"] == hashlib.sha256(path.read_bytes()).digest()


async def test_a_file_that_cannot_be_read_holds_up_no_other(box: Box):
    camera = await box.camera()
    camera.record(START)
    camera.record(START + 2000)
    await box.scanner().once()
    camera.path(START).unlink()
    camera.path(START).mkdir()
    hasher = box.hasher()
    await hasher.once()
    await hasher.once()
    hashes = [row["sha256"] is not None for row in (await box.rows(camera)).values()]
    assert hashes == [False, True]
