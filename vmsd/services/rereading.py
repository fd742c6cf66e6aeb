"""Reads closed recordings again, a stretch at a time, and says whether they are still the bytes that were hashed."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

from vmsd.host.tree import Folder, Tree
from vmsd.model.segment import segment_file_name
from vmsd.store.integrity import HashedSegment

if TYPE_CHECKING:
    from hashlib import _Hash

READ_BYTES = 1 << 20


class Verdict(Enum):
    SAME = "same"
    DIFFERENT = "different"
    GONE = "gone"
    UNREADABLE = "unreadable"


@dataclass
class Rereading:
    """How far one file has been read; owned by one pass at a time. `verdict` is None until that is known."""

    segment: HashedSegment
    second: bool = False
    """It was different at the first reading: who is accused is heard twice, past the cache."""
    offset: int = 0
    hash: _Hash = field(default_factory=hashlib.sha256)
    verdict: Verdict | None = None
    found: str = ""
    error: OSError | None = None


def read_on(tree: Tree, reading: Rereading, most_bytes: int) -> int:
    """Go on for so many bytes at most; how many it were. What has been read is not kept in the cache."""
    folder = Folder(reading.segment.city, reading.segment.camera)
    try:
        with tree.opened(folder, segment_file_name(reading.segment.start_us)) as handle:
            return _read(handle, reading, most_bytes)
    except FileNotFoundError:
        reading.verdict = Verdict.GONE
    except OSError as error:
        reading.verdict, reading.error = Verdict.UNREADABLE, error
    return 0


def _read(handle: int, reading: Rereading, most_bytes: int) -> int:
    size, began = os.fstat(handle).st_size, reading.offset
    if size != reading.segment.bytes:
        reading.verdict, reading.found = Verdict.DIFFERENT, f"{size} bytes"
        return 0
    while reading.offset - began < most_bytes:
        data = os.pread(handle, min(READ_BYTES, most_bytes - (reading.offset - began)), reading.offset)
        if not data:
            break
        reading.hash.update(data)
        reading.offset += len(data)
    os.posix_fadvise(handle, began, reading.offset - began, os.POSIX_FADV_DONTNEED)
    if reading.offset >= size:
        reading.found = reading.hash.hexdigest()
        same = reading.hash.digest() == reading.segment.sha256
        reading.verdict = Verdict.SAME if same else Verdict.DIFFERENT
    return reading.offset - began
