"""The audit log as a table for a spreadsheet, with nothing in it that a spreadsheet would work out."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

from vmsd.clock import rfc3339
from vmsd.model.audit import Record

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""A cell that begins with one of these, or with its wide form, is a formula to some spreadsheet."""
BOM = "\ufeff"
COLUMNS = (
    "time",
    "clock_trusted",
    "city_id",
    "person_id",
    "person",
    "role",
    "address",
    "action",
    "subject_kind",
    "subject_id",
    "reason",
    "facts",
    "id",
)


def csv_lines(records: Iterable[Record]) -> bytes:
    return _lines(_cells(record) for record in records).encode("utf-8", "replace")


def _lines(rows: Iterable[Sequence[object]]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows([_safe(cell) for cell in row] for row in rows)
    return text.getvalue()


def _cells(record: Record) -> tuple[object, ...]:
    return (
        rfc3339(record.at_ms),
        "true" if record.clock_trusted else "false",
        record.city,
        record.person,
        record.person_name,
        record.role,
        record.address,
        record.action,
        record.subject_kind,
        record.subject,
        record.reason,
        record.facts,
        record.id,
    )


def _safe(cell: object) -> str:
    text = "" if cell is None else str(cell)
    return f"'{text}" if text.lstrip(" ").startswith(FORMULA) else text


CSV_HEAD = (BOM + _lines([COLUMNS])).encode()
"""UTF-8 that says so, or a spreadsheet takes it for something older."""
