"""Spans and gaps against a count of every tenth of a second, one by one."""

from __future__ import annotations

import time
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from vmsd.model.segment import SegmentFlag
from vmsd.model.timeline import Gap, GapCause
from vmsd.services.gaps import (
    GAP_TOLERANCE_MS,
    SLACK_MS,
    Footage,
    Stretch,
    clip,
    explain,
    holes,
    mark_preserved,
    merge,
    subtract,
    union,
)

STEP_MS = 100
LENGTH = 600
UNTRUSTED = int(SegmentFlag.CLOCK_UNTRUSTED)

tick = st.integers(0, LENGTH)
stretches = st.lists(st.tuples(tick, tick).map(sorted).map(tuple), max_size=8)
files = st.lists(st.tuples(tick, st.integers(0, 90), st.sampled_from([0, 1, UNTRUSTED])), max_size=12).map(sorted)


def rows(found: list[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
    return [(start * STEP_MS * 1000, length * STEP_MS, flags) for start, length, flags in found]


def ticks(found) -> set[int]:
    """Every tenth of a second in these."""
    return {tick for one in found for tick in range(one[0] // STEP_MS, one[1] // STEP_MS)}


@given(files, st.tuples(tick, tick).map(sorted))
def test_what_is_there_and_what_is_missing_are_together_the_whole_and_true_of_every_moment(found, period):
    start, end = period
    recorded = {tick for first, length, _ in found for tick in range(first, first + length)}
    shown = clip(merge(rows(found), 0), start * STEP_MS, end * STEP_MS)
    missing = holes(shown, start * STEP_MS, end * STEP_MS, 0)
    assert ticks(shown) == recorded & set(range(start, end))
    assert ticks(missing) == set(range(start, end)) - recorded
    assert sum(stop - first for first, stop, *_ in [*shown, *missing]) == (end - start) * STEP_MS


@given(files)
def test_only_a_hole_longer_than_the_tolerance_is_a_gap(found):
    exact = holes(merge(rows(found), 0), 0, LENGTH * STEP_MS, 0)
    shown = merge(rows(found))
    assert holes(shown, 0, LENGTH * STEP_MS) == [one for one in exact if one.end_ms - one.start_ms > GAP_TOLERANCE_MS]
    assert all(before.end_ms <= after.start_ms for before, after in pairwise(shown))


@given(files, stretches)
def test_a_kept_period_cuts_spans_and_changes_nothing_of_what_is_there(found, kept):
    footage = merge(rows(found))
    periods = [(start * STEP_MS, end * STEP_MS) for start, end in kept]
    spans = mark_preserved(footage, periods)
    assert sum(span.end_ms - span.start_ms for span in spans) == sum(one.end_ms - one.start_ms for one in footage)
    preserved = ticks((span.start_ms, span.end_ms) for span in spans if span.preserved)
    assert preserved == ticks(footage) & ticks(periods)
    assert spans == sorted(spans, key=lambda span: span.start_ms)


@given(stretches, st.lists(st.tuples(st.integers(0, 2), tick, tick), max_size=8))
def test_each_moment_of_a_gap_has_the_first_of_its_proofs_and_none_that_says_nothing_of_it(missing, told):
    causes = [GapCause.PURGE, GapCause.POWER, GapCause.CAMERA]
    proofs: list[list[Gap]] = [[], [], []]
    for number, first, last in told:
        start, end = sorted((first, last))
        proofs[number].append(Gap(start * STEP_MS, end * STEP_MS, causes[number]))
    hollow = [Stretch(one.start_ms, one.end_ms) for one in union((a * STEP_MS, b * STEP_MS) for a, b in missing)]
    gaps = explain(hollow, proofs)
    assert ticks((gap.start_ms, gap.end_ms) for gap in gaps) == ticks(hollow)
    proved = [ticks((gap.start_ms, gap.end_ms) for gap in proof) for proof in proofs]
    for gap in gaps:
        for tick in ticks([(gap.start_ms, gap.end_ms)]):
            first = next((cause for cause, times in zip(causes, proved, strict=True) if tick in times), None)
            if first is not None and first is not gap.cause:
                assert near(gap.cause, tick, causes, proved), (gap, tick)


def near(cause: GapCause, tick: int, causes: list[GapCause], proved: list[set[int]]) -> bool:
    """Joined over a hole no longer than the tolerance, of which something else would have to tell."""
    around = range(tick - GAP_TOLERANCE_MS // STEP_MS - 1, tick + GAP_TOLERANCE_MS // STEP_MS + 2)
    return cause in causes and not proved[causes.index(cause)].isdisjoint(around)


def test_a_clock_put_back_makes_an_overlap_and_never_a_negative_gap():
    hour = 3_600_000
    found = merge([(0, hour, 0), (hour * 500, hour, 0)])
    assert found == [Footage(0, hour + hour // 2, True)]


def test_a_span_changes_where_the_clock_begins_to_be_trusted():
    found = merge([(0, 60_000, UNTRUSTED), (60_010_000, 60_000, 0), (120_020_000, 60_000, 0)])
    assert found == [Footage(0, 60_000, False), Footage(60_000, 180_020, True)]


def test_what_is_noticed_late_belongs_to_the_proven_cause_beside_it_and_no_more_than_that():
    offline = Gap(5_000, 60_000, GapCause.CAMERA, "timeout")
    assert explain([Stretch(0, 64_000)], [[offline]]) == [Gap(0, 64_000, GapCause.CAMERA, "timeout")]
    late = 60_000 + SLACK_MS + 1
    assert explain([Stretch(0, late)], [[offline]]) == [
        Gap(0, 60_000, GapCause.CAMERA, "timeout"),
        Gap(60_000, late, GapCause.UNKNOWN),
    ]


def test_a_purge_explains_what_was_purged_and_not_a_second_more():
    purges = [Gap(minute * 60_000, minute * 60_000 + 59_000, GapCause.PURGE, "space", 9_000_000) for minute in (0, 1)]
    assert explain([Stretch(-4_000, 130_000)], [purges]) == [
        Gap(-4_000, 0, GapCause.UNKNOWN),
        Gap(0, 119_000, GapCause.PURGE, "space", 9_000_000),
        Gap(119_000, 130_000, GapCause.UNKNOWN),
    ]


def test_the_moment_between_a_deleted_file_and_the_next_one_is_no_gap_of_its_own():
    purge = Gap(30_000, 60_000, GapCause.PURGE, "space", 9_000_000)
    assert explain([Stretch(29_980, 60_020)], [[purge]]) == [Gap(29_980, 60_020, GapCause.PURGE, "space", 9_000_000)]


def test_subtracting_and_joining_lose_nothing():
    assert subtract(Stretch(0, 100), [Stretch(10, 20), Stretch(15, 30), Stretch(90, 120)]) == [(0, 10), (30, 90)]
    assert union([(5, 9), (0, 5), (20, 20), (8, 12)]) == [(0, 12)]


def test_a_day_of_files_of_a_minute_is_merged_in_a_moment():
    day = [(minute * 60_000_000, 59_990 if minute % 7 else 40_000, 0) for minute in range(1440)]
    taken = []
    for _ in range(5):
        began = time.perf_counter()
        missing = holes(merge(day), 0, 86_400_000)
        explain(missing, [[Gap(start, end, GapCause.CAMERA) for start, end in missing[::2]]])
        taken.append(time.perf_counter() - began)
    assert len(missing) == 206
    assert min(taken) < 0.01
