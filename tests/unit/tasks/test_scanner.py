"""The disk is the truth: the database follows it, and no file is touched."""

from __future__ import annotations

import errno
import shutil
from uuid import UUID

import pytest

from tests.unit.tasks.recording_box import NOW_MS, Box, files_in, open_box
from vmsd.model.segment import SegmentFlag, SegmentState
from vmsd.services.clock_trust import Timekeeper
from vmsd.store.audit import Audit
from vmsd.tasks.scanner import ROUND_S, rebuild

HOUR_AGO = NOW_MS - 3_600_000


def many(camera, count: int, start_ms: int = HOUR_AGO) -> list[int]:
    starts = [start_ms + 2000 * index for index in range(count)]
    for start in starts:
        camera.record(start)
    return starts


async def test_a_lost_database_fills_again_from_the_files_alone(tmp_path):
    async with open_box(tmp_path) as box:
        cameras = [await box.camera(1), await box.camera(2, city=2)]
        starts = [many(camera, 30) for camera in cameras]
        before = files_in(box.settings.recordings_dir)
    for file in (tmp_path / "data").glob("vmsd.db*"):
        file.unlink()
    async with open_box(tmp_path) as box:
        scanner, told = box.scanner(), []
        assert await rebuild(scanner, box.index, lambda left, taken: told.append((left, taken))) == 60
        for camera, expected in zip(cameras, starts, strict=True):
            found = await box.find(camera.folder.camera)
            assert found.key == camera.key
            rows = await box.rows(camera)
            assert list(rows) == expected
            assert {row["duration_ms"] for row in rows.values()} == {2000}
            assert all(row["valid_bytes"] == row["bytes"] for row in rows.values())
        assert told[-1] == (0, 60)
        assert sorted(await box.cities()) == sorted(f"Recuperada {camera.folder.city[:8]}" for camera in cameras)
        assert files_in(box.settings.recordings_dir) == before


async def test_what_is_recovered_records_nothing_and_keeps_longest(box: Box):
    camera = await box.camera()
    async with box.database.write() as transaction:
        await transaction.execute("DELETE FROM camera")
        await transaction.execute("DELETE FROM city")
    camera.record(HOUR_AGO)
    await box.scan()
    rows = await box.database.read("SELECT * FROM camera")
    (city,) = await box.database.read("SELECT plan FROM city")
    assert city["plan"] == "premium"
    assert [(row["recording_enabled"], row["protocol"], row["secret"]) for row in rows] == [(0, "rtsp", None)]
    assert rows[0]["name"] == f"Câmera {camera.folder.camera[:8]}"


async def test_what_came_back_by_itself_is_written_down_as_such(tmp_path):
    async with open_box(tmp_path) as box:
        folders = [(await box.camera(number)).folder for number in (1, 2)]
        for number in (1, 2):
            (await box.camera(number)).record(HOUR_AGO)
    for file in (tmp_path / "data").glob("vmsd.db*"):
        file.unlink()
    async with open_box(tmp_path) as box:
        await box.scan()
        rows = await Audit(box.database).chunk(0, 100, 100)
        assert [(row.action, row.subject, row.facts) for row in rows] == [
            ("city.added", folders[0].city, '{"recovered":true}'),
            *(("camera.added", folder.camera, '{"recovered":true}') for folder in folders),
        ]
        assert {(row.city, row.person_name) for row in rows} == {(folders[0].city, None)}


async def test_folders_that_are_nobodys_are_counted_and_left_alone(box: Box):
    camera = await box.camera(7)
    root = box.settings.recordings_dir
    for name in (
        "lost+found/x",
        "foo/bar",
        f"{camera.folder.city}/not-a-camera",
        str(UUID(int=5)) + "/" + str(UUID(int=6)),
    ):
        (root / name).mkdir(parents=True)
    (root / "foo/bar/2026-01-01_00-00-00-000000.mp4").write_bytes(b"x")
    await box.scan()
    assert box.index.ignored_folders == 3, "what the file system has made for itself is nobody's folder"
    assert len(await box.system.folders()) == 1


async def test_a_camera_of_one_city_is_not_taken_over_through_anothers_folder(box: Box):
    camera, other = await box.camera(1), await box.camera(1, city=2)
    forged = box.settings.recordings_dir / other.folder.city / camera.folder.camera
    forged.mkdir(parents=True)
    shutil.copy(camera.record(HOUR_AGO), forged)
    await box.scan()
    assert len(await box.system.folders()) == 2
    assert box.index.ignored_folders == 1
    assert not await box.rows(other)


async def test_segments_recorded_while_the_daemon_was_down_are_found(box: Box):
    camera = await box.camera()
    starts = many(camera, 50)
    await box.indexer().once()
    assert len(await box.rows(camera)) < 50
    await box.scan()
    assert list(await box.rows(camera)) == starts


async def test_a_torn_segment_is_measured_and_flagged(box: Box):
    camera = await box.camera()
    with camera.begin(HOUR_AGO, 60).open("ab") as file:
        file.write(b"\0\0\1\0moof")
    camera.begin(HOUR_AGO + 1).write_bytes(b"")
    camera.begin(HOUR_AGO + 2).write_bytes(b"nonsense" * 1000)
    camera.record(HOUR_AGO + 61_000)
    await box.scan()
    rows = await box.rows(camera)
    assert rows[HOUR_AGO]["duration_ms"] == 60_000
    assert rows[HOUR_AGO]["flags"] == SegmentFlag.DAMAGED
    assert rows[HOUR_AGO + 1]["state"] == SegmentState.GARBAGE
    assert rows[HOUR_AGO + 2]["flags"] == SegmentFlag.DAMAGED
    assert rows[HOUR_AGO + 61_000]["flags"] == 0


async def test_a_few_files_taken_from_the_disk_become_purges(box: Box):
    camera = await box.camera()
    starts = many(camera, 30)
    await box.scan()
    for start in starts[:3]:
        camera.path(start).unlink()
    await box.scan()
    assert list(await box.rows(camera)) == starts[3:]
    assert await box.purges(camera) == dict.fromkeys(starts[:3], "vanished")


async def test_many_files_missing_at_once_are_not_believed(box: Box):
    camera = await box.camera()
    starts = many(camera, 60)
    await box.scan()
    for start in starts[:21]:
        camera.path(start).unlink()
    await box.scan()
    assert len(await box.rows(camera)) == 60
    assert box.index.missing_files == 21
    assert not await box.purges(camera)


async def test_no_row_vanishes_when_the_volume_goes_during_a_scan(box: Box, monkeypatch):
    camera = await box.camera()
    starts = many(camera, 5)
    await box.scan()
    present = box.files.present

    async def pull_the_disk(files):
        (box.settings.recordings_dir / ".vmsd" / "volume.json").unlink(missing_ok=True)
        return await present(files)

    camera.path(starts[0]).unlink()
    monkeypatch.setattr(box.files, "present", pull_the_disk)
    await box.scan()
    assert len(await box.rows(camera)) == 5


async def test_a_file_that_is_only_slow_to_be_listed_does_not_vanish(box: Box, monkeypatch):
    camera = await box.camera()
    starts = many(camera, 5)
    await box.scan()
    names = type(box.tree).names
    monkeypatch.setattr(type(box.tree), "names", lambda tree, folder: names(tree, folder)[1:])
    await box.scan()
    assert list(await box.rows(camera)) == starts


async def test_a_folder_that_cannot_be_listed_fails_the_pass_and_loses_nothing(box: Box, monkeypatch):
    camera = await box.camera()
    many(camera, 5)
    await box.scan()

    def failing(_tree, _folder):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(type(box.tree), "names", failing)
    box.clock.pass_s(ROUND_S)
    with pytest.raises(OSError, match="Input/output"):
        await box.scanner().once()
    assert len(await box.rows(camera)) == 5


async def test_what_people_decided_stays_when_a_file_is_seen_again(box: Box):
    camera = await box.camera()
    camera.record(HOUR_AGO)
    await box.scan()
    await box.keep(camera, HOUR_AGO)
    await box.scan()
    await box.indexer().once()
    row = (await box.rows(camera))[HOUR_AGO]
    assert row["sha256"] is not None
    assert await box.free(camera, 10) == []


async def test_the_indexer_and_the_scanner_agree_on_every_file(tmp_path):
    tables = []
    for name in ("followed", "scanned"):
        (tmp_path / name).mkdir()
        async with open_box(tmp_path / name) as box:
            camera, indexer = await box.camera(), box.indexer()
            for index in range(4):
                start = NOW_MS - 40_000 + 10_000 * index
                camera.begin(start, 1 + index)
                if name == "followed":
                    await indexer.once()
                camera.grow(start, 1 + index, 2)
                if index != 2:
                    camera.close(start, 1000 * (3 + index))
                if name == "followed":
                    await indexer.once()
            await box.scan()
            tables.append([tuple(row) for row in (await box.rows(camera)).values()])
    assert tables[0] == tables[1]


async def test_only_a_clock_that_was_judged_and_doubted_marks_what_is_found(box: Box):
    camera = await box.camera()
    for start, judged in ((HOUR_AGO, False), (HOUR_AGO + 2000, True)):
        camera.record(start)
        box.clock.wall += 56 * 365 * 86_400_000
        if judged:
            box.keeper.look()
        else:
            box.keeper = Timekeeper(box.clock, lambda: box.kernel)
        await box.scan()
        box.keeper.begin(None)
    flags = {start: row["flags"] for start, row in (await box.rows(camera)).items()}
    assert flags == {HOUR_AGO: 0, HOUR_AGO + 2000: SegmentFlag.CLOCK_UNTRUSTED}
