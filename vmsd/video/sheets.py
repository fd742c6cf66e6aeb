"""Which moments of a recording have a small picture, and where each stands on the one sheet that holds them all.

The sheet is a JPEG that says itself what it shows, in a comment (ITU-T T.81, B.2.4.5).
"""

from __future__ import annotations

import json
import struct
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from vmsd.errors import BadMedia

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vmsd.video.cuts import Columns, Cuts
    from vmsd.video.fmp4 import SyncSample

EVERY_MS = 10_000
MOST_TILES = 360
"""Of one sheet; they stand further apart in a recording of more than an hour."""
COLUMNS = 10
TILE_PIXELS = 160
"""Of the longer side of a tile, which is almost always its width."""
HEAD_BYTES = 16 << 10
"""The comment ends before."""
_START, _COMMENT, _JFIF = b"\xff\xd8", b"\xff\xfe", b"\xff\xe0"
_LENGTH = struct.Struct(">H")
_VERSION = 1


@dataclass(frozen=True)
class Sheet:
    """Tiles row by row, `columns` in each; times count from the start of the recording."""

    tile_width: int
    tile_height: int
    times_ms: tuple[int, ...]
    columns: int = COLUMNS

    @property
    def rows(self) -> int:
        return -(-len(self.times_ms) // self.columns)

    @property
    def width(self) -> int:
        return self.tile_width * self.columns

    @property
    def height(self) -> int:
        return self.tile_height * self.rows

    def corner(self, tile: int) -> tuple[int, int]:
        """Left and top of a tile."""
        row, column = divmod(tile, self.columns)
        return column * self.tile_width, row * self.tile_height


def pick(cuts: Cuts) -> list[SyncSample]:
    """The keyframes to show: of each moment the nearest, none of them twice."""
    duration_ms, columns = max(1, cuts.facts.duration_ms), cuts.columns
    apart_ms = max(EVERY_MS, -(-duration_ms // MOST_TILES))
    if not cuts.facts.video or not any(columns.key_sizes):
        return []
    nearest = dict.fromkeys(_nearest(columns, moment) for moment in range(0, duration_ms, apart_ms))
    return [columns.sample(keyframe) for keyframe in nearest]


def _nearest(columns: Columns, moment_ms: int) -> int:
    before, times = columns.keyframe_at(moment_ms), columns.key_times_ms
    after = min(before + 1, len(times) - 1)
    return after if times[after] - moment_ms < abs(moment_ms - times[before]) else before


def tile_size(width: int, height: int) -> tuple[int, int]:
    """Even numbers, in the proportions of the picture."""
    longer = max(width, height, 1)
    return max(2, width * TILE_PIXELS // longer & ~1), max(2, height * TILE_PIXELS // longer & ~1)


def inscribe(jpeg: bytes, sheet: Sheet) -> bytes:
    """The JPEG with what it shows written into it."""
    words = json.dumps({"version": _VERSION, **asdict(sheet)}, separators=(",", ":")).encode()
    place = len(_START)
    if jpeg[place : place + 2] == _JFIF:
        place += 2 + _LENGTH.unpack_from(jpeg, place + 2)[0]
    return jpeg[:place] + _COMMENT + _LENGTH.pack(len(words) + 2) + words + jpeg[place:]


def read_sheet(head: bytes) -> Sheet:
    """From the first `HEAD_BYTES` of a sheet; BadMedia when it is none."""
    place = len(_START)
    try:
        while head.startswith(_START) and head[place] == 0xFF:  # noqa: PLR2004 - every marker begins so
            (length,) = _LENGTH.unpack_from(head, place + 2)
            if head[place : place + 2] == _COMMENT:
                return _sheet(json.loads(head[place + 4 : place + 2 + length]))
            place += 2 + length
    except (ValueError, struct.error, IndexError) as error:
        raise BadMedia("this is no sheet of pictures") from error
    raise BadMedia("this is no sheet of pictures")


def _sheet(said: Any) -> Sheet:
    if not isinstance(said, dict) or said.get("version") != _VERSION:
        raise BadMedia("this is no sheet of pictures, or one of another version")
    times, sizes = said.get("times_ms"), [said.get(name) for name in ("tile_width", "tile_height", "columns")]
    if not isinstance(times, list) or not 0 < len(times) <= MOST_TILES or not _are_numbers(times, 0):
        raise BadMedia("a sheet of pictures of no time")
    if not _are_numbers(sizes, 1):
        raise BadMedia("a sheet of pictures of no size")
    width, height, columns = sizes
    return Sheet(int(width or 0), int(height or 0), tuple(times), int(columns or 0))


def _are_numbers(values: Sequence[Any], least: int) -> bool:
    return all(isinstance(value, int) and value >= least for value in values)
