"""What a picture file is by its own first bytes: PNG, JPEG or WebP, and how large it is when decoded."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from vmsd.errors import BadMedia
from vmsd.video.pictures import FRAMES, JPEG, PNG, SIDE_PX

AREA_PX = 100_000_000
"""Decoded, a picture takes four bytes for each of them."""
_NO_SIZE = frozenset({0x01, *range(0xD0, 0xD9)})
"""Markers of JPEG that stand alone."""


@dataclass(frozen=True)
class Picture:
    content_type: str
    width: int
    height: int


def look_at(data: bytes) -> Picture:
    """Raises `BadMedia` for what is none of the three, is cut off before it says its size, or is too large."""
    try:
        picture = _picture(data)
    except (struct.error, IndexError) as error:
        raise BadMedia("the picture ends before it says its size") from error
    if picture is None:
        raise BadMedia("this is no PNG, JPEG or WebP picture")
    sides = (picture.width, picture.height)
    if min(sides) < 1 or max(sides) > SIDE_PX or picture.width * picture.height > AREA_PX:
        raise BadMedia(f"a picture may have {SIDE_PX} pixels a side and {AREA_PX} in all, not {sides[0]} x {sides[1]}")
    return picture


def _picture(data: bytes) -> Picture | None:
    if data.startswith(PNG) and data[12:16] == b"IHDR":
        return Picture("image/png", *struct.unpack_from(">II", data, 16))
    if data.startswith(JPEG):
        return _jpeg(data)
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return _webp(data)
    return None


def _jpeg(data: bytes) -> Picture | None:
    """Section after section up to the first frame."""
    at = 2
    while data[at] == 0xFF:  # noqa: PLR2004 - begins every marker
        marker = data[at + 1]
        if marker == 0xFF:  # noqa: PLR2004 - filling
            at += 1
        elif marker in _NO_SIZE:
            at += 2
        elif marker in FRAMES:
            height, width = struct.unpack_from(">HH", data, at + 5)
            return Picture("image/jpeg", width, height)
        else:
            (length,) = struct.unpack_from(">H", data, at + 2)
            at += 2 + max(2, length)
    return None


def _webp(data: bytes) -> Picture | None:
    """RFC 9649: plain, lossless, or with more than a picture inside."""
    kind = data[12:16]
    if kind == b"VP8X":
        sizes = data[24:30]
        width, height = (int.from_bytes(sizes[at : at + 3], "little") + 1 for at in (0, 3))
        return Picture("image/webp", width, height) if len(sizes) == 6 else None  # noqa: PLR2004 - two of three bytes
    if kind == b"VP8L" and data[20] == 0x2F:  # noqa: PLR2004 - its signature
        (bits,) = struct.unpack_from("<I", data, 21)
        return Picture("image/webp", (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1)
    if kind == b"VP8 " and data[23:26] == b"\x9d\x01\x2a":
        width, height = struct.unpack_from("<HH", data, 26)
        return Picture("image/webp", width & 0x3FFF, height & 0x3FFF)
    return None
