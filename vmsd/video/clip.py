"""A flat MP4 that is known to its last byte before the first is written, out of pieces of recorded files."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

from vmsd.video.clip_track import ClipTrack
from vmsd.video.flat import Pieces, blocks_of, size_of
from vmsd.video.spans import Span, covered_ms
from vmsd.video.spool import Spool

STEP_BYTES = 4 << 20
"""Copied between two looks at whether to go on."""
READ_BYTES = 1 << 20
_NOT_HERE = {errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EPERM}

Tell = Callable[[int], None]
"""Told between two steps of how many bytes the last one copied; it raises to stop the work."""


@dataclass(frozen=True)
class Source:
    """A recorded file: `start_us` is its true start by the wall clock, `opened` lends a handle for reading."""

    start_us: int
    opened: Callable[[], AbstractContextManager[int]]


@dataclass(frozen=True)
class Clip:
    """`spans` are what there is of the period, in the order of playing; `notes` are words for what is unusual.

    Close it: long ones keep their tables in files without a name.
    """

    spans: Sequence[Span]
    duration_ms: int
    codecs: Sequence[str]
    notes: frozenset[str]
    head: Pieces
    data_bytes: int
    sources: Sequence[tuple[Source, int]]
    """Each with the number of its ranges."""
    ranges: Spool
    tracks: Sequence[ClipTrack]

    @property
    def size(self) -> int:
        """Of the whole file, in bytes."""
        return size_of(self.head) + self.data_bytes

    @property
    def delivered_ms(self) -> int:
        """Of the wall clock."""
        return covered_ms(self.spans)

    def write(self, target: int, tell: Tell) -> None:
        """To a handle at its position; the kernel copies the samples, and they never pass through here."""
        done = told = 0
        for block in blocks_of(self.head):
            done += _write_all(target, block)
        for handle, at, end in self._copies():
            offset = at
            while offset < end:
                copied = copy(handle, offset, target, min(end - offset, STEP_BYTES))
                offset, done = offset + copied, done + copied
                if done - told >= STEP_BYTES:
                    start_writing(target, told, done - told)
                    tell(done - told)
                    told = done
        tell(done - told)

    def read(self) -> Iterator[bytes]:
        """The same bytes, piece by piece."""
        yield from blocks_of(self.head)
        for handle, at, end in self._copies():
            offset = at
            while offset < end:
                data = os.pread(handle, min(end - offset, READ_BYTES), offset)
                if not data:
                    raise _shorter()
                offset += len(data)
                yield data

    def _copies(self) -> Iterator[tuple[int, int, int]]:
        """(handle, from where, up to where) of everything that is to be copied, in order."""
        numbers = (number for block in self.ranges.blocks() for number in block)
        for source, ranges in self.sources:
            with source.opened() as handle:
                for _ in range(ranges):
                    start = next(numbers)
                    yield handle, start, start + next(numbers)

    def close(self) -> None:
        self.ranges.close()
        for track in self.tracks:
            track.close()


def copy(source: int, offset: int, target: int, count: int) -> int:
    """Between two files, inside the kernel where it can; how much was copied, at least one byte."""
    try:
        copied = os.copy_file_range(source, target, count, offset_src=offset)
    except OSError as error:
        if error.errno not in _NOT_HERE:
            raise
        copied = os.sendfile(target, source, offset, count)
    if not copied:
        raise _shorter()
    return copied


def start_writing(target: int, offset: int, count: int) -> None:
    """Have the kernel begin to bring this to the disk now: never much is left to be made durable in the end."""
    os.posix_fadvise(target, offset, count, os.POSIX_FADV_DONTNEED)


def _shorter() -> OSError:
    return OSError(errno.EIO, "a recorded file is shorter than it was")


def _write_all(target: int, block: bytes) -> int:
    rest = memoryview(block)
    while rest:
        rest = rest[os.write(target, rest) :]
    return len(block)
