"""A stick somebody has put in: read, never written to, and nothing on it is trusted."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from vmsd.errors import Invalid
from vmsd.update.bundle import SUFFIX
from vmsd.update.versions import Version, parse_version

KEYS_SUFFIX = ".vmsdk"
FILE_SYSTEMS = "vfat,exfat,ext4"
OPTIONS = "ro,nodev,nosuid,noexec"
DEADLINE_S = 60
FILES = 1000


@contextmanager
def mounted(device: Path) -> Iterator[Path]:
    """In this process's own view of the file system, which systemd takes away with it."""
    with tempfile.TemporaryDirectory(prefix="vmsd-update-") as folder:
        words = ["mount", "-t", FILE_SYSTEMS, "-o", OPTIONS, str(device), folder]
        done = subprocess.run(words, capture_output=True, text=True, timeout=DEADLINE_S, check=False)  # noqa: S603
        if done.returncode:
            raise Invalid(f"{device.name} cannot be read: {done.stderr.strip()[-200:]}")
        try:
            yield Path(folder)
        finally:
            subprocess.run(["umount", folder], timeout=DEADLINE_S, check=False)  # noqa: S603, S607


def replaced_keys(folder: Path) -> list[Path]:
    return [file for file in _files(folder) if file.name.endswith(KEYS_SUFFIX)][:4]


def newest_update(folder: Path, than: Version, arch: str) -> Path | None:
    """By its name, which is only a first guess: whether it is one, and for this box, is found out later.

    None newer than what runs is nothing to complain about: sticks are left in boxes, and carried from one to another.
    """
    named = [(version, file) for file in _files(folder) if (version := _version_of(file.name, arch)) is not None]
    found = [one for one in named if one[0] > than]
    return max(found, key=lambda one: one[0])[1] if found else None


def _version_of(name: str, arch: str) -> Version | None:
    """Of `vmsd-update-<version>-<arch>.vmsdu`."""
    end = f"-{arch}{SUFFIX}"
    if not name.endswith(end):
        return None
    try:
        return parse_version(name.removesuffix(end).removeprefix("vmsd-update-"))
    except Invalid:
        return None


def _files(folder: Path) -> list[Path]:
    """Of the stick's top folder, no links."""
    with os.scandir(folder) as found:
        names = [one.name for one, _ in zip(found, range(FILES), strict=False) if one.is_file(follow_symlinks=False)]
    return [folder / name for name in sorted(names)]
