"""Hides the sound of a recording that browsers cannot play: its boxes are called `free`, and no byte moves."""

from __future__ import annotations

import os
from bisect import bisect_right
from typing import TYPE_CHECKING

from vmsd.errors import BadMedia
from vmsd.video import boxes
from vmsd.video.boxes import number
from vmsd.video.cuts import muted_tracks
from vmsd.video.fmp4 import MOST_MOOF_BYTES

if TYPE_CHECKING:
    from array import array
    from collections.abc import Iterator

    from vmsd.video.cuts import Facts

HIDDEN = b"free"
_FIRST_READ_BYTES = 4096


class MaskedFile:
    """The bytes of an open file, any stretch of them, with the sound hidden; blocks on the disk.

    OSError where the file is not what its index says of it. Closes the handle.
    """

    file = None

    def __init__(self, handle: int, facts: Facts, offsets: array[int]) -> None:
        self._handle = handle
        self._header_bytes = facts.header_bytes
        self._offsets = offsets
        self._muted = muted_tracks(facts)
        self.size = min(os.fstat(handle).st_size, facts.end_bytes)

    def read(self, offset: int, count: int) -> bytes:
        data = bytearray(os.pread(self._handle, min(count, self.size - offset), offset))
        try:
            for place in self._names(offset, offset + len(data)):
                _hide(data, place - offset)
        except BadMedia as error:
            raise OSError("the recording is not what it was") from error
        return bytes(data)

    def close(self) -> None:
        os.close(self._handle)

    def _names(self, start: int, stop: int) -> Iterator[int]:
        """Where the names to hide stand, in all boxes that begin before `stop` and reach beyond `start`."""
        offsets = self._offsets
        if start < self._header_bytes:
            yield from header_names(os.pread(self._handle, self._header_bytes, 0), self._muted)
        fragment = max(0, bisect_right(offsets, start) - 1)
        while fragment < len(offsets) and offsets[fragment] < stop:
            place = offsets[fragment]
            yield from (place + name for name in moof_names(self._moof(place), self._muted))
            fragment += 1

    def _moof(self, place: int) -> bytes:
        seen = os.pread(self._handle, _FIRST_READ_BYTES, place)
        kind, _, size = boxes.head(seen)
        if kind != b"moof" or size > MOST_MOOF_BYTES:
            raise BadMedia("there is no moof where one was")
        return seen[:size] if size <= len(seen) else os.pread(self._handle, size, place)


def header_names(header: bytes, muted: frozenset[int]) -> Iterator[int]:
    """Where the names of the tracks' `trak` and `trex` boxes stand in a header."""
    moov = boxes.get(header, (0, len(header)), b"moov")
    for kind, start, end in boxes.children(header, *moov):
        if kind == b"trak" and _track_of(header, (start, end)) in muted:
            yield _name_of(header, start)
        if kind == b"mvex":
            for inner, at, _ in boxes.children(header, start, end):
                if inner == b"trex" and number(header, at + 4, 4) in muted:
                    yield _name_of(header, at)


def moof_names(moof: bytes, muted: frozenset[int]) -> Iterator[int]:
    """Where the names of the tracks' `traf` boxes stand in a moof."""
    for kind, start, end in boxes.children(moof, *boxes.get(moof, (0, len(moof)), b"moof")):
        if kind == b"traf":
            head, _ = boxes.get(moof, (start, end), b"tfhd")
            if number(moof, head + 4, 4) in muted:
                yield _name_of(moof, start)


def _track_of(header: bytes, trak: tuple[int, int]) -> int:
    start, _ = boxes.get(header, trak, b"tkhd")
    return number(header, start + (20 if number(header, start, 1) == 1 else 12), 4)


def _name_of(data: bytes, body: int) -> int:
    """From where a box's body begins: its name stands in front of it, or of its long size."""
    large = body >= boxes.LARGE_HEAD_BYTES and number(data, body - boxes.LARGE_HEAD_BYTES, 4) == 1
    head_bytes = boxes.LARGE_HEAD_BYTES if large and _is_name(data, body - 12) else boxes.HEAD_BYTES
    return body - head_bytes + 4


def _is_name(data: bytes, at: int) -> bool:
    return data[at : at + 4] in (b"trak", b"trex", b"traf")


def _hide(data: bytearray, at: int) -> None:
    """A name may stand across the edge of what was read."""
    for place, letter in enumerate(HIDDEN, at):
        if 0 <= place < len(data):
            data[place] = letter
