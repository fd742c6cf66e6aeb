"""What a generated camera shows: its name, the time, a counter, traffic, and a strip machines can read.

The strip is the lowest eighth of the picture: three rows of 32 blocks, white for one, that spell a frame
counter (32 bits), milliseconds since 1970 (48 bits) and a CRC-16 of both. It survives JPEG and scaling.
"""

from __future__ import annotations

import binascii
import colorsys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from vmsd.demo import camera_font as font
from vmsd.errors import BadMedia

if TYPE_CHECKING:
    from datetime import tzinfo

_COLUMNS = 32
_ROWS = 3
_STRIP_SHARE = 8  # the strip is one eighth of the height
_LEAST_CONTRAST = 60
_VEHICLES = ((0.45, 0.16, 205), (-0.3, 0.10, 150), (0.21, 0.22, 95))  # widths per second, width, luma


def _edges(length: int, start: int, parts: int) -> list[int]:
    """Where each of `parts` equal pieces of [start, length) begins, and where the last one ends."""
    return [start + (length - start) * part // parts for part in range(parts + 1)]


def _strip_bits(frame: int, epoch_ms: int) -> list[bool]:
    body = (frame & 0xFFFFFFFF).to_bytes(4, "big") + (epoch_ms & 0xFFFFFFFFFFFF).to_bytes(6, "big")
    word = int.from_bytes(body + binascii.crc_hqx(body, 0xFFFF).to_bytes(2, "big"), "big")
    last = _COLUMNS * _ROWS - 1
    return [bool(word >> (last - bit) & 1) for bit in range(last + 1)]


def _mean(luma: bytes, width: int, rows: range, columns: range) -> float:
    """Mean luma of the middle of a block, away from its blurred edges."""
    near_y, near_x = len(rows) // 3, len(columns) // 3
    middle = columns[near_x : len(columns) - near_x]
    values = [luma[row * width + column] for row in rows[near_y : len(rows) - near_y] for column in middle]
    return sum(values) / len(values)


def read_strip(luma: bytes, width: int, height: int) -> tuple[int, int]:
    """(frame, epoch_ms) of a decoded picture, `luma` without padding; BadMedia when no strip is legible."""
    columns = _edges(width, 0, _COLUMNS)
    rows = _edges(height, height - height // _STRIP_SHARE, _ROWS)
    if columns[1] == 0 or rows[1] == rows[0] or len(luma) < width * height:
        raise BadMedia("the picture is too small to carry a strip")
    means = [
        _mean(luma, width, range(rows[row], rows[row + 1]), range(columns[column], columns[column + 1]))
        for row in range(_ROWS)
        for column in range(_COLUMNS)
    ]
    middle = (min(means) + max(means)) / 2
    word = int("".join("1" if mean > middle else "0" for mean in means), 2).to_bytes(12, "big")
    intact = binascii.crc_hqx(word[:10], 0xFFFF).to_bytes(2, "big") == word[10:]
    if max(means) - min(means) < _LEAST_CONTRAST or not intact:
        raise BadMedia("there is no legible strip in the picture")
    return int.from_bytes(word[:4], "big"), int.from_bytes(word[4:10], "big")


class Painter:
    """Paints one camera's luma planes; `stride` is the length of a row in memory."""

    def __init__(self, name: str, width: int, height: int, stride: int, zone: tzinfo = UTC) -> None:
        self._width, self._height, self._stride, self._zone = width, height, stride, zone
        self._scale = max(1, width // 150)
        self._longest = width // (font.GLYPH_WIDTH * self._scale)
        self._line = (font.GLYPH_HEIGHT + 2) * self._scale
        self._columns = _edges(width, 0, _COLUMNS)
        self._strip = _edges(height, height - height // _STRIP_SHARE, _ROWS)
        ground = bytearray().join(bytes([70 + 90 * row // height]) * stride for row in range(height))
        self._write(ground, name, self._scale)
        self._ground = bytes(ground)

    def paint(self, frame: int, epoch_ms: int) -> bytes:
        """Rows of `stride` bytes, as the encoder's own buffer is laid out."""
        luma = bytearray(self._ground)
        at = datetime.fromtimestamp(epoch_ms // 1000, UTC).astimezone(self._zone)
        self._drive(luma, epoch_ms)
        self._write(luma, f"{at:%Y-%m-%d %H:%M:%S}.{epoch_ms % 1000 // 100}", self._line + self._scale)
        self._write(luma, f"#{frame:06d}", self._strip[0] - self._line)
        self._stamp(luma, _strip_bits(frame, epoch_ms))
        return bytes(luma)

    def _write(self, luma: bytearray, text: str, top: int) -> None:
        left = self._scale
        for dot_row, row in enumerate(font.render(text, self._scale, self._longest)):
            for line in range(self._scale):
                self._put(luma, top + dot_row * self._scale + line, left, row)

    def _put(self, luma: bytearray, row: int, column: int, dots: bytes) -> None:
        """One run of dots, cut at the borders of the picture."""
        first, last = max(column, 0), min(column + len(dots), self._width)
        if 0 <= row < self._height and first < last:
            at = row * self._stride
            luma[at + first : at + last] = dots[first - column : last - column]

    def _drive(self, luma: bytearray, epoch_ms: int) -> None:
        """Traffic: boxes that cross the middle of the picture, each at its own speed."""
        top, lanes = 2 * self._line + 2 * self._scale, len(_VEHICLES)
        lane = max(1, (self._strip[0] - self._line - top) // lanes)
        for number, (speed, share, shade) in enumerate(_VEHICLES):
            length = max(8, int(self._width * share))
            way = self._width + length
            column = int(epoch_ms * abs(speed) * self._width / 1000) % way
            column = (column if speed > 0 else way - column) - length
            dots = bytes([shade]) * length
            for row in range(top + number * lane + lane // 6, top + number * lane + lane * 5 // 6):
                self._put(luma, row, column, dots)

    def _stamp(self, luma: bytearray, bits: list[bool]) -> None:
        for row in range(_ROWS):
            cells = bits[row * _COLUMNS : (row + 1) * _COLUMNS]
            dots = b"".join(
                bytes([font.WHITE if bit else font.BLACK]) * (self._columns[column + 1] - self._columns[column])
                for column, bit in enumerate(cells)
            )
            for line in range(self._strip[row], self._strip[row + 1]):
                self._put(luma, line, 0, dots)


def tint(name: str) -> tuple[int, int]:
    """Both chroma values of a camera's ground colour, always the same for one name."""
    red, green, blue = colorsys.hsv_to_rgb(binascii.crc32(name.encode()) % 360 / 360, 0.45, 0.6)
    return (
        int(128 + 224 * (-0.1687 * red - 0.3313 * green + 0.5 * blue) / 2),
        int(128 + 224 * (0.5 * red - 0.4187 * green - 0.0813 * blue) / 2),
    )
