"""The recordings volume: whether it is there, is ours, and takes writes."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from uuid import UUID, uuid4

from vmsd.host.durable import sync

OWN_FOLDER = ".vmsd"
"""What vmsd itself keeps on the volume lies here; it is no city's folder."""
MARKER = "volume.json"
PROBE = "probe"
MARKER_BYTES = 4096
FULL = {errno.ENOSPC, errno.EDQUOT}
REFUSED = {errno.EROFS, errno.EACCES, errno.EPERM}
ABSENT = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP}


class Condition(StrEnum):
    OK = "ok"
    MISSING = "missing"
    FOREIGN = "foreign"
    UNREADABLE = "unreadable"
    READ_ONLY = "read_only"


@dataclass(frozen=True)
class Marker:
    """Says which volume this is; `sequence` counts the databases that have adopted it."""

    uuid: str
    sequence: int


@dataclass(frozen=True)
class VolumeState:
    condition: Condition
    marker: Marker | None = None

    @property
    def ok(self) -> bool:
        return self.condition is Condition.OK


def inspect(recordings_dir: Path, expected_uuid: str | None, must_be_mount: bool, *, sync: bool = False) -> VolumeState:
    """Look at the volume and, when it is the expected one, write one byte to it (made durable if `sync`).

    Nothing at all is written to a volume whose marker is not the expected one. Blocks on a hung disk.
    """
    if must_be_mount and not recordings_dir.is_mount():
        return VolumeState(Condition.MISSING)
    try:
        marker = read_marker(recordings_dir)
    except OSError:
        return VolumeState(Condition.UNREADABLE)
    except ValueError:
        return VolumeState(Condition.FOREIGN)
    if marker is None or expected_uuid is None:
        return VolumeState(Condition.MISSING, marker)
    if marker.uuid != expected_uuid:
        return VolumeState(Condition.FOREIGN, marker)
    return VolumeState(_probe(recordings_dir, sync=sync), marker)


def read_marker(recordings_dir: Path) -> Marker | None:
    """None where there is none; ValueError for one that makes no sense."""
    try:
        with _own_folder(recordings_dir) as folder:
            content = _read(folder, MARKER)
    except OSError as error:
        if error.errno in ABSENT:
            return None
        raise
    return _parse(content)


def adopt(recordings_dir: Path, must_be_mount: bool) -> Marker | None:
    """Make the volume this database's: its marker, new or one more in sequence; None if it cannot be.

    Only for a database that knows no volume yet, or by an operator's decision. The folder is never made.
    """
    if not recordings_dir.is_dir() or (must_be_mount and not recordings_dir.is_mount()):
        return None
    try:
        known = read_marker(recordings_dir)
        marker = Marker(known.uuid, known.sequence + 1) if known else Marker(str(uuid4()), 1)
        _write_marker(recordings_dir, marker)
    except (OSError, ValueError):
        return None
    return marker


def _parse(content: bytes) -> Marker:
    fields = json.loads(content)
    if not isinstance(fields, dict):
        raise ValueError("a marker is an object")  # noqa: TRY004 - a bad value in a file, not a bad argument
    return Marker(str(UUID(str(fields.get("uuid")))), int(fields.get("sequence", 0)))


def _write_marker(recordings_dir: Path, marker: Marker) -> None:
    with suppress(FileExistsError):
        (recordings_dir / OWN_FOLDER).mkdir(mode=0o750)
        sync(recordings_dir)
    with _own_folder(recordings_dir) as folder:
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
        with os.fdopen(os.open(f"{MARKER}.new", flags, 0o640, dir_fd=folder), "wb") as file:
            file.write(json.dumps(asdict(marker)).encode())
            file.flush()
            os.fsync(file.fileno())
        os.rename(f"{MARKER}.new", MARKER, src_dir_fd=folder, dst_dir_fd=folder)
        os.fsync(folder)


def _probe(recordings_dir: Path, *, sync: bool) -> Condition:
    """A full volume is not a broken one: how full it is, is the breaker's question."""
    try:
        with _own_folder(recordings_dir) as folder:
            probe = os.open(PROBE, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW, 0o640, dir_fd=folder)
            try:
                os.pwrite(probe, b"\n", 0)
                if sync:
                    os.fdatasync(probe)
            finally:
                os.close(probe)
    except OSError as error:
        if error.errno in FULL:
            return Condition.OK
        return Condition.READ_ONLY if error.errno in REFUSED else Condition.UNREADABLE
    return Condition.OK


@contextmanager
def _own_folder(recordings_dir: Path) -> Iterator[int]:
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
    folder = os.open(recordings_dir / OWN_FOLDER, flags)
    try:
        yield folder
    finally:
        os.close(folder)


def _read(folder: int, name: str) -> bytes:
    with os.fdopen(os.open(name, os.O_RDONLY | os.O_NOFOLLOW, dir_fd=folder), "rb") as file:
        return file.read(MARKER_BYTES)
