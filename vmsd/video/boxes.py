"""Walks the boxes of an MP4 in memory (ISO/IEC 14496-12), with every size checked before it is believed."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from vmsd.errors import BadMedia

if TYPE_CHECKING:
    from collections.abc import Iterator

HEAD_BYTES = 8
LARGE_HEAD_BYTES = 16
_HEAD = struct.Struct(">I4s")


def head(data: bytes, at: int = 0) -> tuple[bytes, int, int]:
    """(kind, bytes of the head, bytes of the whole box); BadMedia when it cannot be one."""
    if len(data) - at < HEAD_BYTES:
        raise BadMedia("a box is cut off in its head")
    size, kind = _HEAD.unpack_from(data, at)
    head_bytes = HEAD_BYTES
    if size == 1:
        head_bytes, size = LARGE_HEAD_BYTES, number(data, at + HEAD_BYTES, 8)
    if size < head_bytes:
        raise BadMedia("a box is smaller than its own head")
    return kind, head_bytes, size


def children(data: bytes, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """(kind, start of the body, end) of each box in data[start:end]; a rest under 8 bytes is padding."""
    while end - start >= HEAD_BYTES:
        kind, head_bytes, size = head(data, start)
        if start + size > end:
            raise BadMedia("a box is longer than the one around it")
        yield kind, start + head_bytes, start + size
        start += size


def find(data: bytes, span: tuple[int, int], *path: bytes) -> tuple[int, int] | None:
    """Body of the first box at `path` below `span`, as (start, end)."""
    for wanted in path:
        inside = ((start, end) for kind, start, end in children(data, *span) if kind == wanted)
        found = next(inside, None)
        if found is None:
            return None
        span = found
    return span


def get(data: bytes, span: tuple[int, int], *path: bytes) -> tuple[int, int]:
    """Like `find`, but BadMedia when there is none."""
    found = find(data, span, *path)
    if found is None:
        raise BadMedia(f"there is no {b'/'.join(path).decode()} box")
    return found


def number(data: bytes, at: int, size: int) -> int:
    """Big-endian unsigned integer."""
    if at < 0 or at + size > len(data):
        raise BadMedia("a box ends before its fields do")
    return int.from_bytes(data[at : at + size], "big")
