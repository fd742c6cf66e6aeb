"""A file of cameras, as `vmsd camera import` takes it: TOML with [[camera]] tables, or CSV with a heading line."""

from __future__ import annotations

import csv
import io
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vmsd.errors import Malformed

MOST_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True)
class CameraFile:
    """Rows with the fields of `POST /api/v1/cameras`; `as_text`: numbers and yes/no are written as text."""

    rows: list[dict[str, Any]]
    as_text: bool


def read_camera_file(file: Path) -> CameraFile:
    """Raises `Malformed` for what is neither, and for a file without a camera."""
    text = _decoded(file)
    found = CameraFile(_toml(file, text), False) if file.suffix == ".toml" else CameraFile(_csv(file, text), True)
    if not found.rows:
        raise Malformed(f"{file}: there is no camera in it")
    return found


def _decoded(file: Path) -> str:
    """UTF-8, with or without a mark, or what a spreadsheet on Windows writes."""
    if file.stat().st_size > MOST_BYTES:
        raise Malformed(f"{file}: larger than {MOST_BYTES} bytes")
    raw = file.read_bytes()
    if b"\0" in raw:
        raise Malformed(f"{file}: this is no text")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return raw.decode("cp1252", "replace")


def _toml(file: Path, text: str) -> list[dict[str, Any]]:
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise Malformed(f"{file}: {error}") from error
    rows = content.get("camera", [])
    if set(content) - {"camera"} or not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise Malformed(f"{file}: a TOML file of cameras holds [[camera]] tables and nothing else")
    return rows


def _csv(file: Path, text: str) -> list[dict[str, Any]]:
    heading = text.partition("\n")[0]
    lines = csv.DictReader(io.StringIO(text, newline=""), delimiter=";" if ";" in heading else ",", strict=True)
    try:
        return [_row(file, lines.line_num, row) for row in lines]
    except csv.Error as error:
        raise Malformed(f"{file}, line {lines.line_num}: {error}") from error


def _row(file: Path, line: int, cells: dict[str | Any, Any]) -> dict[str, Any]:
    """Empty cells are left out; `lat` and `lon` make the location."""
    if None in cells:
        raise Malformed(f"{file}, line {line}: more cells than the heading names")
    row: dict[str, Any] = {key.strip(): value for key, value in cells.items() if value}
    if "lat" in row or "lon" in row:
        row["location"] = {name: row.pop(name) for name in ("lat", "lon") if name in row}
    return row
