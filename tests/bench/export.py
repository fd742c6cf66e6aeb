"""An export of an hour beside what copies the same bytes and understands nothing, and the memory a long one takes."""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from tests.unit.video.mp4_fixture import (
    TIMESCALE,
    Sample,
    avcc,
    fragment,
    header,
    mtxi,
    pictures,
    sample_of,
    video_trak,
)
from tests.unit.video.recorded import write_sparse
from vmsd.model.segment import segment_file_name, segment_start_us
from vmsd.services.export_work import Work
from vmsd.services.films import made
from vmsd.services.following_hash import FollowingHash
from vmsd.video.clip import Source
from vmsd.video.stitch import stitch

START_MS = 1_795_258_800_000
FILES, FILE_S = 60, 60
FRAME_BYTES = 10_000
"""A little under 1 Mbit/s: an hour is some 400 MB."""
ROUNDS = 5
LONG_BYTES, MOST_MB = 20 * 10**9, 16
LONG_FRAMES, LONG_FRAME_BYTES = 25, 20_000


def run() -> list[dict[str, Any]]:
    """One row per figure; a ratio above its goal is a regression."""
    with tempfile.TemporaryDirectory(prefix="vmsd-bench-") as name:
        folder = Path(name)
        rows = [*_hour(folder)]
        shutil.rmtree(folder / "source")
        return [*rows, _memory(folder)]


def _hour(folder: Path) -> Iterator[dict[str, Any]]:
    source = folder / "source"
    files = _record(source)
    names = "".join(f"file '{file}'\n" for file in files)
    (folder / "list.txt").write_text(names)
    joined = " ".join(str(file) for file in files)
    concat = f"ffmpeg -nostdin -v error -y -f concat -safe 0 -i {folder}/list.txt -c copy {folder}/ffmpeg.mp4"
    peers = {
        "ffmpeg -c copy concat, with fsync": (0.6, partial(_shell, f"{concat} && sync {folder}/ffmpeg.mp4")),
        "cat through tee to sha256sum, with fsync": (
            1.2,
            partial(_shell, f"cat {joined} | tee {folder}/tee | sha256sum > /dev/null && sync {folder}/tee"),
        ),
        "cat, with fsync": (1.2, partial(_shell, f"cat {joined} > {folder}/cat && sync {folder}/cat")),
    }
    todo: dict[str, Callable[[], object]] = {"vmsd": partial(_export, files, folder)}
    todo |= {name: peer for name, (_, peer) in peers.items()}
    taken: dict[str, list[float]] = {name: [] for name in todo}
    for _ in range(ROUNDS):
        for name, work in todo.items():
            for made_before in ("vmsd.mp4", "ffmpeg.mp4", "cat", "tee"):
                (folder / made_before).unlink(missing_ok=True)
            os.sync()
            began = time.perf_counter()
            work()
            taken[name].append(time.perf_counter() - began)
    middle = {name: statistics.median(times) for name, times in taken.items()}
    for name, (goal, _) in peers.items():
        yield _row("export of 1 h, hashed, with fsync", middle["vmsd"], middle[name], goal, "s", name)


def _shell(command: str) -> None:
    subprocess.run(command, shell=True, check=True)  # noqa: S602 - a benchmark's own words


def _row(figure: str, vmsd: float, peer: float, goal: float, unit: str, peer_name: str) -> dict[str, Any]:
    ratio = round(vmsd / peer, 3)
    figures = {"vmsd": round(vmsd, 3), "peer": round(peer, 3), "ratio": ratio, "goal": goal}
    return {"figure": figure, **figures, "unit": unit, "peer_name": peer_name}


def _record(folder: Path) -> Sequence[Path]:
    """An hour of a camera in files of a minute; real pictures, made long by filler."""
    folder.mkdir()
    sets, units = pictures(10)
    track = video_trak(320, 240, avcc(sets))
    frames = [_filled(sample_of(unit)) for unit in units]
    parts = [fragment(second, {1: second * TIMESCALE}, {1: frames}) for second in range(FILE_S)]
    paths = []
    for number in range(FILES):
        start_ms = START_MS + number * FILE_S * 1000
        run = mtxi(number, number * FILE_S * 10**9, start_ms * 10**6)
        path = folder / segment_file_name(start_ms * 1000)
        path.write_bytes(header(track, duration_ms=FILE_S * 1000, udta=run) + b"".join(parts))
        paths.append(path)
    return paths


def _filled(sample: Sample) -> Sample:
    """With a NAL unit of filler data behind it (ITU-T H.264, 7.3.2.7)."""
    filler = b"\x0c" + b"\xff" * FRAME_BYTES + b"\x80"
    return Sample(sample.data + len(filler).to_bytes(4, "big") + filler, sample.duration, sample.is_sync)


def _export(files: Sequence[Path], folder: Path) -> None:
    """As the daemon makes a film: found, copied, hashed, durable."""
    clip = stitch([_source(path) for path in files], START_MS, START_MS + 10**9, folder, lambda _: None)
    assert clip is not None
    work = Work()

    def told(count: int) -> None:
        hashed.add(count)
        work.tell(count)

    with made(folder / "vmsd.mp4") as handle, FollowingHash(handle) as hashed:
        clip.write(handle, told)
        hashed.finish()
    clip.close()


def _source(path: Path) -> Source:
    return Source(segment_start_us(path.name) or 0, partial(_opened, path))


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    handle = os.open(path, os.O_RDONLY)
    try:
        yield handle
    finally:
        os.close(handle)


def _memory(folder: Path) -> dict[str, Any]:
    """What a process grows by while it exports 20 GB: it must not matter how long an export is."""
    source = folder / "sparse"
    source.mkdir()
    _sparse(source, LONG_BYTES)
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parents[2])}
    command = (sys.executable, __file__, str(source))
    said = subprocess.run(command, check=True, capture_output=True, env=environment, timeout=900).stdout
    return _row(
        "memory grown by an export of 20 GB", json.loads(said)["grown_mb"], MOST_MB, 1.0, "MB", "the goal itself"
    )


def _sparse(folder: Path, wanted: int) -> None:
    """Hours of 4 Mbit/s whose pictures are holes."""
    sets, _ = pictures(10)
    hour, seconds = 0, wanted // (LONG_FRAMES * LONG_FRAME_BYTES)
    while seconds > 0:
        start_ms = START_MS + hour * 3_600_000
        head = header(video_trak(320, 240, avcc(sets)), udta=mtxi(hour, hour * 3600 * 10**9, start_ms * 10**6))
        sizes = [LONG_FRAME_BYTES] * LONG_FRAMES
        path = folder / segment_file_name(start_ms * 1000)
        write_sparse(path, head, min(3600, seconds), sizes, TIMESCALE // LONG_FRAMES)
        hour, seconds = hour + 1, seconds - 3600


def measure_memory(folder: Path) -> None:
    """In a process of its own: what its memory grew by, at most."""
    before = _status_kb("VmRSS")
    _export(sorted(folder.iterdir()), folder)
    print(json.dumps({"grown_mb": (_status_kb("VmHWM") - before) / 1024}))


def _status_kb(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))


if __name__ == "__main__":
    if len(sys.argv) > 1:
        measure_memory(Path(sys.argv[1]))
    else:
        for one in run():
            print(one)
