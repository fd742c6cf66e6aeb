"""Files that are whole or not there, and that stay after a power cut."""

from __future__ import annotations

import os
from collections.abc import Mapping
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


def write_all_durably(files: Mapping[Path, bytes]) -> None:
    """As `write_durably` for each, but their folders, which must be there, are made durable once for all."""
    for file, content in files.items():
        new = _write_new(file, content)
        new.rename(file)
    for folder in {file.parent for file in files}:
        sync(folder)


def write_durably(file: Path, content: bytes) -> None:
    """Whole or not at all, readable by nobody else."""
    _write_new(file, content).rename(file)
    sync(file.parent)


def _write_new(file: Path, content: bytes) -> Path:
    """Beside its place, durable but for its name."""
    new = file.with_name(f".{file.name}.new")
    handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(handle, "wb") as opened:
        os.fchmod(handle, 0o600)
        opened.write(content)
        opened.flush()
        os.fsync(handle)
    return new
