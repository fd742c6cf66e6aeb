"""A copy of the database from before another version of the program opened it, and which schema a database has."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from vmsd.store.migrate import migration_files
from vmsd.store.rescue import SIDE_FILES

PAGES = 4096
"""Copied at once; whoever writes meanwhile waits that long at most."""


def schema_of(database: Path) -> int:
    """The number of the schema the file has; 0 of an empty one."""
    with closing(sqlite3.connect(f"{database.absolute().as_uri()}?mode=rw", uri=True)) as opened:
        return int(opened.execute("PRAGMA user_version").fetchone()[0])


def is_newer_than_program(database: Path) -> bool:
    return schema_of(database) > len(migration_files())


def is_older_than_program(database: Path) -> bool:
    return schema_of(database) < len(migration_files())


def copy_database(database: Path, target: Path) -> None:
    """Whole and durable, or not there; what an interrupted copy left is replaced. Nothing in the database changes."""
    new = target.with_name(f".{target.name}.new")
    for name in (new.name, *(new.name + side for side in SIDE_FILES)):
        new.with_name(name).unlink(missing_ok=True)
    os.close(os.open(new, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    with closing(sqlite3.connect(database)) as source, closing(sqlite3.connect(new)) as copy:
        source.backup(copy, pages=PAGES)
    _sync(new)
    new.rename(target)
    _sync(target.parent)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
