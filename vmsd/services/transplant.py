"""Brings another box, or this one after its disk was lost, to what a bundle says: database and keys at once.

Everything is made ready in one folder, whose new name decides: before it the box is what it was, after it the rest is
done again by whoever opens the database next.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from vmsd.clock import Clock
from vmsd.errors import Conflict
from vmsd.host.durable import make_folder, sync
from vmsd.host.signing import read_box_key
from vmsd.model.audit import Action, Entry, Fact, Who
from vmsd.services.bundles import CREDENTIALS, DATABASE, credential, open_bundle
from vmsd.services.snapshots import KEPT, make_ready, take_place
from vmsd.store.rescue import refuse_unfit

STAGED = ".restoring"
DECIDED = ".restored"
FOLDERS = ("keys", "tls")


@dataclass(frozen=True)
class Transplanted:
    """`box` is the fingerprint of the key this box signs with from now on."""

    box: str
    made_at: str
    kept: Path | None


async def transplant(
    database: Path, clock: Clock, file: Path, identity: str, by: Who, carried: Iterable[str]
) -> Transplanted:
    """Nobody may have the database open. What was there is kept beside it; `Invalid` and `Conflict` change nothing."""
    data_dir = database.parent
    kept = await asyncio.to_thread(finish, database)
    staged = data_dir / STAGED
    await asyncio.to_thread(clear, database)
    make_folder(staged)
    try:
        made_at = await asyncio.to_thread(open_bundle, file, identity, staged)
        await asyncio.to_thread(refuse_unfit, staged / DATABASE, file.name)
        key = read_box_key(staged / "keys" / "signing.key")
        _leave_to_credentials(staged)
        facts: dict[str, Fact] = {"snapshot": file.name, "proven": True, "made_at": made_at}
        facts["box"] = key.fingerprint
        entry = Entry(Action.DATABASE_RESTORED, by, facts=facts)
        await make_ready(staged / DATABASE, database, key, clock, entry, carried)
        _decide(staged)  # in no thread: one that goes on after a Ctrl-C would decide while it is cleared away
    except BaseException:
        shutil.rmtree(staged, ignore_errors=True)
        raise
    kept = await asyncio.to_thread(finish, database) or kept
    return Transplanted(key.fingerprint, made_at, kept)


def _leave_to_credentials(staged: Path) -> None:
    """What systemd hands over is not put on the disk in clear; `Conflict` when that is another key."""
    for name in CREDENTIALS:
        handed, brought = credential(name), staged / "keys" / name
        if handed is None:
            continue
        if handed.read_bytes() != brought.read_bytes():
            raise Conflict(
                f"this box gets another {name} from systemd, which would count: take the credential vmsd.{name} away"
            )
        brought.unlink()


def _decide(staged: Path) -> None:
    """What is replaced is kept first; then one rename says that all of it counts."""
    data_dir = staged.parent
    for name in FOLDERS:
        if (data_dir / name).is_dir() and (staged / name).is_dir():
            _copy_beside(data_dir / name)
    for folder in (*(staged / name for name in FOLDERS), staged):
        if folder.is_dir():
            sync(folder)
    staged.rename(data_dir / DECIDED)
    sync(data_dir)


def _copy_beside(folder: Path) -> None:
    """Files alone: what lies in folders, the keys of months, stays where it is, and is destroyed there when due."""
    kept, number = folder.with_name(folder.name + KEPT), 1
    while kept.exists():
        number += 1
        kept = folder.with_name(f"{folder.name}{KEPT}.{number}")
    kept.mkdir(mode=0o700)
    for file in [*folder.iterdir()]:
        if file.is_file():
            sync(Path(shutil.copy2(file, kept)))
    sync(kept)


def clear(database: Path) -> None:
    """Remove what a restore that was killed before it was decided had unpacked: the keys of a box lie in it."""
    shutil.rmtree(database.parent / STAGED, ignore_errors=True)


def unfinished(database: Path) -> bool:
    """Whether a restore was broken off after it was decided."""
    return (database.parent / DECIDED).is_dir()


def finish(database: Path) -> Path | None:
    """Put everything of a decided restore into its place; may be done again and again. The database that was there."""
    decided, kept = database.parent / DECIDED, None
    if not decided.is_dir():
        return None
    for name in FOLDERS:
        if (decided / name).is_dir():
            make_folder(database.parent / name)
            for file in (decided / name).iterdir():
                file.replace(database.parent / name / file.name)
            sync(database.parent / name)
    if (decided / DATABASE).exists():
        kept = take_place(decided / DATABASE, database)
    shutil.rmtree(decided)
    sync(database.parent)
    return kept
