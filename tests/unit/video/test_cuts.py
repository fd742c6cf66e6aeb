"""The replay index: what it says of a recording, and that nothing but a whole one is ever read."""

from __future__ import annotations

import random
import struct
import zlib
from io import BytesIO

import pytest

from tests.unit.video import mp4_fixture as mp4
from vmsd.errors import BadMedia
from vmsd.video import cuts, sheets

FACTS_BYTES = cuts._FACTS.size


def index(seconds: int = 8, *, sound: bool = False, number: int = 3) -> cuts.Cuts:
    return cuts.read_cuts(BytesIO(mp4.recording(seconds, sound=sound, number=number).data))


def test_it_names_every_fragment_and_keyframe_and_comes_back_the_same() -> None:
    recording = mp4.recording(8, sound=True, number=3)
    found = cuts.decode(cuts.encode(index(sound=True)))
    assert list(found.starts_ms) == [second * 1000 for second in range(8)]
    assert list(found.durations_ms) == [1000] * 8
    assert list(found.key_fragments) == list(range(8))
    assert list(found.key_times_ms) == list(found.starts_ms)
    assert [found.stop_of(number) - found.offsets[number] for number in range(8)] == list(map(len, recording.parts))
    assert (found.facts.header_bytes, found.facts.end_bytes) == (len(recording.head), len(recording.data))
    assert (found.facts.video, found.facts.sound, found.masked) == ("h264", "lpcm", True)
    assert found.facts.origin == cuts.Origin(mp4.STREAM_ID, 3, 0)
    assert found.facts == index(sound=True).facts


def test_a_torn_tail_is_left_out() -> None:
    data = mp4.recording(8).data
    found = cuts.read_cuts(BytesIO(data[:-10]))
    assert len(found.offsets) == 7
    assert (found.facts.file_bytes, found.facts.duration_ms) == (len(data) - 10, 7000)


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
        assert cuts.decode(cuts.encode(found)).facts == found.facts


def test_a_damaged_index_is_refused() -> None:
    dice, good = random.Random(5), cuts.encode(index())
    for _ in range(2000):
        bad = bytearray(good)
        bad[dice.randrange(len(bad))] ^= 1 << dice.randrange(8)
        with pytest.raises(BadMedia):
            cuts.decode(bytes(bad))
    for length in range(len(good)):
        with pytest.raises(BadMedia):
            cuts.decode(good[:length])
    with pytest.raises(BadMedia):
        cuts.decode(good + b"\0")


def test_a_forged_index_is_refused_however_sound_its_checksum_is() -> None:
    dice, good = random.Random(6), cuts.encode(index())
    head = struct.Struct("<8sHII")
    for _ in range(3000):
        magic, version, _, length = head.unpack_from(good)
        rest = bytearray(good[head.size :])
        columns = bytearray(zlib.decompress(rest[FACTS_BYTES:]))
        for _ in range(dice.randint(1, 4)):
            target = columns if dice.random() < 0.6 else rest[:FACTS_BYTES]
            target[dice.randrange(len(target))] = dice.randrange(256)
        forged = bytes(rest[:FACTS_BYTES]) + zlib.compress(bytes(columns))
        length += dice.choice((0, 0, 0, 1, -4, 1 << 31))
        try:
            found = cuts.decode(head.pack(magic, version, zlib.crc32(forged), length % (1 << 32)) + forged)
        except BadMedia:
            continue
        assert max(found.key_fragments) < len(found.offsets)
        assert found.keyframe_at(3000) < len(found.key_times_ms)


def test_a_small_index_cannot_unpack_into_a_huge_one() -> None:
    good = cuts.encode(index())
    bomb = good[18 : 18 + FACTS_BYTES] + zlib.compress(bytes(300 << 20))
    with pytest.raises(BadMedia):
        cuts.decode(struct.pack("<8sHII", b"vmsdcuts", 1, zlib.crc32(bomb), 300 << 20) + bomb)


def test_the_pictures_of_a_long_recording_stay_few_and_far_apart() -> None:
    short = sheets.pick(index(40))
    assert short == [0, 10, 20, 30]
    long = index(8)
    for column in (long.key_times_ms, long.key_fragments, long.key_offsets, long.key_sizes):
        del column[:]
    for second in range(86_400):
        long.key_times_ms.append(second * 1000)
        long.key_fragments.append(0)
        long.key_offsets.append(2000)
        long.key_sizes.append(800)
    day = cuts.Cuts(cuts.Facts(1, 1, 1, 86_400_000, "h264", "", 0, None), *long.columns)
    chosen = sheets.pick(day)
    assert len(chosen) == sheets.MOST_TILES
    assert chosen[:3] == [0, 240, 480]


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
