"""Recordings laid out as MediaMTX lays them out, of whatever a real encoder makes: B-frames, AAC, other codecs."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path

import av
import pytest

from tests.unit.video.mp4_fixture import Sample, box, fragment, full, header, mtxi, trak, u32
from vmsd.video.clip import Source
from vmsd.video.fmp4 import read_header
from vmsd.video.layouts import read_layouts

VIDEO, SOUND = 1, 2


@dataclass(frozen=True)
class Track:
    number: int
    handler: bytes
    timescale: int
    entry: bytes
    samples: tuple[tuple[int, Sample], ...]
    """Each with the tick it is decoded at."""


@lru_cache(maxsize=16)
def encoded(*arguments: str, seconds: int = 6) -> tuple[Track, ...]:
    """What ffmpeg makes of a counting picture (and a tone) with these arguments, sample by sample."""
    if shutil.which("ffmpeg") is None:
        pytest.skip("ffmpeg, which makes these recordings, is not installed")
    sources = (
        "-f",
        "lavfi",
        "-i",
        "testsrc2=size=160x120:rate=10",
        "-f",
        "lavfi",
        "-i",
        "sine=frequency=440:sample_rate=16000",
    )
    file = Path(f"/tmp/recorded-{os.getpid()}-{abs(hash(arguments))}.mp4")  # noqa: S108 - gone again below
    try:
        subprocess.run(
            ("ffmpeg", "-nostdin", "-y", "-v", "error", *sources, "-t", str(seconds), *arguments, str(file)),
            check=True,
            timeout=60,
        )
        return tuple(_tracks(file))
    finally:
        file.unlink(missing_ok=True)


def _tracks(file: Path) -> Iterator[Track]:
    with file.open("rb") as opened:
        moov_at = _moov_at(opened.read())
        opened.seek(0)
        data = opened.read()
    head = box(b"ftyp", b"isom", u32(0)) + data[moov_at[0] : moov_at[1]]
    temporary = file.with_suffix(".head")
    temporary.write_bytes(head)
    try:
        with temporary.open("rb") as opened:
            found = read_header(opened)
            layouts = read_layouts(opened, found)
    finally:
        temporary.unlink()
    with av.open(str(file)) as container:
        streams = {stream.index: [] for stream in container.streams}
        for packet in container.demux():
            if packet.size:
                streams[packet.stream.index].append(packet)
        for stream, layout in zip(container.streams, layouts.values(), strict=True):
            packets = streams[stream.index]
            handler, number = (b"vide", VIDEO) if stream.type == "video" else (b"soun", SOUND)
            first = packets[0].dts
            samples = tuple(
                (one.dts - first, Sample(bytes(one), one.duration, one.is_keyframe, one.pts - one.dts))
                for one in packets
            )
            yield Track(number, handler, layout.track.timescale, layout.entry, samples)


def _moov_at(data: bytes) -> tuple[int, int]:
    at = 0
    while True:
        size = int.from_bytes(data[at : at + 4], "big")
        if data[at + 4 : at + 8] == b"moov":
            return at, at + size
        at += size


def part_of(
    tracks: Sequence[Track], from_s: float, until_s: float, *, number: int, start_ms: int, zero_s: float = 0
) -> bytes:
    """The seconds `[from_s, until_s)` of what was encoded, as the file `number` of one run, in parts of 1 s.

    `zero_s` is where its recorder's clock stands at the start of the file.
    """
    traks = [trak(one.number, one.handler, one.timescale, one.entry) for one in tracks]
    data = [header(*traks, duration_ms=1, udta=mtxi(number, round(zero_s * 1e9), start_ms * 1_000_000))]
    second = from_s
    while second < until_s:
        end = min(second + 1, until_s)
        samples = {one.number: _between(one, second, end) for one in tracks}
        starts = {
            one.number: found[0][0] - round(from_s * one.timescale) for one in tracks if (found := samples[one.number])
        }
        runs = {track: [sample for _, sample in found] for track, found in samples.items() if found}
        data.append(fragment(round(second - from_s), starts, runs))
        second = end
    return b"".join(data)


def _between(track: Track, from_s: float, until_s: float) -> list[tuple[int, Sample]]:
    low, high = from_s * track.timescale, until_s * track.timescale
    return [(at, sample) for at, sample in track.samples if low <= at < high]


def source_of(path: Path, start_ms: int) -> Source:
    return Source(start_ms * 1000, partial(opened, path))


@contextmanager
def opened(path: Path) -> Iterator[int]:
    handle = os.open(path, os.O_RDONLY)
    try:
        yield handle
    finally:
        os.close(handle)


def sparse_fragment(sequence: int, start: int, duration: int, sizes: Sequence[int], offset: int) -> tuple[bytes, int]:
    """(moof and the head of its mdat, bytes of the whole pair) of samples whose bytes nobody writes."""
    rows = b"".join(u32(duration, size, 0x02000000 if number == 0 else 0x01010000) for number, size in enumerate(sizes))

    def moof(data_at: int) -> bytes:
        run = full(b"trun", 1, 0x701, u32(len(sizes), data_at), rows)
        decode = full(b"tfdt", 1, 0, start.to_bytes(8, "big"))
        return box(
            b"moof", full(b"mfhd", 0, 0, u32(sequence)), box(b"traf", full(b"tfhd", 0, 0x020000, u32(1)), decode, run)
        )

    head = moof(len(moof(0)) + 8)
    head += u32(8 + sum(sizes)) + b"mdat"
    return head, len(head) + sum(sizes)


def write_sparse(
    path: Path, head: bytes, fragments: int, sizes: Sequence[int], duration: int, first: bytes = b""
) -> None:
    """A recording of so many fragments whose samples are holes, but for the first bytes of the first one."""
    with path.open("wb") as file:
        file.write(head)
        at, start = len(head), 0
        for number in range(fragments):
            moof, whole = sparse_fragment(number, start, duration, sizes, at)
            os.pwrite(file.fileno(), moof + (first if number == 0 else b""), at)
            at, start = at + whole, start + duration * len(sizes)
        file.truncate(at)
