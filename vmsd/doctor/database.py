"""Looks into the database without touching it: read only, and beside no daemon without so much as a lock."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import quote

from vmsd.config import Settings
from vmsd.doctor.check import Broken, Unknown
from vmsd.store.cameras import COLUMNS

BUSY_S = 2.0
DAMAGED = ("SQLITE_CORRUPT", "SQLITE_NOTADB", "SQLITE_IOERR", "SQLITE_FORMAT")
RESTORE = "stop vmsd and restore the newest snapshot: vmsd restore"
CAMERAS = (
    f"SELECT {COLUMNS}, '' AS group_name, (SELECT public_id FROM city WHERE city.id = camera.city_id) AS city "  # noqa: S608 - names of columns alone
    "FROM camera WHERE removed_ms IS NULL ORDER BY city_id, id"
)


@contextmanager
def opened(settings: Settings) -> Iterator[sqlite3.Connection]:
    """`Unknown` where there is none, or where only the daemon can put it in order again; `Broken` where it is damaged.

    While somebody has it open (its `-shm` is there) it is read as any reader does, and else as a file that nobody
    writes: SQLite then makes no files beside it.
    """
    file = settings.database
    if not file.exists():
        raise Unknown(f"there is no database in {settings.data_dir}", "start vmsd: it makes one")
    wal = file.with_name(f"{file.name}-wal")
    in_use = file.with_name(f"{file.name}-shm").exists() and is_daemon_running(settings.data_dir)
    if not in_use and wal.exists() and wal.stat().st_size:
        raise Unknown(
            "the database was not closed when vmsd ended", "start vmsd, which puts it in order, and ask again"
        )
    mode = "mode=ro" if in_use else "mode=ro&immutable=1"
    try:
        with closing(sqlite3.connect(f"file:{quote(str(file))}?{mode}", uri=True, timeout=BUSY_S)) as connection:
            connection.row_factory = sqlite3.Row
            yield connection
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorname", "").startswith(DAMAGED):
            raise Broken(f"the database is damaged: {error}", RESTORE) from error
        raise Unknown(f"the database cannot be read now: {error}", "see what the others say, and ask again") from error


def find_meta(settings: Settings, key: str) -> str | None:
    with opened(settings) as connection:
        row = connection.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
    return None if row is None else str(row[0])


def cameras(settings: Settings) -> list[sqlite3.Row]:
    """Of every city, those that are not removed; `city` is its public id."""
    with opened(settings) as connection:
        return connection.execute(CAMERAS).fetchall()


def is_daemon_running(data_dir: Path) -> bool:
    """Whether a daemon runs: the kernel's own list, for to ask for the lock would be to take it."""
    lock = data_dir / "daemon.lock"
    if not lock.exists():
        return False
    inode = f":{lock.stat().st_ino} "
    return any("FLOCK" in line and inode in line for line in Path("/proc/locks").read_text("ascii").splitlines())
