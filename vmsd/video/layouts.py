"""What a flat MP4 needs to know of a recorded track: its sample entry as it is in the file, and its picture's size."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import BinaryIO

from vmsd.errors import BadMedia
from vmsd.video import boxes
from vmsd.video.header import Header, Track

PICTURE_BYTES = 8
"""Width and height at the end of a `tkhd`, as 16.16."""


@dataclass(frozen=True, slots=True)
class Layout:
    """`ordinal` counts the tracks of a kind: the second sound track of one file goes on in that of the next.

    It does not where the codec is another one: most players leave out what has another code than its track began with.
    """

    track: Track
    ordinal: int
    entry: bytes
    picture: bytes

    @property
    def key(self) -> tuple[str, int, bytes]:
        """Files that agree in it go on in the same track of a film."""
        return (self.track.kind, self.ordinal, self.entry[4:8])


def read_layouts(file: BinaryIO, header: Header) -> Mapping[int, Layout]:
    """By the number of the track in this file."""
    file.seek(0)
    data = file.read(header.header_bytes)
    traks = {
        boxes.number(data, _track_id_at(data, span), 4): span
        for kind, *span in boxes.children(data, *boxes.get(data, (0, len(data)), b"moov"))
        if kind == b"trak"
    }
    counts = {"video": 0, "audio": 0}
    found = {}
    for track in header.tracks:
        start, end = traks[track.id]
        found[track.id] = _layout(data, track, counts[track.kind], (start, end))
        counts[track.kind] += 1
    return found


def _track_id_at(data: bytes, trak: list[int]) -> int:
    start, _ = boxes.get(data, (trak[0], trak[1]), b"tkhd")
    return start + (20 if boxes.number(data, start, 1) == 1 else 12)


def _layout(data: bytes, track: Track, ordinal: int, trak: tuple[int, int]) -> Layout:
    _, head_end = boxes.get(data, trak, b"tkhd")
    start, end = boxes.get(data, trak, b"mdia", b"minf", b"stbl", b"stsd")
    size = boxes.number(data, start + 8, 4)
    if start + 8 + size > end:
        raise BadMedia("a sample entry is longer than its table")
    return Layout(track, ordinal, data[start + 8 : start + 8 + size], data[head_end - PICTURE_BYTES : head_end])
