"""Whether a database file holds secrets that only the box's own vault key opens; asked before anything is opened."""

from __future__ import annotations

import sqlite3
from contextlib import closing, suppress
from pathlib import Path

PLACES = (("camera", "secret"), ("person", "totp"), ("destination", "address"), ("webhook_key", "secret"))
"""Answers that are kept for a day, to be given again, are sealed too; nobody misses those."""


def holds_sealed(database: Path) -> bool:
    """False for a database that is not there or cannot be read, and for places an older schema has not."""
    if not database.exists():
        return False
    with (
        suppress(sqlite3.Error),
        closing(sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro", uri=True)) as found,
    ):
        return any(_is_any(found, table, column) for table, column in PLACES)
    return False


def _is_any(connection: sqlite3.Connection, table: str, column: str) -> bool:
    with suppress(sqlite3.OperationalError):
        asked = f"SELECT 1 FROM {table} WHERE {column} IS NOT NULL LIMIT 1"
        return connection.execute(asked).fetchone() is not None
    return False
