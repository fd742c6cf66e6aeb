"""What can be said of a database file before anything is opened on it for good."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

from vmsd.errors import Conflict, Invalid
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


def refuse_unfit(snapshot: Path, name: str) -> None:
    """`Invalid` says why a file cannot take the database's place: damaged, of a newer program, or something else.

    Every page of it is read, and every index compared with its table.
    """
    try:
        with closing(sqlite3.connect(f"{snapshot.absolute().as_uri()}?immutable=1", uri=True)) as connection:
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            sound = connection.execute("PRAGMA integrity_check(1)").fetchall() == [("ok",)]
            ours = connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'camera_day'").fetchone()
    except sqlite3.Error as error:
        raise Invalid(f"{name} is damaged, or no database: {error}") from error
    if not sound:
        raise Invalid(f"{name} is damaged")
    if not ours or version < 1:
        raise Invalid(f"{name} is no snapshot of vmsd")
    if version > len(migration_files()):
        raise Invalid(f"{name} was made by a newer version of vmsd")


def fold(path: Path) -> None:
    """Make one file of a database that nobody has open; one that is broken, or not there, stays as it is.

    Raises `Conflict` when somebody has it open all the same.
    """
    if not path.exists():
        return
    try:
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            connection.execute("PRAGMA journal_mode = DELETE").fetchall()
    except sqlite3.DatabaseError as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF not in BROKEN:
            raise Conflict(f"the database is in use: {error}") from error


def peek(path: Path, key: str) -> str | None:
    """A fact of the `meta` table of a database that nobody has open; None where there is none to be had."""
    with suppress(sqlite3.Error), closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as found:
        row = found.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return str(row[0]) if row else None
    return None


def keep_beside(path: Path, suffix: str) -> Path | None:
    """Give a database a second name, free until now, so that another can take its place; None when there is none.

    What SQLite keeps beside a broken one goes with it: under its successor it would destroy that.
    """
    if not path.exists():
        return None
    kept, number = path.with_name(path.name + suffix), 1
    while kept.exists():
        number += 1
        kept = path.with_name(f"{path.name}{suffix}.{number}")
    os.link(path, kept)
    for side in SIDE_FILES:
        with suppress(FileNotFoundError):
            path.with_name(path.name + side).rename(kept.with_name(kept.name + side))
    return kept
