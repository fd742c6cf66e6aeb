"""A search over several cameras finds what a look at every row would, in one order, page after page."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.tasks.recording_box import DAY_MS, KEY, NOW_MS, Box, open_box
from vmsd.errors import NotFound
from vmsd.model.city import City
from vmsd.model.segment import Segment, SegmentFlag, SegmentState
from vmsd.services.expiry import CityExpiry
from vmsd.services.recordings import CityRecordings, SegmentIds, Wanted
from vmsd.store.scope import Scope
from vmsd.store.segments import Segments

SECOND_US = 1_000_000
UNTRUSTED = SegmentFlag.CLOCK_UNTRUSTED
spans = st.tuples(st.integers(0, 60), st.integers(1, 20)).map(lambda one: (one[0], one[0] + one[1]))
places = st.tuples(st.integers(1, 3), st.integers(0, 70))


def in_ms(span: tuple[int, int]) -> tuple[int, int]:
    return (NOW_MS + span[0] * 1000, NOW_MS + span[1] * 1000)


async def cameras_of(box: Box, count: int = 3) -> list[SimpleNamespace]:
    made = [await box.camera(number) for number in range(1, count + 1)]
    return [SimpleNamespace(id=one.key[1], public_id=one.folder.camera, retention_days=None, box=one) for one in made]


async def all_pages(ask, limit: int) -> list:
    found, after = [], None
    while True:
        page = await ask(after=after, limit=limit)
        found += page.items
        assert len(page.items) <= limit
        if page.next is None:
            return found
        assert len(page.items) == limit
        after = page.next


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    files=st.dictionaries(places, st.integers(1, 15), max_size=25),
    kept=st.lists(st.tuples(st.integers(1, 3), spans), max_size=3),
    asked=st.lists(spans, min_size=1, max_size=3),
    preserved=st.sampled_from([None, True, False]),
    limit=st.integers(1, 6),
)
async def test_what_is_found_is_what_is_there_in_one_order(tmp_path_factory, files, kept, asked, preserved, limit):
    async with open_box(tmp_path_factory.mktemp("search")) as box:
        cameras = await cameras_of(box)
        await box.system.put(
            [
                Segment(
                    1, camera, NOW_MS * 1000 + at * SECOND_US, long * 1000, 1, 1, SegmentState.CLOSED, SegmentFlag(0)
                )
                for (camera, at), long in files.items()
            ]
        )
        for camera, span in kept:
            await box.keep(cameras[camera - 1].box, *in_ms(span))
        recordings = CityRecordings(Scope(box.database, 1), SegmentIds(KEY))
        wanted = [Wanted(camera, list(map(in_ms, asked))) for camera in cameras]

        async def ask(**page):
            return await recordings.list(wanted, preserved=preserved, **page)

        def meets(start: int, end: int, span: tuple[int, int]) -> bool:
            return start < span[1] and end > span[0]

        expected = []
        for (camera, at), long in files.items():
            is_kept = any(of == camera and meets(at, at + long, span) for of, span in kept)
            if any(meets(at, at + long, span) for span in asked) and preserved in (None, is_kept):
                expected.append((at, camera, is_kept))
        found = await all_pages(ask, limit)
        assert [
            ((one.segment.start_us // SECOND_US - NOW_MS // 1000), one.segment.camera_id, bool(one.kept))
            for one in found
        ] == sorted(expected)


async def test_a_cursor_of_another_camera_leads_nowhere(tmp_path):
    async with open_box(tmp_path) as box:
        cameras = await cameras_of(box, 2)
        ids = SegmentIds(KEY)
        recordings = CityRecordings(Scope(box.database, 1), ids)
        wanted = [Wanted(cameras[0], [in_ms((0, 10))])]
        for cursor in (ids.seal(1, 2, NOW_MS * 1000), ids.seal(2, 1, NOW_MS * 1000), "x"):
            with pytest.raises(NotFound):
                await recordings.list(wanted, after=cursor)


@pytest.mark.parametrize(("cameras", "limit"), [(1, 50), (40, 50), (200, 500)])
async def test_a_page_of_many_cameras_reads_little_more_than_itself(tmp_path, monkeypatch, cameras, limit):
    async with open_box(tmp_path) as box:
        known = [SimpleNamespace(id=number, public_id=str(number)) for number in range(1, cameras + 1)]
        read = 0

        async def list_(_self, camera_id, start_us, _end_us, *, after_us, limit):
            nonlocal read
            first = max(0, (after_us - start_us) // SECOND_US + 1)
            read += limit
            return [
                Segment(1, camera_id, start_us + at * SECOND_US, 1000, 1, 1, SegmentState.CLOSED, SegmentFlag(0))
                for at in range(first, first + limit)
            ]

        monkeypatch.setattr(Segments, "list", list_)
        recordings = CityRecordings(Scope(box.database, 1), SegmentIds(KEY))
        page = await recordings.list([Wanted(one, [in_ms((0, 10_000))]) for one in known], limit=limit)
        assert len(page.items) == limit
        assert read <= max(4 * limit, 8 * cameras)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    files=st.dictionaries(
        st.tuples(st.integers(1, 3), st.integers(0, 12 * 24)),
        st.tuples(st.integers(1, 60), st.sampled_from([SegmentFlag(0), SegmentFlag(0), UNTRUSTED])),
        max_size=20,
    ),
    days=st.lists(st.sampled_from([None, 1, 3, 40]), min_size=3, max_size=3),
    kept=st.lists(st.tuples(st.integers(1, 3), st.integers(0, 12 * 24)), max_size=3),
    within_h=st.integers(1, 100),
    limit=st.integers(1, 6),
)
async def test_what_expires_is_old_enough_in_time_and_kept_by_nobody(
    tmp_path_factory, files, days, kept, within_h, limit
):
    """Hours ago each, minutes long."""
    async with open_box(tmp_path_factory.mktemp("expiry"), purge_batch=100, purge_cap=1000) as box:
        cameras = await cameras_of(box)
        for camera, own in zip(cameras, days, strict=True):
            await box.camera(camera.id, days=own)
            camera.retention_days = own
        start_of = {key: NOW_MS - key[1] * 3_600_000 for key in files}
        await box.system.put(
            [
                Segment(1, key[0], start_of[key] * 1000, minutes * 60_000, 1, 1, SegmentState.CLOSED, flag)
                for key, (minutes, flag) in files.items()
            ]
        )
        for camera, at in kept:
            await box.keep(cameras[camera - 1].box, NOW_MS - at * 3_600_000)
        scope = Scope(box.database, 1)
        city = City(1, "x", "x", "active", "basic", 0, 0)
        expiry = CityExpiry(scope, city, CityRecordings(scope, SegmentIds(KEY)), box.keeper.trusted_ms)

        async def ask(**page):
            return await expiry.list(cameras, within_h, **page)

        found = await all_pages(ask, limit)
        soon = await expiry.soon(cameras, within_h)
        told = {(one.recording.segment.camera_id, one.recording.segment.start_us): one for one in found}
        expected = {
            (key[0], start_of[key] * 1000)
            for key, (minutes, flag) in files.items()
            if not flag
            and start_of[key] + minutes * 60_000 + min(7, days[key[0] - 1] or 7) * DAY_MS
            < NOW_MS + within_h * 3_600_000
            and not any(
                of == key[0]
                and start_of[key] < NOW_MS - at * 3_600_000 + 1
                and start_of[key] + minutes * 60_000 > NOW_MS - at * 3_600_000
                for of, at in kept
            )
        }
        assert told.keys() == expected
        assert (soon.recordings if soon else 0) == len(expected)
        if soon:
            assert soon.first_ms == min(one.expires_ms for one in found)
        rules = {days or 7: "retention_plan" if (days or 7) >= 7 else "retention_camera" for days in days}
        assert {one.rule for one in found} <= set(rules.values())


async def test_nothing_expires_by_a_clock_that_is_not_trusted(tmp_path):
    async with open_box(tmp_path) as box:
        (camera,) = await cameras_of(box, 1)
        old = Segment(1, 1, (NOW_MS - 8 * DAY_MS) * 1000, 1000, 1, 1, SegmentState.CLOSED, SegmentFlag(0))
        await box.system.put([old])
        scope = Scope(box.database, 1)
        city = City(1, "x", "x", "active", "basic", 0, 0)
        expiry = CityExpiry(scope, city, CityRecordings(scope, SegmentIds(KEY)), box.keeper.trusted_ms)
        assert len((await expiry.list([camera], 1)).items) == 1
        box.clock.wall -= 40 * DAY_MS
        assert (await expiry.list([camera], 1)).items == ()
        assert await expiry.soon([camera], 24) is None
