"""How fast a volume takes what is written to it, asked so that whoever records there goes first."""

from __future__ import annotations

import os
import secrets
import statistics
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from vmsd.clock import Clock
from vmsd.host.priority import yield_to_others
from vmsd.host.volume import OWN_FOLDER

CHUNK_BYTES = 4 << 20
CHUNKS = 16
LEAST_CHUNKS = 2
MOST_S = 12.0
NAME = "write-speed"


@dataclass(frozen=True)
class WriteSpeed:
    """`bytes_per_s` is the median of the pieces, each made durable before the next; `slowest_s` the worst of them."""

    bytes_per_s: int
    slowest_s: float
    written_bytes: int


def measure_write_speed(recordings_dir: Path, clock: Clock, pause: Callable[[float], object]) -> WriteSpeed:
    """Writes `CHUNKS` pieces at most, for `MOST_S` at most; as long as each one takes nothing is written after it.

    The file has no name from the start: nothing is left of it, whatever happens. Blocks on a hung disk, and makes its
    thread the last to get the disk. OSError where nothing can be written.
    """
    yield_to_others()
    noise = secrets.token_bytes(CHUNK_BYTES)
    handle = _nameless(recordings_dir / OWN_FOLDER)
    begun_s, took_s = clock.monotonic(), list[float]()
    try:
        while len(took_s) < CHUNKS and (len(took_s) < LEAST_CHUNKS or clock.monotonic() - begun_s < MOST_S):
            took_s.append(_write(handle, noise, clock))
            pause(took_s[-1])
    finally:
        os.close(handle)
    return WriteSpeed(round(CHUNK_BYTES / statistics.median(took_s)), max(took_s), CHUNK_BYTES * len(took_s))


def _write(handle: int, content: bytes, clock: Clock) -> float:
    """Seconds until it is on the disk."""
    begun_s = clock.monotonic()
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(handle, rest) :]
    os.fdatasync(handle)
    return max(1e-6, clock.monotonic() - begun_s)


def _nameless(folder: Path) -> int:
    """O_TMPFILE where the file system has it; else a file that loses its name at once."""
    try:
        return os.open(folder, os.O_WRONLY | os.O_TMPFILE, 0o600)
    except OSError:
        file = folder / NAME
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        file.unlink()
        return handle
