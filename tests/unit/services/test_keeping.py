"""What is kept is exactly what was asked for, what it costs is exactly what there is, and letting go takes no more."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.tasks.recording_box import DAY_MS, HOUR_MS, KEY, NOW_MS, Box, open_box
from vmsd.errors import Conflict, Invalid, NotFound
from vmsd.model.audit import Who
from vmsd.model.keeping import Keeping, merged, without
from vmsd.model.segment import PurgeReason, Segment, SegmentFlag, SegmentState
from vmsd.services.holds import CityHolds, Request
from vmsd.services.incidents import CityIncidents
from vmsd.services.keeping import CityKeeping, Part
from vmsd.services.keeping_files import KeptFiles, inner, outer
from vmsd.services.recordings import CityRecordings, Recording, SegmentIds
from vmsd.services.storage import Capacity
from vmsd.store.kept_periods import KeptPeriods
from vmsd.store.scope import Scope

NOW_US = NOW_MS * 1000
WHO = Who("00000000-0000-0000-0000-000000000007", "gestora", "GESTOR")
SLOW = {"max_examples": 25, "deadline": None, "suppress_health_check": [HealthCheck.function_scoped_fixture]}
spans = st.tuples(st.integers(0, 60), st.integers(1, 20)).map(lambda one: (one[0], one[0] + one[1]))


class Keep:
    """A box with one camera, somebody who may do everything with it, and what they may keep."""

    def __init__(self, box: Box, camera: Any) -> None:
        self.box, self.key = box, camera.key
        self.camera = SimpleNamespace(id=camera.key[1], public_id=camera.folder.camera)
        self.scope = Scope(box.database, camera.key[0])
        self.periods = KeptPeriods(self.scope)
        self.keeping = CityKeeping(self.scope, self, box.audit, box.clock, box.watch, by=WHO)
        self.files = KeptFiles(self.scope, self.keeping, box.clock)
        self.incidents = CityIncidents(self.scope, self.keeping, box.audit, box.clock, by=WHO)
        self.holds = CityHolds(self.scope, self.keeping, box.audit, box.clock, by=WHO)
        self.recordings = CityRecordings(self.scope, SegmentIds(KEY))

    async def list(self, **_: Any) -> list[Any]:
        """As the cameras of this caller."""
        return [self.camera]

    def segment(self, start_us: int, duration_ms: int, size: int = 1000) -> Segment:
        return Segment(*self.key, start_us, duration_ms, size, size, SegmentState.CLOSED, SegmentFlag(0))

    async def record(self, *segments: Segment) -> list[Recording]:
        await self.box.system.put(segments)
        return [self.recordings.shown(one, self.camera) for one in segments]

    def part(self, start_ms: int, end_ms: int) -> Part:
        return Part(self.camera, start_ms, end_ms)

    async def kept(self, keeping: Keeping = Keeping.PRESERVED) -> list[tuple[int, int]]:
        found = await self.periods.overlapping(self.key[1], 0, 1 << 50)
        return merged((one.start_ms, one.end_ms) for one in found if one.keeping is keeping)

    async def survive(self, *recordings: Recording) -> list[int]:
        """Which of them cannot become garbage, by what the database itself says."""
        await self.box.system.mark([one.segment for one in recordings], PurgeReason.SPACE)
        gone = {one.start_us for one in await self.box.system.garbage(1000)}
        return [number for number, one in enumerate(recordings) if one.segment.start_us not in gone]


@asynccontextmanager
async def a_keep(folder: Path):
    async with open_box(folder) as box:
        yield Keep(box, await box.camera())


@pytest.fixture
async def keep(tmp_path: Path):
    async with a_keep(tmp_path) as opened:
        yield opened


@given(stretch=spans, gone=spans)
def test_what_is_left_and_what_is_gone_are_the_whole_and_share_nothing(stretch, gone):
    whole, cut = set(range(*stretch)), set(range(*gone))
    left = [set(range(*part)) for part in without(stretch, gone)]
    assert set().union(*left) == whole - cut
    assert sum(map(len, left)) == len(whole - cut)


@settings(**SLOW)
@given(preserved=st.lists(spans, max_size=6), held=st.lists(spans, max_size=2), gone=spans)
async def test_letting_go_takes_exactly_its_time_out_of_what_is_preserved(tmp_path_factory, preserved, held, gone):
    """In thousandths of a second, with a file that begins between two of them."""
    async with a_keep(tmp_path_factory.mktemp("keep")) as keep:
        for start, end in preserved:
            await keep.keeping.keep(keep.part(NOW_MS + start, NOW_MS + end), "asked for")
        for start, end in held:
            await keep.incidents.add("furto", "", [keep.part(NOW_MS + start, NOW_MS + end)])
        (recording,) = await keep.record(keep.segment((NOW_MS + gone[0]) * 1000 + 300, gone[1] - gone[0]))
        cut = range(gone[0], gone[1] + 1)
        before, others = await kept_ms(keep), await kept_ms(keep, Keeping.INCIDENT)
        if others & set(cut):
            with pytest.raises(Conflict, match="incident"):
                await keep.files.let_go(recording, keep.camera)
            assert await kept_ms(keep) == before
        else:
            await keep.files.let_go(recording, keep.camera)
            assert await kept_ms(keep) == before - set(cut)
            assert await keep.survive(recording) == []
        assert await kept_ms(keep, Keeping.INCIDENT) == others


async def kept_ms(keep: Keep, keeping: Keeping = Keeping.PRESERVED) -> set[int]:
    return {at - NOW_MS for stretch in await keep.kept(keeping) for at in range(*stretch)}


async def test_what_is_left_of_a_period_is_still_whose_it_was(keep: Keep):
    await keep.keeping.keep(keep.part(NOW_MS, NOW_MS + 9000), "furto")
    keep.box.clock.pass_s(60)
    (recording,) = await keep.record(keep.segment(NOW_US + 3_000_000, 3000))
    await keep.files.let_go(recording, keep.camera)
    left = await keep.periods.overlapping(keep.key[1], 0, 1 << 50)
    assert [(one.start_ms - NOW_MS, one.end_ms - NOW_MS) for one in left] == [(0, 3000), (6000, 9000)]
    assert {(one.reason, one.person, one.created_ms) for one in left} == {("furto", WHO.person, NOW_MS)}


async def test_preserving_one_file_keeps_none_beside_it_though_they_overlap_a_little(keep: Keep):
    minute = 60_000
    starts = [NOW_US + 321, NOW_US + (minute - 20) * 1000 + 7, NOW_US + (2 * minute - 35) * 1000 + 999]
    before, wanted, after = await keep.record(*(keep.segment(start, minute) for start in starts))
    await keep.files.preserve(wanted, keep.camera, "furto")
    assert [len(one.kept) for one in await keep.recordings.with_kept([before, wanted, after])] == [0, 1, 0]
    assert await keep.survive(before, wanted, after) == [1]


async def test_a_file_whose_deletion_has_begun_is_not_said_to_be_preserved(keep: Keep):
    (recording,) = await keep.record(keep.segment(NOW_US - 3_600_000_000, 60_000))
    await keep.box.system.mark([recording.segment], PurgeReason.SPACE)
    with pytest.raises(NotFound):
        await keep.files.preserve(recording, keep.camera, "too late")
    assert await keep.kept() == []


async def test_what_somebody_has_just_added_is_not_let_go_unseen(keep: Keep):
    part, more = keep.part(NOW_MS, NOW_MS + HOUR_MS), keep.part(NOW_MS + HOUR_MS, NOW_MS + 2 * HOUR_MS)
    incident = await keep.incidents.add("x", "", [part])
    await keep.incidents.extend(incident, [more])
    with pytest.raises(Conflict):
        await keep.incidents.close(incident)
    hold = await keep.holds.add(Request("1", "x", "x"), NOW_MS + DAY_MS, [part])
    await keep.holds.extend(hold, [more])
    with pytest.raises(Conflict):
        await keep.holds.end(hold)
    assert await keep.kept(Keeping.INCIDENT) == await keep.kept(Keeping.HOLD) == [(NOW_MS, NOW_MS + 2 * HOUR_MS)]


async def test_preserving_a_file_twice_is_preserving_it_once(keep: Keep):
    (recording,) = await keep.record(keep.segment(NOW_US, 60_000))
    for reason in ("first", "second"):
        await keep.files.preserve(recording, keep.camera, reason)
    (period,) = await keep.periods.overlapping(keep.key[1], 0, 1 << 50)
    assert period.reason == "first"


async def test_a_file_that_somebody_keeps_in_part_is_kept_for_whoever_asks_for_all_of_it(keep: Keep):
    (recording,) = await keep.record(keep.segment(NOW_US, 60_000))
    partly = await keep.keeping.keep(keep.part(NOW_MS, NOW_MS + 1000), "a part")
    await keep.files.preserve(recording, keep.camera, "all of it")
    await keep.keeping.release(partly.period.public_id)
    assert await keep.survive(recording) == [0]


async def test_a_running_file_is_kept_whole_however_long_it_becomes(keep: Keep):
    running = replace(keep.segment(NOW_US, 5000), state=SegmentState.RUNNING)
    (recording,) = await keep.record(running)
    await keep.files.preserve(recording, keep.camera, "")
    (longer,) = await keep.record(replace(running, duration_ms=60_000))
    await keep.files.preserve(longer, keep.camera, "")
    assert len(await keep.periods.overlapping(keep.key[1], 0, 1 << 50)) == 1
    (closed,) = await keep.record(keep.segment(NOW_US, 1_800_000))
    assert await keep.survive(closed) == [0]


@given(start_us=st.integers(0, 10**16), duration_ms=st.integers(0, 10**8))
def test_the_time_inside_a_file_lies_inside_the_time_it_has_something_of(start_us, duration_ms):
    one = Segment(1, 1, start_us, duration_ms, 1, 1, SegmentState.CLOSED, SegmentFlag(0))
    (inner_start, inner_end), (outer_start, outer_end) = inner(one), outer(one)
    end_us = start_us + duration_ms * 1000
    assert inner_start < inner_end
    assert outer_start < outer_end
    assert outer_start * 1000 <= start_us < (outer_start + 1) * 1000
    assert start_us <= inner_start * 1000
    if duration_ms > 1:
        assert inner_end * 1000 <= end_us <= outer_end * 1000 < end_us + 1000


@settings(**SLOW)
@given(
    files=st.lists(st.tuples(st.integers(0, 90), st.integers(1, 40), st.integers(1, 9)), max_size=8),
    asked=st.lists(st.lists(spans, max_size=4), min_size=1, max_size=3),
)
async def test_a_file_counts_once_and_whole_in_what_keeping_costs(tmp_path_factory, files, asked):
    async with a_keep(tmp_path_factory.mktemp("cost")) as keep:
        second = 1_000_000
        by_start = {start: (start, start + long, size) for start, long, size in files}
        await keep.record(
            *(keep.segment(NOW_US + a * second, (b - a) * 1000, size) for a, b, size in by_start.values())
        )
        stretches = [[(keep.key[1], NOW_MS + a * 1000, NOW_MS + b * 1000) for a, b in own] for own in asked]
        costs = await keep.keeping.costs.of(stretches)
        for own, cost in zip(asked, costs, strict=True):
            whole = sum(size for a, b, size in by_start.values() if any(a < end and b > start for start, end in own))
            assert cost.bytes == whole


async def test_the_days_of_retention_are_what_the_volume_takes_in_a_day(keep: Keep):
    await keep.record(keep.segment(NOW_US, 60_000, 3_000_000))
    part = keep.part(NOW_MS, NOW_MS + 1)
    assert (await keep.keeping.cost(part)).retention_days is None
    keep.box.watch.capacity = Capacity(2_000_000, 0, 0, None, None)
    cost = await keep.keeping.cost(part)
    assert (cost.bytes, cost.retention_days) == (3_000_000, 1.5)


async def test_a_period_of_which_there_is_and_will_be_nothing_is_refused_in_words(keep: Keep):
    await keep.record(keep.segment(NOW_US - DAY_MS * 1000, 60_000))
    fine = [(-DAY_MS, -DAY_MS + 1), (-30_000, -20_000), (0, HOUR_MS), (365 * DAY_MS, 366 * DAY_MS), (-DAY_MS, 0)]
    for start, end in fine:
        await keep.keeping.check([keep.part(NOW_MS + start, NOW_MS + end)])
    with pytest.raises(Conflict, match="no recording"):
        await keep.keeping.check([keep.part(NOW_MS - 2 * HOUR_MS, NOW_MS - HOUR_MS)])
    for start, end, word in ((0, 0, "after"), (0, 31 * DAY_MS + 1, "31 days"), (0, 367 * DAY_MS, "31 days")):
        with pytest.raises(Invalid) as caught:
            await keep.keeping.check([keep.part(NOW_MS + start, NOW_MS + end)], "/periods")
        assert [(one.pointer, word in one.detail) for one in caught.value.problems] == [("/periods/0/end", True)]
    with pytest.raises(Invalid, match="refused"):
        await keep.keeping.check([keep.part(NOW_MS + 366 * DAY_MS, NOW_MS + 367 * DAY_MS)])
