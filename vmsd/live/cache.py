"""Fetched objects kept in bounded memory, and one fetch for however many ask at once."""

from __future__ import annotations

import asyncio
import io
import os
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass

from aiohttp import web

from vmsd.clock import Clock
from vmsd.errors import TooMany, VmsdError
from vmsd.live.playlist import Playlist

Key = tuple[str, str]  # path, file

# Up to here one copy into the socket buffer is cheaper than a descriptor and a second system call.
SMALL_BYTES = 64 * 1024
# How much of a body waits in memory for one reader where the kernel cannot send it by itself.
VIEW_BYTES = 256 * 1024


class Memory:
    """Counts the bytes of every body alive: cached, still loading, or evicted and still being sent."""

    def __init__(self, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        self.held_bytes = 0

    def has_room_for(self, count: int) -> bool:
        return self.held_bytes + count <= self.limit_bytes


class Body:
    """Bytes that only grow: small ones in the heap, others in an anonymous file that `sendfile` can read.

    The memory goes back when the last one who holds the body lets go of it.
    """

    __slots__ = ("_memory", "_small", "file", "size")

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._small = bytearray()
        self.file: io.FileIO | None = None
        self.size = 0

    def append(self, chunk: bytes) -> None:
        if self.file is None and self.size + len(chunk) > SMALL_BYTES:
            self.file = io.FileIO(os.memfd_create("vmsd-hls", os.MFD_CLOEXEC), "r+")
            _write_all(self.file, self._small)
            self._small = bytearray()
        if self.file is None:
            self._small += chunk
        else:
            _write_all(self.file, chunk)
        self.size += len(chunk)
        self._memory.held_bytes += len(chunk)

    def read(self, start: int = 0, count: int | None = None) -> bytes:
        stop = self.size if count is None else min(start + count, self.size)
        if self.file is None:
            return bytes(self._small[start:stop])
        return os.pread(self.file.fileno(), stop - start, start)

    async def send(self, transport: asyncio.Transport, response: web.StreamResponse, start: int, size: int) -> None:
        """Write a part into a response whose headers are written; waits for the reader, without end.

        The kernel moves the bytes of a file. Under TLS they go in views, one at a time per reader.
        """
        if transport.is_closing():
            raise ConnectionResetError("the reader has gone")
        if self.file is not None and transport.get_extra_info("sslcontext") is None:
            sent = _send_at_once(transport, self.file, start, size)
            start, size = start + sent, size - sent
            # "Not available" is also said of a reader who left before the first byte: the views find out.
            with suppress(asyncio.SendfileNotAvailableError):
                if size:
                    loop = asyncio.get_running_loop()
                    await loop.sendfile(transport, self.file, start, size, fallback=False)
                return
        for at in range(start, start + size, VIEW_BYTES):
            await response.write(self.read(at, min(VIEW_BYTES, start + size - at)))

    def close(self) -> None:
        """Give the memory back now; only for a body that nobody else has seen."""
        self._memory.held_bytes -= self.size
        self.size = 0
        if self.file is not None:
            self.file.close()

    def __del__(self) -> None:
        self.close()


def _write_all(file: io.FileIO, data: bytes | bytearray) -> None:
    view = memoryview(data)
    while view:
        view = view[file.write(view) :]


def _send_at_once(transport: asyncio.Transport, file: io.FileIO, start: int, size: int) -> int:
    """Try without the event loop first: most sockets take a whole segment at once."""
    if transport.get_write_buffer_size():
        return 0
    with suppress(OSError):
        return os.sendfile(transport.get_extra_info("socket").fileno(), file.fileno(), start, size)
    return 0


@dataclass(frozen=True, slots=True)
class CachedObject:
    """One answer of the origin, served until `fresh_until` and forgotten after `kept_until` (monotonic)."""

    body: Body
    headers: Mapping[str, str]
    fresh_until: float
    kept_until: float
    playlist: Playlist | None = None


class Cache:
    """The least recently used objects go first when the bytes or the number reach their limit."""

    def __init__(self, clock: Clock, *, limit_bytes: int, limit_objects: int) -> None:
        self.memory = Memory(limit_bytes)
        self.hits = 0
        self.misses = 0
        self._clock = clock
        self._limit_objects = limit_objects
        self._objects: OrderedDict[Key, CachedObject] = OrderedDict()
        self._pending: dict[Key, asyncio.Future[CachedObject | VmsdError | None]] = {}

    def find(self, key: Key) -> CachedObject | None:
        """Give what is kept under this key, if it is still fresh."""
        found = self._objects.get(key)
        if found is None or found.fresh_until <= self._clock.monotonic():
            return None
        self._objects.move_to_end(key)
        self.hits += 1
        return found

    def knows(self, key: Key) -> bool:
        """Whether the origin has given this object lately, fresh or not."""
        return key in self._objects

    def drop_playlists(self, path: str) -> None:
        """Forgets what may name files that are gone."""
        stale = [key for key, kept in self._objects.items() if key[0] == path and kept.playlist]
        for key in stale:
            del self._objects[key]

    def make_room(self, count: int) -> None:
        """Call before a body grows; TooMany when slow readers hold what eviction would have freed."""
        while self._objects and not self.memory.has_room_for(count):
            self._objects.popitem(last=False)
        if not self.memory.has_room_for(count):
            raise TooMany("Too much live video is on its way at once.")

    async def share(self, key: Key, load: Callable[[], Awaitable[CachedObject]]) -> CachedObject:
        """Load what `find` did not find; for any number of callers at once the first alone does it.

        The others wait for that load and get its error too; when the first is cancelled, one of them
        loads again.
        """
        self.misses += 1
        while (pending := self._pending.get(key)) is not None:
            outcome = await asyncio.shield(pending)
            if isinstance(outcome, CachedObject):
                return outcome
            if outcome is not None:
                raise type(outcome)(*outcome.args)
        return await self._lead(key, load)

    async def _lead(self, key: Key, load: Callable[[], Awaitable[CachedObject]]) -> CachedObject:
        pending: asyncio.Future[CachedObject | VmsdError | None]
        pending = self._pending[key] = asyncio.get_running_loop().create_future()
        outcome: CachedObject | VmsdError | None = None
        try:
            outcome = await load()
            self._keep(key, outcome)
        except VmsdError as error:
            outcome = type(error)(*error.args)
            raise
        else:
            return outcome
        finally:
            del self._pending[key]
            pending.set_result(outcome)

    def _keep(self, key: Key, found: CachedObject) -> None:
        self._objects[key] = found
        self._objects.move_to_end(key)
        while len(self._objects) > self._limit_objects or self._oldest_is_stale():
            self._objects.popitem(last=False)

    def _oldest_is_stale(self) -> bool:
        oldest = next(iter(self._objects.values()), None)
        return oldest is not None and oldest.kept_until <= self._clock.monotonic()
