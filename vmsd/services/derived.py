"""What is made of recordings so that they can be replayed at once: replay indexes and sheets of small pictures.

They lie on the volume under `.derived/<city>/<camera>/`, named as the recording. Nothing but speed is lost with them.
"""

from __future__ import annotations

import os
import secrets
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from contextlib import suppress
from enum import StrEnum
from pathlib import Path

from vmsd.errors import BadMedia
from vmsd.host.tree import FILE, Folder, Tree
from vmsd.model.segment import Segment, SegmentState, segment_file_name, segment_start_us
from vmsd.services.disk_thread import DiskThread
from vmsd.video.cuts import Cuts, read_cuts
from vmsd.video.cuts_file import MOST_ENCODED_BYTES, decode
from vmsd.video.sheets import HEAD_BYTES, Sheet, read_sheet

FOLDER = ".derived"
CACHE_BYTES = 32 << 20
THREADS = 4
BATCH = 16
UNFINISHED = ".tmp"

Place = tuple[Folder, int, int]
"""A recording, and how many bytes it has."""


class Kind(StrEnum):
    """An empty sheet says that no picture can be made."""

    CUTS = ".cuts"
    SHEET = ".jpg"


class CutsCache:
    """The replay indexes used last, up to `limit_bytes` of memory."""

    def __init__(self, limit_bytes: int = CACHE_BYTES) -> None:
        self._limit_bytes = limit_bytes
        self._found: OrderedDict[Place, Cuts] = OrderedDict()
        self.held_bytes = 0

    def find(self, place: Place) -> Cuts | None:
        found = self._found.get(place)
        if found is not None:
            self._found.move_to_end(place)
        return found

    def keep(self, place: Place, found: Cuts) -> None:
        if place not in self._found:
            self._found[place] = found
            self.held_bytes += found.size
        while self.held_bytes > self._limit_bytes:
            self.held_bytes -= self._found.popitem(last=False)[1].size


class Derived:
    """Reading makes what is missing, in memory; only the task that keeps the files writes any."""

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self._root = tree.root / FOLDER
        self._cache = CutsCache()
        self._threads = DiskThread("derived", THREADS)

    async def cuts(self, folder: Folder, segments: Sequence[Segment]) -> list[Cuts | None]:
        """Of each recording; None where there is nothing to replay. What still runs is read as far as it goes.

        Whoever cannot wait for all of them loses a few: the rest is in memory when they ask again.
        """
        found = [self._cache.find((folder, one.start_us, one.bytes)) for one in segments]
        missing = [number for number, one in enumerate(found) if one is None]
        for first in range(0, len(missing), BATCH):
            batch = missing[first : first + BATCH]
            made = await self._load(folder, [segments[number] for number in batch])
            for number, one in zip(batch, made, strict=True):
                found[number] = one
                self._keep(folder, segments[number], one)
        return found

    def _keep(self, folder: Folder, segment: Segment, found: Cuts | None) -> None:
        if found is not None and segment.state == SegmentState.CLOSED:
            self._cache.keep((folder, segment.start_us, segment.bytes), found)

    async def _load(self, folder: Folder, segments: Sequence[Segment]) -> list[Cuts | None]:
        """The disk is asked by all threads at once, so that it can choose its way; the rest is work for one."""
        stored = await self._threads.map(lambda one: self._stored(folder, one), segments)
        return await self._threads.run(self._understood, folder, segments, stored)

    def _stored(self, folder: Folder, segment: Segment) -> bytes | None:
        if segment.state != SegmentState.CLOSED:
            return None
        with suppress(OSError):
            return self._read(folder, segment.start_us, Kind.CUTS, MOST_ENCODED_BYTES)
        return None

    def _understood(
        self, folder: Folder, segments: Sequence[Segment], stored: Sequence[bytes | None]
    ) -> list[Cuts | None]:
        return [self.understand(folder, one, data) for one, data in zip(segments, stored, strict=True)]

    def understand(self, folder: Folder, segment: Segment, stored: bytes | None) -> Cuts | None:
        """What is stored, where that is of these very bytes, else what the recording says; blocks on the disk.

        A file that is not of these bytes goes, so that a right one comes in its place.
        """
        if stored is not None:
            with suppress(BadMedia):
                found = decode(stored)
                if found.facts.file_bytes == segment.bytes:
                    return found
            with suppress(OSError):
                self.path(folder, segment.start_us, Kind.CUTS).unlink()
        with suppress(OSError, BadMedia):
            return self.make_cuts(folder, segment.start_us)
        return None

    def make_cuts(self, folder: Folder, start_us: int) -> Cuts:
        """From the recording itself; OSError or BadMedia. Blocks on the disk."""
        with (
            self.tree.opened(folder, segment_file_name(start_us)) as handle,
            os.fdopen(handle, "rb", buffering=0, closefd=False) as video,
        ):
            return read_cuts(video)

    async def open_recording(self, folder: Folder, segment: Segment) -> int:
        """A handle for whoever reads on, who closes it; OSError."""
        return await self._threads.run(self.open_handle, folder, segment.start_us)

    async def sheets(self, folder: Folder, starts_us: Sequence[int]) -> list[Sheet | None]:
        """What the sheet of each recording shows, None where there is none."""
        return await self._threads.map(lambda start: self._sheet(folder, start), starts_us)

    async def open_sheet(self, folder: Folder, start_us: int) -> int:
        return await self._threads.run(os.open, self.path(folder, start_us, Kind.SHEET), FILE)

    def path(self, folder: Folder, start_us: int, kind: Kind) -> Path:
        stem = segment_file_name(start_us).removesuffix(".mp4")
        return self._root / folder.city / folder.camera / f"{stem}{kind}"

    def made(self, folder: Folder) -> dict[int, set[Kind]]:
        """What there is of which recordings of a camera, by their starts; blocks on the disk."""
        found: dict[int, set[Kind]] = {}
        for name in self._names(folder):
            start_us, kind = _parsed(name)
            if start_us is not None and kind is not None:
                found.setdefault(start_us, set()).add(kind)
        return found

    def write(self, folder: Folder, start_us: int, kind: Kind, data: bytes) -> None:
        """Whole or not at all, a power cut included: a sheet that lost its bytes would say that there is no picture.

        Blocks on the disk; OSError.
        """
        path = self.path(folder, start_us, kind)
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(f".{secrets.token_hex(4)}{UNFINISHED}")
        try:
            with unfinished.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            unfinished.replace(path)
        except OSError:
            with suppress(OSError):
                unfinished.unlink()
            raise

    def tidy(self, folder: Folder, wanted: Iterable[int]) -> int:
        """Remove what belongs to no wanted recording, and the folder with the last of it; how many files went."""
        starts, gone = set(wanted), 0
        for name in self._names(folder):
            if _parsed(name)[0] not in starts:
                with suppress(OSError):
                    (self._root / folder.city / folder.camera / name).unlink()
                    gone += 1
        if gone:
            with suppress(OSError):
                (self._root / folder.city / folder.camera).rmdir()
        return gone

    def _names(self, folder: Folder) -> list[str]:
        try:
            with os.scandir(self._root / folder.city / folder.camera) as entries:
                return [entry.name for entry in entries]
        except OSError:
            return []

    def open_handle(self, folder: Folder, start_us: int) -> int:
        """As `open_recording`; blocks on the disk."""
        with self.tree.opened(folder, segment_file_name(start_us)) as handle:
            return os.dup(handle)

    def _sheet(self, folder: Folder, start_us: int) -> Sheet | None:
        with suppress(OSError, BadMedia):
            return read_sheet(self._read(folder, start_us, Kind.SHEET, HEAD_BYTES))
        return None

    def _read(self, folder: Folder, start_us: int, kind: Kind, most_bytes: int) -> bytes:
        handle = os.open(self.path(folder, start_us, kind), FILE)
        with os.fdopen(handle, "rb", buffering=0) as file:
            return file.read(most_bytes)


def _parsed(name: str) -> tuple[int | None, Kind | None]:
    """The recording a derived file belongs to, and what it is; nobody's when its name says something else."""
    stem, dot, suffix = name.rpartition(".")
    kind = next((one for one in Kind if one == dot + suffix), None)
    return (None, None) if kind is None else (segment_start_us(f"{stem}.mp4"), kind)
