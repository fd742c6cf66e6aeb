"""Looks into segment files, never changing them: how far they are whole, how long they play."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile
from pathlib import Path
from typing import BinaryIO

from vmsd.errors import BadMedia
from vmsd.host.tree import Folder, Tree
from vmsd.model.segment import Segment, SegmentFlag, SegmentState, segment_file_name, segment_start_us
from vmsd.services.disk_thread import DiskThread
from vmsd.services.live_states import CameraKey
from vmsd.video.fmp4 import Fragment, Header, SyncSample, measure, read_header, scan

THREADS = 4
RENAMED_MS = 60_000
"""A name and a box that say different times were the same once: the name was set right since."""
TAIL_US = 25 * 3600 * 1_000_000
"""A file that has just come is named after now, or a little earlier when a clock was put back."""


@dataclass(frozen=True)
class Followed:
    """What is known of one file between two looks at it; never changed, only replaced.

    `fresh` until its name is durable; `patched` once its writer has closed it properly; `failed` when the
    last look met an error, `gone` when there was no such file; `grown_bytes` is what the last look found new.
    """

    key: CameraKey
    folder: Folder
    start_us: int
    bytes: int = 0
    valid_bytes: int = 0
    duration_ms: int = 0
    header: Header | None = None
    keyframe: SyncSample | None = None
    fps: float | None = None
    fresh: bool = True
    patched: bool = False
    grown_bytes: int = 0
    failed: OSError | None = None
    gone: bool = False

    @property
    def name(self) -> str:
        return segment_file_name(self.start_us)

    @property
    def damaged(self) -> bool:
        """True of bytes after the last whole fragment: for a file that still runs that is no damage."""
        return self.valid_bytes < self.bytes or self.header is None

    @property
    def end_ms(self) -> int:
        """By its name."""
        return self.start_us // 1000 + self.duration_ms

    @property
    def renamed(self) -> bool:
        """True of a file whose name was set right after the clock was: the box inside is left as it was written."""
        told_ms = self._told_ms
        return told_ms is not None and abs(told_ms - self.start_us // 1000) > RENAMED_MS

    def wall_ms(self, time_ms: int) -> int:
        """Wall time of a moment in the file: from MediaMTX's own box, or from the file's name where that is right."""
        told_ms = self._told_ms
        return (self.start_us // 1000 if told_ms is None or self.renamed else told_ms) + time_ms

    @property
    def _told_ms(self) -> int | None:
        """Its start, as MediaMTX wrote it into the file."""
        mtxi = self.header.mtxi if self.header else None
        return None if mtxi is None else mtxi.ntp_ns // 1_000_000

    def segment(self, state: SegmentState, flags: SegmentFlag) -> Segment:
        city_id, camera_id = self.key
        return Segment(
            city_id=city_id,
            camera_id=camera_id,
            start_us=self.start_us,
            duration_ms=self.duration_ms,
            bytes=self.bytes,
            valid_bytes=self.valid_bytes,
            state=state,
            flags=flags,
        )


@dataclass(frozen=True)
class KeyframePlace:
    """Where the newest keyframe of a camera lies on the disk, and when it was in front of the lens."""

    path: Path
    header: Header
    sample: SyncSample
    wall_ms: int


class SegmentFiles:
    """Work on files in threads of its own; a file that cannot be read fails alone."""

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self._threads = DiskThread("segments", THREADS)

    async def look(self, files: Iterable[Followed]) -> list[Followed]:
        """Make each file durable as far as it goes, then read what it has gained."""
        return await self._threads.map(self._look, files)

    async def glance(self, files: Iterable[Followed]) -> list[Followed]:
        """Read files that run no more, by their header alone where that says enough; nothing is synced."""
        return await self._threads.map(self._glance, files)

    async def folders(self) -> list[Folder]:
        return await self._threads.run(self.tree.folders)

    async def present(self, files: Iterable[Followed]) -> list[bool]:
        """Whether each file has its name on the disk."""
        return await self._threads.map(lambda file: self.tree.exists(file.folder, file.name), files)

    async def sync_volume(self) -> None:
        await self._threads.run(self.tree.sync_volume)

    async def changed_ns(self, folders: Sequence[Folder]) -> dict[Folder, int]:
        """When each folder last gained or lost a file; folders that are not there are left out."""
        times = await self._threads.map(self.tree.changed_ns, folders)
        return {folder: time for folder, time in zip(folders, times, strict=True) if time is not None}

    async def starts(self, folder: Folder, wall_us: int | None = None) -> list[int]:
        """Starts of the segments in a folder, newest first; with `wall_us` only those of about now."""
        return await self._threads.run(self._starts, folder, wall_us)

    async def newest_keyframe(self, file: Followed) -> KeyframePlace | None:
        """The newest keyframe of a file, from where the last look ended."""
        return await self._threads.run(self._newest_keyframe, file)

    def _starts(self, folder: Folder, wall_us: int | None) -> list[int]:
        names = sorted(self.tree.names(folder), reverse=True)
        if wall_us is not None:
            newest_us = next((start for name in names if (start := segment_start_us(name)) is not None), 0)
            least = segment_file_name(max(0, min(newest_us, wall_us) - TAIL_US))
            names = list(takewhile(lambda name: name >= least, names))
        return [start for name in names if (start := segment_start_us(name)) is not None]

    def _look(self, file: Followed) -> Followed:
        try:
            with self.tree.opened(file.folder, file.name) as handle:
                found = self._read(file, handle)
            if found.fresh:
                self.tree.sync(file.folder)
        except FileNotFoundError:
            return replace(file, gone=True, grown_bytes=0)
        except OSError as error:
            return replace(file, failed=error, grown_bytes=0)
        return replace(found, fresh=False)

    def _read(self, file: Followed, handle: int) -> Followed:
        """Reads first and makes durable after: what is reported is never more than what is safe."""
        size = os.fstat(handle).st_size
        known, grown = file, file.fresh or size != file.bytes
        if grown or not file.patched or file.damaged:
            with os.fdopen(handle, "rb", buffering=0, closefd=False) as video:
                file = read_on(replace(file, bytes=size), video)
        size = os.fstat(handle).st_size
        if grown or file.patched != known.patched:
            os.fdatasync(handle)
        return replace(file, bytes=size, grown_bytes=size - known.bytes, failed=None, gone=False)

    def _glance(self, file: Followed) -> Followed:
        try:
            with self.tree.opened(file.folder, file.name) as handle:
                size = os.fstat(handle).st_size
                found = replace(file, bytes=size, fresh=False)
                with os.fdopen(handle, "rb", buffering=0, closefd=False) as video:
                    return read_closed(found, video)
        except FileNotFoundError:
            return replace(file, gone=True)
        except OSError as error:
            return replace(file, failed=error)

    def _newest_keyframe(self, file: Followed) -> KeyframePlace | None:
        found = file
        try:
            with self.tree.opened(file.folder, file.name) as handle:
                found = replace(file, bytes=os.fstat(handle).st_size)
                with os.fdopen(handle, "rb", buffering=0, closefd=False) as video:
                    found = read_on(found, video)
        except OSError:
            return None
        if found.header is None or found.keyframe is None:
            return None
        path = self.tree.path(found.folder, found.name)
        return KeyframePlace(path, found.header, found.keyframe, found.wall_ms(found.keyframe.time_ms))


def read_on(file: Followed, video: BinaryIO) -> Followed:
    """Take in what lies after `valid_bytes`; a file that shrank is read from its start again."""
    if file.bytes < file.valid_bytes:
        file = replace(file, valid_bytes=0, duration_ms=0, header=None, keyframe=None)
    try:
        header = read_header(video)
    except BadMedia:
        return replace(file, header=None, valid_bytes=0, duration_ms=0, keyframe=None)
    file = replace(file, header=header, patched=header.duration_ms > 0)
    if file.valid_bytes < header.header_bytes:
        return _measured(replace(file, valid_bytes=header.header_bytes), header, video)
    found = scan(video, header, file.valid_bytes)
    if not found.fragments:
        return file
    last = found.fragments[-1]
    samples = [sample for fragment in found.fragments for sample in fragment.keyframes]
    return replace(
        file,
        valid_bytes=found.valid_bytes,
        duration_ms=max(file.duration_ms, last.start_ms + last.duration_ms),
        keyframe=samples[-1] if samples else file.keyframe,
        fps=_fps(found.fragments) or file.fps,
    )


def _fps(fragments: Sequence[Fragment]) -> float | None:
    """Frames per second of what was read last."""
    duration_ms = sum(fragment.duration_ms for fragment in fragments)
    frames = sum(fragment.frames for fragment in fragments)
    return round(1000 * frames / duration_ms, 1) if duration_ms and frames else None


def read_closed(file: Followed, video: BinaryIO) -> Followed:
    """A file nobody writes any more: its writer's own word for its length, else a hop over its boxes.

    That word may count a torn last part; the hash, which reads every byte, finds that out later.
    """
    try:
        header = read_header(video)
    except BadMedia:
        return replace(file, header=None, valid_bytes=0, duration_ms=0)
    file = replace(file, header=header, patched=header.duration_ms > 0)
    if file.patched:
        return replace(file, valid_bytes=file.bytes, duration_ms=header.duration_ms)
    return _measured(replace(file, valid_bytes=header.header_bytes), header, video)


def _measured(file: Followed, header: Header, video: BinaryIO) -> Followed:
    extent = measure(video, header, file.valid_bytes)
    if not extent.fragments:
        return file
    return replace(file, valid_bytes=extent.valid_bytes, duration_ms=extent.end_ms)
