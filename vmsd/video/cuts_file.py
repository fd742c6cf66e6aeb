"""Replay indexes as they are kept: small, and refused when a bit of them is not as it was written.

The bytes are `_HEAD` (magic, version, CRC-32 of all that follows), `_FACTS`, the columns of marks, and those of
fragments and keyframes, packed with zlib. Numbers are little-endian.
"""

from __future__ import annotations

import struct
import zlib
from typing import Any

from vmsd.errors import BadMedia
from vmsd.video.cuts import MARK_WIDTHS, Cuts, Facts, Marks, Origin, bytes_of, in_order, sliced, width_of

MOST_ENCODED_BYTES = 16 << 20
_MAGIC, _VERSION = b"vmsdcuts", 1
_HEAD = struct.Struct("<8sHI")
_FACTS = struct.Struct("<QQQIII8s8sB16sQqHI")
_NO_STREAM = bytes(16)


def encode(cuts: Cuts) -> bytes:
    facts = cuts.facts
    origin = facts.origin or Origin(_NO_STREAM, 0, 0)
    said = _FACTS.pack(
        facts.file_bytes, facts.header_bytes, facts.end_bytes, facts.duration_ms, facts.fragments,
        len(cuts.marks.times_ms), facts.video.encode("ascii", "replace"), facts.sound.encode("ascii", "replace"),
        facts.origin is not None, *origin, facts.muted, cuts.columns_bytes,
    )  # fmt: skip
    rest = b"".join((said, *map(bytes_of, cuts.marks), cuts.packed))
    return _HEAD.pack(_MAGIC, _VERSION, zlib.crc32(rest)) + rest


def decode(data: bytes) -> Cuts:
    """BadMedia for anything that `encode` has not made just so."""
    if not _HEAD.size + _FACTS.size < len(data) <= MOST_ENCODED_BYTES:
        raise BadMedia("this is no replay index")
    magic, version, checksum = _HEAD.unpack_from(data)
    if (magic, version) != (_MAGIC, _VERSION) or zlib.crc32(memoryview(data)[_HEAD.size :]) != checksum:
        raise BadMedia("this is no replay index, or a damaged one")
    facts, marks, columns_bytes = _facts_in(_FACTS.unpack_from(data, _HEAD.size))
    place = _HEAD.size + _FACTS.size
    times, fragments, first_bytes = sliced(data[place:], MARK_WIDTHS, (marks,) * len(MARK_WIDTHS))
    packed = data[place + marks * sum(map(width_of, MARK_WIDTHS)) :]
    return _checked(Cuts(facts, Marks(times, fragments, first_bytes), packed, columns_bytes))


def _facts_in(said: tuple[Any, ...]) -> tuple[Facts, int, int]:
    """And how many marks there are, and how many bytes of columns."""
    file_bytes, header_bytes, end_bytes, duration_ms, fragments, marks, video, sound, has_origin = said[:9]
    origin = Origin(*said[9:12]) if has_origin else None
    texts = _text(video), _text(sound)
    facts = Facts(file_bytes, header_bytes, end_bytes, duration_ms, fragments, *texts, said[12], origin)
    return facts, marks, said[13]


def _checked(cuts: Cuts) -> Cuts:
    """What a playlist relies on; what is packed is looked at when it is unpacked."""
    facts, marks = cuts.facts, cuts.marks
    ordered = len(marks.times_ms) > 0 and all(map(in_order, marks))
    inside = ordered and marks.fragments[-1] < facts.fragments and marks.first_bytes[-1] < facts.end_bytes
    if not inside or marks.first_bytes[0] != facts.header_bytes or marks.times_ms[-1] > facts.duration_ms:
        raise BadMedia("a replay index that makes no sense")
    return cuts


def _text(field_bytes: bytes) -> str:
    return field_bytes.rstrip(b"\0").decode("ascii", "replace")
