"""Destroys what a box keeps, so that a power cut or a kill at any point leaves work that can be gone on with."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import stat
import struct
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vmsd.errors import BadSetting
from vmsd.host.durable import sync, write_durably
from vmsd.host.tree import LOST_AND_FOUND

RECORD = "decommission.json"
"""Beside the database from the first thing destroyed to the last; whoever finds it there goes on."""
FITRIM = 0xC0185879
"""Of <linux/fs.h>: the file system tells the disk which blocks hold nothing any more."""
NOT_OFFERED = {errno.EOPNOTSUPP, errno.ENOTTY, errno.EINVAL, errno.EPERM, errno.EACCES, errno.EROFS, errno.ENOSYS}
CHUNK_BYTES = 1 << 20
FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW


@dataclass(frozen=True)
class Content:
    """What lies below a folder."""

    files: int
    bytes: int


def read_record(data_dir: Path) -> dict[str, Any] | None:
    """What an earlier try has left; None when nothing was begun."""
    try:
        record: dict[str, Any] = json.loads((data_dir / RECORD).read_text("utf-8"))
    except FileNotFoundError:
        return None
    return record


def write_record(data_dir: Path, record: Mapping[str, Any]) -> None:
    write_durably(data_dir / RECORD, json.dumps(record, ensure_ascii=False, indent=1).encode())


def refuse_while_underway(data_dir: Path) -> None:
    """Raises `BadSetting` on a box of which part is destroyed already: nothing may be written there any more."""
    if (data_dir / RECORD).exists():
        raise BadSetting(f"{data_dir} is being decommissioned: `vmsd decommission` goes on with it")


def content_of(folder: Path, kept: Collection[Path] = ()) -> Content:
    """Files and links, without those `kept`; nothing is followed. A folder that is not there holds nothing."""
    files = size = 0
    for place, _, names, handle in os.fwalk(folder):
        for name in names:
            if Path(place, name) not in kept:
                facts = os.stat(name, dir_fd=handle, follow_symlinks=False)
                files, size = files + 1, size + (facts.st_size if stat.S_ISREG(facts.st_mode) else 0)
    return Content(files, size)


def empty(folder: Path, kept: Collection[Path] = (), *, overwrite: bool) -> None:
    """Remove all below `folder` but what is `kept` (files, or folders with all in them); twice is as good as once.

    No link is followed, and nothing mounted below is entered with impunity: its folder cannot be removed.
    """
    if not folder.is_dir():
        return
    handle = os.open(folder, FOLDER)
    try:
        _empty(handle, folder, frozenset(kept), overwrite=overwrite)
        os.fsync(handle)
    finally:
        os.close(handle)


def _empty(handle: int, place: Path, kept: frozenset[Path], *, overwrite: bool) -> bool:
    """Whether nothing is left."""
    clean = True
    with os.scandir(handle) as found:
        entries = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in found]
    for name, is_folder in entries:
        path = place / name
        if path in kept or (name == LOST_AND_FOUND and place.is_mount()):
            clean = False
        elif is_folder:
            clean = _remove_folder(handle, path, kept, overwrite=overwrite) and clean
        else:
            remove(path.name, overwrite=overwrite, folder=handle)
    return clean


def _remove_folder(parent: int, path: Path, kept: frozenset[Path], *, overwrite: bool) -> bool:
    handle = os.open(path.name, FOLDER, dir_fd=parent)
    try:
        clean = _empty(handle, path, kept, overwrite=overwrite)
    finally:
        os.close(handle)
    if clean:
        os.rmdir(path.name, dir_fd=parent)
    return clean


def remove(name: str | Path, *, overwrite: bool, folder: int | None = None) -> None:
    """One file, gone from the folder with its blocks; where that is asked for, its bytes are written over first."""
    with suppress(FileNotFoundError):
        if stat.S_ISREG(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
            _empty_file(name, folder, overwrite=overwrite)
        os.unlink(name, dir_fd=folder)


def _empty_file(name: str | Path, folder: int | None, *, overwrite: bool) -> None:
    """Written over in its own blocks, and on the disk before the name goes; what a flash disk keeps aside stays.

    Without that its blocks are given back at once: XFS does so some time after the name is gone, too late to be
    discarded.
    """
    handle = os.open(name, os.O_WRONLY | os.O_NOFOLLOW, dir_fd=folder)
    try:
        left = os.fstat(handle).st_size if overwrite else 0
        while left > 0:
            left -= os.write(handle, bytes(min(left, CHUNK_BYTES)))
        if overwrite:
            os.fsync(handle)
        os.ftruncate(handle, 0)
    finally:
        os.close(handle)


def discard_free(folder: Path) -> bool:
    """Have the disk forget every block that is free now; False where disk, file system or our rights offer it not.

    The system's own file system is left to the system: it may be large, and most of it is none of a site's business.
    """
    if folder.stat().st_dev == Path("/").stat().st_dev:
        return False
    sync(folder)
    handle = os.open(folder, FOLDER)
    try:
        os.fsync(handle)
        fcntl.ioctl(handle, FITRIM, struct.pack("=QQQ", 0, (1 << 64) - 1, 0))
    except OSError as error:
        if error.errno in NOT_OFFERED:
            return False
        raise
    finally:
        os.close(handle)
    return True


def file_system_of(folder: Path) -> str:
    """Its kind, as `ext4`; the longest mount point above the folder counts."""
    best, kind = "", "unknown"
    for line in Path("/proc/self/mounts").read_text("utf-8").splitlines():
        _, point, found, *_ = line.split()
        if (folder == Path(point) or folder.is_relative_to(point)) and len(point) >= len(best):
            best, kind = point, found
    return kind
