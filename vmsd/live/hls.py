"""Serves the live HLS of MediaMTX to any number of viewers from one fetch per file."""

from __future__ import annotations

import asyncio
import re
import socket
import struct
from collections import Counter
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import aiohttp
from aiohttp import hdrs, web
from yarl import URL

from vmsd.clock import Clock
from vmsd.errors import MediaServerAway, NotFound, TooMany
from vmsd.live.cache import Body, Cache, CachedObject
from vmsd.live.playlist import INDEX, Kind, Playlist, headers_of, kind_of, parse

_REFUSED = "MediaMTX does not accept the secret for HLS."
_RANGE = re.compile(r"bytes=([0-9]{0,15})-([0-9]{0,15})")


@dataclass(frozen=True, slots=True)
class HlsLimits:
    """Every bound of the proxy; sizes in bytes, times in seconds."""

    cache_bytes: int = 256 * 1024 * 1024
    cache_objects: int = 512
    """Most of them hold a file descriptor."""
    object_bytes: int = 32 * 1024 * 1024
    playlist_bytes: int = 256 * 1024
    index_fresh_s: float = 2.0
    playlist_fresh_s: float = 1.0
    """At most; half a segment when that is shorter."""
    segment_kept_s: float = 30.0
    """MediaMTX's own window is about 10 s."""
    init_kept_s: float = 3600.0
    upstream_s: float = 5.0
    first_playlist_s: float = 12.0
    """MediaMTX answers the first playlist of a path when it has two segments."""
    requests_per_viewer: int = 32
    requests: int = 1024
    slow_grace_s: float = 5.0
    slow_bytes_per_s: int = 64 * 1024
    """A viewer slower than this, after the grace, loses the connection."""


@dataclass(frozen=True, slots=True)
class HlsStats:
    hits: int
    misses: int
    upstream_requests: int
    held_bytes: int
    in_flight: int


class NewestSegment(NamedTuple):
    """What a decoder needs for the newest picture; `file` tells whether it is the one seen before."""

    init: bytes
    segment: bytes
    file: str
    wall_ms: int | None
    """When the segment begins, by MediaMTX's clock."""


class _SessionGone(Exception):
    """MediaMTX has no CDN session for this path: its restart or 30 s of silence ended it."""


class HlsProxy:
    """Who may see the path was decided before; nothing of a viewer's request goes upstream."""

    def __init__(
        self,
        *,
        session: aiohttp.ClientSession,
        origin_url: str,
        cdn_secret: str,
        clock: Clock,
        limits: HlsLimits,
    ) -> None:
        self._session = session
        self._origin_url = origin_url.rstrip("/")
        self._headers = {hdrs.AUTHORIZATION: f"Bearer {cdn_secret}", hdrs.ACCEPT_ENCODING: "identity"}
        self._clock = clock
        self._limits = limits
        self._cache = Cache(clock, limit_bytes=limits.cache_bytes, limit_objects=limits.cache_objects)
        self._viewers: Counter[str] = Counter()
        self._in_flight = 0
        self._upstream_requests = 0

    def stats(self) -> HlsStats:
        return HlsStats(
            hits=self._cache.hits,
            misses=self._cache.misses,
            upstream_requests=self._upstream_requests,
            held_bytes=self._cache.memory.held_bytes,
            in_flight=self._in_flight,
        )

    async def serve(
        self, request: web.Request, path: str, file: str, *, viewer: str, query: Mapping[str, str]
    ) -> web.StreamResponse:
        """`query` is appended to each URI of a playlist, for players that carry a token there."""
        self._enter(viewer)
        try:
            found = await self.fetch(path, file)
            return await self._deliver(request, *_answer(request, found, query))
        finally:
            self._leave(viewer)

    async def fetch(self, path: str, file: str) -> CachedObject:
        """Give one file of a path from memory or MediaMTX; NotFound, MediaServerAway or TooMany."""
        key = path, file
        found = self._cache.find(key)
        if found is None:
            found = await self._cache.share(key, partial(self._load, path, file, kind_of(file)))
        return found

    async def newest(self, path: str) -> NewestSegment:
        """Fetch the newest whole video segment of a path, through the same cache as the viewers."""
        index = _playlist_of(await self.fetch(path, INDEX))
        media = _playlist_of(await self.fetch(path, index.video))
        init_file, file = media.newest
        init = await self.fetch(path, init_file)
        segment = await self.fetch(path, file)
        return NewestSegment(init.body.read(), segment.body.read(), file, media.newest_ms)

    def _enter(self, viewer: str) -> None:
        if self._in_flight >= self._limits.requests:
            raise TooMany("Too many people are watching at once.")
        if self._viewers[viewer] >= self._limits.requests_per_viewer:
            raise TooMany("Too many streams are open at once.")
        self._in_flight += 1
        self._viewers[viewer] += 1

    def _leave(self, viewer: str) -> None:
        self._in_flight -= 1
        self._viewers[viewer] -= 1
        if not self._viewers[viewer]:
            del self._viewers[viewer]

    # Upstream

    async def _load(self, path: str, file: str, kind: Kind) -> CachedObject:
        try:
            return await self._load_in_session(path, file, kind)
        except NotFound:
            self._cache.drop_playlists(path)
            raise

    async def _load_in_session(self, path: str, file: str, kind: Kind) -> CachedObject:
        """Ask for index.m3u8 when a child is refused: it alone opens a session at MediaMTX."""
        try:
            return await self._download(path, file, kind)
        except _SessionGone:
            if kind is Kind.INDEX:
                raise MediaServerAway(_REFUSED) from None
        self._cache.drop_playlists(path)
        await self.fetch(path, INDEX)
        try:
            return await self._download(path, file, kind)
        except _SessionGone:
            raise NotFound("The stream has ended.") from None

    async def _download(self, path: str, file: str, kind: Kind) -> CachedObject:
        cold = kind.is_playlist and not self._cache.knows((path, file))
        url = URL(f"{self._origin_url}/{path}/{file}", encoded=True)
        self._upstream_requests += 1
        try:
            async with (
                asyncio.timeout(self._limits.first_playlist_s if cold else self._limits.upstream_s),
                self._session.get(url, headers=self._headers, allow_redirects=False) as answer,
            ):
                _judge(answer.status)
                return self._object(file, kind, await self._read(answer, kind))
        except (aiohttp.ClientError, OSError) as error:
            raise MediaServerAway("MediaMTX does not answer, or not in time.") from error

    async def _read(self, answer: aiohttp.ClientResponse, kind: Kind) -> Body:
        limit = self._limits.playlist_bytes if kind.is_playlist else self._limits.object_bytes
        body = Body(self._cache.memory)
        with ExitStack() as unfinished:
            # The error of a broken answer lives on in a cycle until garbage is collected; the bytes must not.
            unfinished.callback(body.close)
            async for chunk in answer.content.iter_any():
                if max(body.size + len(chunk), answer.content_length or 0) > limit:
                    raise MediaServerAway("MediaMTX answered with more than any file of a stream can hold.")
                self._cache.make_room(len(chunk))
                body.append(chunk)
            unfinished.pop_all()
        return body

    def _object(self, file: str, kind: Kind, body: Body) -> CachedObject:
        playlist = parse(body.read()) if kind.is_playlist else None
        now = self._clock.monotonic()
        fresh_s = self._fresh_s(kind, playlist)
        kept_s = max(fresh_s, self._limits.segment_kept_s)
        return CachedObject(body, headers_of(file), now + fresh_s, now + kept_s, playlist)

    def _fresh_s(self, kind: Kind, playlist: Playlist | None) -> float:
        if kind is Kind.INDEX:
            return self._limits.index_fresh_s
        if playlist is not None:
            return min(self._limits.playlist_fresh_s, (playlist.last_segment_s or 0.0) / 2)
        return self._limits.init_kept_s if kind is Kind.INIT else self._limits.segment_kept_s

    # Downstream

    async def _deliver(
        self, request: web.Request, response: web.StreamResponse, part: _Part | None
    ) -> web.StreamResponse:
        """Send an answer; a viewer who is too slow or leaves is cut off, which is no error of anybody."""
        transport = request.transport
        if transport is None:
            return response
        size = part.size if part else 0
        try:
            async with asyncio.timeout(self._limits.slow_grace_s + size / self._limits.slow_bytes_per_s):
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


def _judge(status: int) -> None:
    """Map what MediaMTX 1.20 answers.

    404 is a path without a stream or a file that has left the window, 500 a path it does not know, a
    muxer that is not ready or a track it cannot carry: to a viewer all of them are a camera without
    signal. A redirect is what it gives to callers without the CDN secret.
    """
    if status == web.HTTPOk.status_code:
        return
    if status == web.HTTPUnauthorized.status_code:
        raise _SessionGone
    if status in (web.HTTPNotFound.status_code, web.HTTPInternalServerError.status_code):
        raise NotFound("The camera has no signal.")
    if status == web.HTTPFound.status_code:
        raise MediaServerAway(_REFUSED)
    raise MediaServerAway(f"MediaMTX answered with the unexpected status {status}.")


def _playlist_of(found: CachedObject) -> Playlist:
    if found.playlist is None:
        raise NotFound("There is no such playlist.")
    return found.playlist


class _Part(NamedTuple):
    """The bytes of a body that a viewer gets."""

    body: Body
    start: int
    size: int


def _answer(
    request: web.Request, found: CachedObject, query: Mapping[str, str]
) -> tuple[web.StreamResponse, _Part | None]:
    """Make the response, and say which part of the body is to be streamed into it, if any."""
    if found.playlist is not None:
        return web.Response(body=found.playlist.render(query), headers=found.headers), None
    part, headers, status = _Part(found.body, 0, found.body.size), found.headers, 200
    asked = request.headers.get(hdrs.RANGE)
    if asked is not None:
        wanted = _wanted(asked, part.size)
        if wanted is None:
            return web.Response(status=416, headers={hdrs.CONTENT_RANGE: f"bytes */{part.size}"}), None
        start, stop = wanted
        headers = {**headers, hdrs.CONTENT_RANGE: f"bytes {start}-{stop - 1}/{part.size}"}
        part, status = _Part(found.body, start, stop - start), 206
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
