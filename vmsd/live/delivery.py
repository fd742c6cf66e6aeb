"""How a file of a stream reaches one viewer: the part asked for, from memory, and not for ever."""

from __future__ import annotations

import asyncio
import re
import socket
import struct
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from typing import NamedTuple

from aiohttp import hdrs, web

from vmsd.errors import TooMany
from vmsd.live.cache import Body, CachedObject

_RANGE = re.compile(r"bytes=([0-9]{0,15})-([0-9]{0,15})")


class Crowd:
    """Requests under way: so many at all, and so many of one viewer."""

    def __init__(self, limit: int, limit_each: int) -> None:
        self.size = 0
        self._limit = limit
        self._limit_each = limit_each
        self._viewers: Counter[str] = Counter()

    def enter(self, viewer: str) -> None:
        """`TooMany` when there is no room; who enters has to leave."""
        if self.size >= self._limit:
            raise TooMany("Too many people are watching at once.")
        if self._viewers[viewer] >= self._limit_each:
            raise TooMany("Too many streams are open at once.")
        self.size += 1
        self._viewers[viewer] += 1

    def leave(self, viewer: str) -> None:
        self.size -= 1
        self._viewers[viewer] -= 1
        if not self._viewers[viewer]:
            del self._viewers[viewer]


class Part(NamedTuple):
    """The bytes of a body that a viewer gets."""

    body: Body
    start: int
    size: int


async def deliver(
    request: web.Request, response: web.StreamResponse, part: Part | None, within_s: float
) -> web.StreamResponse:
    """Send an answer; a viewer who is too slow or leaves is cut off, which is no error of anybody."""
    transport = request.transport
    if transport is None:
        return response
    try:
        async with asyncio.timeout(within_s):
            await response.prepare(request)
            if part is not None:
                await part.body.send(transport, response, part.start, part.size)
            await response.write_eof()
    except (ConnectionError, TimeoutError):
        response.force_close()
        _cut(transport)
    return response


def _cut(transport: asyncio.Transport) -> None:
    """Close at once, and have the kernel forget the megabytes it still holds for this viewer."""
    with suppress(OSError):
        at_once = struct.pack("ii", 1, 0)
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, at_once)
    transport.abort()


def answer(
    request: web.Request, found: CachedObject, query: Mapping[str, str]
) -> tuple[web.StreamResponse, Part | None]:
    """Make the response, and say which part of the body is to be streamed into it, if any."""
    if found.playlist is not None:
        return web.Response(body=found.playlist.render(query), headers=found.headers), None
    part, headers, status = Part(found.body, 0, found.body.size), found.headers, 200
    asked = request.headers.get(hdrs.RANGE)
    if asked is not None:
        wanted = _wanted(asked, part.size)
        if wanted is None:
            return web.Response(status=416, headers={hdrs.CONTENT_RANGE: f"bytes */{part.size}"}), None
        start, stop = wanted
        headers = {**headers, hdrs.CONTENT_RANGE: f"bytes {start}-{stop - 1}/{part.size}"}
        part, status = Part(found.body, start, stop - start), 206
    if found.body.file is None:
        return web.Response(body=found.body.read(*part[1:]), headers=headers, status=status), None
    response = web.StreamResponse(headers=headers, status=status)
    response.content_length = part.size
    return response, None if request.method == hdrs.METH_HEAD else part


def _wanted(asked: str, size: int) -> tuple[int, int] | None:
    """Read a Range header as start and stop; None when it names nothing of this body."""
    match = _RANGE.fullmatch(asked)
    if match is None or not (match[1] or match[2]):
        return None
    if not match[1]:
        start, stop = max(0, size - int(match[2])), size
    else:
        start, stop = int(match[1]), min(int(match[2] or size) + 1, size)
    return (start, stop) if start < stop else None
