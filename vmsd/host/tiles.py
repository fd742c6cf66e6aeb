"""A map in one file (MBTiles 1.3): pictures by zoom, column and row, and what the file says of itself."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import unescape
from pathlib import Path

DEEPEST = 24
"""No map is drawn finer."""
TILE_BYTES = 2 * 1024 * 1024
WORLD = (-180.0, -85.0511, 180.0, 85.0511)
_MAGIC = ((b"\x89PNG\r\n\x1a\n", "image/png"), (b"\xff\xd8\xff", "image/jpeg"), (b"RIFF", "image/webp"))
_RASTER = frozenset({"png", "jpg", "jpeg", "webp"})
_MARKUP = re.compile(r"<[^>]*>")


@dataclass(frozen=True)
class TileFacts:
    """`bounds` are west, south, east, north in degrees; `attribution` is text, whatever markup it came in."""

    name: str
    attribution: str
    least_zoom: int
    most_zoom: int
    bounds: tuple[float, float, float, float]
    version: str
    """Another one when the file is another."""


class TileFile:
    """Opened read-only for each use, by whoever calls from a thread; nothing is held while nobody looks at a map."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def facts(self) -> TileFacts | None:
        """None when there is no such file, or what is in it is no map of pictures (vector tiles are none)."""
        try:
            with self._open() as base:
                said = {str(name): str(value) for name, value in base.execute("SELECT name, value FROM metadata")}
                least, most = _zooms(base, said)
            stat = self._path.stat()
        except (OSError, sqlite3.Error):
            return None
        if said.get("format", "png").lower() not in _RASTER or least is None or most is None:
            return None
        return TileFacts(
            name=_text(said.get("name", "")),
            attribution=_text(said.get("attribution", "")),
            least_zoom=min(DEEPEST, max(0, least)),
            most_zoom=min(DEEPEST, max(0, most)),
            bounds=_bounds(said.get("bounds", "")),
            version=f"{stat.st_mtime_ns:x}-{stat.st_size:x}",
        )

    def tile(self, zoom: int, column: int, row: int) -> tuple[str, bytes] | None:
        """Type and bytes of one picture, `row` counted from the north as in addresses; None when there is none."""
        if not (0 <= zoom <= DEEPEST and 0 <= column < 1 << zoom and 0 <= row < 1 << zoom):
            return None
        place = (zoom, column, (1 << zoom) - 1 - row)
        try:
            with self._open() as base:
                found = base.execute(
                    "SELECT tile_data FROM tiles WHERE zoom_level = ? AND tile_column = ? AND tile_row = ? LIMIT 1",
                    place,
                ).fetchone()
        except (OSError, sqlite3.Error):
            return None
        data = bytes(found[0]) if found and isinstance(found[0], bytes) else b""
        kind = next((kind for magic, kind in _MAGIC if data.startswith(magic)), None)
        return (kind, data) if kind and len(data) <= TILE_BYTES else None

    def _open(self) -> _Opened:
        return _Opened(self._path)


class _Opened:
    """`immutable`: no lock and no journal is looked for, so a file on a read-only medium does."""

    def __init__(self, path: Path) -> None:
        self._base = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro&immutable=1", uri=True, timeout=1)

    def __enter__(self) -> sqlite3.Connection:
        return self._base

    def __exit__(self, *_: object) -> None:
        self._base.close()


def _zooms(base: sqlite3.Connection, said: Mapping[str, str]) -> Sequence[int | None]:
    """The coarsest and the finest, as the file says them or as they are; each question by itself uses the index."""
    told = [said.get(name, "") for name in ("minzoom", "maxzoom")]
    if all(value.isascii() and value.isdigit() for value in told):
        return [int(value) for value in told]
    row = base.execute("SELECT (SELECT min(zoom_level) FROM tiles), (SELECT max(zoom_level) FROM tiles)").fetchone()
    return [int(value) if isinstance(value, int) else None for value in row]


def _text(value: str) -> str:
    return " ".join(unescape(_MARKUP.sub("", value)).split())[:300]


def _bounds(value: str) -> tuple[float, float, float, float]:
    """West, south, east, north as the file says them; the whole world where it says nothing that can be so."""
    try:
        west, south, east, north = (float(part) for part in value.split(","))
    except ValueError:
        return WORLD
    inside = WORLD[0] <= west < east <= WORLD[2] and -90 <= south < north <= 90  # noqa: PLR2004 - the poles
    return (west, south, east, north) if inside else WORLD
