"""The replay index of one recording: where its fragments and keyframes lie, small enough to be kept beside it.

Its bytes are `_HEAD` (magic, version, CRC-32 of all that follows, length of the columns once unpacked), `_FACTS`, and
the columns of numbers behind each other, packed with zlib. Numbers are little-endian.
"""

from __future__ import annotations

import os
import struct
import sys
import zlib
from array import array
from bisect import bisect_right
from dataclasses import dataclass, field
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
MOST_MS = (1 << 32) - 1
"""49 days, in one file."""
MOST_ENCODED_BYTES = 16 << 20
_MAGIC, _VERSION = b"vmsdcuts", 1
_HEAD = struct.Struct("<8sHII")
_FACTS = struct.Struct("<QQQII8s8sB16sQqH")
_WIDTHS = "QIIIIQI"
"""Of the columns: three of fragments, four of keyframes."""
_FRAGMENT_COLUMNS = 3
_NO_STREAM = bytes(16)
_LEAST_ROW_BYTES = 16


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
    video: str
    sound: str
    muted: int
    origin: Origin | None


@dataclass(frozen=True, slots=True, eq=False)
class Cuts:
    """Columns of numbers, one row for each fragment and one for each keyframe; times count from the file's start.

    `rendered` belongs to whoever makes text of it: what was made once need not be made again.
    """

    facts: Facts
    offsets: array[int]
    starts_ms: array[int]
    durations_ms: array[int]
    key_fragments: array[int]
    key_times_ms: array[int]
    key_offsets: array[int]
    key_sizes: array[int]
    rendered: dict[int, object] = field(default_factory=dict)

    @property
    def columns(self) -> tuple[array[int], ...]:
        return (
            self.offsets, self.starts_ms, self.durations_ms,
            self.key_fragments, self.key_times_ms, self.key_offsets, self.key_sizes,
        )  # fmt: skip

    @property
    def size(self) -> int:
        """Bytes of memory, about; what is rendered of it is mostly as much again."""
        return 2 * sum(len(column) * column.itemsize for column in self.columns)

    @property
    def masked(self) -> bool:
        """Whether browsers play it only without (some of) its sound."""
        return self.facts.muted != 0 and self.facts.video != ""

    def stop_of(self, fragment: int) -> int:
        """Where the bytes of a fragment end: where the next one begins, so that none is left out."""
        return self.offsets[fragment + 1] if fragment + 1 < len(self.offsets) else self.facts.end_bytes

    def end_ms_of(self, fragment: int) -> int:
        return self.starts_ms[fragment] + self.durations_ms[fragment]

    def keyframe_at(self, time_ms: int) -> int:
        """The number of the last keyframe at or before a time; of the first one when there is none."""
        return max(0, bisect_right(self.key_times_ms, time_ms) - 1)

    def sample(self, keyframe: int) -> SyncSample:
        return SyncSample(self.key_offsets[keyframe], self.key_sizes[keyframe], self.key_times_ms[keyframe])


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
    return Cuts(
        facts,
        array("Q", [one.offset for one in fragments]),
        array("I", [one.start_ms for one in fragments]),
        array("I", [one.duration_ms for one in fragments]),
        array("I", [number for number, _ in keyframes]),
        array("I", [min(key.time_ms, MOST_MS) for _, key in keyframes]),
        array("Q", [key.offset for _, key in keyframes]),
        array("I", [key.size for _, key in keyframes]),
    )


def _fragments(file: BinaryIO, header: Header) -> tuple[Sequence[Fragment], int]:
    """In order of time: a fragment that begins before the one in front of it ends what can be replayed."""
    found: list[Fragment] = []
    end_bytes: int | None = None
    keyframes = 0
    while True:
        scanned = scan(file, header, end_bytes)
        for one in scanned.fragments:
            if one.start_ms + one.duration_ms > MOST_MS or (found and one.start_ms < found[-1].start_ms):
                return found, one.offset
            found.append(one)
            keyframes += len(one.keyframes)
        end_bytes = scanned.valid_bytes
        if not scanned.more or len(found) >= MOST_FRAGMENTS or keyframes >= MOST_KEYFRAMES:
            return found, end_bytes


def _facts(header: Header, file_bytes: int, end_bytes: int, fragments: Sequence[Fragment]) -> Facts:
    sounds = [track for track in header.tracks if track.kind == "audio"]
    unplayable = [track.id for track in sounds if track.codec not in PLAYABLE_SOUND]
    mtxi = header.mtxi
    return Facts(
        file_bytes=file_bytes,
        header_bytes=header.header_bytes,
        end_bytes=end_bytes,
        duration_ms=max(one.start_ms + one.duration_ms for one in fragments),
        video=header.video.codec[:8] if header.video else "",
        sound=sounds[0].codec[:8] if sounds else "",
        muted=sum({1 << (number - 1) for number in unplayable if 0 < number <= 16}),  # noqa: PLR2004 - bits of a word
        origin=_origin(mtxi) if mtxi else None,
    )


def _origin(mtxi: Mtxi) -> Origin:
    return Origin(mtxi.stream_id, mtxi.number, mtxi.dts_ns)


def muted_tracks(facts: Facts) -> frozenset[int]:
    return frozenset(number for number in range(1, 17) if facts.muted >> (number - 1) & 1)


def encode(cuts: Cuts) -> bytes:
    facts, columns = cuts.facts, b"".join(_bytes_of(column) for column in cuts.columns)
    origin = facts.origin or Origin(_NO_STREAM, 0, 0)
    rest = _FACTS.pack(
        facts.file_bytes, facts.header_bytes, facts.end_bytes, facts.duration_ms, len(cuts.offsets),
        facts.video.encode("ascii", "replace"), facts.sound.encode("ascii", "replace"), facts.origin is not None,
        *origin, facts.muted,
    ) + zlib.compress(columns, 1)  # fmt: skip
    return _HEAD.pack(_MAGIC, _VERSION, zlib.crc32(rest), len(columns)) + rest


def decode(data: bytes) -> Cuts:
    """BadMedia for anything that `encode` has not made just so."""
    if not _HEAD.size + _FACTS.size < len(data) <= MOST_ENCODED_BYTES:
        raise BadMedia("this is no replay index")
    magic, version, checksum, columns_bytes = _HEAD.unpack_from(data)
    if (magic, version) != (_MAGIC, _VERSION) or zlib.crc32(memoryview(data)[_HEAD.size :]) != checksum:
        raise BadMedia("this is no replay index, or a damaged one")
    numbers = _FACTS.unpack_from(data, _HEAD.size)
    file_bytes, header_bytes, end_bytes, duration_ms, fragments, video, sound, has_origin = numbers[:8]
    origin = Origin(*numbers[8:11]) if has_origin else None
    facts = Facts(
        file_bytes, header_bytes, end_bytes, duration_ms, _text(video), _text(sound), numbers[11], origin
    )  # fmt: skip
    a, b, c, d, e, f, g = _columns(data[_HEAD.size + _FACTS.size :], columns_bytes, fragments)
    return _checked(Cuts(facts, a, b, c, d, e, f, g))


def _columns(packed: bytes, unpacked_bytes: int, fragments: int) -> list[array[int]]:
    widths = [array(kind).itemsize for kind in _WIDTHS]
    fragment_bytes = fragments * sum(widths[:_FRAGMENT_COLUMNS])
    keyframes, odd = divmod(unpacked_bytes - fragment_bytes, sum(widths[_FRAGMENT_COLUMNS:]))
    if odd or not 0 < fragments <= 2 * MOST_FRAGMENTS or not 0 < keyframes <= 2 * MOST_KEYFRAMES:
        raise BadMedia("a replay index of no possible size")
    try:
        data = zlib.decompressobj().decompress(packed, unpacked_bytes + 1)
    except zlib.error as error:
        raise BadMedia("a replay index that cannot be unpacked") from error
    if len(data) != unpacked_bytes:
        raise BadMedia("a replay index of another size than it says")
    columns, at = [], 0
    for place, kind in enumerate(_WIDTHS):
        count = fragments if place < _FRAGMENT_COLUMNS else keyframes
        column = array(kind)
        column.frombytes(data[at : at + count * column.itemsize])
        at += count * column.itemsize
        columns.append(_swapped(column))
    return columns


def _checked(cuts: Cuts) -> Cuts:
    """What everything that reads it relies on."""
    ordered = all(map(_in_order, (cuts.offsets, cuts.starts_ms, cuts.key_times_ms)))
    inside = max(cuts.key_fragments) < len(cuts.offsets) and cuts.offsets[-1] < cuts.facts.end_bytes
    if not (ordered and inside and 0 < cuts.facts.header_bytes <= cuts.offsets[0]):
        raise BadMedia("a replay index that makes no sense")
    return cuts


def _in_order(column: array[int]) -> bool:
    """Sorting what is sorted is the quickest way to find out."""
    values = column.tolist()
    return sorted(values) == values


def _bytes_of(column: array[int]) -> bytes:
    return _swapped(array(column.typecode, column)).tobytes()


def _swapped(column: array[int]) -> array[int]:
    if sys.byteorder != "little":
        column.byteswap()
    return column


def _text(field_bytes: bytes) -> str:
    return field_bytes.rstrip(b"\0").decode("ascii", "replace")
