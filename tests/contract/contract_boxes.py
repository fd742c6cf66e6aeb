"""Just enough of an MP4 reader to check what a recorder wrote, independent of the product's own."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_CONTAINERS = frozenset({"moov", "trak", "mdia", "minf", "stbl", "mvex", "udta", "moof", "traf"})


@dataclass(frozen=True)
class Box:
    kind: str
    at: int
    size: int
    body: bytes

    def children(self) -> list[Box]:
        return list(read_boxes(self.body))

    def find(self, *path: str) -> list[Box]:
        found = [self]
        for kind in path:
            found = [child for box in found for child in box.children() if child.kind == kind]
        return found

    def one(self, *path: str) -> Box:
        (box,) = self.find(*path)
        return box


@dataclass(frozen=True)
class Run:
    """One trun: the track it belongs to, its start, and a row of durations, sizes, key flags and offsets."""

    track: int
    version: int
    start: int
    durations: list[int]
    sizes: list[int]
    keys: list[bool]
    offsets: list[int]


@dataclass(frozen=True)
class Mtxi:
    stream_id: bytes
    number: int
    dts_ns: int
    ntp_ns: int


def read_boxes(data: bytes) -> Iterator[Box]:
    """Whole boxes only; a torn one ends the walk."""
    at = 0
    while at + 8 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        if size < 8 or at + size > len(data):
            return
        yield Box(kind.decode(errors="replace"), at, size, data[at + 8 : at + size])
        at += size


class Segment:
    """A recorded file, as far as it is whole."""

    def __init__(self, file: Path) -> None:
        self.data = file.read_bytes()
        self.boxes = list(read_boxes(self.data))

    @property
    def kinds(self) -> list[str]:
        return [box.kind for box in self.boxes]

    @property
    def has_header(self) -> bool:
        return self.kinds[:2] == ["ftyp", "moov"]

    @property
    def moov(self) -> Box:
        return self.boxes[1]

    @property
    def duration_ms(self) -> int:
        return struct.unpack_from(">I", self.moov.children()[0].body, 16)[0]

    @property
    def mtxi(self) -> Mtxi:
        body = self.moov.one("udta", "mtxi").body
        return Mtxi(body[4:20], *struct.unpack(">Qqq", body[20:44]))

    @property
    def clocks(self) -> list[int]:
        return [struct.unpack_from(">I", box.body, 12)[0] for box in self.moov.find("trak", "mdia", "mdhd")]

    @property
    def parts(self) -> list[list[Run]]:
        """The runs of every moof that is followed by its whole mdat."""
        pairs = zip(self.boxes[2::2], self.boxes[3::2], strict=False)
        return [_runs(moof) for moof, mdat in pairs if (moof.kind, mdat.kind) == ("moof", "mdat")]


def _runs(moof: Box) -> list[Run]:
    return [_run(traf) for traf in moof.find("traf")]


def _run(traf: Box) -> Run:
    track = struct.unpack_from(">I", traf.one("tfhd").body, 4)[0]
    tfdt, trun = traf.one("tfdt").body, traf.one("trun").body
    flags, count = int.from_bytes(trun[1:4], "big"), int.from_bytes(trun[4:8], "big")
    assert flags & 0x301 == 0x301, "offset, duration and size are always there"
    fields = 2 + bool(flags & 0x400) + bool(flags & 0x800)
    rows = [struct.unpack_from(f">{fields}I", trun, 12 + 4 * fields * n) for n in range(count)]
    keys = [not row[2] & 0x10000 for row in rows] if flags & 0x400 else [True] * count
    offsets = [_signed(row[-1]) for row in rows] if flags & 0x800 else [0] * count
    start = int.from_bytes(tfdt[4:12], "big")
    return Run(track, trun[0], start, [row[0] for row in rows], [row[1] for row in rows], keys, offsets)


def _signed(value: int) -> int:
    return value - (1 << 32) if value >> 31 else value
