"""Hashes closed segments, so that a changed byte is found ever after.

Reads: closed segments without a hash, whole. Writes: their SHA-256, and what only a whole reading tells.
Keeps true: every closed segment gets its hash, reading `PASS_BYTES` per pass at most; a crash begins a file
anew.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, BinaryIO, ClassVar

import structlog

from vmsd.errors import BadMedia
from vmsd.host.tree import Folder, Tree
from vmsd.model.segment import Segment, SegmentFlag
from vmsd.services.disk_thread import DiskThread
from vmsd.services.storage import DiskWatch
from vmsd.store.system import System
from vmsd.video.fmp4 import measure, read_header

if TYPE_CHECKING:
    from hashlib import _Hash

log = structlog.get_logger()

PASS_BYTES = 256 << 20
READ_BYTES = 1 << 20
FILES = 64
"""Files per pass, at most."""
MOST_SKIPPED = 1000


@dataclass
class Reading:
    """How far one file has been hashed; owned by one pass at a time."""

    segment: Segment
    folder: Folder
    offset: int = 0
    hash: _Hash = field(default_factory=hashlib.sha256)
    failed: OSError | None = None
    result: Segment | None = None
    """The row as it must be: with its hash, or without when the file is not what the row says."""


class Hasher:
    name: ClassVar[str] = "hasher"
    every_s: ClassVar[float] = 2.0
    deadline_s: ClassVar[float] = 60.0

    def __init__(self, system: System, tree: Tree, watch: DiskWatch) -> None:
        self._system = system
        self._tree = tree
        self._watch = watch
        self._thread = DiskThread("hasher")
        self._half_done: Reading | None = None
        self._skipped: set[tuple[int, int, int]] = set()

    async def once(self) -> None:
        if not self._watch.volume.ok:
            return
        readings = self._resumed(await self._readings())
        await self._thread.run(read_all, self._tree, readings)
        await self._settle(readings)

    def _resumed(self, readings: list[Reading]) -> list[Reading]:
        """Go on with the file the last pass ended in, while its row is still the same."""
        half_done = self._half_done
        self._half_done = None
        rest = [one for one in readings if half_done is None or one.segment != half_done.segment]
        return rest if half_done is None or len(rest) == len(readings) else [half_done, *rest]

    async def _readings(self) -> list[Reading]:
        folders = {one.key: Folder(one.city, one.camera) for one in await self._system.folders()}
        rows = await self._system.unhashed(FILES + len(self._skipped))
        rows = [row for row in rows if place(row) not in self._skipped][:FILES]
        return [Reading(row, folders[row.city_id, row.camera_id]) for row in rows]

    async def _settle(self, readings: list[Reading]) -> None:
        results = [one.result for one in readings if one.result is not None]
        for reading in readings:
            if reading.failed is not None:
                self._skip(reading, reading.failed)
            elif reading.result is None and reading.offset:
                self._half_done = reading
        await self._system.put([row for row in results if row.sha256 is None])
        await self._system.set_hashes([row for row in results if row.sha256 is not None])

    def _skip(self, reading: Reading, error: OSError) -> None:
        """Until the next start: a file that cannot be read must not hold up the others."""
        if len(self._skipped) < MOST_SKIPPED and not isinstance(error, FileNotFoundError):
            log.error("segment.unreadable", file=reading.segment.file_name, error=error.strerror)
        self._watch.report(error)
        self._skipped.add(place(reading.segment))


def place(segment: Segment) -> tuple[int, int, int]:
    return (segment.city_id, segment.camera_id, segment.start_us)


def read_all(tree: Tree, readings: list[Reading]) -> None:
    """One file after another, until this pass has read enough."""
    left = PASS_BYTES
    for reading in readings:
        if left <= 0:
            return
        try:
            left -= _read(tree, reading, left)
        except OSError as error:
            reading.failed = error


def _read(tree: Tree, reading: Reading, most_bytes: int) -> int:
    segment, read_bytes = reading.segment, 0
    with (
        tree.opened(reading.folder, segment.file_name) as handle,
        os.fdopen(handle, "rb", buffering=0, closefd=False) as file,
    ):
        if os.fstat(handle).st_size != segment.bytes:
            reading.result = replace(_measured(segment, file), sha256=None)
            return 0
        file.seek(reading.offset)
        while read_bytes < most_bytes and (data := file.read(READ_BYTES)):
            reading.hash.update(data)
            reading.offset += len(data)
            read_bytes += len(data)
        if reading.offset >= segment.bytes:
            reading.result = replace(_measured(segment, file), sha256=reading.hash.digest())
    return read_bytes


def _measured(segment: Segment, file: BinaryIO) -> Segment:
    """The row with what the boxes of the whole file say: a torn end is found here at the latest."""
    size = os.fstat(file.fileno()).st_size
    try:
        header = read_header(file)
        extent = measure(file, header)
        valid_bytes, duration_ms = extent.valid_bytes, extent.end_ms
    except BadMedia:
        valid_bytes, duration_ms = 0, 0
    torn = SegmentFlag.DAMAGED if valid_bytes < size or size == 0 else SegmentFlag(0)
    flags = (segment.flags & ~SegmentFlag.DAMAGED) | torn
    return replace(segment, bytes=size, valid_bytes=valid_bytes, duration_ms=duration_ms, flags=flags)
