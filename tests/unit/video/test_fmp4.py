"""The reader of recordings: whole files, growing files, torn files."""

from __future__ import annotations

from io import BytesIO

import av
import pytest

from tests.unit.video import mp4_fixture as mp4
from vmsd.errors import BadMedia
from vmsd.video import fmp4


def test_the_fixture_is_what_libav_takes_for_a_recording():
    with av.open(BytesIO(mp4.recording(sound=True).data)) as container:
        sizes = [packet.size for packet in container.demux(video=0) if packet.size]
        assert len(sizes) == 40


def test_a_header_tells_tracks_recorder_and_where_media_begin():
    whole = mp4.recording(sound=True, duration_ms=4000, number=7)
    header = fmp4.read_header(BytesIO(whole.data))
    video, sound = header.tracks
    assert (video.id, video.kind, video.codec, video.timescale) == (1, "video", "h264", 90_000)
    assert (video.width, video.height) == (320, 240)
    assert video.extradata == mp4.avcc(mp4.pictures()[0])
    assert (sound.kind, sound.codec, sound.timescale) == ("audio", "lpcm", 8000)
    assert header.mtxi == fmp4.Mtxi(mp4.STREAM_ID, 7, 0, mp4.EPOCH_MS * 1_000_000)
    assert header.duration_ms == 4000
    assert header.header_bytes == len(whole.head)


def test_h265_is_told_from_its_sample_entry():
    head = mp4.header(mp4.video_trak(640, 360, b"\x01" * 23, b"hvc1", b"hvcC"))
    track = fmp4.read_header(BytesIO(head)).video
    assert track is not None
    assert (track.codec, track.width, track.height, track.extradata) == ("h265", 640, 360, b"\x01" * 23)


@pytest.mark.parametrize("sound", [False, True])
def test_every_part_of_a_whole_file_is_found(sound: bool):
    whole = mp4.recording(sound=sound)
    file = BytesIO(whole.data)
    header = fmp4.read_header(file)
    found = fmp4.scan(file, header)
    assert found.valid_bytes == len(whole.data)
    assert [(part.start_ms, part.duration_ms) for part in found.fragments] == [
        (0, 1000), (1000, 1000), (2000, 1000), (3000, 1000),
    ]  # fmt: skip
    assert [part.size for part in found.fragments] == [len(part) for part in whole.parts]
    assert [sample.time_ms for part in found.fragments for sample in part.keyframes] == [0, 1000, 2000, 3000]
    samples = [mp4.sample_of(unit) for unit in mp4.pictures()[1]]
    assert sum(part.video_bytes for part in found.fragments) == sum(len(sample.data) for sample in samples)


def test_hopping_and_parsing_agree():
    file = BytesIO(mp4.recording(sound=True).data)
    header = fmp4.read_header(file)
    extent = fmp4.measure(file, header)
    found = fmp4.scan(file, header)
    assert (extent.valid_bytes, extent.fragments) == (found.valid_bytes, len(found.fragments))
    assert extent.end_ms == 4000


def test_a_growing_file_is_read_on_from_where_it_ended():
    whole = mp4.recording()
    file = BytesIO(whole.head + whole.parts[0] + whole.parts[1][:-1])
    header = fmp4.read_header(file)
    first = fmp4.scan(file, header)
    assert first.valid_bytes == len(whole.head) + len(whole.parts[0])
    file.seek(0, 2)
    file.write(whole.parts[1][-1:] + whole.parts[2])
    rest = fmp4.scan(file, header, first.valid_bytes)
    assert [part.start_ms for part in rest.fragments] == [1000, 2000]
    assert fmp4.scan(file, header, rest.valid_bytes).fragments == ()


def test_a_torn_tail_never_hides_the_good_minutes():
    whole = mp4.recording()
    good = len(whole.head) + sum(map(len, whole.parts[:3]))
    header = fmp4.read_header(BytesIO(whole.data))
    for torn in range(good + 1, len(whole.data), 37):
        file = BytesIO(whole.data[:torn])
        assert fmp4.scan(file, header).valid_bytes == good
        extent = fmp4.measure(file, header)
        assert (extent.valid_bytes, extent.end_ms) == (good, 3000)


@pytest.mark.parametrize("tail", [bytes(5000), b"\xff" * 5000, b"not a box at all" * 50])
def test_what_a_power_cut_leaves_behind_ends_the_recording_quietly(tail: bytes):
    whole = mp4.recording()
    file = BytesIO(whole.data + tail)
    header = fmp4.read_header(file)
    assert fmp4.scan(file, header).valid_bytes == len(whole.data)
    assert fmp4.measure(file, header).valid_bytes == len(whole.data)


def test_a_header_that_is_cut_off_is_bad_media():
    head = mp4.recording().head
    for length in (0, 4, 8, 20, len(head) // 2, len(head) - 1):
        with pytest.raises(BadMedia):
            fmp4.read_header(BytesIO(head[:length]))


def test_a_keyframe_pointing_outside_its_part_stops_the_scan():
    sample = mp4.sample_of(mp4.pictures()[1][0])
    whole = mp4.recording()
    lying = bytearray(mp4.fragment(0, {1: 0}, {1: [sample]}))
    at = lying.index(b"trun") + 12
    lying[at : at + 4] = mp4.u32(1 << 20)
    file = BytesIO(whole.head + bytes(lying) + whole.parts[0])
    assert fmp4.scan(file, fmp4.read_header(file)).fragments == ()


def test_a_part_without_video_still_counts_as_time():
    whole = mp4.recording(sound=True)
    only_sound = mp4.fragment(4, {2: 4 * 8000}, {2: [mp4.Sample(bytes(320), 160, is_sync=True)] * 25})
    file = BytesIO(whole.data + only_sound)
    last = fmp4.scan(file, fmp4.read_header(file)).fragments[-1]
    assert (last.start_ms, last.duration_ms, last.keyframes, last.video_bytes) == (4000, 500, (), 0)


def test_shown_times_follow_the_composition_offset():
    sample = mp4.sample_of(mp4.pictures()[1][0])
    shifted = mp4.Sample(sample.data, 9000, is_sync=True, shift=18_000)
    file = BytesIO(mp4.recording().head + mp4.fragment(0, {1: 90_000}, {1: [shifted]}))
    part = fmp4.scan(file, fmp4.read_header(file)).fragments[0]
    assert part.keyframes[0].time_ms == 1200


def test_a_scan_that_reaches_its_limit_says_so_and_goes_on(monkeypatch):
    monkeypatch.setattr(fmp4, "MOST_FRAGMENTS", 3)
    file = BytesIO(mp4.recording().data)
    header = fmp4.read_header(file)
    first = fmp4.scan(file, header)
    assert (len(first.fragments), first.more) == (3, True)
    rest = fmp4.scan(file, header, first.valid_bytes)
    assert (len(rest.fragments), rest.more) == (1, False)


def test_a_keyframe_is_read_by_path_and_by_file(tmp_path):
    whole = mp4.recording()
    path = tmp_path / "segment.mp4"
    path.write_bytes(whole.data)
    with path.open("rb") as file:
        header = fmp4.read_header(file)
        sample = fmp4.scan(file, header).fragments[2].keyframes[0]
        by_file = fmp4.read_keyframe(file, header, sample)
    by_path = fmp4.read_keyframe(path, header, sample)
    assert by_file == by_path
    assert by_path.data == mp4.sample_of(mp4.pictures()[1][20]).data
    path.write_bytes(whole.data[: sample.offset + 3])
    with pytest.raises(BadMedia):
        fmp4.read_keyframe(path, header, sample)


def test_hls_gives_its_newest_keyframe():
    whole = mp4.recording()
    segment = mp4.box(b"styp", b"msdh", bytes(4)) + b"".join(whole.parts[:3])
    keyframe, offset_ms = fmp4.keyframe_of_hls(whole.head, segment)
    assert keyframe.data == mp4.sample_of(mp4.pictures()[1][20]).data
    assert (keyframe.codec, keyframe.width, keyframe.height) == ("h264", 320, 240)
    assert offset_ms == 2000


def test_hls_without_a_keyframe_is_bad_media():
    later = [mp4.sample_of(unit) for unit in mp4.pictures()[1][1:5]]
    with pytest.raises(BadMedia):
        fmp4.keyframe_of_hls(mp4.recording().head, mp4.fragment(0, {1: 0}, {1: later}))
