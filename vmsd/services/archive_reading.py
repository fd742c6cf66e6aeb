"""Reads what is sent to the archive: in parts, no faster than the rules say, and never what is not as it was sealed."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from vmsd.host.object_store import Piece
from vmsd.services.archive_sources import Gone
from vmsd.services.disk_thread import DiskThread
from vmsd.store.archive import Item

if TYPE_CHECKING:
    from hashlib import _Hash

MIB = 1 << 20
CHUNK_BYTES = 128 * 1024
CHECKED_BYTES = 256 * MIB
"""Of a large file are looked at in one go."""
CHANGED = "it is not what it was when it was made"


@dataclass(frozen=True)
class _Looked:
    """How far a file was compared with what was said of it."""

    item: int
    done_bytes: int
    hashed: _Hash


class ArchiveReader:
    """`failure` is what the disk said to the piece last asked for; who sends it is only told that it broke off."""

    def __init__(self, bytes_per_s: int) -> None:
        self._bytes_per_s = bytes_per_s
        self._thread = DiskThread("archive")
        self._looked: _Looked | None = None
        self.failure: OSError | None = None
        self.sent_bytes = 0

    async def look_on(self, item: Item, file: Path) -> bool:
        """Whether all of it is known to be what it was; after False ask again. Raises `Gone` when it is not."""
        looked = self._looked
        if looked is None or looked.item != item.id:
            looked = _Looked(item.id, 0, hashlib.sha256())
        looked = await self._thread.run(_look, looked, file)
        if looked.done_bytes < item.size_bytes:
            self._looked = looked
            return False
        self._looked = None
        if looked.hashed.hexdigest() != item.sha256:
            raise Gone(CHANGED)
        return True

    async def piece(self, source: Path | bytes, offset: int, size: int) -> Piece:
        self.failure = None
        if isinstance(source, bytes):
            content = source[offset : offset + size]
            sha256, md5 = hashlib.sha256(content), hashlib.md5(content, usedforsecurity=False)
            return Piece(size, sha256.digest(), md5.digest(), self._given(content))
        digests = await self._thread.run(_digests, source, offset, size)
        return Piece(size, *digests, self._paced(source, offset, size))

    async def _given(self, content: bytes) -> AsyncIterator[bytes]:
        yield content
        self.sent_bytes += len(content)

    async def _paced(self, file: Path, offset: int, size: int) -> AsyncIterator[bytes]:
        """No faster than the rules say, in small memory."""
        loop = asyncio.get_running_loop()
        began_s, done = loop.time(), 0
        try:
            while done < size:
                chunk = await self._thread.run(_read, file, min(CHUNK_BYTES, size - done), offset + done)
                yield chunk
                done += len(chunk)
                self.sent_bytes += len(chunk)
                await asyncio.sleep(max(0.0, began_s + done / self._bytes_per_s - loop.time()))
        except OSError as error:
            self.failure = error
            raise

    def close(self) -> None:
        self._thread.close()


def _look(looked: _Looked, file: Path) -> _Looked:
    hashed, done = looked.hashed.copy(), 0
    with file.open("rb") as opened:
        opened.seek(looked.done_bytes)
        while done < CHECKED_BYTES and (chunk := opened.read(MIB)):
            hashed.update(chunk)
            done += len(chunk)
    if not done:
        raise Gone(CHANGED)
    return _Looked(looked.item, looked.done_bytes + done, hashed)


def _digests(file: Path, offset: int, size: int) -> tuple[bytes, bytes]:
    sha256, md5, done = hashlib.sha256(), hashlib.md5(usedforsecurity=False), 0
    with file.open("rb") as opened:
        opened.seek(offset)
        while done < size and (chunk := opened.read(min(MIB, size - done))):
            sha256.update(chunk)
            md5.update(chunk)
            done += len(chunk)
    return sha256.digest(), md5.digest()


def _read(file: Path, size: int, offset: int) -> bytes:
    """Opened each time: nothing stays open when whoever asked is cancelled."""
    with file.open("rb", buffering=0) as opened:
        chunk = os.pread(opened.fileno(), size, offset)
    if not chunk:
        raise OSError(0, "it became shorter while it was sent")
    return chunk
