"""Files that are whole or not there, and that stay after a power cut."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


def sync(path: Path) -> None:
    """Make the bytes of a file durable, or the names in a folder."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def make_folder(folder: Path) -> None:
    """Its owner's alone; nothing happens when it is there."""
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700, parents=True)
        sync(folder.parent)


def write_durably(file: Path, content: bytes) -> None:
    """Whole or not at all, readable by nobody else."""
    new = file.with_name(f".{file.name}.new")
    handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(handle, "wb") as opened:
        os.fchmod(handle, 0o600)
        opened.write(content)
        opened.flush()
        os.fsync(handle)
    new.rename(file)
    sync(file.parent)
