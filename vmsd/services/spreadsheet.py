"""Tables for a spreadsheet, with nothing in them that a spreadsheet would work out."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""A cell that begins with one of these, or with its wide form, is a formula to some spreadsheet."""
BOM = "\ufeff"
"""UTF-8 that says so, or a spreadsheet takes it for something older."""


def table_lines(rows: Iterable[Sequence[object]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows([_safe(cell) for cell in row] for row in rows)
    return text.getvalue().encode("utf-8", "replace")


def table_head(columns: Sequence[str]) -> bytes:
    return BOM.encode() + table_lines([columns])


def _safe(cell: object) -> str:
    if isinstance(cell, int | float):
        return str(cell)
    text = "" if cell is None else str(cell)
    return f"'{text}" if text.lstrip(" ").startswith(FORMULA) else text
