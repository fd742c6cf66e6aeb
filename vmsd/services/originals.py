"""The original files of a sealed package: copied bit by bit, and compared with what they were when they were closed."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from vmsd.clock import rfc3339
from vmsd.errors import BadMedia
from vmsd.host.tree import Folder, Tree
from vmsd.model.segment import Segment, SegmentFlag, SegmentState
from vmsd.services.export_work import Work
from vmsd.services.stored_zip import Content, Measured, measure
from vmsd.video.fmp4 import moofs, read_header
from vmsd.video.fragments import runs_of

READ_BYTES = 1 << 20
FOLDER = "original"


@dataclass(frozen=True)
class Original:
    """`file` is None for one that could not be read: `error` says why."""

    segment: Segment
    file: Measured | None
    codecs: tuple[str, ...] = ()
    first_ms: int = 0
    error: str = ""

    @property
    def hashed_at_close(self) -> bool:
        return self.segment.sha256 is not None

    @property
    def altered(self) -> bool:
        known = self.segment.sha256
        changed = self.file is not None and known is not None and known.hex() != self.file.sha256
        return changed or bool(self.segment.flags & SegmentFlag.ALTERED)


def take_original(tree: Tree, folder: Folder, segment: Segment, work: Work) -> Original:
    """Reads it whole. Of the file that is still being written it takes what the index vouches for."""
    path = f"{FOLDER}/{folder.camera}/{segment.file_name}"
    try:
        with tree.opened(folder, segment.file_name) as handle:
            whole = os.fstat(handle).st_size
            size = min(whole, segment.valid_bytes) if segment.state is SegmentState.RUNNING else whole
            codecs, first_ms = _facts(handle, segment)
        content = Content(path, size, partial(_read, tree, folder, segment.file_name, size))
        return Original(segment, measure(content, work.tell), codecs, first_ms)
    except OSError as error:
        return Original(segment, None, error=error.strerror or type(error).__name__)


def _read(tree: Tree, folder: Folder, name: str, size: int) -> Iterator[bytes]:
    with tree.opened(folder, name) as handle:
        offset = 0
        while offset < size and (data := os.pread(handle, min(READ_BYTES, size - offset), offset)):
            offset += len(data)
            yield data


def _facts(handle: int, segment: Segment) -> tuple[tuple[str, ...], int]:
    """Codecs, and the wall-clock time of the first sample."""
    with os.fdopen(handle, "rb", buffering=0, closefd=False) as file:
        try:
            header = read_header(file)
            timescales = {track.id: track.timescale for track in header.tracks}
            first = next(moofs(file, header.header_bytes), None)
            runs = runs_of(header, *first) if first else []
        except BadMedia:
            return (), segment.start_ms
    starts = [run.start * 1000 // timescales[run.track_id] for run in runs]
    return tuple(track.codec for track in header.tracks), segment.start_ms + min(starts, default=0)


def shown(original: Original, recording_id: str) -> Mapping[str, Any]:
    """As the manifest tells of one that is in the package; of an altered one, what it was when it was closed."""
    segment, file = original.segment, original.file
    assert file is not None  # noqa: S101 - those that are not in the package are told of elsewhere
    at_close = segment.sha256.hex() if segment.sha256 else None
    return {
        "path": file.content.name,
        "recording_id": recording_id,
        "start": rfc3339(segment.start_ms),
        "end": rfc3339(segment.end_ms),
        "duration_seconds": segment.duration_ms / 1000,
        "bytes": segment.bytes if at_close and at_close != file.sha256 else file.content.size,
        "sha256": at_close or file.sha256,
        "hashed": "at_close" if at_close else "at_export",
        "damaged": bool(segment.flags & SegmentFlag.DAMAGED),
        "altered": original.altered,
        "clock": clock_of(segment),
        "codecs": list(original.codecs),
        "first_utc_ms": original.first_ms,
    }


def clock_of(segment: Segment) -> str:
    if segment.flags & SegmentFlag.CLOCK_UNTRUSTED:
        return "untrusted"
    return "corrected" if segment.flags & SegmentFlag.CLOCK_CORRECTED else "trusted"
