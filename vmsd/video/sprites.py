"""Many keyframes to one sheet of small pictures; runs only in the decoding process."""

from __future__ import annotations

from typing import TYPE_CHECKING

import av
from av.video.reformatter import Interpolation

from vmsd.errors import BadMedia
from vmsd.video.sheets import COLUMNS, MOST_TILES, TILE_PIXELS, tile_size
from vmsd.video.still import decode, encode

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

_QUALITY = "8"  # of mjpeg: 2 best, 31 worst
_FORMAT = "yuvj420p"


def make_tile(codec: str, extradata: bytes, data: bytes, size: tuple[int, int] | None) -> tuple[bytes, tuple[int, int]]:
    """The picture in small: its three planes without any padding, and its size, which is `size` where given."""
    frame = decode(codec, extradata, data, skip_loop_filter="all")
    width, height = size or tile_size(frame.width, frame.height)
    small = frame.reformat(width, height, format=_FORMAT, interpolation=Interpolation.AREA)
    return b"".join(_rows_of(small, plane) for plane in range(3)), (width, height)


def _rows_of(frame: VideoFrame, plane: int) -> bytes:
    found = frame.planes[plane]
    data, stride = bytes(found), found.line_size
    return b"".join(data[row * stride : row * stride + found.width] for row in range(found.height))


def make_sheet(tiles: bytes, width: int, height: int) -> bytes:
    """JPEG of tiles of one size, `COLUMNS` in a row; the rest of the last row stays gray."""
    tile_bytes = width * height * 3 // 2
    count, odd = divmod(len(tiles), max(1, tile_bytes))
    if odd or not 0 < count <= MOST_TILES or max(width, height) > TILE_PIXELS:
        raise BadMedia("these are no tiles of one size")
    rows = -(-count // COLUMNS)
    sheet = av.VideoFrame(width * COLUMNS, height * rows, _FORMAT)
    at = 0
    for number, (across, down) in enumerate(((width, height), (width // 2, height // 2), (width // 2, height // 2))):
        planes = [tiles[one * tile_bytes + at : one * tile_bytes + at + across * down] for one in range(count)]
        at += across * down
        stride = sheet.planes[number].line_size
        lines = _lines(planes, across, down)
        sheet.planes[number].update(b"".join(line.ljust(stride, b"\x80") for line in lines))
    return encode(sheet, _QUALITY)


def _lines(planes: list[bytes], across: int, down: int) -> list[bytes]:
    """Every line of the sheet, of one plane."""
    lines = []
    for first in range(0, len(planes), COLUMNS):
        row = planes[first : first + COLUMNS]
        for line in range(0, across * down, across):
            joined = b"".join(plane[line : line + across] for plane in row)
            lines.append(joined.ljust(across * COLUMNS, b"\x80"))
    return lines
