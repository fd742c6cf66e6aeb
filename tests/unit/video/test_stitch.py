"""One film out of several recorded files: what an independent player sees of it, and what it says of itself."""

from __future__ import annotations

import json
import os
import random
import re
import subprocess
import tracemalloc
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import av
import pytest

from tests.unit.video.mp4_fixture import (
    Sample,
    avcc,
    fragment,
    header,
    mtxi,
    pictures,
    recording,
    sample_of,
    video_trak,
)
from tests.unit.video.recorded import encoded, part_of, source_of, write_sparse
from vmsd.video import clip as clips
from vmsd.video.spans import missing_in
from vmsd.video.spool import HELD, RunLengths, Spool
from vmsd.video.stitch import stitch

if TYPE_CHECKING:
    from pathlib import Path

    from vmsd.video.clip import Clip, Source

START_MS = 1_795_258_714_000
PLAIN = ("-c:v", "libx264", "-preset", "ultrafast", "-g", "10", "-bf", "0", "-an", "-pix_fmt", "yuv420p")
B_FRAMES = (
    "-c:v",
    "libx264",
    "-preset",
    "veryfast",
    "-g",
    "10",
    "-bf",
    "2",
    "-pix_fmt",
    "yuv420p",
    "-c:a",
    "aac",
    "-shortest",
)
TIMESCALE = 90_000


def made(sources: list[Source], from_s: float, until_s: float, folder: Path) -> tuple[Clip, Path]:
    start_ms, end_ms = START_MS + round(from_s * 1000), START_MS + round(until_s * 1000)
    clip = stitch(sources, start_ms, end_ms, folder, lambda _: None)
    assert clip is not None
    path = folder / "film.mp4"
    with path.open("wb", buffering=0) as file:
        clip.write(file.fileno(), lambda _: None)
    assert path.stat().st_size == clip.size
    assert b"".join(clip.read()) == path.read_bytes()
    return clip, path


def probe(path: Path, *more: str) -> dict[str, Any]:
    """What ffprobe finds; it must find nothing wrong, and ffmpeg must decode all of it without a word."""
    ask = ("ffprobe", "-v", "error", "-show_format", "-show_streams", *more, "-of", "json", str(path))
    answer = subprocess.run(ask, capture_output=True, check=True, timeout=60)
    assert not answer.stderr, answer.stderr
    decode = ("ffmpeg", "-nostdin", "-v", "error", "-xerror", "-i", str(path), "-f", "null", "-")
    decoded = subprocess.run(decode, capture_output=True, check=True, timeout=60)
    assert not decoded.stderr, decoded.stderr
    found: dict[str, Any] = json.loads(answer.stdout)
    return found


def shown_frames(path: Path) -> list[float]:
    """When each picture that is shown is shown; what an edit list hides is not."""
    ask = (
        "ffprobe",
        "-v",
        "error",
        "-select_streams",
        "v",
        "-show_entries",
        "frame=pts_time",
        "-of",
        "csv=p=0",
        str(path),
    )
    answer = subprocess.run(ask, capture_output=True, check=True, text=True, timeout=60)
    return sorted(float(line.strip(",")) for line in answer.stdout.split())


@pytest.fixture
def run(tmp_path: Path) -> list[Source]:
    """Three files of 2 s of one run, with B-frames and sound."""
    tracks = encoded(*B_FRAMES)
    sources = []
    for number in range(3):
        path, start_ms = tmp_path / f"{number}.mp4", START_MS + number * 2000
        path.write_bytes(
            part_of(tracks, number * 2, number * 2 + 2, number=number, start_ms=start_ms, zero_s=number * 2)
        )
        sources.append(source_of(path, start_ms))
    return sources


def test_a_film_of_several_files_plays_from_the_wanted_picture_to_the_wanted_end(run: list[Source], tmp_path: Path):
    clip, path = made(run, 1.5, 5.0, tmp_path)
    found = probe(path)
    video, sound = found["streams"]
    assert (video["codec_name"], sound["codec_name"]) == ("h264", "aac")
    assert float(found["format"]["duration"]) == pytest.approx(3.5, abs=0.03)
    assert clip.duration_ms == pytest.approx(3500, abs=5)
    times = shown_frames(path)
    assert len(times) == pytest.approx(35, abs=1)
    assert times[0] == pytest.approx(0, abs=0.1)
    assert max(after - at for at, after in pairwise(times)) < 0.11
    assert (clip.delivered_ms, missing_in(clip.spans, START_MS + 1500, START_MS + 5000)) == (3500, [])
    assert not clip.notes


def test_every_picture_is_the_one_that_was_recorded(run: list[Source], tmp_path: Path):
    _, path = made(run, 0, 6, tmp_path)
    with av.open(str(path)) as film:
        packets = [packet for packet in film.demux(video=0) if packet.size]
    recorded = [sample for _, sample in encoded(*B_FRAMES)[0].samples]
    assert [bytes(packet) for packet in packets] == [sample.data for sample in recorded]
    assert packets[0].is_keyframe
    assert [one.is_keyframe for one in packets] == [sample.is_sync for sample in recorded]
    shifts = [packet.pts - packet.dts for packet in packets]
    assert len(set(shifts)) > 1


def test_sound_and_picture_keep_step_over_files_and_gaps(tmp_path: Path):
    """The sound lacks half a second in the first file: it must not move against the picture after that."""
    video, sound = encoded(*B_FRAMES)
    holed = tuple((at, sample) for at, sample in sound.samples if not 0.8 <= at / sound.timescale < 1.3)
    first, second = tmp_path / "a.mp4", tmp_path / "b.mp4"
    holed_tracks = (video, type(sound)(sound.number, sound.handler, sound.timescale, sound.entry, holed))
    first.write_bytes(part_of(holed_tracks, 0, 3, number=0, start_ms=START_MS))
    second.write_bytes(part_of((video, sound), 3, 6, number=9, start_ms=START_MS + 13_000))
    clip, path = made([source_of(first, START_MS), source_of(second, START_MS + 13_000)], 0, 20, tmp_path)
    assert [(span.start_ms - START_MS, span.end_ms - START_MS) for span in clip.spans] == [(0, 3000), (13_000, 16_000)]
    assert clip.spans[1].at_ms == pytest.approx(3000, abs=70)
    probe(path)
    with av.open(str(path)) as film:
        ends = {}
        for packet in film.demux():
            if packet.size:
                ends[packet.stream.type] = float(packet.dts * packet.time_base)
    assert ends["audio"] == pytest.approx(ends["video"], abs=0.2)


def test_a_gap_is_left_out_and_said(run: list[Source], tmp_path: Path):
    late = [run[0], source_of(tmp_path / "2.mp4", START_MS + 60_000)]
    clip, path = made(late, 0, 70, tmp_path)
    assert float(probe(path)["format"]["duration"]) == pytest.approx(4, abs=0.1)
    assert missing_in(clip.spans, START_MS, START_MS + 70_000) == [
        (START_MS + 2000, START_MS + 60_000),
        (START_MS + 62_000, START_MS + 70_000),
    ]
    assert clip.delivered_ms == 4000


def test_within_one_run_the_recorders_clock_counts_and_not_the_name(run: list[Source], tmp_path: Path):
    """The wall clock was corrected by 0.4 s in between: nothing is missing, and nothing is played twice."""
    drifted = [run[0], source_of(tmp_path / "1.mp4", START_MS + 2400)]
    clip, path = made(drifted, 0, 5, tmp_path)
    times = shown_frames(path)
    assert max(after - at for at, after in pairwise(times)) < 0.11
    assert len(clip.spans) == 1


def test_what_was_recorded_twice_because_the_clock_was_put_back_counts_once(run: list[Source], tmp_path: Path):
    again = [run[0], source_of(tmp_path / "2.mp4", START_MS + 500)]
    clip, path = made(again, 0, 10, tmp_path)
    assert float(probe(path)["format"]["duration"]) == pytest.approx(4, abs=0.1)
    assert clip.delivered_ms == 2500
    assert "overlap" in clip.notes


def test_a_film_that_begins_where_two_recordings_overlap_never_stands_still(tmp_path: Path):
    sources = []
    for number, start_ms in ((0, START_MS), (7, START_MS + 2000)):
        path = tmp_path / f"{number}.mp4"
        path.write_bytes(part_of(encoded(*B_FRAMES), 0, 6, number=number, start_ms=start_ms))
        sources.append(source_of(path, start_ms))
    clip, path = made(sources, 5, 8, tmp_path)
    assert clip.delivered_ms == 3000
    times = shown_frames(path)
    assert max(after - at for at, after in pairwise(times)) < 0.2
    assert float(probe(path)["format"]["duration"]) == pytest.approx(len(times) / 10, abs=0.2)


def test_a_camera_that_changes_its_codec_settings_gets_a_second_description(tmp_path: Path):
    small, large = encoded(*PLAIN), encoded(*PLAIN, "-vf", "scale=320:240")
    paths = [tmp_path / "small.mp4", tmp_path / "large.mp4"]
    for number, (path, tracks) in enumerate(zip(paths, (small, large), strict=True)):
        path.write_bytes(part_of(tracks, 0, 3, number=number, start_ms=START_MS + number * 3000, zero_s=number * 3))
    sources = [source_of(path, START_MS + number * 3000) for number, path in enumerate(paths)]
    clip, path = made(sources, 0, 6, tmp_path)
    assert "codec_changed" in clip.notes
    sizes = set()
    with av.open(str(path)) as film:
        for frame in film.decode(video=0):
            sizes.add((frame.width, frame.height))
    assert sizes == {(160, 120), (320, 240)}


def test_a_camera_that_changes_its_codec_keeps_every_sample_in_a_track_that_any_reader_finds(tmp_path: Path):
    h265 = encoded(
        "-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=none", "-g", "10", "-an", "-tag:v", "hvc1"
    )
    paths = [tmp_path / "a.mp4", tmp_path / "b.mp4"]
    paths[0].write_bytes(part_of(encoded(*PLAIN), 0, 3, number=0, start_ms=START_MS))
    paths[1].write_bytes(part_of(h265, 0, 3, number=0, start_ms=START_MS + 3000))
    sources = [source_of(path, START_MS + number * 3000) for number, path in enumerate(paths)]
    clip, path = made(sources, 0, 6, tmp_path)
    assert {"codec_changed", "codec_h265"} <= clip.notes
    assert clip.codecs == ("h264", "h265")
    asked = (
        "ffprobe",
        "-v",
        "error",
        "-count_packets",
        "-show_entries",
        "stream=nb_read_packets",
        "-of",
        "csv=p=0",
        str(path),
    )
    answer = subprocess.run(asked, capture_output=True, text=True, check=True, timeout=60)
    assert [int(line.strip(",")) for line in answer.stdout.split()] == [30, 30]
    probe(path)


def test_of_a_torn_file_it_takes_what_is_whole_and_of_a_hostile_one_nothing(run: list[Source], tmp_path: Path):
    torn = tmp_path / "1.mp4"
    torn.write_bytes(torn.read_bytes()[:-2000])
    (tmp_path / "junk.mp4").write_bytes(os.urandom(5000))
    (tmp_path / "link.mp4").symlink_to("link.mp4")
    sources = [
        run[0],
        source_of(tmp_path / "gone.mp4", START_MS + 1),
        source_of(tmp_path / "junk.mp4", START_MS + 2),
        source_of(tmp_path / "link.mp4", START_MS + 3),
        *run[1:],
    ]
    clip, path = made(sources, 0, 6, tmp_path)
    assert {"file_damaged", "file_missing"} <= clip.notes
    assert clip.delivered_ms == pytest.approx(5000, abs=10)
    probe(path)


def test_where_nothing_can_be_read_there_is_no_film(tmp_path: Path):
    (tmp_path / "empty.mp4").write_bytes(b"")
    sources = [source_of(tmp_path / "empty.mp4", START_MS), source_of(tmp_path / "gone.mp4", START_MS)]
    assert stitch(sources, START_MS, START_MS + 1000, tmp_path, lambda _: None) is None


def test_a_picture_that_stands_for_long_is_no_video(tmp_path: Path):
    sets, units = pictures(20)
    samples = [sample_of(unit) for unit in units]
    samples[9] = Sample(samples[9].data, 10 * TIMESCALE, is_sync=False)
    path = tmp_path / "a.mp4"
    head = header(video_trak(320, 240, avcc(sets)), udta=mtxi())
    later = fragment(1, {1: round(10.9 * TIMESCALE)}, {1: samples[10:]})
    path.write_bytes(head + fragment(0, {1: 0}, {1: samples[:10]}) + later)
    clip, _ = made([source_of(path, START_MS)], 0, 12, tmp_path)
    assert missing_in(clip.spans, START_MS, START_MS + 12_000) == [(START_MS + 900, START_MS + 10_900)]


def test_a_film_beyond_4_gib_and_13_hours_has_its_samples_where_it_says(tmp_path: Path):
    """A real first picture, then 20 hours of holes: the last sample's place is read back by another reader."""
    sets, units = pictures(10)
    picture = sample_of(units[0]).data
    head = header(video_trak(320, 240, avcc(sets)), udta=mtxi())
    path, hours, size = tmp_path / "a.mp4", 20, 64 << 10
    write_sparse(path, head, hours * 3600, [size], TIMESCALE, picture)
    clip = stitch([source_of(path, START_MS)], START_MS, START_MS + 25 * 3_600_000, tmp_path, lambda _: None)
    assert clip is not None
    assert clip.size > 4 << 30
    assert clip.duration_ms == hours * 3_600_000

    film = tmp_path / "film.mp4"
    with film.open("wb") as file:
        for block in clips.blocks_of(clip.head):
            file.write(block)
        first = file.tell()
        file.write(picture)
        file.truncate(clip.size)
        os.pwrite(file.fileno(), b"last", clip.size - size)
    asked = (
        "ffprobe",
        "-v",
        "error",
        "-show_entries",
        "format=duration:stream=duration,nb_frames",
        "-of",
        "json",
        str(film),
    )
    answer = json.loads(subprocess.run(asked, capture_output=True, check=True, timeout=60).stdout)
    assert float(answer["format"]["duration"]) == pytest.approx(hours * 3600)
    assert float(answer["streams"][0]["duration"]) == pytest.approx(hours * 3600)
    last = (hours * 3600 - 1) * TIMESCALE
    for interval, line in (("%+#1", f"0,{first}"), (f"{hours * 3600 - 1}%", f"{last},{clip.size - size}")):
        packets = ("ffprobe", "-v", "error", "-read_intervals", interval, "-show_entries", "packet=pos,pts")
        lines = subprocess.run((*packets, "-of", "csv=p=0", str(film)), capture_output=True, check=True, timeout=60)
        assert lines.stdout.decode().split()[-1] == line
    clip.close()


def test_long_tables_lie_on_the_disk_and_not_in_memory(tmp_path: Path):
    tracemalloc.start()
    spool, lengths = Spool("I", tmp_path), RunLengths(tmp_path)
    count = 6 * HELD + 5
    for first in range(0, count, 1000):
        values = range(first, min(first + 1000, count))
        spool.extend(values)
        lengths.extend([value % 2 for value in values])
    lengths.finish()
    numbers = (number for block in spool.blocks() for number in block)
    assert all(number == at for at, number in enumerate(numbers))
    assert sum(block[at] for block in lengths.pairs.blocks() for at in range(0, len(block), 2)) == count
    _, most_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most_bytes < count * 3 * 4 / 2, "half of the tables, four bytes a number"
    assert not list(tmp_path.iterdir())
    spool.close()
    lengths.pairs.close()


def test_a_first_file_that_was_named_late_gives_no_second_twice(run: list[Source], tmp_path: Path):
    """What a camera sends in one go when it begins is named after when it came: the next file's name is right."""
    late = [source_of(tmp_path / "0.mp4", START_MS + 1500), *run[1:]]
    clip, path = made(late, 2.5, 6, tmp_path)
    assert float(probe(path)["format"]["duration"]) == pytest.approx(3.5, abs=0.03)
    assert len(shown_frames(path)) == pytest.approx(35, abs=1)
    assert clip.delivered_ms == 3500


def test_no_damaged_byte_of_a_file_keeps_the_film_from_being_made(tmp_path: Path):
    """Boxes that lie about sizes, times and places: what is whole is taken, and the film is as long as it says."""
    whole, dice = recording(4, sound=True).data, random.Random(11)
    boxes = [
        found.start() for found in re.finditer(b"moof|traf|trun|tfhd|tfdt|mdat|moov|trak|stsd|mdhd|tkhd|mtxi", whole)
    ]
    damaged, sound = tmp_path / "a.mp4", tmp_path / "b.mp4"
    sound.write_bytes(whole)
    for _ in range(400):
        data = bytearray(whole)
        for _ in range(dice.choice((1, 1, 2, 5))):
            data[dice.choice(boxes) + dice.randrange(-4, 40)] = dice.choice((0, 1, 128, 255, dice.randrange(256)))
        damaged.write_bytes(data[: dice.randrange(len(data))] if dice.random() < 0.2 else data)
        sources = [source_of(damaged, START_MS), source_of(sound, START_MS + 5000)]
        clip, _ = made(sources, dice.uniform(0, 4), dice.uniform(6, 12), tmp_path)
        assert clip.delivered_ms >= 1000
        clip.close()
