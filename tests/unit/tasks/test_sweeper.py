"""What may be deleted is, in order and with its reason; everything else stays, whatever happens."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.tasks.recording_box import DAY_MS, HOUR_MS, NOW_MS, Box, files_in, open_box
from vmsd.errors import StorageFull
from vmsd.host.clocksync import KernelClock
from vmsd.host.disk import DiskUsage
from vmsd.model.audit import Who
from vmsd.model.segment import PurgeReason, SegmentState
from vmsd.services.cities import CityList
from vmsd.store.audit import Audit
from vmsd.store.deletable import MARK
from vmsd.store.purges import Purges, ledger_digest
from vmsd.store.scope import Scope

GB = 10**9
OLD = NOW_MS - 8 * DAY_MS
YOUNG = NOW_MS - 6 * DAY_MS


async def fill(box: Box, camera, starts: list[int]) -> None:
    for start in starts:
        camera.record(start)
    camera.record(NOW_MS - 10_000)
    await box.scan()


def full_until(monkeypatch, box: Box, camera_root, free_above: int) -> None:
    """A disk of 1,000 files, 5 % free plus what has been deleted since there were `free_above` files."""

    def usage(_root):
        left = len(files_in(camera_root))
        return DiskUsage(1000 * GB, (50 + free_above - left) * GB, 0, 0)

    monkeypatch.setattr("vmsd.services.storage.usage", usage)


async def test_what_is_older_than_the_plan_goes_and_nothing_younger(box: Box):
    camera = await box.camera(plan="basic")
    await fill(box, camera, [OLD, OLD + 2000, YOUNG])
    await box.sweeper().once()
    assert list(await box.rows(camera)) == [YOUNG, NOW_MS - 10_000]
    assert await box.purges(camera) == {OLD: "retention_plan", OLD + 2000: "retention_plan"}
    assert not camera.path(OLD).exists()
    assert camera.path(YOUNG).exists()


async def test_a_camera_may_keep_less_than_its_plan_but_never_more(box: Box):
    short, long = await box.camera(1, days=2), await box.camera(2, days=300)
    await fill(box, short, [NOW_MS - 3 * DAY_MS])
    await fill(box, long, [OLD])
    await box.sweeper().once()
    assert await box.purges(short) == {NOW_MS - 3 * DAY_MS: "retention_camera"}
    assert await box.purges(long) == {OLD: "retention_plan"}


async def test_age_is_counted_from_the_end_of_a_segment(box: Box):
    camera = await box.camera()
    start = NOW_MS - 7 * DAY_MS - 1000
    camera.record(start, 2)
    await fill(box, camera, [])
    await box.sweeper().once()
    assert start in await box.rows(camera)
    box.clock.pass_s(2)
    await box.sweeper().once()
    assert start not in await box.rows(camera)


async def test_preserved_video_is_never_deleted(box: Box, monkeypatch):
    camera = await box.camera()
    await fill(box, camera, [OLD, OLD + 2000, OLD + 4000])
    await box.keep(camera, OLD)
    await box.keep(camera, OLD + 2000)
    monkeypatch.setattr("vmsd.services.storage.usage", lambda _: DiskUsage(100 * GB, 0, 0, 0))
    await box.sweeper().once()
    assert list(await box.rows(camera)) == [OLD, OLD + 2000]
    assert camera.path(OLD).exists()
    assert camera.path(OLD + 2000).exists()


async def test_video_preserved_at_the_last_moment_stays(box: Box, monkeypatch):
    camera = await box.camera()
    await fill(box, camera, [OLD])
    mark = box.system.mark

    async def preserve_first(segments, reason):
        await box.keep(camera, OLD)
        return await mark(segments, reason)

    monkeypatch.setattr(box.system, "mark", preserve_first)
    await box.sweeper().once()
    assert camera.path(OLD).exists()
    assert (await box.rows(camera))[OLD]["state"] == SegmentState.CLOSED


async def test_the_running_segment_is_never_deleted(box: Box, monkeypatch):
    camera = await box.camera()
    camera.begin(OLD)
    await box.indexer().once()
    assert (await box.rows(camera))[OLD]["state"] == SegmentState.RUNNING
    monkeypatch.setattr("vmsd.services.storage.usage", lambda _: DiskUsage(100 * GB, 0, 0, 0))
    await box.sweeper().once()
    assert camera.path(OLD).exists()


@pytest.mark.parametrize("synchronised", [True, False])
async def test_a_clock_that_jumps_56_years_deletes_nothing(box: Box, synchronised: bool):
    camera = await box.camera()
    await fill(box, camera, [NOW_MS - HOUR_MS])
    sweeper = box.sweeper()
    box.kernel = KernelClock(synchronised)
    box.clock.wall += 56 * 365 * DAY_MS
    await sweeper.once()
    assert len(await box.rows(camera)) == 2
    box.clock.wall -= 56 * 365 * DAY_MS
    await sweeper.once()
    assert len(await box.rows(camera)) == 2


async def test_a_clock_that_jumps_in_the_middle_of_a_sweep_ends_it(box: Box, monkeypatch):
    camera = await box.camera()
    await fill(box, camera, [OLD, YOUNG, YOUNG + 2000])
    mark = box.system.mark

    async def jump_after(segments, reason):
        marked = await mark(segments, reason)
        box.clock.wall += 30 * DAY_MS
        return marked

    monkeypatch.setattr(box.system, "mark", jump_after)
    monkeypatch.setattr("vmsd.tasks.sweeper.HOURLY_SHARE", 1.0)
    await box.sweeper(purge_batch=1).once()
    assert list(await box.rows(camera)) == [YOUNG, YOUNG + 2000, NOW_MS - 10_000]


async def test_by_age_no_more_than_the_hourly_share_goes(box: Box):
    camera = await box.camera()
    await fill(box, camera, [OLD + 2000 * index for index in range(100)])
    sweeper = box.sweeper(purge_batch=4)
    for _ in range(3):
        await sweeper.once()
        box.clock.pass_s(60)
    assert len(await box.rows(camera)) == 97
    box.clock.pass_s(3600)
    await sweeper.once()
    assert len(await box.rows(camera)) == 93


async def test_by_space_the_oldest_of_all_cameras_goes_first_and_no_more_than_needed(box: Box, monkeypatch):
    cameras = [await box.camera(number) for number in (1, 2, 3)]
    starts = [NOW_MS - 5 * HOUR_MS + index * 60_000 for index in range(30)]
    for index, start in enumerate(starts):
        cameras[index % 3].record(start)
    for camera in cameras:
        await fill(box, camera, [])
    full_until(monkeypatch, box, box.settings.recordings_dir, 33)
    monkeypatch.setattr("vmsd.tasks.sweeper.enough", lambda oldest, _lacking: oldest[:5])
    await box.sweeper(sweep_used=0.93).once()
    left = sorted([start for camera in cameras for start in await box.rows(camera)])
    assert left == sorted([*starts[20:], *[NOW_MS - 10_000] * 3])
    reasons = {reason for camera in cameras for reason in [*(await box.purges(camera)).values()]}
    assert reasons == {"space"}


async def test_by_space_only_as_many_bytes_as_are_missing_go_at_once(box: Box, monkeypatch):
    camera = await box.camera()
    starts = [NOW_MS - 5 * HOUR_MS + index * 60_000 for index in range(10)]
    await fill(box, camera, starts)
    size = camera.path(starts[0]).stat().st_size
    before = len(files_in(box.settings.recordings_dir))

    def usage(_root):
        gone = before - len(files_in(box.settings.recordings_dir))
        return DiskUsage(1000 * size, 98 * size + gone * size, 0, 0)

    monkeypatch.setattr("vmsd.services.storage.usage", usage)
    await box.sweeper(sweep_used=0.9).once()
    assert list(await box.rows(camera))[:-1] == starts[2:]


async def test_by_space_an_untrusted_clock_does_not_matter(box: Box, monkeypatch):
    camera = await box.camera()
    starts = [NOW_MS - 5 * HOUR_MS + index * 60_000 for index in range(10)]
    await fill(box, camera, starts)
    full_until(monkeypatch, box, box.settings.recordings_dir, 11)
    monkeypatch.setattr("vmsd.tasks.sweeper.enough", lambda oldest, _lacking: oldest[:2])
    sweeper = box.sweeper(sweep_used=0.9485)
    box.clock.wall += 56 * 365 * DAY_MS
    await sweeper.once()
    assert list(await box.rows(camera))[:-1] == starts[2:]


async def test_a_headroom_no_disk_can_give_does_not_empty_it(box: Box, monkeypatch):
    camera = await box.camera()
    await fill(box, camera, [NOW_MS - HOUR_MS])
    monkeypatch.setattr("vmsd.services.storage.usage", lambda _: DiskUsage(100 * GB, 51 * GB, 0, 0))
    await box.sweeper(headroom_bytes=10**15).once()
    assert len(await box.rows(camera)) == 2


async def test_one_pass_deletes_no_more_than_its_cap(box: Box, monkeypatch):
    camera = await box.camera()
    await fill(box, camera, [NOW_MS - 5 * HOUR_MS + index * 60_000 for index in range(20)])
    monkeypatch.setattr("vmsd.services.storage.usage", lambda _: DiskUsage(100 * GB, 0, 0, 0))
    await box.sweeper(purge_cap=7, purge_batch=3).once()
    assert len(await box.rows(camera)) == 14


async def test_nothing_is_deleted_on_a_volume_that_is_not_ours(box: Box):
    camera = await box.camera()
    await fill(box, camera, [OLD])
    marker = box.settings.recordings_dir / ".vmsd" / "volume.json"
    marker.write_text('{"uuid": "00000000-0000-0000-0000-000000000001", "sequence": 1}')
    assert box.watch.volume.ok
    await box.sweeper().once()
    assert camera.path(OLD).exists()
    assert (await box.rows(camera))[OLD]["state"] == SegmentState.CLOSED


@pytest.mark.parametrize("crash", ["before_unlink", "after_unlink"])
async def test_a_crash_in_the_middle_of_a_deletion_is_a_resume(box: Box, crash: str, monkeypatch):
    camera = await box.camera()
    await fill(box, camera, [OLD, YOUNG])

    async def die(*_):
        raise RuntimeError("killed")

    sweeper = box.sweeper()
    target, name = (sweeper._thread, "run") if crash == "before_unlink" else (box.system, "drop_garbage")
    with monkeypatch.context() as broken:
        broken.setattr(target, name, die)
        with pytest.raises(RuntimeError):
            await sweeper.once()
    assert camera.path(OLD).exists() == (crash == "before_unlink")
    assert (await box.rows(camera))[OLD]["state"] == SegmentState.GARBAGE
    await box.sweeper().once()
    assert list(await box.rows(camera)) == [YOUNG, NOW_MS - 10_000]
    assert await box.purges(camera) == {OLD: "retention_plan"}
    assert not camera.path(OLD).exists()


async def test_mark_unlink_sync_drop_happen_in_that_order(box: Box, monkeypatch):
    camera = await box.camera()
    await fill(box, camera, [OLD])
    order = []
    real_unlink, real_sync = os.unlink, os.fsync

    def note(name, real):
        async def noted(*args):
            order.append(name)
            return await real(*args)

        return noted

    monkeypatch.setattr(box.system, "mark", note("mark", box.system.mark))
    monkeypatch.setattr(box.system, "drop_garbage", note("drop", box.system.drop_garbage))
    monkeypatch.setattr(os, "unlink", lambda *a, **k: (order.append("unlink"), real_unlink(*a, **k)))
    monkeypatch.setattr(os, "fsync", lambda handle: (order.append("sync"), real_sync(handle)))
    await box.sweeper().once()
    assert order == ["mark", "unlink", "sync", "drop"]


async def told(box: Box) -> list[dict[str, Any]]:
    """What the audit log says of deletions, with their reason and camera."""
    rows = await Audit(box.database).chunk(0, 10**9, 10**6)
    return [
        json.loads(row.facts) | {"why": row.reason, "camera": row.subject, "action": row.action, "at_ms": row.at_ms}
        for row in rows
        if row.action.startswith("recording.")
    ]


async def test_a_pass_is_one_row_of_the_log_for_each_city_and_reason(box: Box, monkeypatch):
    monkeypatch.setattr("vmsd.tasks.sweeper.HOURLY_SHARE", 1.0)
    one, two, short = await box.camera(1), await box.camera(2), await box.camera(3, days=2)
    other = await box.camera(1, city=2)
    await fill(box, one, [OLD, OLD + 2000, OLD + 4000, YOUNG])
    await fill(box, two, [OLD + 6000])
    await fill(box, short, [NOW_MS - 3 * DAY_MS])
    await fill(box, other, [OLD])
    size = one.path(OLD).stat().st_size
    await box.sweeper(purge_batch=2).once()
    await box.sweeper().once()
    rows = sorted(await told(box), key=lambda row: (row["recordings"], row["why"]))
    assert [(row["why"], row["camera"], row["cameras"], row["recordings"], row["bytes"]) for row in rows] == [
        ("retention_camera", short.folder.camera, 1, 1, size),
        ("retention_plan", other.folder.camera, 1, 1, size),
        ("retention_plan", one.folder.city, 2, 4, 4 * size),
    ]
    assert (rows[2]["first"], rows[2]["last"]) == ("2026-11-13T11:00:00.000Z", "2026-11-13T11:00:06.000Z")


async def test_the_log_proves_every_line_of_the_ledger(box: Box):
    camera, other = await box.camera(1), await box.camera(2)
    await fill(box, camera, [OLD, OLD + 2000, YOUNG])
    await fill(box, other, [OLD])
    camera.path(YOUNG).unlink()
    await box.sweeper().once()
    box.clock.pass_s(600)
    await box.scan()
    lines = [line for _, line in await Purges(Scope(box.database, camera.key[0])).lines(0, 2 * NOW_MS, limit=100)]
    assert [line.reason for line in lines] == ["retention_plan"] * 3 + ["vanished"]
    by_moment = {}
    for line in lines:
        by_moment.setdefault((line.purged_ms, str(line.reason)), []).append(line)
    proofs = {(row["at_ms"], row["why"]): row["ledger_sha256"] for row in await told(box)}
    assert proofs == {moment: ledger_digest(of_moment) for moment, of_moment in by_moment.items()}
    changed = [replace(lines[0], size_bytes=lines[0].size_bytes + 1), *lines[1:3]]
    assert ledger_digest(changed) not in proofs.values()


async def test_two_drops_in_one_millisecond_are_told_apart(box: Box):
    camera = await box.camera()
    await fill(box, camera, [OLD, OLD + 2000])
    for segment in await box.free(camera, 2):
        await box.system.mark([segment], PurgeReason.SPACE)
        await box.system.drop_garbage([segment], NOW_MS)
    assert [row["at_ms"] for row in await told(box)] == [NOW_MS, NOW_MS + 1]


async def test_no_recording_leaves_the_index_that_the_log_does_not_tell_of(box: Box, monkeypatch):
    camera = await box.camera()
    await fill(box, camera, [OLD])

    async def full(*_: object) -> None:
        raise StorageFull("the database's volume is full")

    with monkeypatch.context() as patched:
        patched.setattr(box.system, "_note", full)
        with pytest.raises(StorageFull):
            await box.sweeper().once()
    assert (await box.rows(camera))[OLD]["state"] == SegmentState.GARBAGE
    assert await box.purges(camera) == {}
    await box.sweeper().once()
    assert len(await told(box)) == len(await box.purges(camera)) == 1


async def test_files_somebody_else_has_deleted_are_told_of_as_such(box: Box):
    camera = await box.camera()
    await fill(box, camera, [YOUNG, YOUNG + 2000])
    camera.path(YOUNG).unlink()
    await box.scan()
    (row,) = await told(box)
    assert (row["action"], row["why"], row["recordings"]) == ("recording.vanished", "vanished", 1)


async def test_what_is_being_deleted_by_us_has_not_vanished(box: Box):
    camera = await box.camera()
    await fill(box, camera, [OLD])
    (oldest,) = await box.free(camera, 1)
    await box.system.mark([oldest], PurgeReason.RETENTION_PLAN)
    await box.system.drop_vanished([(camera.key, OLD * 1000)], NOW_MS)
    assert await told(box) == []
    await box.system.drop_garbage([oldest], NOW_MS)
    assert [row["action"] for row in await told(box)] == ["recording.purged"]


async def test_a_link_never_leads_a_deletion_out_of_the_volume(box: Box, tmp_path):
    camera = await box.camera()
    await fill(box, camera, [OLD])
    folder = camera.path(OLD).parent
    outside = tmp_path / "elsewhere"
    folder.rename(outside)
    folder.symlink_to(outside)
    with pytest.raises(OSError, match=r".*"):
        await box.sweeper().once()
    assert (outside / camera.path(OLD).name).exists()
    assert (await box.rows(camera))[OLD]["state"] == SegmentState.GARBAGE


async def test_empty_files_go_with_their_own_reason(box: Box):
    camera = await box.camera()
    camera.begin(YOUNG).write_bytes(b"")
    await fill(box, camera, [YOUNG + 2000])
    await box.sweeper().once()
    assert await box.purges(camera) == {YOUNG: "empty"}
    assert not camera.path(YOUNG).exists()


async def test_the_folder_of_a_removed_camera_goes_when_it_is_empty(box: Box):
    camera = await box.camera()
    await fill(box, camera, [OLD])
    camera.path(NOW_MS - 10_000).unlink()
    async with box.database.write() as transaction:
        await transaction.execute("UPDATE camera SET removed_ms = 1")
    sweeper = box.sweeper()
    await sweeper.once()
    assert not camera.path(OLD).parent.exists()
    assert camera.path(OLD).parent.parent.exists()


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    ages=st.lists(st.integers(-2, 40 * 24), min_size=1, max_size=12, unique=True),
    protected=st.integers(0, 4095),
    jump_days=st.sampled_from([0, -40, -1, 3, 400, 56 * 365]),
    free_gb=st.integers(0, 20),
)
async def test_whatever_is_deleted_was_allowed_to_be(tmp_path_factory, ages, protected, jump_days, free_gb):
    folder = tmp_path_factory.mktemp("any")
    async with open_box(folder) as box:
        camera = await box.camera(plan="basic")
        starts = sorted(NOW_MS - age * HOUR_MS for age in ages)
        for start in starts:
            camera.record(start)
        await box.scan()
        kept = {start for index, start in enumerate(starts) if protected >> index & 1}
        for start in kept:
            await box.keep(camera, start)
        box.clock.wall += jump_days * DAY_MS
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("vmsd.services.storage.usage", lambda _: DiskUsage(100 * GB, (8 + free_gb) * GB, 0, 0))
            await box.sweeper(purge_cap=5).once()
        left, purged = set(await box.rows(camera)), await box.purges(camera)
        assert left | purged.keys() == set(starts)
        assert not kept & purged.keys()
        assert {camera.path(start).exists() for start in left} <= {True}
        assert len(purged) <= 5
        for start, reason in purged.items():
            if reason == "space":
                assert free_gb < 2
                assert all(start < other for other in left - kept)
            else:
                assert jump_days == 0
                assert start + 2000 < NOW_MS - 7 * DAY_MS


async def test_a_file_that_cannot_be_deleted_holds_up_no_other(box: Box, monkeypatch):
    monkeypatch.setattr("vmsd.tasks.sweeper.HOURLY_SHARE", 1.0)
    cameras = [await box.camera(number) for number in (1, 2, 3)]
    for camera in cameras:
        await fill(box, camera, [OLD, OLD + 2000])
    stubborn = cameras[0].path(OLD)
    stubborn.unlink()
    stubborn.mkdir()
    (stubborn / "inside").write_bytes(b"")
    elsewhere = cameras[1].path(OLD).parent
    elsewhere.rename(elsewhere.with_name("moved"))
    elsewhere.symlink_to("moved")
    with pytest.raises(OSError, match="3 recordings"):
        await box.sweeper(purge_batch=2).once()
    assert [len(await box.rows(camera)) for camera in cameras] == [2, 3, 1]
    (stubborn / "inside").unlink()
    stubborn.rmdir()
    elsewhere.unlink()
    elsewhere.with_name("moved").rename(elsewhere)
    await box.sweeper().once()
    assert [len(await box.rows(camera)) for camera in cameras] == [1, 1, 1]


async def change_plan(box: Box, plan: str) -> None:
    cities = CityList(box.database, box.audit, box.clock)
    (city,) = await cities.list()
    await cities.change(city, by=Who(), name=city.name, status=city.status, plan=plan)


async def test_what_goes_because_the_plan_became_shorter_says_so(box: Box, monkeypatch):
    monkeypatch.setattr("vmsd.tasks.sweeper.HOURLY_SHARE", 1.0)
    camera = await box.camera(plan="premium")
    old = [NOW_MS - days * DAY_MS for days in (31, 20, 8)]
    await fill(box, camera, [*old, YOUNG])
    await change_plan(box, "basic")
    await box.sweeper().once()
    assert await box.purges(camera) == dict(zip(old, ["retention_plan", "plan_changed", "plan_changed"], strict=True))
    box.clock.pass_s(2 * 86_400)
    await box.sweeper().once()
    assert (await box.purges(camera))[YOUNG] == "plan_changed"


async def test_what_was_recorded_after_the_change_was_never_promised_more(box: Box):
    camera = await box.camera(plan="premium")
    await change_plan(box, "basic")
    box.clock.pass_s(8 * 86_400)
    await fill(box, camera, [NOW_MS + 60_000])
    await box.sweeper().once()
    assert await box.purges(camera) == {NOW_MS + 60_000: "retention_plan", NOW_MS - 10_000: "plan_changed"}


async def test_the_longest_of_several_former_plans_counts_while_it_can_matter(box: Box):
    camera = await box.camera(plan="premium")
    await fill(box, camera, [NOW_MS - 20 * DAY_MS])
    await change_plan(box, "pro")
    box.clock.pass_s(86_400)
    await change_plan(box, "basic")
    await box.sweeper().once()
    assert await box.purges(camera) == {NOW_MS - 20 * DAY_MS: "plan_changed"}


async def test_names_of_a_clock_nobody_trusted_go_by_age_only_once_they_must_be_old(box: Box, monkeypatch):
    monkeypatch.setattr("vmsd.tasks.sweeper.HOURLY_SHARE", 1.0)
    camera = await box.camera()
    await fill(box, camera, [OLD, OLD + 2000, OLD + 4000])
    async with box.database.write() as transaction:
        await transaction.execute("UPDATE segment SET flags = flags | 2 WHERE start_us < :at", {"at": YOUNG * 1000})
        for start, not_after in ((OLD, NOW_MS - 7 * DAY_MS - 1000), (OLD + 2000, NOW_MS - 6 * DAY_MS)):
            await transaction.execute(
                "INSERT INTO segment_clock VALUES (:city, :camera, :start, 'boot', 0, :not_after, NULL)",
                {"city": camera.key[0], "camera": camera.key[1], "start": start * 1000, "not_after": not_after},
            )
    await box.sweeper().once()
    assert await box.purges(camera) == {OLD: "retention_plan"}
    monkeypatch.setattr("vmsd.services.storage.usage", lambda _: DiskUsage(100 * GB, 0, 0, 0))
    await box.sweeper().once()
    assert (await box.purges(camera))[OLD + 4000] == "space"


async def test_a_file_that_is_just_being_renamed_is_not_deleted(box: Box, monkeypatch):
    camera = await box.camera()
    await fill(box, camera, [OLD])
    async with box.database.write() as transaction:
        await transaction.execute("UPDATE segment SET flags = flags | 2 WHERE start_us = :at", {"at": OLD * 1000})
        await transaction.execute(
            "INSERT INTO segment_clock VALUES (:city, :camera, :start, 'boot', 0, 1, 5)",
            {"city": camera.key[0], "camera": camera.key[1], "start": OLD * 1000},
        )
    monkeypatch.setattr("vmsd.services.storage.usage", lambda _: DiskUsage(100 * GB, 0, 0, 0))
    await box.sweeper().once()
    assert list(await box.rows(camera)) == [OLD]


async def test_what_the_last_fence_holds_back_is_neither_counted_nor_tried_for_ever(box: Box, monkeypatch):
    """As if the statement and the trigger did not agree: the trigger has the last word."""
    camera = await box.camera()
    await fill(box, camera, [OLD, OLD + 2000])
    await box.keep(camera, OLD)

    async def nothing() -> dict[tuple[int, int], list[tuple[int, int]]]:
        return {}

    monkeypatch.setattr(box.system, "kept", nothing)
    unfenced = MARK.replace(
        "NOT EXISTS (\n    SELECT 1 FROM kept_period", "1 OR EXISTS (\n    SELECT 1 FROM kept_period"
    )
    assert unfenced != MARK
    monkeypatch.setattr("vmsd.store.system.MARK", unfenced)
    sweeper = box.sweeper()
    await sweeper.once()
    assert camera.path(OLD).exists()
    assert await box.purges(camera) == {OLD + 2000: "retention_plan"}
    assert sum(count for _, count in sweeper._past) == 1


async def test_a_restart_does_not_begin_a_new_hour(box: Box):
    camera = await box.camera()
    await fill(box, camera, [OLD + 2000 * index for index in range(20)])
    for _ in range(3):
        await box.sweeper(purge_batch=4).once()
        box.clock.pass_s(60)
    assert len(await box.purges(camera)) == 4
    box.clock.pass_s(3600)
    await box.sweeper(purge_batch=4).once()
    assert len(await box.purges(camera)) == 8
