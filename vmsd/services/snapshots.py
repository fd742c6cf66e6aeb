"""Snapshots of the database that an operator takes away, each with its digest beside it, and brings back.

A plain one is the database alone; one for a recipient is a bundle with the box's keys: see `bundles`.
"""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp

from vmsd.clock import Clock
from vmsd.errors import Invalid
from vmsd.host.age import MAGIC
from vmsd.host.durable import sync
from vmsd.host.signing import BoxKey
from vmsd.model.audit import Action, Entry, Fact, Who
from vmsd.services.audit import AuditLog
from vmsd.services.bundles import read_keys, write_bundle
from vmsd.services.lifetime import RUNNING
from vmsd.store.database import Database, open_database
from vmsd.store.rescue import fold, keep_beside, peek, refuse_unfit

DIGEST = ".sha256"
KEPT = ".before-restore"
ROOM = ".backup-"
"""Before the names of folders for what must not stay: the package's wrapper has such ones too."""
PRIVATE = 0o600
SQLITE = b"SQLite format 3\0"
CHUNK_BYTES = 1 << 20


@dataclass(frozen=True)
class Restored:
    """`kept` is where the database is now that was there before; `proven` when a digest vouched for the snapshot."""

    kept: Path | None
    proven: bool


async def back_up(database: Database, audit: AuditLog, file: Path, by: Who) -> str:
    """Make a snapshot at `file`, durably, and its digest beside it; the digest. `Invalid` when that place is taken.

    An older snapshot of the same name is replaced: at every moment one of the two is there, whole.
    """
    refuse_place(file, database.path)
    temporary = file.with_name(f".{file.name}.new")
    _remove(temporary, *(temporary.with_name(temporary.name + side) for side in ("-journal", "-wal", "-shm")))
    await database.back_up(temporary)
    digest, size = await asyncio.to_thread(_put_in_place, temporary, file)
    facts: dict[str, Fact] = {"snapshot": file.name, "sha256": digest, "bytes": size}
    await audit.record(Entry(Action.DATABASE_BACKED_UP, by, facts=facts))
    return digest


async def back_up_for(
    recipient: str, database: Database, audit: AuditLog, key: BoxKey, clock: Clock, file: Path, by: Who
) -> str:
    """As `back_up`, with the box's keys, and for the owner of an age key alone. The plain copy never leaves the box."""
    refuse_place(file, database.path)
    temporary = file.with_name(f".{file.name}.new")
    with _room(database.path.parent) as room:
        await database.back_up(room / database.path.name)
        keys = await asyncio.to_thread(read_keys, database.path.parent)
        await asyncio.to_thread(
            write_bundle, room / database.path.name, keys, key, recipient, temporary, clock.wall_ms()
        )
    digest, size = await asyncio.to_thread(_put_in_place, temporary, file)
    facts: dict[str, Fact] = {"snapshot": file.name, "sha256": digest, "bytes": size, "recipient": recipient}
    await audit.record(Entry(Action.DATABASE_BACKED_UP, by, facts=facts))
    return digest


@contextmanager
def _room(data_dir: Path) -> Iterator[Path]:
    """A folder for a plain copy: one's own, as long as the block runs."""
    clear(data_dir)
    room = Path(mkdtemp(prefix=ROOM, dir=data_dir))
    handle = os.open(room, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield room
    finally:
        shutil.rmtree(room, ignore_errors=True)
        os.close(handle)


def clear(data_dir: Path) -> None:
    """Remove the plain copies of backups that were killed: nobody would make anonymous what is in them."""
    for room in data_dir.glob(f"{ROOM}*"):
        with suppress(FileNotFoundError, BlockingIOError, PermissionError):  # somebody is at it
            _remove_left(room)


def _remove_left(room: Path) -> None:
    handle = os.open(room, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(room, ignore_errors=True)
    finally:
        os.close(handle)


def refuse_place(file: Path, database: Path) -> None:
    """Raises `Invalid` unless a snapshot may be written there."""
    if not file.parent.is_dir():
        raise Invalid(f"there is no folder {file.parent}")
    if not file.exists():
        return
    if file.resolve() == database.resolve():
        raise Invalid(f"{file} is the database itself")
    with file.open("rb") as opened:
        if not opened.read(len(MAGIC)).startswith((SQLITE, MAGIC)):
            raise Invalid(f"{file} is there already, and is no snapshot")


def _put_in_place(temporary: Path, file: Path) -> tuple[str, int]:
    """A digest stands beside no other file than its own: the old one goes first, the new one comes last."""
    temporary.chmod(PRIVATE)
    sync(temporary)
    digest, size = _digest(temporary), temporary.stat().st_size
    beside = file.with_name(file.name + DIGEST)
    _remove(beside)
    temporary.rename(file)
    sync(file.parent)
    new = file.with_name(f".{file.name}{DIGEST}.new")
    new.write_text(f"{digest}  {file.name}\n", "utf-8")
    sync(new)
    new.rename(beside)
    sync(file.parent)
    return digest, size


async def restore(database: Path, key: BoxKey, clock: Clock, file: Path, by: Who, carried: Iterable[str]) -> Restored:
    """Put a snapshot in the database's place; nobody may have that open.

    `carried` are the keys of facts of this machine, not of what was saved: they stay as they are now. The row of the
    audit log is in the new database before that is the database: a crash anywhere leaves the old one or the new one.
    """
    copy = database.with_name(f"{database.name}.restoring")
    _remove(copy, *(copy.with_name(copy.name + side) for side in ("-journal", "-wal", "-shm")))
    try:
        digest = await asyncio.to_thread(_copied, file, copy)
        proven = await asyncio.to_thread(_refuse_damaged, file, digest)
        await asyncio.to_thread(refuse_unfit, copy, file.name)
    except Invalid:
        _remove(copy)
        raise
    facts: dict[str, Fact] = {"snapshot": file.name, "sha256": digest, "proven": proven}
    await make_ready(copy, database, key, clock, Entry(Action.DATABASE_RESTORED, by, facts=facts), carried)
    return Restored(await asyncio.to_thread(take_place, copy, database), proven)


async def make_ready(
    copy: Path, database: Path, key: BoxKey, clock: Clock, entry: Entry, carried: Iterable[str]
) -> None:
    """Write into a copy what it has to know when it takes the database's place; that is one file afterwards, too."""
    await asyncio.to_thread(fold, database)
    remembered = {name: value for name in carried if (value := await asyncio.to_thread(peek, database, name))}
    async with open_database(copy) as opened:
        audit = AuditLog(opened, key, clock, lambda: False)
        await audit.record(entry, {**remembered, RUNNING: ""})
    await asyncio.to_thread(fold, copy)


def _refuse_damaged(file: Path, digest: str) -> bool:
    """Raises `Invalid` when the digest beside a snapshot is of other bytes; False when there is none."""
    try:
        told = file.with_name(file.name + DIGEST).read_text("utf-8").split()
    except FileNotFoundError:
        return False
    if not told or told[0] != digest:
        raise Invalid(f"{file.name} is damaged: {file.name}{DIGEST} was made of other bytes")
    return True


def _copied(file: Path, copy: Path) -> str:
    hashed = hashlib.sha256()
    with file.open("rb") as source, open(copy, "xb", opener=_privately) as target:
        while data := source.read(CHUNK_BYTES):
            hashed.update(data)
            target.write(data)
    return hashed.hexdigest()


def take_place(copy: Path, database: Path) -> Path | None:
    """Durably; where the database is now that was there before."""
    sync(copy)
    kept = keep_beside(database, KEPT)
    copy.rename(database)
    sync(database.parent)
    return kept


def _privately(path: str, flags: int) -> int:
    return os.open(path, flags, PRIVATE)


def _digest(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _remove(*files: Path) -> None:
    for file in files:
        with suppress(FileNotFoundError):
            file.unlink()
