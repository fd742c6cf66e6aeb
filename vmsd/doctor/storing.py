"""The database and its copies."""

from __future__ import annotations

from vmsd.doctor.check import Box, Check, Finding, failed, passed, warned
from vmsd.doctor.database import RESTORE, is_daemon_running, opened
from vmsd.host.volume import OWN_FOLDER
from vmsd.store.migrate import migration_files

HOUR_S = 3600
STALE_S = 3 * HOUR_S
"""A snapshot is made every hour."""
MIB = 1 << 20


def database(box: Box) -> Finding:
    newest = len(migration_files())
    with opened(box.set_up) as connection:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        (said,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    size = box.set_up.database.stat().st_size / MIB
    if said != "ok":
        return failed(f"the database is damaged: {said}", RESTORE)
    if version > newest:
        return failed(f"the database is of a newer vmsd ({version}, not {newest})", "install that version again")
    if version < newest:
        return warned(
            f"the database is of an older vmsd ({version}, not {newest})", "start vmsd: it brings it up to date"
        )
    return passed(f"sound, {size:.1f} MiB")


def snapshots(box: Box) -> Finding:
    """Those the box makes every hour on the recordings volume."""
    folder = box.set_up.recordings_dir / OWN_FOLDER / "snapshots"
    found = [file.stat().st_mtime for file in folder.glob("*.db")] if folder.is_dir() else []
    if not found:
        return warned(
            "there is no snapshot of the database", "leave vmsd running for an hour, with its recordings disk"
        )
    age_s = box.clock.wall_ms() / 1000 - max(found)
    if age_s > STALE_S and is_daemon_running(box.set_up.data_dir):
        return failed(
            f"the newest snapshot is {age_s / HOUR_S:.0f} h old", "see what the journal says of database.backup"
        )
    return passed(f"{len(found)} snapshots, the newest {age_s / 60:.0f} min old")


CHECKS = (Check("database", database, 20.0, "it takes too long to read: see to disk wear and system disk"),
          Check("snapshots", snapshots, 8.0))  # fmt: skip
