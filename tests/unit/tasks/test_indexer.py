"""What MediaMTX writes gets a true row, whatever state it is in."""

from __future__ import annotations

import errno
import os

import pytest

from tests.unit.tasks.recording_box import NOW_MS, Box, open_box
from vmsd.errors import StorageFull
from vmsd.model.segment import SegmentFlag, SegmentState

START = NOW_MS - 10_000


async def test_a_running_segment_is_seen_and_grows_with_its_file(box: Box):
    camera, indexer = await box.camera(), box.indexer()
    path = camera.begin(START, 2)
    await indexer.once()
    row = (await box.rows(camera))[START]
    assert (row["state"], row["duration_ms"]) == (SegmentState.RUNNING, 2000)
    assert row["bytes"] == row["valid_bytes"] == path.stat().st_size

    camera.grow(START, 2, 3)
    box.clock.pass_s(4)
    await indexer.once()
    row = (await box.rows(camera))[START]
    assert (row["duration_ms"], row["valid_bytes"]) == (5000, path.stat().st_size)


async def test_only_the_new_bytes_of_a_running_segment_are_read(box: Box, monkeypatch):
    camera, indexer = await box.camera(), box.indexer()
    camera.begin(START, 600)
    await indexer.once()
    camera.grow(START, 600, 2)
    offsets = []
    real = os.fdopen

    def spying(handle, *args, **kwargs):
        file = real(handle, *args, **kwargs)

        class Spy:
            def __enter__(self):
                return self

            def __exit__(self, *_):
                file.close()

            def read(self, size):
                offsets.append((file.tell(), size))
                return file.read(size)

            def __getattr__(self, name):
                return getattr(file, name)

        return Spy()

    monkeypatch.setattr("vmsd.services.segment_files.os.fdopen", spying)
    await indexer.once()
    assert (await box.rows(camera))[START]["duration_ms"] == 602_000
    assert sum(size for _, size in offsets) < 64_000


async def test_a_patched_header_closes_a_segment(box: Box):
    camera, indexer = await box.camera(), box.indexer()
    camera.begin(START, 2)
    await indexer.once()
    camera.close(START, 2000)
    await indexer.once()
    assert (await box.rows(camera))[START]["state"] == SegmentState.CLOSED


async def test_a_newer_segment_closes_the_one_before(box: Box):
    camera, indexer = await box.camera(), box.indexer()
    camera.begin(START, 2)
    await indexer.once()
    camera.begin(START + 2000, 1)
    await indexer.once()
    rows = await box.rows(camera)
    assert [row["state"] for row in rows.values()] == [SegmentState.CLOSED, SegmentState.RUNNING]


async def test_silence_closes_a_segment_and_growth_opens_it_again(box: Box):
    camera, indexer = await box.camera(), box.indexer()
    camera.begin(START, 2)
    for _ in range(17):
        await indexer.once()
        box.clock.pass_s(4)
    assert (await box.rows(camera))[START]["state"] == SegmentState.CLOSED
    camera.grow(START, 2, 1)
    await indexer.once()
    row = (await box.rows(camera))[START]
    assert (row["state"], row["duration_ms"]) == (SegmentState.RUNNING, 3000)


async def test_a_file_that_comes_within_the_same_tick_as_a_look_is_found(box: Box):
    camera, indexer = await box.camera(), box.indexer()
    folder = camera.begin(START).parent
    await indexer.once()
    seen_ns = folder.stat().st_mtime_ns
    camera.begin(START + 2000)
    os.utime(folder, ns=(seen_ns, seen_ns))
    await indexer.once()
    assert list(await box.rows(camera)) == [START, START + 2000]


async def test_a_clock_put_back_leaves_the_running_segment_running(box: Box):
    camera, indexer = await box.camera(), box.indexer()
    camera.record(START, 2)
    await indexer.once()
    earlier = START - 3_600_000
    camera.begin(earlier, 1)
    for second in range(1, 6):
        await indexer.once()
        assert (await box.rows(camera))[earlier]["state"] == SegmentState.RUNNING
        camera.grow(earlier, second, 1)
        box.clock.pass_s(4)


@pytest.mark.parametrize("content", [b"", b"\0" * 5000, os.urandom(5000), b"\0\0\0\x18ftypmp42"])
async def test_a_file_that_is_no_video_becomes_a_damaged_row_or_garbage(box: Box, content: bytes):
    camera, indexer = await box.camera(), box.indexer()
    camera.begin(START).write_bytes(content)
    camera.begin(START + 2000)
    await indexer.once()
    await indexer.once()
    row = (await box.rows(camera))[START]
    if content:
        assert row["flags"] & SegmentFlag.DAMAGED
        assert (row["state"], row["valid_bytes"]) == (SegmentState.CLOSED, 0)
    else:
        assert (row["state"], row["purge_reason"]) == (SegmentState.GARBAGE, "empty")


async def test_a_torn_tail_never_hides_the_good_minutes_and_is_never_cut(box: Box):
    camera, indexer = await box.camera(), box.indexer()
    path = camera.begin(START, 120)
    whole = path.stat().st_size
    with path.open("ab") as file:
        file.write(b"\0\0\x10\0moof" + b"x" * 100)
    camera.begin(START + 121_000)
    await indexer.once()
    await indexer.once()
    row = (await box.rows(camera))[START]
    assert row["flags"] & SegmentFlag.DAMAGED
    assert (row["duration_ms"], row["valid_bytes"], row["bytes"]) == (120_000, whole, whole + 108)
    assert path.stat().st_size == whole + 108


async def test_a_restart_goes_on_where_the_rows_end(box: Box):
    camera = await box.camera()
    camera.begin(START, 3)
    await box.indexer().once()
    camera.grow(START, 3, 2)
    camera.begin(START + 5000, 1)
    again = box.indexer()
    await again.once()
    await again.once()
    rows = await box.rows(camera)
    assert [row["duration_ms"] for row in rows.values()] == [5000, 1000]
    assert [row["state"] for row in rows.values()] == [SegmentState.CLOSED, SegmentState.RUNNING]


async def test_what_came_while_the_daemon_was_down_counts_in_no_rate(box: Box):
    camera = await box.camera()
    camera.begin(START, 1)
    await box.indexer().once()
    camera.grow(START, 1, 500)
    again = box.indexer()
    await again.once()
    assert box.index.total_bytes_per_s() == 0
    assert box.index.last_written_ms(camera.key) is None


async def test_the_rate_is_what_reached_the_disk_in_the_last_half_minute(box: Box):
    camera, indexer = await box.camera(), box.indexer()
    path = camera.begin(START, 1)
    await indexer.once()
    before = path.stat().st_size
    for second in range(10):
        camera.grow(START, 1 + 4 * second, 4)
        box.clock.pass_s(4)
        await indexer.once()
    per_s = (path.stat().st_size - before) / 40
    assert box.index.bytes_per_s(camera.key) == pytest.approx(per_s, rel=0.2)
    assert box.index.last_written_ms(camera.key) == box.clock.wall
    box.clock.pass_s(31)
    assert box.index.bytes_per_s(camera.key) == 0
    assert box.index.written_age_s(camera.key) == 31


async def test_the_newest_keyframe_is_found_with_its_wall_time(box: Box):
    camera, indexer = await box.camera(), box.indexer()
    path = camera.begin(START, 1)
    await indexer.once()
    camera.grow(START, 1, 3)
    await indexer.once()
    camera.grow(START, 4, 2)
    place = await box.index.newest_keyframe(camera.key)
    assert place is not None
    assert (place.path, place.wall_ms) == (path, START + 5000)
    assert place.header.video is not None
    assert path.read_bytes()[place.sample.offset : place.sample.offset + 4] == b"\x01\x01\x01\x01"


async def test_files_are_durable_before_folders_and_folders_before_rows(box: Box, monkeypatch):
    camera, indexer = await box.camera(), box.indexer()
    order = []
    real_data, real_sync, real_put = os.fdatasync, os.fsync, box.system.put

    async def put(rows):
        order.append("row")
        await real_put(rows)

    monkeypatch.setattr(os, "fdatasync", lambda handle: (order.append("file"), real_data(handle)))
    monkeypatch.setattr(os, "fsync", lambda handle: (order.append("folder"), real_sync(handle)))
    monkeypatch.setattr(box.system, "put", put)
    camera.begin(START, 1)
    await indexer.once()
    camera.grow(START, 1, 1)
    await indexer.once()
    assert order == ["file", "folder", "folder", "row", "file", "row"]


async def test_what_cannot_be_made_durable_gets_no_row(box: Box, monkeypatch):
    good, bad = await box.camera(1), await box.camera(2)
    good.begin(START)
    bad.begin(START + 1)
    bad_inode, real = bad.path(START + 1).stat().st_ino, os.fdatasync

    def failing(handle):
        if os.fstat(handle).st_ino == bad_inode:
            raise OSError(errno.EIO, "Input/output error")
        real(handle)

    indexer = box.indexer()
    with monkeypatch.context() as broken:
        broken.setattr(os, "fdatasync", failing)
        await indexer.once()
    assert await box.rows(good)
    assert not await box.rows(bad)
    await indexer.once()
    assert (await box.rows(bad))[START + 1]["duration_ms"] == 1000


async def test_a_full_database_stops_no_durability_and_loses_no_row(box: Box, monkeypatch):
    camera, indexer = await box.camera(), box.indexer()
    camera.begin(START, 1)

    async def full(_):
        raise StorageFull("the database's volume is full")

    with monkeypatch.context() as broken:
        broken.setattr(box.system, "put", full)
        await indexer.once()
        assert not await box.rows(camera)
    await indexer.once()
    assert (await box.rows(camera))[START]["duration_ms"] == 1000


async def test_segments_first_seen_with_an_untrusted_clock_say_so_for_ever(box: Box):
    camera, indexer = await box.camera(), box.indexer()
    box.clock.wall += 56 * 365 * 86_400_000
    box.keeper.look()
    camera.begin(START, 1)
    await indexer.once()
    box.clock.wall -= 56 * 365 * 86_400_000
    box.keeper.look()
    camera.grow(START, 1, 1)
    camera.begin(START + 3000)
    await indexer.once()
    await indexer.once()
    rows = await box.rows(camera)
    assert rows[START]["flags"] & SegmentFlag.CLOCK_UNTRUSTED
    assert not rows[START + 3000]["flags"] & SegmentFlag.CLOCK_UNTRUSTED


async def test_nothing_is_looked_at_on_a_volume_that_is_not_ours(box: Box):
    camera, indexer = await box.camera(), box.indexer()
    camera.begin(START)
    (box.settings.recordings_dir / ".vmsd" / "volume.json").unlink()
    await box.watch.look()
    await indexer.once()
    assert not await box.rows(camera)


async def test_a_link_in_the_place_of_a_segment_is_not_followed(box: Box, tmp_path):
    camera, indexer = await box.camera(), box.indexer()
    outside = tmp_path / "outside.mp4"
    camera.begin(START).rename(outside)
    camera.path(START).symlink_to(outside)
    await indexer.once()
    assert not await box.rows(camera)


async def test_the_index_survives_its_database_being_reopened(tmp_path):
    async with open_box(tmp_path) as box:
        camera = await box.camera()
        camera.record(START)
        await box.indexer().once()
    async with open_box(tmp_path) as box:
        assert (await box.rows(camera))[START]["state"] == SegmentState.CLOSED
