"""The promise meter says what the disk will do, from what was measured."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.tasks.recording_box import DAY_MS, NOW_MS, Box, open_box
from vmsd.host.disk import DiskUsage
from vmsd.model.city import City
from vmsd.model.person import ALL_RIGHTS
from vmsd.model.segment import Segment, SegmentFlag, SegmentState
from vmsd.services.capacity import Demand, held_days, held_days_beside
from vmsd.services.promise import Storage, judge
from vmsd.services.rationing import Rationing
from vmsd.services.storage import Capacity
from vmsd.store.scope import Scope
from vmsd.tasks.accountant import Accountant

GB = 10**9


@pytest.mark.parametrize(
    ("demands", "room", "days"),
    [
        ([], 100, None),
        ([Demand(0, 7)], 100, None),
        ([Demand(10, 7)], 1000, 7),
        ([Demand(10, 7)], 35, 3.5),
        ([Demand(10, 7), Demand(10, 30)], 140, 7),
        ([Demand(10, 7), Demand(10, 30)], 240, 17),
        ([Demand(10, 7), Demand(10, 30)], 10_000, 30),
        ([Demand(10, 30), Demand(10, 7)], 70, 3.5),
        ([Demand(10, 7)], 0, 0),
    ],
)
def test_the_age_that_fits_is_found_whatever_the_plans(demands, room, days):
    assert held_days(demands, room) == (None if days is None else pytest.approx(days))


def test_a_promise_that_is_kept_breaks_never():
    promise = judge(7, Capacity(10 * GB, 100 * GB, 50 * GB, 7.0, None), NOW_MS)
    assert (promise.promised_days, promise.held_days, promise.breaks_ms) == (7, 7.0, None)


def test_a_promise_breaks_when_the_room_is_used_up():
    promise = judge(7, Capacity(10 * GB, 50 * GB, 30 * GB, 5.0, None), NOW_MS)
    assert promise.breaks_ms == NOW_MS + 2 * DAY_MS


def test_nothing_is_promised_to_hold_before_anything_was_measured():
    assert judge(7, None, NOW_MS).held_days is None
    assert judge(7, Capacity(0, 50 * GB, 0, None, None), NOW_MS).breaks_ms is None


def segment(key: tuple[int, int], start_ms: int, size: int) -> Segment:
    return Segment(*key, start_ms * 1000, 1000, size, size, SegmentState.CLOSED, SegmentFlag(0))


def accountant_of(box: Box, applied: list[frozenset[tuple[int, int]]] | None = None) -> Accountant:
    told = [] if applied is None else applied
    candidates = box.system.protected.candidates
    rationing = Rationing(box.database, box.audit, box.clock, candidates=candidates, apply=told.append)
    return Accountant(box.system, box.watch, box.index, box.settings.disk, box.clock, rationing)


async def test_the_rate_is_that_of_the_last_day_over_all_cities(box: Box, monkeypatch):
    monkeypatch.setattr("vmsd.services.storage.usage", lambda _: DiskUsage(1000 * GB, 500 * GB, 0, 0))
    await box.watch.look()
    mine, other = await box.camera(1, plan="basic"), await box.camera(1, city=2, plan="premium")
    for camera, size in ((mine, 30 * GB), (other, 10 * GB)):
        for day in range(1, 11):
            await box.system.put([segment(camera.key, NOW_MS - day * DAY_MS, size)])
    await accountant_of(box).once()
    capacity = box.watch.capacity
    assert capacity is not None
    share_of_yesterday = 1 - (NOW_MS % DAY_MS) / DAY_MS
    assert capacity.bytes_per_day == pytest.approx(40 * GB * share_of_yesterday)
    assert capacity.footage_bytes == 400 * GB
    assert capacity.room_bytes == pytest.approx(800 * GB)
    assert capacity.held_days == 30


async def test_a_young_camera_counts_with_what_it_writes_right_now(box: Box):
    camera, indexer = await box.camera(), box.indexer()
    camera.begin(NOW_MS, 1)
    await indexer.once()
    for second in range(1, 40, 4):
        camera.grow(NOW_MS, second, 4)
        box.clock.pass_s(4)
        await indexer.once()
    await accountant_of(box).once()
    assert box.watch.capacity is not None
    assert box.watch.capacity.bytes_per_day == pytest.approx(box.index.bytes_per_s(camera.key) * 86_400, rel=0.01)


async def test_a_city_sees_its_own_totals_and_the_promise_of_the_shared_volume(box: Box):
    mine, other = await box.camera(1), await box.camera(1, city=2)
    await box.system.put(
        [segment(mine.key, NOW_MS, 5), segment(mine.key, NOW_MS + 1, 6), segment(other.key, NOW_MS, 9)]
    )
    box.watch.capacity = Capacity(10 * GB, 50 * GB, 30 * GB, 5.0, None)
    city = City(mine.key[0], mine.folder.city, "A", "active", "basic", 0, 0)
    storage = await Storage(Scope(box.database, city.id), city, ALL_RIGHTS, box.watch, box.clock).get()
    assert (storage.bytes, storage.segments) == (11, 2)
    assert [one.total.camera_public_id for one in storage.cameras] == [mine.folder.camera]
    assert (storage.promise.promised_days, storage.promise.held_days) == (7, 5.0)


def test_what_is_kept_and_young_costs_nothing_and_what_is_old_its_room():
    demands, today = [Demand(10, 30)], 1000
    assert held_days_beside(demands, 100, {}, today) == 10
    assert held_days_beside(demands, 100, {today - 2: 10}, today) == 10
    assert held_days_beside(demands, 100, {today - 20: 30}, today) == 7
    assert held_days_beside(demands, 100, {today - 20: 30, today - 3: 10}, today) == 7
    assert held_days_beside(demands, 100, {today - 20: 500}, today) == 0


@settings(max_examples=30, deadline=None)
@given(
    starts=st.lists(st.integers(0, 6 * 24 * 60), min_size=1, max_size=40, unique=True),
    periods=st.lists(st.tuples(st.integers(0, 6 * 24 * 60), st.integers(1, 4 * 24 * 60)), max_size=6),
    seconds=st.sampled_from([10, 3600]),
)
async def test_protected_bytes_are_those_of_the_files_kept_each_once(tmp_path_factory, starts, periods, seconds):
    minute, begin = 60_000, NOW_MS - 7 * DAY_MS
    async with open_box(tmp_path_factory.mktemp("kept")) as box:
        camera = await box.camera()
        files = [
            replace(segment(camera.key, begin + start * minute, 1000 + start), duration_ms=seconds * 1000)
            for start in starts
        ]
        await box.system.put(files)
        spans = [(begin + start * minute, begin + (start + length) * minute) for start, length in periods]
        for start_ms, end_ms in spans:
            await box.keep(camera, start_ms, end_ms)
        kept = [one for one in files if any(one.end_ms > start and one.start_ms < end for start, end in spans)]
        found = await box.system.protected.bytes(await box.system.kept())
        assert sum(found.get(camera.key, {}).values()) == sum(one.bytes for one in kept)


async def test_what_is_kept_takes_room_from_the_promise(box: Box, monkeypatch):
    monkeypatch.setattr("vmsd.services.storage.usage", lambda _: DiskUsage(1000 * GB, 100 * GB, 0, 0))
    await box.watch.look()
    camera = await box.camera(plan="premium")
    for day in range(1, 91):
        await box.system.put([segment(camera.key, NOW_MS - day * DAY_MS - day % 2, 10 * GB)])
    rate = 10 * GB * (1 - (NOW_MS % DAY_MS) / DAY_MS)
    await accountant_of(box).once()
    assert box.watch.capacity.held_days == 30
    await box.keep(camera, NOW_MS - 91 * DAY_MS, NOW_MS - 20 * DAY_MS)
    await accountant_of(box).once()
    capacity = box.watch.capacity
    assert capacity.protected == {camera.key: 700 * GB}
    assert capacity.days_of(capacity.protected_bytes) == pytest.approx(700 * GB / rate, rel=1e-3)
    assert capacity.held_days is not None
    assert capacity.shortage is None
    city = City(camera.key[0], camera.folder.city, "A", "active", "premium", 0, 0)
    storage = await Storage(Scope(box.database, city.id), city, ALL_RIGHTS, box.watch, box.clock).get()
    (one,) = storage.cameras
    assert one.promise.protected_bytes == storage.promise.protected_bytes == 700 * GB


async def test_a_camera_that_was_promised_less_breaks_no_promise_of_more(box: Box):
    short, long = await box.camera(1, plan="pro", days=3), await box.camera(2, plan="pro")
    box.watch.capacity = Capacity(10 * GB, 50 * GB, 30 * GB, 5.0, None)
    city = City(short.key[0], short.folder.city, "A", "active", "pro", 0, 0)
    storage = await Storage(Scope(box.database, city.id), city, ALL_RIGHTS, box.watch, box.clock).get()
    by_id = {one.total.camera_public_id: one.promise for one in storage.cameras}
    assert (by_id[short.folder.camera].promised_days, by_id[short.folder.camera].breaks_ms) == (3, None)
    assert by_id[long.folder.camera].breaks_ms == NOW_MS + 2 * DAY_MS
