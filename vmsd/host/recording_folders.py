"""The folders MediaMTX records to, made before it comes: who makes a folder decides who may delete in it.

On the appliance MediaMTX is a user of its own, in one group with vmsd, and the folders it makes are closed to that
group: vmsd could not delete what lies there.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
PASSED = 0o750
"""Of a folder MediaMTX only passes through."""
SHARED = 0o770


def make_recording_folders(recordings_dir: Path, names: Iterable[str]) -> None:
    """Of paths called `<city>/<camera>`. One that cannot be made is left to MediaMTX, which tries again by itself.

    Blocks on the disk; only for a volume that was found to be ours.
    """
    for name in names:
        city, _, camera = name.partition("/")
        with suppress(OSError), _opened(recordings_dir) as root, _made(root, city, PASSED) as folder:
            _make(folder, camera, SHARED)


@contextmanager
def _made(parent: int, name: str, mode: int) -> Iterator[int]:
    _make(parent, name, mode)
    with _opened(name, parent) as handle:
        yield handle


def _make(parent: int, name: str, mode: int) -> None:
    """With that mode, whatever the umask; one that is there stays as it is."""
    with suppress(FileExistsError):
        os.mkdir(name, mode, dir_fd=parent)
        with _opened(name, parent) as handle:
            os.fchmod(handle, mode)
        os.fsync(parent)


@contextmanager
def _opened(path: Path | str, parent: int | None = None) -> Iterator[int]:
    handle = os.open(path, FOLDER, dir_fd=parent)
    try:
        yield handle
    finally:
        os.close(handle)
