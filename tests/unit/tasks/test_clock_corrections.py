"""What was recorded under a wrong clock stands where it belongs once the clock is right; nothing is lost on the way."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.unit.tasks.recording_box import DAY_MS, HOUR_MS, NOW_MS, Box, Camera, files_in, open_box
from vmsd.host.clocksync import KernelClock
from vmsd.model.segment import SegmentFlag
from vmsd.services import clock_corrections
from vmsd.services.clock_corrections import ClockCorrections
from vmsd.services.segment_files import Followed
from vmsd.services.storage import DiskWatch
from vmsd.store.audit import Audit
from vmsd.tasks.clock_corrections import ClockCorrectionsTask
from vmsd.tasks.indexer import Indexer

if TYPE_CHECKING:
    from vmsd.store.segment_clocks import Doubted

BOOT = "boot-1"
UNTRUSTED, CORRECTED = SegmentFlag.CLOCK_UNTRUSTED, SegmentFlag.CLOCK_CORRECTED
EARLY = 300_000
"""Five minutes after 1970 began: the wall clock of a box that has just booted without a battery."""


def indexer_of(box: Box, boot: str = BOOT) -> Indexer:
    return Indexer(**box.parts, boot_id=boot)


def corrections_of(box: Box, boot: str = BOOT) -> ClockCorrectionsTask:
    service = ClockCorrections(
        database=box.database,
        tree=box.tree,
        watch=box.watch,
        keeper=box.keeper,
        audit=box.audit,
        clock=box.clock,
        boot_id=boot,
    )
    return ClockCorrectionsTask(service, box.keeper, box.watch)


async def record(box: Box, camera: Camera, indexer: Indexer, seconds: int = 8) -> int:
    """A segment from now by the clock as it is, followed while it is written; its start."""
    start, done = box.clock.wall, 0
    camera.begin(start, 0)
    while done < seconds:
        box.clock.pass_s(4)
        camera.grow(start, done, 4)
        done += 4
        await indexer.once()
    camera.close(start, 1000 * done)
    await indexer.once()
    return start


async def hashed(box: Box) -> None:
    hasher = box.hasher()
    while await box.system.unhashed(1):
        await hasher.once()


def set_clock(box: Box, wall: int, *, synchronised: bool = False) -> None:
    box.clock.wall = wall
    box.kernel = KernelClock(synchronised=synchronised)


async def clocks(box: Box) -> list[tuple[int, str, int | None, int | None]]:
    rows = await box.database.read("SELECT * FROM segment_clock ORDER BY start_us")
    return [(row["start_us"] // 1000, row["boot_id"], row["not_after_ms"], row["corrected_us"]) for row in rows]


async def test_what_was_recorded_in_1970_gets_its_true_time_and_keeps_its_hash(box: Box):
    camera, indexer = await box.camera(), indexer_of(box)
    set_clock(box, EARLY)
    starts = [await record(box, camera, indexer) for _ in range(3)]
    await hashed(box)
    before = await box.rows(camera)
    assert {row["flags"] for row in before.values()} == {UNTRUSTED}
    bytes_before = [camera.path(start).read_bytes() for start in starts]
    await corrections_of(box).once()
    assert list(await box.rows(camera)) == starts

    set_clock(box, NOW_MS, synchronised=True)
    await indexer.once()
    await corrections_of(box).once()
    shift = NOW_MS - EARLY - 24_000
    after = await box.rows(camera)
    assert list(after) == [start + shift for start in starts]
    assert {row["flags"] for row in after.values()} == {CORRECTED}
    assert [row["sha256"] for row in after.values()] == [row["sha256"] for row in before.values()]
    assert [camera.path(start + shift).read_bytes() for start in starts] == bytes_before
    assert len(files_in(box.settings.recordings_dir)) == 3
    assert await box.purges(camera) == {}
    assert await clocks(box) == [(start + shift, BOOT, NOW_MS, (start + shift) * 1000) for start in starts]
    told = [row for row in await Audit(box.database).chunk(0, 10**9, 100) if row.action == "clock.corrected"]
    assert [json.loads(row.facts)["recordings"] for row in told] == [3]
    assert json.loads(told[0].facts)["shift_ms"] == shift

    await box.scan()
    await indexer.once()
    again = await box.rows(camera)
    assert [tuple(row) for row in again.values()] == [tuple(row) for row in after.values()]
    days = await box.database.read("SELECT day, segments FROM camera_day")
    assert [tuple(row) for row in days] == [(NOW_MS // DAY_MS, 3)]


async def test_a_segment_born_just_before_the_step_and_seen_just_after_it_is_corrected_too(box: Box):
    camera, indexer = await box.camera(), indexer_of(box)
    set_clock(box, EARLY)
    await indexer.once()
    start = box.clock.wall + 2000
    box.clock.pass_s(4)
    camera.record(start, 2)
    set_clock(box, NOW_MS, synchronised=True)
    await indexer.once()
    assert box.keeper.trusted
    assert (await box.rows(camera))[start]["flags"] == UNTRUSTED
    await corrections_of(box).once()
    assert list(await box.rows(camera)) == [NOW_MS - 2000]


async def test_a_segment_that_grows_under_a_name_of_another_time_tells_its_clock_itself(box: Box):
    """The daemon was started after the step: it has never seen the clock before."""
    camera = await box.camera()
    start = EARLY
    camera.begin(start, 60)
    indexer = indexer_of(box)
    for second in (60, 64):
        await indexer.once()
        box.clock.pass_s(4)
        camera.grow(start, second, 4)
    await indexer.once()
    assert (await box.rows(camera))[start]["flags"] == UNTRUSTED
    camera.close(start, 68_000)
    await indexer.once()
    await corrections_of(box).once()
    (found,) = await box.rows(camera)
    assert abs(found - (NOW_MS - 60_000)) <= 4000


async def test_old_recordings_found_late_are_not_taken_for_wrongly_named(box: Box):
    camera, indexer = await box.camera(), indexer_of(box)
    starts = [NOW_MS - 3 * HOUR_MS, NOW_MS - HOUR_MS]
    for start in starts:
        camera.record(start)
    for _ in range(3):
        await indexer.once()
        box.clock.pass_s(4)
    await corrections_of(box).once()
    assert {start: row["flags"] for start, row in (await box.rows(camera)).items()} == dict.fromkeys(starts, 0)


async def test_a_clock_that_was_right_all_along_renames_nothing(box: Box):
    """MediaMTX kept the true time: vmsd alone saw another one."""
    camera, indexer = await box.camera(), indexer_of(box)
    start = box.clock.wall
    camera.begin(start, 4)
    await indexer.once()
    box.clock.wall += 56 * 365 * DAY_MS
    newer = start + 4000
    camera.begin(newer, 4)
    box.clock.pass_s(4)
    await indexer.once()
    camera.close(newer, 4000)
    camera.close(start, 4000)
    await indexer.once()
    assert (await box.rows(camera))[newer]["flags"] == UNTRUSTED
    box.clock.wall -= 56 * 365 * DAY_MS
    await corrections_of(box).once()
    assert {one: row["flags"] for one, row in (await box.rows(camera)).items()} == {start: 0, newer: 0}
    assert await clocks(box) == []


async def test_what_was_recorded_in_another_boot_stays_marked_and_says_how_old_it_is_at_least(box: Box):
    camera = await box.camera()
    set_clock(box, EARLY)
    start = await record(box, camera, indexer_of(box, "boot-0"))
    box.clock.monotonic_s = 30.0
    set_clock(box, NOW_MS, synchronised=True)
    await corrections_of(box).once()
    assert {one: row["flags"] for one, row in (await box.rows(camera)).items()} == {start: UNTRUSTED}
    assert await clocks(box) == [(start, "boot-0", NOW_MS, None)]


async def test_a_running_segment_waits_until_it_is_closed(box: Box):
    camera, indexer = await box.camera(), indexer_of(box)
    set_clock(box, EARLY)
    camera.begin(EARLY, 4)
    await indexer.once()
    set_clock(box, NOW_MS, synchronised=True)
    await corrections_of(box).once()
    assert list(await box.rows(camera)) == [EARLY]
    camera.close(EARLY, 4000)
    await indexer.once()
    await corrections_of(box).once()
    assert list(await box.rows(camera)) == [NOW_MS]


async def test_two_segments_that_belong_to_one_moment_both_stay(box: Box):
    camera, indexer = await box.camera(), indexer_of(box)
    set_clock(box, EARLY)
    await record(box, camera, indexer)
    set_clock(box, NOW_MS, synchronised=True)
    there = NOW_MS - 8000
    camera.record(there)
    await indexer.once()
    await corrections_of(box).once()
    rows = await box.database.read("SELECT start_us, flags FROM segment ORDER BY start_us")
    assert [tuple(row) for row in rows] == [(there * 1000, 0), (there * 1000 + 1, CORRECTED)]
    assert len(files_in(box.settings.recordings_dir)) == 2


async def test_what_somebody_keeps_is_kept_under_its_true_time_too(box: Box):
    camera, indexer = await box.camera(), indexer_of(box)
    set_clock(box, EARLY)
    starts = [await record(box, camera, indexer) for _ in range(3)]
    await box.keep(camera, starts[0], starts[2])
    set_clock(box, NOW_MS, synchronised=True)
    await corrections_of(box).once()
    rows = await box.database.read("SELECT start_ms, end_ms FROM kept_period ORDER BY start_ms")
    first = NOW_MS - 24_000
    assert [tuple(row) for row in rows] == [(starts[0], starts[2]), (first, first + 16_000)]
    async with box.database.write() as transaction:
        await transaction.execute("UPDATE segment SET state = 2")
    kept = await box.database.read("SELECT state FROM segment ORDER BY start_us")
    assert [row["state"] for row in kept] == [1, 1, 2]


class Cut(Exception):
    """The daemon ends here."""


@pytest.mark.parametrize("at", ["journaled", "renamed", "between files"])
async def test_a_rename_that_was_broken_off_is_finished_and_nobody_takes_it_for_lost_or_new(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: str
):
    async with open_box(tmp_path) as box:
        camera, indexer = await box.camera(), indexer_of(box)
        set_clock(box, EARLY)
        starts = [await record(box, camera, indexer) for _ in range(2)]
        await hashed(box)
        hashes = [row["sha256"] for row in (await box.rows(camera)).values()]
        set_clock(box, NOW_MS, synchronised=True)
        with monkeypatch.context() as patched:
            break_off(patched, at)
            with pytest.raises(Cut):
                await corrections_of(box).once()
    async with open_box(tmp_path, clock=box.clock) as box:
        box.kernel = KernelClock(synchronised=True)
        await box.scan()
        await box.sweeper().once()
        await indexer_of(box, "boot-2").once()
        box.clock.pass_s(700)
        await box.scan()
        assert await box.purges(camera) == {}
        assert len(await box.rows(camera)) == 2
        await corrections_of(box, "boot-2").once()
        rows = await box.rows(camera)
        shift = NOW_MS - EARLY - 16_000
        assert list(rows) == [start + shift for start in starts]
        assert {row["flags"] for row in rows.values()} == {CORRECTED}
        assert [row["sha256"] for row in rows.values()] == hashes
        assert files_in(box.settings.recordings_dir) == {camera.path(start).name for start in rows}


def break_off(patched: pytest.MonkeyPatch, at: str) -> None:
    rename, calls = clock_corrections._rename, []

    def broken(tree: object, segment: Doubted) -> object:
        calls.append(segment)
        if at == "journaled" or (at == "between files" and len(calls) == 2):
            raise Cut
        outcome = rename(tree, segment)
        if at == "renamed" and len(calls) == 2:
            raise Cut
        return outcome

    patched.setattr(clock_corrections, "_rename", broken)


async def test_nothing_is_renamed_on_a_volume_that_is_not_ours(box: Box, monkeypatch):
    camera, indexer = await box.camera(), indexer_of(box)
    set_clock(box, EARLY)
    start = await record(box, camera, indexer)
    set_clock(box, NOW_MS, synchronised=True)

    async def no(_: DiskWatch) -> bool:
        return False

    monkeypatch.setattr(DiskWatch, "confirm_ok", no)
    await corrections_of(box).once()
    assert list(await box.rows(camera)) == [start]


async def test_a_file_that_was_renamed_says_so_when_the_index_is_made_again(tmp_path: Path):
    async with open_box(tmp_path) as box:
        camera = await box.camera()
        camera.record(NOW_MS - HOUR_MS)
        camera.record(EARLY).rename(camera.path(NOW_MS - 2 * HOUR_MS))
    for file in (tmp_path / "data").glob("vmsd.db*"):
        file.unlink()
    async with open_box(tmp_path) as box:
        await box.scan()
        flags = {start: row["flags"] for start, row in (await box.rows(camera)).items()}
        assert flags == {NOW_MS - 2 * HOUR_MS: CORRECTED, NOW_MS - HOUR_MS: 0}
        found = Followed(camera.key, camera.folder, (NOW_MS - 2 * HOUR_MS) * 1000)
        (seen,) = await box.files.look([found])
        assert seen.wall_ms(500) == NOW_MS - 2 * HOUR_MS + 500
