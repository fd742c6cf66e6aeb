"""Writes a ZIP of the one form that the verifier knows, out of contents that were measured before."""

from __future__ import annotations

import errno
import hashlib
import os
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from vmsd.verifier.verificar import central_directory, local_header
from vmsd.video.clip import Tell, start_writing

CHANGED = "a file has changed while it was being exported"


@dataclass(frozen=True)
class Content:
    """What becomes a file: `read` gives exactly `size` bytes, the same each time."""

    name: str
    size: int
    read: Callable[[], Iterator[bytes]]


@dataclass(frozen=True)
class Measured:
    """A content after its first reading; `sha256` in hexadecimal."""

    content: Content
    sha256: str
    crc: int


def content_of(name: str, data: bytes) -> Content:
    return Content(name, len(data), lambda: iter((data,)))


def measure(content: Content, tell: Tell) -> Measured:
    """Raises OSError for one that has not its size."""
    digest, crc, size = hashlib.sha256(), 0, 0
    for data in content.read():
        digest.update(data)
        crc, size = zlib.crc32(data, crc), size + len(data)
        tell(len(data))
    if size != content.size:
        raise OSError(errno.EIO, CHANGED)
    return Measured(content, digest.hexdigest(), crc)


def size_of(contents: Iterable[Content]) -> int:
    """Of the ZIP of these."""
    entries = [(content.name, content.size, 0) for content in contents]
    inside = sum(len(local_header(*entry)) + entry[1] for entry in entries)
    return inside + len(central_directory(entries))


def write_zip(target: int, files: Sequence[Measured], tell: Tell, written: Callable[[int], None]) -> None:
    """To a handle at the start of its file; `written` is told of every piece, `tell` of the contents alone.

    Raises OSError for a content that is not what was measured.
    """
    offset = 0
    for file in files:
        content, crc = file.content, 0
        offset += _put(target, offset, local_header(content.name, content.size, file.crc), written)
        for data in content.read():
            crc = zlib.crc32(data, crc)
            offset += _put(target, offset, data, written)
            tell(len(data))
        if crc != file.crc:
            raise OSError(errno.EIO, CHANGED)
    _put(target, offset, central_directory([(one.content.name, one.content.size, one.crc) for one in files]), written)


def _put(target: int, offset: int, data: bytes, written: Callable[[int], None]) -> int:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(target, rest) :]
    start_writing(target, offset, len(data))
    written(len(data))
    return len(data)
