"""The segments of a city are found by camera and period, and the daily totals are always their sum."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.tasks.recording_box import KEY, NOW_MS, Box, open_box
from vmsd.errors import NotFound
from vmsd.model.camera import Camera
from vmsd.model.segment import PurgeReason, Segment, SegmentFlag, SegmentState
from vmsd.services.recordings import CityRecordings, SegmentIds, Wanted
from vmsd.store.purges import Purges
from vmsd.store.scope import Scope
from vmsd.store.segments import Segments

MINUTE_US = 60_000_000
T0 = NOW_MS * 1000
DAY_US = 86_400_000_000


def segment(key: tuple[int, int], start_us: int, *, duration_ms: int = 60_000, size: int = 1000) -> Segment:
    return Segment(key[0], key[1], start_us, duration_ms, size, size, SegmentState.CLOSED, SegmentFlag(0))


async def store(box: Box, key: tuple[int, int], minutes: list[int]) -> None:
    await box.system.put([segment(key, T0 + minute * MINUTE_US) for minute in minutes])


async def listed(box: Box, key: tuple[int, int], start: float, end: float, **kwargs) -> list[int]:
    found = await Segments(Scope(box.database, key[0])).list(
        key[1], int(T0 + start * MINUTE_US), int(T0 + end * MINUTE_US), **{"limit": 100} | kwargs
    )
    return [(one.start_us - T0) // MINUTE_US for one in found]


async def test_a_period_finds_what_it_cuts_and_nothing_it_only_touches(box: Box):
    key = (await box.camera()).key
    await store(box, key, list(range(10)))
    assert await listed(box, key, 2, 5) == [2, 3, 4]
    assert await listed(box, key, 2.5, 4.5) == [2, 3, 4]
    assert await listed(box, key, -5, 0) == []
    assert await listed(box, key, 10, 20) == []


async def test_overlapping_segments_of_a_clock_put_back_are_all_found(box: Box):
    key = (await box.camera()).key
    await box.system.put([segment(key, T0, duration_ms=3_600_000), segment(key, T0 + MINUTE_US)])
    assert await listed(box, key, 30, 31) == [0]
    assert await listed(box, key, 1.5, 1.6) == [0, 1]


async def test_a_very_long_segment_is_found_from_its_middle(box: Box):
    key = (await box.camera()).key
    await box.system.put([segment(key, T0, duration_ms=24 * 3_600_000)])
    assert await listed(box, key, 23 * 60, 23 * 60 + 1) == [0]


async def test_garbage_is_not_shown(box: Box):
    key = (await box.camera()).key
    await store(box, key, [0, 1, 2])
    await box.system.mark([segment(key, T0 + MINUTE_US)], PurgeReason.SPACE)
    assert await listed(box, key, 0, 10) == [0, 2]
    with pytest.raises(NotFound):
        await Segments(Scope(box.database, key[0])).get(key[1], T0 + MINUTE_US)


async def test_pages_follow_one_another_without_a_gap_or_a_repeat(box: Box):
    camera = await box.camera()
    await store(box, camera.key, list(range(7)))
    recordings = CityRecordings(Scope(box.database, camera.key[0]), SegmentIds(KEY))
    seen, after = [], None
    for _ in range(5):
        page = await recordings.list([Wanted(a_camera(camera), [(NOW_MS, NOW_MS + 600_000)])], after=after, limit=3)
        seen += [one.segment.start_us for one in page.items]
        after = page.next
        if after is None:
            break
    assert seen == [T0 + minute * MINUTE_US for minute in range(7)]


def a_camera(camera) -> Camera:
    class Known:
        city_id, id = camera.key
        public_id = camera.folder.camera

    return Known()  # type: ignore[return-value]


async def test_a_public_id_finds_its_recording_and_its_file(box: Box):
    camera = await box.camera()
    path = camera.record(NOW_MS)
    await box.scan()
    recordings = CityRecordings(Scope(box.database, camera.key[0]), SegmentIds(KEY))
    (found,) = (await recordings.list([Wanted(a_camera(camera), [(NOW_MS, NOW_MS + 5000)])])).items
    again = await recordings.get(found.id)
    assert again == found
    assert again.path(box.settings.recordings_dir, camera.folder.city) == path


async def test_an_id_of_another_city_is_as_unknown_as_any(box: Box):
    mine, other = await box.camera(1, city=1), await box.camera(1, city=2)
    for camera in (mine, other):
        camera.record(NOW_MS)
    await box.scan()
    ids = SegmentIds(KEY)
    recordings = CityRecordings(Scope(box.database, mine.key[0]), ids)
    said = set()
    for public_id in (
        ids.seal(*other.key, T0),
        ids.seal(mine.key[0], 99, T0),
        ids.seal(*mine.key, T0 + 1),
        "00000000-0000-0000-0000-000000000000",
        "../../etc/passwd",
        "",
    ):
        with pytest.raises(NotFound) as caught:
            await recordings.get(public_id)
        said.add(str(caught.value))
    assert said == {"there is no such recording"}


@given(city=st.integers(1, 2**32 - 1), camera=st.integers(1, 2**32 - 1), start=st.integers(-(2**63), 2**63 - 1))
def test_public_ids_come_back_and_tell_nothing(city: int, camera: int, start: int):
    ids = SegmentIds(KEY)
    public_id = ids.seal(city, camera, start)
    assert ids.open(public_id, city) == (camera, start)
    with pytest.raises(NotFound):
        ids.open(public_id, city % (2**32 - 1) + 1)
    assert public_id != SegmentIds(KEY[::-1]).seal(city, camera, start)


async def test_purges_say_what_went_and_why(box: Box):
    camera, other = await box.camera(1), await box.camera(1, city=2)
    for key in (camera.key, other.key):
        await store(box, key, [0, 1])
    await box.system.mark([segment(camera.key, T0)], PurgeReason.RETENTION_CAMERA)
    await box.system.drop_garbage(await box.system.garbage(10), NOW_MS)
    (purge,) = await Purges(Scope(box.database, camera.key[0])).list(camera.key[1])
    assert (purge.start_us, purge.reason, purge.size_bytes) == (T0, PurgeReason.RETENTION_CAMERA, 1000)
    assert purge.camera_public_id == camera.folder.camera
    assert await Purges(Scope(box.database, other.key[0])).list(other.key[1]) == []


async def test_garbage_is_never_written_over(box: Box):
    key = (await box.camera()).key
    await store(box, key, [0])
    await box.system.mark([segment(key, T0)], PurgeReason.SPACE)
    await box.system.put([segment(key, T0, size=5)])
    await box.system.put_new([segment(key, T0, size=6)])
    (row,) = await box.system.garbage(10)
    assert (row.state, row.bytes) == (SegmentState.GARBAGE, 1000)


async def test_a_preserved_segment_does_not_become_garbage_by_being_empty(box: Box):
    camera = await box.camera()
    await store(box, camera.key, [0])
    await box.keep(camera, NOW_MS)
    empty = replace(segment(camera.key, T0, size=0), state=SegmentState.GARBAGE, purge_reason="empty")
    await box.system.put([empty])
    assert await box.system.garbage(10) == []


async def test_a_hash_is_not_kept_for_bytes_that_changed_meanwhile(box: Box):
    key = (await box.camera()).key
    await store(box, key, [0])
    hashed = replace(segment(key, T0), sha256=bytes(32))
    await box.system.put([segment(key, T0, size=1001)])
    await box.system.set_hashes([hashed])
    row = await box.system.find(key, T0)
    assert row is not None
    assert row.sha256 is None


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["put", "new", "mark", "drop", "vanish"]),
        st.integers(0, 5),
        st.integers(0, 3),
        st.integers(0, 100),
    ),
    max_size=30,
)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
async def test_the_daily_totals_are_always_the_sum_of_the_segments(tmp_path_factory, steps):
    async with open_box(tmp_path_factory.mktemp("days")) as box:
        key = (await box.camera()).key
        for what, place, day, size in steps:
            one = segment(key, T0 + day * DAY_US + place, size=size, duration_ms=size * 10)
            if what == "put":
                await box.system.put([one])
            elif what == "new":
                await box.system.put_new([one])
            elif what == "mark":
                await box.system.mark([one], PurgeReason.SPACE)
            elif what == "vanish":
                await box.system.drop_vanished([(key, one.start_us)], NOW_MS)
            else:
                await box.system.drop_garbage(await box.system.garbage(2), NOW_MS)
        sums = await box.database.read(
            """SELECT start_us / 86400000000 AS day, count(*), sum(bytes), sum(duration_ms) FROM segment
            GROUP BY 1 ORDER BY 1"""
        )
        kept = await box.database.read("SELECT day, segments, bytes, duration_ms FROM camera_day ORDER BY day")
        assert [tuple(row) for row in kept] == [tuple(row) for row in sums]
