"""Pictures from strangers: looked through without decoding, and written anew without what is no picture."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator

from vmsd.errors import BadMedia
from vmsd.model.detection import Crop

JPEG, PNG = b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"
SIDE_PX = 16_384
"""Browsers draw nothing that is larger."""
MOST_PIXELS = 50_000_000
FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""Markers of JPEG that begin a frame, and say its size."""
_END_OF_SCAN = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
"""One sign of filling is enough: with any number of them a picture full of them would take hours to look through."""
_SOI, _EOI, _SOS = 0xD8, 0xD9, 0xDA
_KEPT = FRAMES | {0xC4, 0xCC, 0xDB, 0xDD, _SOS, 0xE0, 0xEE}
"""Frames, tables, scans, JFIF's and Adobe's marks: no comments, no EXIF, nothing else."""
_PNG_KEPT = frozenset({b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"})
_IHDR_BYTES = 13


def clean_picture(content: bytes) -> Crop:
    """A JPEG or PNG that is whole, of a size that can be shown; `BadMedia` for everything else."""
    if content.startswith(JPEG):
        return Crop("jpg", b"".join(_jpeg(content)))
    if content.startswith(PNG):
        return Crop("png", PNG + b"".join(_png(content)))
    raise BadMedia("this is neither a JPEG nor a PNG")


def _check_size(width: int, height: int) -> None:
    if not (0 < width <= SIDE_PX and 0 < height <= SIDE_PX and width * height <= MOST_PIXELS):
        raise BadMedia("the picture is empty, or too large")


def _jpeg(content: bytes) -> Iterator[bytes]:
    """Its segments, each whole; what comes after its end is left out."""
    yield b"\xff\xd8"
    at, framed, scanned = 2, False, False
    while True:
        marker, at = _marker(content, at)
        if marker == _EOI:
            break
        end = at + _length(content, at)
        if marker in FRAMES:
            _check_size(*reversed(_sides(content[at:end])))
            framed = True
        if marker == _SOS:
            scanned = framed
            end = _end_of_scan(content, end)
        if marker in _KEPT:
            yield b"\xff" + bytes((marker,)) + content[at:end]
        at = end
    if not scanned:
        raise BadMedia("this JPEG has no picture")
    yield b"\xff\xd9"


def _marker(content: bytes, at: int) -> tuple[int, int]:
    """The next one, and where it ends; it may be filled up in front."""
    if content[at : at + 1] != b"\xff":
        raise BadMedia("this JPEG is damaged")
    while content[at : at + 1] == b"\xff":
        at += 1
    if at >= len(content) or content[at] in (0x00, 0x01, _SOI):
        raise BadMedia("this JPEG ends early")
    return content[at], at + 1


def _length(content: bytes, at: int) -> int:
    length = int.from_bytes(content[at : at + 2], "big")
    if length < 2 or at + length > len(content):  # noqa: PLR2004 - its own two bytes
        raise BadMedia("this JPEG ends early")
    return length


def _sides(frame: bytes) -> tuple[int, int]:
    """Height and width, behind the length and the depth."""
    if len(frame) < 8:  # noqa: PLR2004 - length, depth, height, width, components
        raise BadMedia("this JPEG is damaged")
    return int.from_bytes(frame[3:5], "big"), int.from_bytes(frame[5:7], "big")


def _end_of_scan(content: bytes, at: int) -> int:
    found = _END_OF_SCAN.search(content, at)
    if found is None:
        raise BadMedia("this JPEG ends early")
    return found.start()


def _png(content: bytes) -> Iterator[bytes]:
    at, names = len(PNG), list[bytes]()
    while not names or names[-1] != b"IEND":
        length, name = int.from_bytes(content[at : at + 4], "big"), content[at + 4 : at + 8]
        chunk = content[at : at + 12 + length]
        if len(chunk) < 12 + length or zlib.crc32(chunk[4:-4]) != int.from_bytes(chunk[-4:], "big"):
            raise BadMedia("this PNG is damaged, or ends early")
        if not names:
            _check_header(name, chunk[8:-4])
        if name in _PNG_KEPT:
            yield chunk
        names.append(name)
        at += 12 + length
    if b"IDAT" not in names:
        raise BadMedia("this PNG has no picture")


def _check_header(name: bytes, header: bytes) -> None:
    if name != b"IHDR" or len(header) != _IHDR_BYTES:
        raise BadMedia("this PNG is damaged")
    _check_size(int.from_bytes(header[:4], "big"), int.from_bytes(header[4:8], "big"))
