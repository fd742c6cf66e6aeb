"""Rules of a replay playlist, over made-up recordings: no byte is lost or named twice, and no keyframe is missed."""

from __future__ import annotations

import re
from array import array
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from vmsd.video.cuts import MARK_MS, Columns, Cuts, Facts, Origin, cuts_of
from vmsd.video.vod import MOST_ENTRIES, MOST_FILES, VodFile, entries, entry_ms, playlist

STREAM = b"s" * 16


@st.composite
def made_up(draw: st.DrawFn) -> Cuts:
    """Parts of any length, with no keyframe or with several, anywhere in them."""
    durations = draw(st.lists(st.integers(1, 12_000), min_size=1, max_size=60))
    offsets, starts, clock, place = [], [], 0, 900
    keys: list[tuple[int, int]] = []
    for number, duration in enumerate(durations):
        offsets.append(place)
        starts.append(clock)
        inside = draw(st.lists(st.integers(0, duration - 1), max_size=3, unique=True))
        keys += [(clock + one, number) for one in sorted(inside)]
        clock += duration
        place += draw(st.integers(100, 5000))
    keys = keys or [(0, 0)]
    facts = Facts(place, 900 - draw(st.integers(0, 50)), place, clock, len(offsets), "h264", "", 0, None)
    return cuts_of(facts, Columns(
        array("Q", offsets), array("I", starts), array("I", durations),
        array("I", [number for _, number in keys]), array("I", [time for time, _ in keys]),
        array("Q", [900] * len(keys)), array("I", [100] * len(keys)),
    ))  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(made_up(), st.sampled_from((6000, 12_000, 48_000)))
def test_a_whole_file_is_named_byte_by_byte_in_order(cuts: Cuts, least_ms: int) -> None:
    found = entries(cuts, least_ms)
    assert found[0].first_byte == cuts.facts.header_bytes
    assert found[-1].stop_byte == cuts.facts.end_bytes
    assert all(one.stop_byte == other.first_byte for one, other in pairwise(found))
    assert all(one.first_byte < one.stop_byte for one in found)
    assert found[0].start_ms == 0
    assert found[-1].stop_ms == cuts.facts.duration_ms
    assert all(
        one.stop_ms == other.start_ms and one.stop_ms - one.start_ms >= least_ms for one, other in pairwise(found)
    )


@settings(max_examples=300, deadline=None)
@given(made_up(), st.data())
def test_every_entry_holds_the_keyframe_it_begins_with(cuts: Cuts, data: st.DataObject) -> None:
    from_ms = data.draw(st.integers(-5000, cuts.facts.duration_ms - 1))
    until_ms = data.draw(st.integers(max(0, from_ms) + 1, cuts.facts.duration_ms + 5000))
    found = entries(cuts, MARK_MS, from_ms, until_ms)
    columns = cuts.columns
    times = dict(zip(columns.key_times_ms, columns.key_fragments, strict=True))
    for entry in found:
        if entry.start_ms:
            assert entry.first_byte <= columns.offsets[times[entry.start_ms]] < entry.stop_byte
    assert all(one.stop_byte == other.first_byte for one, other in pairwise(found))
    before = [time for time in times if time <= from_ms]
    assert found[0].start_ms == (max(before) if before and from_ms > 0 else 0)
    assert found[-1].stop_ms >= min(until_ms, cuts.facts.duration_ms)
    wanted = [
        number
        for number, start in enumerate(columns.starts_ms)
        if start < until_ms and columns.end_ms_of(number) > from_ms
    ]
    assert found[0].first_byte <= columns.offsets[wanted[0]]
    assert found[-1].stop_byte >= cuts.stop_of(columns, wanted[-1])


@settings(max_examples=100, deadline=None)
@given(st.lists(made_up(), min_size=1, max_size=6), st.data())
def test_a_playlist_says_its_longest_entry_and_the_time_of_each_file(made: list[Cuts], data: st.DataObject) -> None:
    files, clock = [], 1_000_000
    for number, cuts in enumerate(made):
        clock += data.draw(st.integers(0, 4000))
        files.append(VodFile(f"{number}.mp4", clock, cuts))
        clock += cuts.facts.duration_ms
    start_ms = data.draw(st.integers(1_000_000, files[0].end_ms - 1))
    text = playlist(files, start_ms, max(start_ms + 1, clock), {"token": "a b"}).decode()
    seconds = [float(one) for one in re.findall(r"#EXTINF:([\d.]+)", text)]
    (target,) = re.findall(r"#EXT-X-TARGETDURATION:(\d+)", text)
    assert round(max(seconds)) <= int(target)
    assert text.count("#EXT-X-PROGRAM-DATE-TIME") == text.count("#EXT-X-MAP") == len(files)
    assert text.count("#EXT-X-DISCONTINUITY") == len(files) - 1
    assert text.count("?token=a+b") == len(seconds) + len(files)


def test_a_playlist_of_any_length_stays_short() -> None:
    def file(number: int, duration_ms: int) -> VodFile:
        count = duration_ms // 1000
        seconds = array("I", range(0, duration_ms, 1000))
        offsets = array("Q", range(900, 900 + 1000 * count, 1000))
        facts = Facts(1, 900, 900 + 1000 * count, duration_ms, count, "h264", "", 0, Origin(STREAM, number, 0))
        columns = Columns(
            offsets, seconds, array("I", [1000] * count),
            array("I", range(count)), seconds, offsets, array("I", [100] * count),
        )  # fmt: skip
        return VodFile("a.mp4", number * duration_ms, cuts_of(facts, columns))

    half_hour = file(0, 1_800_000)
    month = [VodFile("a.mp4", number * 1_800_000, half_hour.cuts) for number in range(48 * 35)]
    text = playlist(month, 0, 35 * 86_400_000, {}).decode()
    assert text.count("#EXTINF") <= MOST_ENTRIES
    assert sum(float(one) for one in re.findall(r"#EXTINF:([\d.]+)", text)) == 35 * 86_400
    day = [VodFile("a.mp4", number * 1_800_000, half_hour.cuts) for number in range(48)]
    assert entry_ms(day) == MARK_MS
    scraps = [VodFile("a.mp4", number * 2000, file(0, 2000).cuts) for number in range(MOST_FILES)]
    assert playlist(scraps, 0, MOST_FILES * 2000, {}).count(b"#EXTINF") == MOST_FILES
