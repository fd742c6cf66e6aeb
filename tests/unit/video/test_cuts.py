"""The replay index: what it says of a recording, and that nothing but a whole one is ever read."""

from __future__ import annotations

import random
import zlib
from array import array
from io import BytesIO

import pytest

from tests.unit.video import mp4_fixture as mp4
from vmsd.errors import BadMedia
from vmsd.video import cuts, cuts_file, sheets


def index(seconds: int = 8, *, sound: bool = False, number: int = 3) -> cuts.Cuts:
    return cuts.read_cuts(BytesIO(mp4.recording(seconds, sound=sound, number=number).data))


def test_it_names_every_fragment_and_keyframe_and_comes_back_the_same() -> None:
    recording = mp4.recording(8, sound=True, number=3)
    found = cuts_file.decode(cuts_file.encode(index(sound=True)))
    columns = found.columns
    assert list(columns.starts_ms) == [second * 1000 for second in range(8)]
    assert list(columns.durations_ms) == [1000] * 8
    assert list(columns.key_fragments) == list(range(8))
    assert columns.key_times_ms == columns.starts_ms
    sizes = [found.stop_of(columns, number) - columns.offsets[number] for number in range(8)]
    assert sizes == list(map(len, recording.parts))
    assert list(map(list, found.marks)) == [[0, 6000], [0, 6], [len(recording.head), columns.offsets[6]]]
    assert (found.facts.header_bytes, found.facts.end_bytes) == (len(recording.head), len(recording.data))
    assert (found.facts.video, found.facts.sound, found.masked) == ("h264", "lpcm", True)
    assert found.facts.origin == cuts.Origin(mp4.STREAM_ID, 3, 0)
    assert found.facts == index(sound=True).facts


def test_a_torn_tail_is_left_out() -> None:
    data = mp4.recording(8).data
    found = cuts.read_cuts(BytesIO(data[:-10]))
    assert found.facts.fragments == len(found.columns.offsets) == 7
    assert (found.facts.file_bytes, found.facts.duration_ms) == (len(data) - 10, 7000)


def test_a_part_with_sound_alone_hides_nothing_behind_it() -> None:
    """The recorder may write one whose sound begins after the pictures of the next."""
    whole, tone = mp4.recording(4, sound=True), [mp4.Sample(bytes(320), 160, is_sync=True)] * 5
    data = b"".join((whole.head, *whole.parts[:2], mp4.fragment(9, {2: 20_000}, {2: tone}), *whole.parts[2:]))
    found = cuts.read_cuts(BytesIO(data))
    assert found.facts.end_bytes == len(data)
    assert found.facts.duration_ms == 4000
    assert list(found.columns.starts_ms) == [0, 1000, 2500, 2500, 3000]
    assert list(found.columns.key_times_ms) == [0, 1000, 2000, 3000]


@pytest.mark.parametrize("data", [b"", bytes(9000), b"x" * 100, mp4.recording(1).head, mp4.recording(2).data[:200]])
def test_a_file_without_a_whole_fragment_has_no_index(data: bytes) -> None:
    with pytest.raises(BadMedia):
        cuts.read_cuts(BytesIO(data))


def test_damage_of_a_recording_is_never_anything_but_a_shorter_index() -> None:
    dice, data = random.Random(4), mp4.recording(4, sound=True).data
    for _ in range(400):
        torn = bytearray(data)
        for _ in range(dice.randint(1, 6)):
            place = dice.randrange(len(torn)) if dice.random() < 0.5 else dice.randrange(3000)
            torn[place] = dice.randrange(256)
        try:
            found = cuts.read_cuts(BytesIO(bytes(torn[: dice.randrange(1, len(torn))])))
        except BadMedia:
            continue
        again = cuts_file.decode(cuts_file.encode(found))
        assert (again.facts, again.marks, again.columns) == (found.facts, found.marks, found.columns)


def test_a_damaged_index_is_refused() -> None:
    dice, good = random.Random(5), cuts_file.encode(index())
    for _ in range(2000):
        bad = bytearray(good)
        bad[dice.randrange(len(bad))] ^= 1 << dice.randrange(8)
        with pytest.raises(BadMedia):
            cuts_file.decode(bytes(bad))
    for length in range(len(good)):
        with pytest.raises(BadMedia):
            cuts_file.decode(good[:length])
    with pytest.raises(BadMedia):
        cuts_file.decode(good + b"\0")


def test_a_forged_index_is_refused_however_sound_its_checksum_is() -> None:
    dice, good, head = random.Random(6), index(), cuts_file._HEAD
    plain, coded = bytearray(zlib.decompress(good.packed)), cuts_file.encode(good)
    magic, version, _ = head.unpack_from(coded)
    said = coded[head.size : -len(good.packed)]
    for _ in range(3000):
        columns, rest = bytearray(plain), bytearray(said)
        for _ in range(dice.randint(1, 4)):
            target = columns if dice.random() < 0.6 else rest
            target[dice.randrange(len(target))] = dice.randrange(256)
        forged = bytes(rest) + zlib.compress(bytes(columns))
        try:
            found = cuts_file.decode(head.pack(magic, version, zlib.crc32(forged)) + forged)
            unpacked = found.columns
        except BadMedia:
            continue
        assert max(unpacked.key_fragments) < len(unpacked.offsets)
        assert max(found.marks.fragments) < len(unpacked.offsets)
        assert unpacked.keyframe_at(3000) < len(unpacked.key_times_ms)


def test_a_small_index_cannot_unpack_into_a_huge_one() -> None:
    good = index()
    bomb = cuts.Cuts(good.facts, good.marks, zlib.compress(bytes(300 << 20)), good.columns_bytes)
    with pytest.raises(BadMedia):
        _ = cuts_file.decode(cuts_file.encode(bomb)).columns


def test_the_pictures_of_a_long_recording_stay_few_and_far_apart() -> None:
    assert [sample.time_ms for sample in sheets.pick(index(40))] == [0, 10_000, 20_000, 30_000]
    seconds = array("I", range(0, 86_400_000, 1000))
    zeros, ones = array("I", bytes(4 * 86_400)), array("I", [800]) * 86_400
    columns = cuts.Columns(
        array("Q", [900]), array("I", [0]), array("I", [86_400_000]), zeros, seconds, array("Q", [1000]) * 86_400, ones
    )
    day = cuts.cuts_of(cuts.Facts(9999, 900, 9999, 86_400_000, 1, "h264", "", 0, None), columns)
    chosen = sheets.pick(day)
    assert len(chosen) == sheets.MOST_TILES
    assert [sample.time_ms for sample in chosen[:3]] == [0, 240_000, 480_000]


def test_a_sheet_says_what_it_shows_and_nothing_else_is_taken_for_one() -> None:
    dice, sheet = random.Random(7), sheets.Sheet(160, 90, tuple(range(0, 3_600_000, 10_000)))
    jpeg = b"\xff\xd8\xff\xe0\x00\x10JFIF" + bytes(10) + b"\xff\xdb" + bytes(500)
    said = sheets.inscribe(jpeg, sheet)
    assert sheets.read_sheet(said[: sheets.HEAD_BYTES]) == sheet
    assert (sheet.width, sheet.height, sheet.corner(11)) == (1600, 3240, (160, 90))
    for _ in range(2000):
        bad = bytearray(said[: dice.randrange(len(said))])
        if bad:
            bad[dice.randrange(len(bad))] = dice.randrange(256)
        try:
            found = sheets.read_sheet(bytes(bad))
        except BadMedia:
            continue
        assert len(found.times_ms) <= sheets.MOST_TILES
