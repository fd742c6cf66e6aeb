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
from typing import NamedTuple

FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
NO_REPLACE = 1
"""RENAME_NOREPLACE of <linux/fs.h>."""
LOST_AND_FOUND = "lost+found"
"""Of the file system itself, on every new ext4: root's alone, and no city."""
NO_FOLDER = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP}


@dataclass(frozen=True)
class Folder:
    """A camera's folder: the public ids of its city and of the camera."""

    city: str
    camera: str


class FileFacts(NamedTuple):
    """One file as it is now."""

    name: str
    bytes: int
    changed_ns: int


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
        cities = [name for name in _subfolders(self.root) if name != LOST_AND_FOUND]
        return [Folder(city, camera) for city in cities for camera in _subfolders(self.root / city)]

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

    def files(self, folder: Folder) -> list[FileFacts]:
        """The regular files in the folder; none when there is no such folder."""
        try:
            with self._handle(folder) as handle, os.scandir(handle) as entries:
                return [facts for entry in entries if (facts := _facts(entry))]
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

    def rename(self, folder: Folder, name: str, new_name: str) -> None:
        """Give a file another name and make that durable; never in the place of another file.

        `FileExistsError` when the new name is taken, `FileNotFoundError` when there is no such file.
        """
        with self._handle(folder) as handle:
            _rename(handle, name, handle, new_name)
            os.fsync(handle)

    def set_aside(self, folder: Folder, name: str, place: str) -> str:
        """Move a file to the same folder under `place`, in the volume's root, durably; the name it has there.

        `FileNotFoundError` when there is no such file.
        """
        with self._handle(folder) as handle, _made(self.root, place, folder.city, folder.camera) as target:
            new_name, number = name, 0
            while True:
                try:
                    _rename(handle, name, target, new_name)
                except FileExistsError:
                    number += 1
                    new_name = f"{name}.{number}"
                else:
                    break
            os.fsync(target)
            os.fsync(handle)
        return new_name

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


@contextmanager
def _made(root: Path, *names: str) -> Iterator[int]:
    """A folder below another, made as needed, each of them durably."""
    handle = os.open(root, FOLDER)
    try:
        for name in names:
            with suppress(FileExistsError):
                os.mkdir(name, 0o750, dir_fd=handle)
                os.fsync(handle)
            parent, handle = handle, os.open(name, FOLDER, dir_fd=handle)
            os.close(parent)
        yield handle
    finally:
        os.close(handle)


def _facts(entry: os.DirEntry[str]) -> FileFacts | None:
    """None for what is no file, or has just gone."""
    try:
        facts = entry.stat(follow_symlinks=False)
    except FileNotFoundError:
        return None
    return FileFacts(entry.name, facts.st_size, facts.st_mtime_ns) if stat.S_ISREG(facts.st_mode) else None


def _unlink(name: str, handle: int) -> bool:
    """False when the file is still there: whoever asked tries again later."""
    try:
        os.unlink(name, dir_fd=handle)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True


def _rename(handle: int, name: str, new_handle: int, new_name: str) -> None:
    """renameat2(2), which alone does not replace what is there; some file systems have only the older call."""
    library = ctypes.CDLL(None, use_errno=True)
    if library.renameat2(handle, os.fsencode(name), new_handle, os.fsencode(new_name), NO_REPLACE) == 0:
        return
    number = ctypes.get_errno()
    if number not in (errno.EINVAL, errno.ENOSYS):
        raise OSError(number, os.strerror(number), new_name)
    if _is_there(new_name, new_handle):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), new_name)
    os.rename(name, new_name, src_dir_fd=handle, dst_dir_fd=new_handle)


def _is_there(name: str, handle: int) -> bool:
    try:
        os.lstat(name, dir_fd=handle)
    except FileNotFoundError:
        return False
    return True


def _subfolders(path: Path) -> Iterable[str]:
    with suppress(FileNotFoundError, NotADirectoryError), os.scandir(path) as entries:
        return sorted(
            entry.name for entry in entries if not entry.name.startswith(".") and entry.is_dir(follow_symlinks=False)
        )
    return []
