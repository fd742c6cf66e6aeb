"""Disk and database are compared both ways; what is wrong is named and kept, and nobody's files are deleted."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest

from tests.unit.tasks.recording_box import HOUR_MS, NOW_MS, Box, Camera, files_in, open_box
from vmsd.config import Integrity as Rules
from vmsd.host.tree import Tree
from vmsd.model.audit import Who
from vmsd.model.segment import SegmentFlag, segment_file_name
from vmsd.services.integrity import Integrity
from vmsd.store.audit import Audit
from vmsd.store.integrity import Cursor
from vmsd.tasks.integrity import IntegrityTask

if TYPE_CHECKING:
    from pathlib import Path

START = NOW_MS - HOUR_MS
SAO_PAULO = ZoneInfo("America/Sao_Paulo")
ANA = Who("person-1", "Ana")


def integrity_of(box: Box) -> Integrity:
    return Integrity(box.database, box.audit, box.clock, at="03:30", zone=SAO_PAULO)


def task_of(box: Box, integrity: Integrity, **rules: Any) -> IntegrityTask:
    return IntegrityTask(
        integrity,
        clocks=box.system.clocks,
        tree=box.tree,
        watch=box.watch,
        index=box.index,
        keeper=box.keeper,
        rules=Rules(**rules),
        clock=box.clock,
    )


async def check(box: Box, **rules: Any) -> dict[str, Any]:
    """A whole check somebody asked for; its result."""
    integrity = integrity_of(box)
    await integrity.ask(ANA)
    await finish(box, integrity, task_of(box, integrity, **rules))
    assert integrity.last is not None
    return dict(integrity.last.result)


async def finish(box: Box, integrity: Integrity, task: IntegrityTask, passes: int = 200) -> None:
    for _ in range(passes):
        await task.once()
        if integrity.running is None:
            return
        box.clock.pass_s(2)
    raise AssertionError("the check does not end")


async def recorded(box: Box, count: int = 10, number: int = 1) -> Camera:
    camera = await box.camera(number)
    for index in range(count):
        camera.record(START + 2000 * index)
    await box.scan()
    return camera


async def rows_of(box: Box, action: str) -> list[dict[str, Any]]:
    rows = await Audit(box.database).chunk(0, 10**9, 10**6)
    return [json.loads(row.facts) for row in rows if row.action == action]


def flip(path: Path, at: int) -> None:
    """One bit, and nothing else that could tell."""
    times = path.stat()
    with path.open("r+b") as file:
        file.seek(at)
        (byte,) = file.read(1)
        file.seek(at)
        file.write(bytes([byte ^ 1]))
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


async def flags(box: Box, camera: Camera) -> dict[int, int]:
    return {start: row["flags"] for start, row in (await box.rows(camera)).items() if row["flags"]}


async def test_where_all_is_well_nothing_is_found_and_all_is_told(box: Box):
    camera = await recorded(box)
    found = await check(box)
    size = sum(camera.path(START + 2000 * index).stat().st_size for index in range(10))
    told = {"files": 10, "bytes": size, "hashed": 10, "stopped": False}
    nothing = dict.fromkeys(("missing", "unknown", "altered", "quarantined", "unreadable"), 0)
    assert found == {**told, **nothing, "cursor": [0, 0, 0]}
    assert await rows_of(box, "integrity.checked") == [{**told, **nothing}]
    assert len(await rows_of(box, "integrity.asked")) == 1


@pytest.mark.parametrize("at", [0, 3000, -1])
async def test_one_flipped_bit_is_found_and_stays_on_the_disk_and_in_the_books(box: Box, at: int):
    camera = await recorded(box)
    path = camera.path(START + 6000)
    before = (await box.rows(camera))[START + 6000]["sha256"]
    flip(path, at if at >= 0 else path.stat().st_size - 1)
    changed = path.read_bytes()
    for _ in range(2):
        found = await check(box)
        assert (found["altered"], found["hashed"], found["stopped"]) == (1, 10, False)
    assert await flags(box, camera) == {START + 6000: SegmentFlag.ALTERED}
    assert path.read_bytes() == changed
    assert (await box.rows(camera))[START + 6000]["sha256"] == before
    (told,) = await rows_of(box, "recording.altered")
    assert told["expected"] == before.hex()
    assert told["found"] != told["expected"]


async def test_a_recording_of_another_size_is_altered_whoever_looks_at_it_first(tmp_path: Path):
    """The newest one too: after a restart the indexer takes it up again, and must not believe what it sees."""
    async with open_box(tmp_path) as box:
        camera = await recorded(box)
        newest, older = START + 18_000, START + 4000
        for start in (newest, older):
            with camera.path(start).open("ab") as file:
                file.write(b"more")
        hashes = {start: row["sha256"] for start, row in (await box.rows(camera)).items()}
    async with open_box(tmp_path) as box:
        indexer = box.indexer()
        await indexer.once()
        await indexer.once()
        await box.scan()
        found = await check(box)
        assert found["altered"] == 2
        assert await flags(box, camera) == dict.fromkeys((newest, older), SegmentFlag.ALTERED)
        assert {start: row["sha256"] for start, row in (await box.rows(camera)).items()} == hashes


async def test_a_misreading_that_does_not_come_again_accuses_nobody(box: Box, monkeypatch):
    camera = await recorded(box)
    real, lies = os.pread, []

    def lying(handle: int, size: int, offset: int) -> bytes:
        data = real(handle, size, offset)
        if not lies:
            lies.append(offset)
            return bytes([data[0] ^ 1]) + data[1:]
        return data

    monkeypatch.setattr(os, "pread", lying)
    found = await check(box)
    assert lies
    assert (found["altered"], found["hashed"]) == (0, 10)
    assert await flags(box, camera) == {}


async def test_a_file_that_is_no_recording_is_moved_aside_and_kept(box: Box):
    camera = await recorded(box)
    root, folder = box.settings.recordings_dir, camera.path(START).parent
    (folder / "notes.txt").write_bytes(b"somebody's")
    (folder / "2026-11-21_10-00-00.mp4").write_bytes(b"no name of ours")
    (folder / "sub").mkdir()
    (root / ".derived" / camera.folder.city / camera.folder.camera).mkdir(parents=True)
    (root / ".derived" / camera.folder.city / camera.folder.camera / "x.jpg").write_bytes(b"ours")
    there = root / ".quarantine" / camera.folder.city / camera.folder.camera
    there.mkdir(parents=True)
    (there / "notes.txt").write_bytes(b"an earlier one")
    found = await check(box)
    assert (found["quarantined"], found["unknown"], found["altered"]) == (2, 0, 0)
    assert {path.name: path.read_bytes() for path in there.iterdir()} == {
        "notes.txt": b"an earlier one",
        "notes.txt.1": b"somebody's",
        "2026-11-21_10-00-00.mp4": b"no name of ours",
    }
    assert (folder / "sub").is_dir()
    assert (root / ".derived" / camera.folder.city / camera.folder.camera / "x.jpg").exists()
    assert {one["file"] for one in await rows_of(box, "recording.quarantined")} == {
        "notes.txt",
        "2026-11-21_10-00-00.mp4",
    }
    assert len(await box.rows(camera)) == 10


async def test_a_file_somebody_is_working_on_is_left_alone(box: Box):
    camera = await recorded(box)
    partial = camera.path(START).parent / ".copying.mp4.x"
    partial.write_bytes(b"a")
    integrity = integrity_of(box)
    await integrity.ask(ANA)
    task = task_of(box, integrity)
    await task.once()
    partial.write_bytes(b"ab")
    await finish(box, integrity, task)
    assert integrity.last is not None
    assert integrity.last.result["quarantined"] == 0
    assert partial.exists()


async def test_what_is_missing_and_what_nobody_knows_is_counted(box: Box):
    camera = await recorded(box, 40)
    camera.path(START).unlink()
    camera.record(START - 2000)
    found = await check(box)
    assert (found["missing"], found["unknown"], found["files"]) == (1, 1, 40)
    assert len(await box.rows(camera)) == 40, "the scanner's to drop and to take up"


async def test_where_too_much_is_wrong_nothing_is_moved_or_marked(box: Box):
    camera = await recorded(box, 100)
    folder = camera.path(START).parent
    for index in range(6):
        (folder / f"strange-{index}").write_bytes(b"x")
        with camera.path(START + 2000 * index).open("ab") as file:
            file.write(b"x")
    before = files_in(box.settings.recordings_dir)
    found = await check(box)
    assert found["stopped"]
    assert (found["altered"], found["quarantined"], found["hashed"]) == (0, 0, 0)
    assert files_in(box.settings.recordings_dir) == before
    assert (folder / "strange-0").exists()
    assert await flags(box, camera) == {}
    assert [one["stopped"] for one in await rows_of(box, "integrity.checked")] == [True]


async def test_a_disk_that_gives_other_bytes_is_not_believed_for_long(box: Box):
    camera = await recorded(box, 100)
    for index in range(30):
        flip(camera.path(START + 2000 * index), 500)
    (camera.path(START).parent / "strange").write_bytes(b"x")
    found = await check(box)
    assert found["stopped"]
    assert 0 < found["altered"] <= 6
    assert found["quarantined"] == 0


async def test_reading_keeps_to_its_rate_and_a_night_to_its_hours(box: Box):
    camera = await box.camera()
    for index in range(4):
        camera.begin(START + 10_000 * index, 400)
        camera.close(START + 10_000 * index, 400_000)
    await box.scan()
    size = camera.path(START).stat().st_size
    integrity = integrity_of(box)
    await integrity.ask(ANA)
    task = task_of(box, integrity, bytes_per_s=1 << 20, hours=0.0001)
    began_s = box.clock.monotonic_s
    await finish(box, integrity, task)
    assert integrity.last is not None
    first = integrity.last.result["hashed"]
    assert first * size <= (1 << 20) * (box.clock.monotonic_s - began_s + 4)
    assert 0 < first < 4
    rest = await check(box, bytes_per_s=1 << 20, hours=0.0001)
    assert rest["hashed"] >= 1
    assert rest["cursor"][2] > integrity.last.result["cursor"][2], "it went on where the first one ended"


async def test_a_check_that_was_broken_off_is_taken_up_again_where_it_had_read_to(tmp_path: Path, monkeypatch):
    async with open_box(tmp_path) as box:
        await recorded(box, 30)
        integrity = integrity_of(box)
        await integrity.ask(ANA)
        task = task_of(box, integrity)
        for _ in range(2):
            await task.once()
            box.clock.pass_s(2)
        assert integrity.counts.hashed == 30
        await integrity.save(Cursor(1, 1, (START + 40_000) * 1000))
    read: list[str] = []
    real = Tree.opened
    monkeypatch.setattr(Tree, "opened", lambda self, folder, name: (read.append(name), real(self, folder, name))[1])
    async with open_box(tmp_path, clock=box.clock) as box:
        await box.scan()
        read.clear()
        integrity = integrity_of(box)
        await finish(box, integrity, task_of(box, integrity))
        assert integrity.last is not None
        assert (integrity.last.person_name, integrity.last.result["hashed"]) == ("Ana", 30)
        assert read[0] == segment_file_name((START + 42_000) * 1000)


@pytest.mark.parametrize(
    ("utc_hour", "minute", "begins"), [(6, 29, False), (6, 30, True), (7, 29, True), (7, 30, False)]
)
async def test_it_begins_by_the_sites_own_night(box: Box, utc_hour: int, minute: int, begins: bool):
    await recorded(box)
    box.clock.wall = NOW_MS // 86_400_000 * 86_400_000 + utc_hour * HOUR_MS + minute * 60_000
    box.keeper.begin(None)
    box.keeper.confirm()
    integrity = integrity_of(box)
    task = task_of(box, integrity)
    await task.once()
    assert (integrity.running is not None) == begins
    if begins:
        await finish(box, integrity, task)
        for _ in range(5):
            await task.once()
            assert integrity.running is None, "once a night"


async def test_nothing_is_compared_before_the_index_is_whole_or_on_a_volume_that_is_not_ours(box: Box, monkeypatch):
    await recorded(box)
    integrity = integrity_of(box)
    await integrity.ask(ANA)
    task = task_of(box, integrity)
    box.index.complete = False
    await task.once()
    box.index.complete = True
    (box.settings.recordings_dir / ".vmsd" / "volume.json").unlink()
    for _ in range(3):
        await task.once()
    assert integrity.running is not None
    assert integrity.counts.files == 0
