"""The database as an older program left it, kept as a copy before this program's schema changes it."""

from __future__ import annotations

import re
import sqlite3
from contextlib import suppress
from pathlib import Path

from vmsd.errors import BadSetting, StorageFull
from vmsd.store.before_update import copy_database, schema_of
from vmsd.store.migrate import migration_files

KEPT = 2
NAME = re.compile(r"\.schema-(\d{4})$")


def keep_former(database: Path) -> Path | None:
    """Copy a database that is about to be migrated; None when nothing is.

    `vmsd.db.schema-0006` is the database as schema 6 had it. Raises `OSError` or `StorageFull` when it cannot.
    """
    version = _version(database)
    if not 0 < version < len(migration_files()):
        return None
    copy = database.with_name(f"{database.name}.schema-{version:04d}")
    try:
        copy_database(database, copy)
    except sqlite3.Error as error:
        raise StorageFull(f"the database cannot be copied: {error}") from error
    for old in list_former(database)[KEPT:]:
        old.unlink()
    return copy


def refuse_newer(database: Path) -> None:
    """Raises `BadSetting` for a database a newer program has changed, and says what brings the former one back."""
    version, known = _version(database), len(migration_files())
    if version <= known:
        return
    copies = [one for one in list_former(database) if _number(one) <= known]
    back = f"; the database as it was before is {copies[0]}, and `vmsd restore` puts it back" if copies else ""
    raise BadSetting(f"the database has schema {version}, this version of vmsd knows only {known}{back}")


def list_former(database: Path) -> list[Path]:
    """Newest schema first."""
    found = [one for one in database.parent.glob(f"{database.name}.schema-*") if NAME.search(one.name)]
    return sorted(found, key=_number, reverse=True)


def _number(copy: Path) -> int:
    match = NAME.search(copy.name)
    return int(match[1]) if match else 0


def _version(database: Path) -> int:
    """0 for one that is not there, or that SQLite cannot read: others see to that."""
    if database.exists():
        with suppress(sqlite3.Error):
            return schema_of(database)
    return 0
