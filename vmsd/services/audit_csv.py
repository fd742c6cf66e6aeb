"""The audit log as a table for a spreadsheet."""

from __future__ import annotations

from collections.abc import Iterable

from vmsd.clock import rfc3339
from vmsd.model.audit import Record
from vmsd.services.spreadsheet import table_head, table_lines

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
    return table_lines(_cells(record) for record in records)


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


CSV_HEAD = table_head(COLUMNS)
