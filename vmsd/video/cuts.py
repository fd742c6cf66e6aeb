"""The replay index of one recording: where its fragments and keyframes lie, and where playing may be cut."""

from __future__ import annotations

import os
import struct
import sys
import zlib
from array import array
from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from vmsd.errors import BadMedia
from vmsd.video.fmp4 import SyncSample, read_header, scan

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vmsd.video.fmp4 import Fragment, Header, Mtxi

PLAYABLE_SOUND = frozenset({"aac", "opus", "mp3", "flac"})
"""What browsers play inside MP4."""
MOST_FRAGMENTS = 200_000
"""More than two days of 1 s parts in one file; what lies beyond is not replayed."""
MOST_KEYFRAMES = 400_000
MARK_MS = 6_000
"""Between two marks, at least."""
MOST_MS = (1 << 32) - 1
"""49 days, in one file."""
MARK_WIDTHS = "IIQ"
_WIDTHS = "QIIIIQI"
"""Of the columns: three of fragments, four of keyframes."""
_FRAGMENT_COLUMNS = 3


class Origin(NamedTuple):
    """Which recorder wrote the file: `number` + 1 of the same stream follows without a gap."""

    stream_id: bytes
    number: int
    dts_ns: int


@dataclass(frozen=True, slots=True)
class Facts:
    """`file_bytes` is how long the file was when it was read; its whole fragments end at `end_bytes`.

    `muted` are the numbers of the tracks whose sound browsers cannot play, as bits.
    """

    file_bytes: int
    header_bytes: int
    end_bytes: int
    duration_ms: int
    fragments: int
    video: str
    sound: str
    muted: int
    origin: Origin | None


class Marks(NamedTuple):
    """The keyframes where playing may be cut: each in a later fragment than the one before, whose bytes begin there.

    The first stands for the beginning of the file, whatever is there.
    """

    times_ms: array[int]
    fragments: array[int]
    first_bytes: array[int]


class Columns(NamedTuple):
    """One row for each fragment and one for each keyframe; times count from the file's start."""

    offsets: array[int]
    starts_ms: array[int]
    durations_ms: array[int]
    key_fragments: array[int]
    key_times_ms: array[int]
    key_offsets: array[int]
    key_sizes: array[int]

    def end_ms_of(self, fragment: int) -> int:
        return self.starts_ms[fragment] + self.durations_ms[fragment]

    def keyframe_at(self, time_ms: int) -> int:
        """The number of the last keyframe at or before a time; of the first one when there is none."""
        return max(0, bisect_right(self.key_times_ms, time_ms) - 1)

    def sample(self, keyframe: int) -> SyncSample:
        return SyncSample(self.key_offsets[keyframe], self.key_sizes[keyframe], self.key_times_ms[keyframe])


@dataclass(frozen=True, slots=True, eq=False)
class Cuts:
    """What most uses need at hand, and the rest packed.

    `rendered` belongs to whoever makes text of it: what was made once need not be made again.
    """

    facts: Facts
    marks: Marks
    packed: bytes
    columns_bytes: int
    rendered: dict[tuple[int, str], object] = field(default_factory=dict)

    @property
    def columns(self) -> Columns:
        """Unpacked anew each time."""
        return _columns(self.packed, self.columns_bytes, self.facts)

    @property
    def size(self) -> int:
        """Bytes of memory, about; what is rendered of it included."""
        return len(self.packed) + 128 * len(self.marks.times_ms) + 1024

    @property
    def masked(self) -> bool:
        """Whether browsers play it only without (some of) its sound."""
        return self.facts.muted != 0 and self.facts.video != ""

    def first_byte_of(self, columns: Columns, fragment: int) -> int:
        """Where the bytes of a fragment begin; what stands in front of the first one belongs to it."""
        return columns.offsets[fragment] if fragment else self.facts.header_bytes

    def stop_of(self, columns: Columns, fragment: int) -> int:
        """Where the bytes of a fragment end: where the next one begins, so that none is left out."""
        return columns.offsets[fragment + 1] if fragment + 1 < len(columns.offsets) else self.facts.end_bytes


def read_cuts(file: BinaryIO) -> Cuts:
    """Of the fragments that are whole by now; BadMedia when the file has no sound header, or none of them."""
    header = read_header(file)
    fragments, end_bytes = _fragments(file, header)
    if not fragments:
        raise BadMedia("the recording holds no whole fragment")
    facts = _facts(header, file.seek(0, os.SEEK_END), end_bytes, fragments)
    keyframes = [(number, key) for number, one in enumerate(fragments) for key in one.keyframes]
    keyframes.sort(key=lambda one: one[1].time_ms)
    if not keyframes:
        keyframes = [(number, SyncSample(0, 0, one.start_ms)) for number, one in enumerate(fragments)]
    columns = Columns(
        array("Q", [one.offset for one in fragments]),
        array("I", [one.start_ms for one in fragments]),
        array("I", [one.duration_ms for one in fragments]),
        array("I", [number for number, _ in keyframes]),
        array("I", [min(key.time_ms, MOST_MS) for _, key in keyframes]),
        array("Q", [key.offset for _, key in keyframes]),
        array("I", [key.size for _, key in keyframes]),
    )
    return cuts_of(facts, columns)


def cuts_of(facts: Facts, columns: Columns) -> Cuts:
    plain = b"".join(map(bytes_of, columns))
    return Cuts(facts, _marks(facts, columns), zlib.compress(plain, 1), len(plain))


def _marks(facts: Facts, columns: Columns) -> Marks:
    times, fragments = columns.key_times_ms.tolist(), columns.key_fragments
    marks, keyframe = [(0, 0, facts.header_bytes)], 0
    while (keyframe := bisect_left(times, marks[-1][0] + MARK_MS, keyframe)) < len(times):
        while keyframe < len(times) and fragments[keyframe] <= marks[-1][1]:
            keyframe += 1
        if keyframe == len(times) or times[keyframe] >= facts.duration_ms:
            break
        marks.append((times[keyframe], fragments[keyframe], columns.offsets[fragments[keyframe]]))
    found = zip(MARK_WIDTHS, zip(*marks, strict=True), strict=True)
    return Marks(*(array(kind, column) for kind, column in found))


def _fragments(file: BinaryIO, header: Header) -> tuple[Sequence[Fragment], int]:
    """In order of time: one with sound alone may say that it begins a little behind the one that follows it."""
    found: list[Fragment] = []
    end_bytes: int | None = None
    keyframes = 0
    while True:
        scanned = scan(file, header, end_bytes)
        for one in scanned.fragments:
            if one.start_ms + one.duration_ms > MOST_MS:
                return found, one.offset
            found.append(_behind(found[-1], one) if found else one)
            keyframes += len(one.keyframes)
        end_bytes = scanned.valid_bytes
        if not scanned.more or len(found) >= MOST_FRAGMENTS or keyframes >= MOST_KEYFRAMES:
            return found, end_bytes


def _behind(before: Fragment, one: Fragment) -> Fragment:
    late_ms = max(0, before.start_ms - one.start_ms)
    if not late_ms:
        return one
    return replace(one, start_ms=before.start_ms, duration_ms=max(0, one.duration_ms - late_ms))


def _facts(header: Header, file_bytes: int, end_bytes: int, fragments: Sequence[Fragment]) -> Facts:
    sounds = [track for track in header.tracks if track.kind == "audio"]
    unplayable = [track.id for track in sounds if track.codec not in PLAYABLE_SOUND]
    mtxi = header.mtxi
    return Facts(
        file_bytes=file_bytes,
        header_bytes=header.header_bytes,
        end_bytes=end_bytes,
        duration_ms=max(one.start_ms + one.duration_ms for one in fragments),
        fragments=len(fragments),
        video=header.video.codec[:8] if header.video else "",
        sound=sounds[0].codec[:8] if sounds else "",
        muted=sum({1 << (number - 1) for number in unplayable if 0 < number <= 16}),  # noqa: PLR2004 - bits of a word
        origin=_origin(mtxi) if mtxi else None,
    )


def _origin(mtxi: Mtxi) -> Origin:
    return Origin(mtxi.stream_id, mtxi.number, mtxi.dts_ns)


def muted_tracks(facts: Facts) -> frozenset[int]:
    return frozenset(number for number in range(1, 17) if facts.muted >> (number - 1) & 1)


def _columns(packed: bytes, unpacked_bytes: int, facts: Facts) -> Columns:
    widths, fragments = [width_of(kind) for kind in _WIDTHS], facts.fragments
    rest = unpacked_bytes - fragments * sum(widths[:_FRAGMENT_COLUMNS])
    keyframes, odd = divmod(rest, sum(widths[_FRAGMENT_COLUMNS:]))
    if odd or not 0 < fragments <= 2 * MOST_FRAGMENTS or not 0 < keyframes <= 2 * MOST_KEYFRAMES:
        raise BadMedia("a replay index of no possible size")
    try:
        data = zlib.decompressobj().decompress(packed, unpacked_bytes + 1)
    except zlib.error as error:
        raise BadMedia("a replay index that cannot be unpacked") from error
    counts = [fragments] * _FRAGMENT_COLUMNS + [keyframes] * (len(_WIDTHS) - _FRAGMENT_COLUMNS)
    if len(data) != unpacked_bytes:
        raise BadMedia("a replay index of another size than it says")
    columns = Columns(*sliced(data, _WIDTHS, counts))
    ordered = all(map(in_order, (columns.offsets, columns.starts_ms, columns.key_times_ms)))
    inside = max(columns.key_fragments) < fragments and columns.offsets[-1] < facts.end_bytes
    if not (ordered and inside and 0 < facts.header_bytes <= columns.offsets[0]):
        raise BadMedia("a replay index that makes no sense")
    return columns


def sliced(data: bytes, widths: str, counts: Sequence[int]) -> list[array[int]]:
    """Columns that lie one behind another."""
    columns, at = [], 0
    for kind, count in zip(widths, counts, strict=True):
        column, size = array(kind), count * width_of(kind)
        if at + size > len(data):
            raise BadMedia("a replay index that ends early")
        column.frombytes(data[at : at + size])
        at += size
        columns.append(_swapped(column))
    return columns


def width_of(kind: str) -> int:
    return struct.calcsize(f"<{kind}")


def in_order(column: array[int]) -> bool:
    """Sorting what is sorted is the quickest way to find out."""
    values = column.tolist()
    return sorted(values) == values


def bytes_of(column: array[int]) -> bytes:
    return _swapped(array(column.typecode, column)).tobytes()


def _swapped(column: array[int]) -> array[int]:
    if sys.byteorder != "little":
        column.byteswap()
    return column
