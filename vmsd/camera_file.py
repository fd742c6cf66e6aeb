"""A file of cameras, as `vmsd camera import` takes it: TOML with [[camera]] tables, or CSV with a heading line."""

from __future__ import annotations

import codecs
import csv
import io
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from vmsd.errors import Malformed

MOST_BYTES = 4 * 1024 * 1024
SWITCHES = frozenset({"audio", "recording_enabled", "substream"})
YES_NO = {"verdadeiro": "true", "sim": "true", "falso": "false", "não": "false"}
"""What a spreadsheet in Portuguese makes of them; its numbers have a comma, and its empty lines have cells."""


@dataclass(frozen=True)
class CameraFile:
    """Rows with the fields of `POST /api/v1/cameras`; `as_text`: numbers and yes/no are written as text.

    `lines` are those of a CSV file on which the rows end, counted from 1.
    """

    rows: list[dict[str, Any]]
    as_text: bool
    lines: tuple[int, ...] = ()


def read_camera_file(file: Path) -> CameraFile:
    """Raises `Malformed` for what is neither, and for a file without a camera."""
    if file.stat().st_size > MOST_BYTES:
        raise Malformed(f"{file}: larger than {MOST_BYTES} bytes")
    return read_cameras(file.read_bytes(), "toml" if file.suffix.lower() == ".toml" else "csv", str(file))


def read_cameras(raw: bytes, kind: Literal["toml", "csv"], file: str) -> CameraFile:
    """What a file called `file` holds; raises as `read_camera_file` does."""
    text = _decoded(raw, file)
    found = CameraFile(_toml(file, text), False) if kind == "toml" else _table(file, text)
    if not found.rows:
        raise Malformed(f"{file}: there is no camera in it")
    return found


def _decoded(raw: bytes, file: str) -> str:
    """UTF-8, with or without a mark, or what programs on Windows write."""
    if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return raw.decode("utf-16", "replace")
    if b"\0" in raw:
        raise Malformed(f"{file}: this is no text")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return raw.decode("cp1252", "replace")


def _toml(file: str, text: str) -> list[dict[str, Any]]:
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise Malformed(f"{file}: {error}") from error
    rows = content.get("camera", [])
    if set(content) - {"camera"} or not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise Malformed(f"{file}: a TOML file of cameras holds [[camera]] tables and nothing else")
    return rows


def _table(file: str, text: str) -> CameraFile:
    found = _csv(file, text)
    return CameraFile([row for _, row in found], True, tuple(line for line, _ in found))


def _csv(file: str, text: str) -> list[tuple[int, dict[str, Any]]]:
    heading = text.partition("\n")[0]
    mark = next((mark for mark in ";\t" if mark in heading), ",")
    lines = csv.DictReader(io.StringIO(text, newline=""), delimiter=mark, strict=True)
    try:
        rows = [(lines.line_num, _row(file, lines.line_num, row)) for row in lines]
        return [(line, row) for line, row in rows if row]
    except csv.Error as error:
        raise Malformed(f"{file}, line {lines.line_num}: {error}") from error


def _row(file: str, line: int, cells: dict[str | Any, Any]) -> dict[str, Any]:
    """Empty cells are left out; `lat` and `lon` make the location."""
    if any(cells.pop(None, None) or ()):
        raise Malformed(f"{file}, line {line}: more cells than the heading names")
    row: dict[str, Any] = {key.strip().lower(): value for key, value in cells.items() if value and value.strip()}
    row |= {name: YES_NO.get(row[name].strip().lower(), row[name]) for name in SWITCHES & row.keys()}
    if "lat" in row or "lon" in row:
        row["location"] = {name: row.pop(name).replace(",", ".") for name in ("lat", "lon") if name in row}
    return row
