"""Before anything of ours opens the database: it is copied for a version on trial, and fits the one that came back."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from pathlib import Path

from vmsd.errors import BadSetting, NotFound
from vmsd.host.daemon_lock import daemon_lock
from vmsd.host.durable import make_folder
from vmsd.store.before_update import copy_database, is_newer_than_program, is_older_than_program
from vmsd.update.journal import Journal, Phase
from vmsd.update.places import Places
from vmsd.update.room import refuse_full

FOLDER = "before-update"
NEW_SIDE = {"deb": frozenset({Phase.INSTALLING, Phase.TRIAL}), "root": frozenset({Phase.TRIAL})}
"""Where the new version may be what runs. While another slot is being written the old one does, and goes on recording:
a copy of then would lack what comes after."""

Restore = Callable[[Path], object]
"""Puts a copy in the database's place, and says so in the audit log; a crash leaves one of the two."""


class Settled(StrEnum):
    """What was done."""

    NOTHING = "nothing"
    COPIED = "copied"
    RESTORED = "restored"


def settle(places: Places, database: Path, restore: Restore) -> Settled:
    """Run as the user the database belongs to; `Conflict` while somebody has it open. May be run any number of times.

    A version that came back gets the database as it was before only when the one that failed has changed its schema:
    else what was recorded, audited and held meanwhile would be lost for nothing. `BadSetting` when it cannot be had.
    """
    if not database.exists():
        return Settled.NOTHING
    journal = Journal(places)
    try:
        plan = journal.plan()
    except (NotFound, BadSetting):  # one that is damaged keeps no box from recording
        return Settled.NOTHING
    copy, phase = database.parent / FOLDER / f"{plan.id}.db", journal.phase()
    if not copy.exists() and (phase in NEW_SIDE[plan.kind] or _is_overtaken(database, phase)):
        with daemon_lock(database.parent):
            return _keep(database, copy)
    if phase in (None, Phase.CONFIRMED) or not is_newer_than_program(database):
        return Settled.NOTHING
    if not copy.exists():
        raise BadSetting(f"the database is of a newer version, and {copy} of before the update is not there")
    restore(copy)
    return Settled.RESTORED


def _is_overtaken(database: Path, phase: Phase | None) -> bool:
    """A new version is about to change the database, though nobody could write down that it runs."""
    return phase in (Phase.INSTALLING, Phase.INSTALLED) and is_older_than_program(database)


def _keep(database: Path, copy: Path) -> Settled:
    """The newest copy alone is kept: those of updates that are over are worth less every day."""
    refuse_full([(copy.parent, database.stat().st_size)])
    make_folder(copy.parent)
    copy_database(database, copy)
    for older in copy.parent.glob("*.db"):
        if older != copy:
            older.unlink()
    return Settled.COPIED
