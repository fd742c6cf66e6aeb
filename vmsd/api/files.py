"""Sends one file, or the part of it a request asks for, without holding it in memory or the event loop up."""

from __future__ import annotations

import asyncio
import io
import os
import re
import stat
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol
from urllib.parse import quote

from aiohttp import hdrs, web

from vmsd.api.etags import refuse_outdated, unchanged
from vmsd.errors import NotFound
from vmsd.services.disk_thread import DiskThread

PIECE_BYTES = 1 << 20
"""Read ahead of the sending; at most so much of a file waits in memory for one reader."""
PIECE_DEADLINE_S = 60.0
"""A reader who takes less than a piece in this time loses the connection, and may come back with a Range."""
GONE = "this file is not there any more"
PRIVATE = "private, no-store"
RANGE = {"Range": "A part of the file, in bytes.", "If-Range": "The `ETag` the part must be of."}
PARTS = {206: "That part.", 304: "The caller has it already.", 416: "The file has no such part."}
_RANGE = re.compile(r"bytes=[ \t]*([0-9]{0,18})-([0-9]{0,18})[ \t]*", re.IGNORECASE)
_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_DISK = DiskThread("serving", 8)


class Source(Protocol):
    """What can be sent in parts: every method blocks, and is called from a thread."""

    size: int

    @property
    def file(self) -> io.FileIO | None:
        """What the kernel can send by itself; None where each byte passes through `read`."""
        ...

    def read(self, offset: int, count: int) -> bytes:
        """At most `count` bytes; fewer only at an end that came early."""
        ...

    def close(self) -> None: ...


class FileSource:
    """A regular file, given by its path or as an open handle, which it closes."""

    def __init__(self, given: int | Path, size: int | None = None) -> None:
        handle = os.open(given, _FLAGS) if isinstance(given, Path) else given
        facts = os.fstat(handle)
        if not stat.S_ISREG(facts.st_mode):
            os.close(handle)
            raise OSError("not a regular file")
        self.file = io.FileIO(handle, "rb")
        self.size = facts.st_size if size is None else min(size, facts.st_size)

    def read(self, offset: int, count: int) -> bytes:
        return os.pread(self.file.fileno(), count, offset)

    def close(self) -> None:
        self.file.close()


class Part(NamedTuple):
    """From `start` up to, and not with, `stop`."""

    start: int
    stop: int


@dataclass(frozen=True)
class Manner:
    """How a file is presented: `name` is what it is saved as, `etag` a strong tag of these very bytes."""

    content_type: str
    name: str | None = None
    etag: str | None = None
    inline: bool = False
    cache: str = PRIVATE

    @property
    def headers(self) -> dict[str, str]:
        headers: dict[str, str] = {
            hdrs.CONTENT_TYPE: self.content_type,
            hdrs.CACHE_CONTROL: self.cache,
            hdrs.ACCEPT_RANGES: "bytes",
        }
        if self.etag is not None:
            headers["ETag"] = self.etag
        if self.name is not None:
            headers[hdrs.CONTENT_DISPOSITION] = _disposition("inline" if self.inline else "attachment", self.name)
        return headers


async def serve_file(
    request: web.Request,
    source: int | Path,
    *,
    size: int | None = None,
    content_type: str,
    name: str | None = None,
    etag: str | None = None,
    inline: bool = False,
    cache: str = PRIVATE,
) -> web.StreamResponse:
    """The first `size` bytes of a regular file, or what the request wants of them; `NotFound` when there is no file.

    An open handle given here is closed here, whatever happens. A link is no file.
    """
    try:
        opened = await _DISK.run(FileSource, source, size)
    except OSError as error:
        raise NotFound(GONE) from error
    return await serve_source(request, opened, Manner(content_type, name, etag, inline, cache))


async def serve_source(request: web.Request, source: Source, manner: Manner) -> web.StreamResponse:
    """As `serve_file`; `source` is closed in the end."""
    try:
        return await _answer(request, source, manner)
    finally:
        _DISK.start(source.close)


async def _answer(request: web.Request, source: Source, manner: Manner) -> web.StreamResponse:
    headers = manner.headers
    if manner.etag is not None:
        refuse_outdated(request, manner.etag)
        if (known := unchanged(request, headers)) is not None:
            return known
    part, status = Part(0, source.size), web.HTTPOk.status_code
    wanted = _wanted(request, source.size, manner.etag)
    if wanted is not None and wanted.start >= wanted.stop:
        headers[hdrs.CONTENT_RANGE] = f"bytes */{source.size}"
        return web.Response(status=416, headers=headers)
    if wanted is not None:
        part, status = wanted, web.HTTPPartialContent.status_code
        headers[hdrs.CONTENT_RANGE] = f"bytes {part.start}-{part.stop - 1}/{source.size}"
    response = web.StreamResponse(status=status, headers=headers)
    response.content_length = part.stop - part.start
    return await _deliver(request, response, source, part)


def _wanted(request: web.Request, size: int, etag: str | None) -> Part | None:
    """What a Range names, empty when it is nothing of the file; None when it counts for nothing: RFC 9110, 14.2."""
    asked, held = request.headers.get(hdrs.RANGE), request.headers.get(hdrs.IF_RANGE)
    match = _RANGE.fullmatch(asked) if asked is not None and request.method == hdrs.METH_GET else None
    if match is None or (held is not None and held != etag):
        return None
    first, last = match[1], match[2]
    if not first:
        return Part(max(0, size - int(last)), size) if last else None
    if last and int(last) < int(first):
        return None
    return Part(int(first), min(int(last) + 1, size) if last else size)


async def _deliver(
    request: web.Request, response: web.StreamResponse, source: Source, part: Part
) -> web.StreamResponse:
    """A reader who leaves is no error; a file that ends early, or a disk that fails, cuts the answer off."""
    pieces = _pieces(part) if request.method == hdrs.METH_GET else iter(())
    first = next(pieces, None)
    try:
        held = await _take(request, source, first)
    except OSError as error:
        raise NotFound(GONE) from error
    try:
        await response.prepare(request)
        while first is not None:
            async with asyncio.timeout(PIECE_DEADLINE_S):
                await _send(request, response, source, first, held)
            first = next(pieces, None)
            held = await _take(request, source, first)
        await response.write_eof()
    except OSError:
        response.force_close()
        if request.transport is not None:
            request.transport.abort()
    return response


def _pieces(part: Part) -> Iterator[Part]:
    for start in range(part.start, part.stop, PIECE_BYTES):
        yield Part(start, min(start + PIECE_BYTES, part.stop))


async def _take(request: web.Request, source: Source, piece: Part | None) -> bytes | None:
    """Have the piece read from the disk by a thread: its bytes, or None where the kernel will send them."""
    if piece is None:
        return None
    if source.file is None or _encrypted(request):
        return await _DISK.run(_read_all, source, piece)
    await _DISK.run(_warm, source.file, piece)
    return None


def _read_all(source: Source, piece: Part) -> bytes:
    data = source.read(*_span(piece))
    if len(data) < piece.stop - piece.start:
        raise OSError("the file ends early")
    return data


def _warm(file: io.FileIO, piece: Part) -> None:
    """Wait for the disk here, so that the event loop finds the piece in memory; nothing is copied."""
    start, count = _span(piece)
    nowhere = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
    try:
        while count:
            moved = os.sendfile(nowhere, file.fileno(), start, count)
            if not moved:
                raise OSError("the file ends early")
            start, count = start + moved, count - moved
    finally:
        os.close(nowhere)


async def _send(
    request: web.Request, response: web.StreamResponse, source: Source, piece: Part, held: bytes | None
) -> None:
    transport = request.transport
    if transport is None or transport.is_closing():
        raise ConnectionResetError("the reader has gone")
    if held is None and source.file is not None:
        # "Not available" is also said of a reader who left before the first byte: the bytes themselves find out.
        with suppress(asyncio.SendfileNotAvailableError):
            loop = asyncio.get_running_loop()
            sent = await loop.sendfile(transport, source.file, *_span(piece), fallback=False)
            if sent < piece.stop - piece.start:
                raise OSError("the file ends early")
            return
        held = await _DISK.run(_read_all, source, piece)
    await response.write(held or b"")


def _span(piece: Part) -> tuple[int, int]:
    return piece.start, piece.stop - piece.start


def _encrypted(request: web.Request) -> bool:
    return request.transport is not None and request.transport.get_extra_info("sslcontext") is not None


def _disposition(kind: str, name: str) -> str:
    """RFC 6266: a name in plain letters for old programs, and the whole of it."""
    plain = re.sub(r'[^\x20-\x7e]|["\\%]', "_", name)
    return f"{kind}; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
