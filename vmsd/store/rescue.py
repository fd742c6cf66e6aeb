"""What can be said of a database file before anything is opened on it for good."""

from __future__ import annotations

import sqlite3
from contextlib import closing, suppress
from pathlib import Path

from vmsd.store.migrate import migration_files

BROKEN = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
SIDE_FILES = ("-wal", "-shm", "-journal")
"""What SQLite keeps beside a database; under another database of the same name it would destroy it."""


def is_sound(path: Path) -> bool:
    """Whether SQLite finds nothing wrong with the file and its WAL; an empty file is not sound.

    Blocks for as long as reading the file takes. Any other trouble (no right, no disk, in use) is raised.
    """
    if path.stat().st_size == 0:
        return False
    try:
        with closing(sqlite3.connect(path)) as connection:
            rows = connection.execute("PRAGMA quick_check(1)").fetchall()
    except sqlite3.DatabaseError as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in BROKEN:
            return False
        raise
    return bool(rows == [("ok",)])


def snapshot_volume(path: Path) -> str | None:
    """The volume a sound snapshot belongs to (empty when it knew none); None for one that is of no use."""
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?immutable=1", uri=True)) as connection:
            if connection.execute("PRAGMA quick_check(1)").fetchall() != [("ok",)]:
                return None
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            if not 0 < version <= len(migration_files()):
                return None
            row = connection.execute("SELECT value FROM meta WHERE key = 'volume_uuid'").fetchone()
    except sqlite3.Error:
        return None
    return str(row[0]) if row else ""


def set_aside(path: Path, suffix: str) -> None:
    """Rename a database and everything SQLite keeps beside it, out of the way of the next."""
    for name in (path.name, *(path.name + side for side in SIDE_FILES)):
        with suppress(FileNotFoundError):
            path.with_name(name).rename(path.with_name(name + suffix))
