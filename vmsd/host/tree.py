"""The folders and files of the recordings volume, reached so that no link leads out of it."""

from __future__ import annotations

import ctypes
import errno
import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
NO_FOLDER = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP}


@dataclass(frozen=True)
class Folder:
    """A camera's folder: the public ids of its city and of the camera."""

    city: str
    camera: str


@dataclass(frozen=True)
class Tree:
    """Every method blocks on the disk: call them from a thread.

    A link in the place of a folder or file is no folder and no file.
    """

    root: Path

    def path(self, folder: Folder, name: str) -> Path:
        return self.root / folder.city / folder.camera / name

    def folders(self) -> list[Folder]:
        """Every folder two levels down, whatever its name; a leading dot hides one."""
        return [Folder(city, camera) for city in _subfolders(self.root) for camera in _subfolders(self.root / city)]

    def changed_ns(self, folder: Folder) -> int | None:
        """When a file last came to or left the folder; None when there is no such folder."""
        try:
            facts = os.lstat(self.root / folder.city / folder.camera)
        except OSError as error:
            if error.errno in NO_FOLDER:
                return None
            raise
        return facts.st_mtime_ns if stat.S_ISDIR(facts.st_mode) else None

    def names(self, folder: Folder) -> list[str]:
        """Names of the regular files in the folder; none when there is no such folder."""
        try:
            with self._handle(folder) as handle, os.scandir(handle) as entries:
                return [entry.name for entry in entries if entry.is_file(follow_symlinks=False)]
        except OSError as error:
            if error.errno in NO_FOLDER:
                return []
            raise

    def exists(self, folder: Folder, name: str) -> bool:
        """False only when the file surely is not there; any doubt is an OSError."""
        try:
            os.lstat(self.path(folder, name))
        except FileNotFoundError:
            return False
        return True

    @contextmanager
    def opened(self, folder: Folder, name: str) -> Iterator[int]:
        """A handle for reading one regular file; OSError when it is none."""
        with self._handle(folder) as handle:
            file = os.open(name, FILE, dir_fd=handle)
            try:
                if not stat.S_ISREG(os.fstat(file).st_mode):
                    raise OSError(errno.EINVAL, "not a regular file")
                yield file
            finally:
                os.close(file)

    def sync(self, folder: Folder) -> None:
        """Make the names in the folder durable, and the folder's own name."""
        with self._handle(folder) as handle:
            os.fsync(handle)
        with _open(self.root / folder.city) as parent:
            os.fsync(parent)

    def unlink(self, folder: Folder, names: Sequence[str]) -> list[str]:
        """Remove files and make that durable; the names that surely are gone now.

        A folder that is not there has no files. OSError when nothing could be made durable.
        """
        try:
            with self._handle(folder) as handle:
                gone = [name for name in names if _unlink(name, handle)]
                os.fsync(handle)
        except OSError as error:
            if error.errno == errno.ENOENT:
                return list(names)
            raise
        return gone

    def remove_if_empty(self, folder: Folder) -> bool:
        """True once the folder is not there any more."""
        try:
            with _open(self.root / folder.city) as parent:
                os.rmdir(folder.camera, dir_fd=parent)
                os.fsync(parent)
        except FileNotFoundError:
            return True
        except OSError:
            return False
        return True

    def sync_volume(self) -> None:
        """Make everything on the volume durable: cheaper than file by file when there are many."""
        with _open(self.root) as handle:
            if ctypes.CDLL(None, use_errno=True).syncfs(handle) != 0:
                raise OSError(ctypes.get_errno(), "the volume could not be made durable")

    @contextmanager
    def _handle(self, folder: Folder) -> Iterator[int]:
        with _open(self.root / folder.city) as city:
            handle = os.open(folder.camera, FOLDER, dir_fd=city)
            try:
                yield handle
            finally:
                os.close(handle)


@contextmanager
def _open(path: Path) -> Iterator[int]:
    handle = os.open(path, FOLDER)
    try:
        yield handle
    finally:
        os.close(handle)


def _unlink(name: str, handle: int) -> bool:
    """False when the file is still there: whoever asked tries again later."""
    try:
        os.unlink(name, dir_fd=handle)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True


def _subfolders(path: Path) -> Iterable[str]:
    with suppress(FileNotFoundError, NotADirectoryError), os.scandir(path) as entries:
        return sorted(
            entry.name for entry in entries if not entry.name.startswith(".") and entry.is_dir(follow_symlinks=False)
        )
    return []
