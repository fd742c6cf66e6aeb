"""Serves the live HLS of MediaMTX to any number of viewers from one fetch per file."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import NamedTuple

import aiohttp
from aiohttp import hdrs, web
from yarl import URL

from vmsd.clock import Clock
from vmsd.errors import MediaServerAway, NotFound, TooMany
from vmsd.live.cache import Body, Cache, CachedObject
from vmsd.live.playlist import INDEX, Kind, Playlist, content_type_of, kind_of, parse

# How much of a body waits in memory for one viewer where the kernel cannot send it by itself (TLS).
VIEW_BYTES = 256 * 1024
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


class _SessionGone(Exception):  # noqa: N818 - a turn in a conversation, not a failure
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
        with self._place_for(viewer):
            found = await self.fetch(path, file)
            if found.playlist is not None:
                return _playlist_answer(found, query)
            return await self._send(request, found)

    async def fetch(self, path: str, file: str) -> CachedObject:
        """One file of a path, from memory or from MediaMTX; NotFound, MediaServerAway or TooMany."""
        kind = kind_of(file)
        return await self._cache.share((path, file), lambda: self._load(path, file, kind))

    async def newest(self, path: str) -> NewestSegment:
        """The newest whole video segment of a path, through the same cache as the viewers."""
        index = _playlist_of(await self.fetch(path, INDEX))
        init_file, file = _playlist_of(await self.fetch(path, index.video)).newest
        init = await self.fetch(path, init_file)
        segment = await self.fetch(path, file)
        return NewestSegment(init.body.read(), segment.body.read(), file)

    @contextmanager
    def _place_for(self, viewer: str) -> Iterator[None]:
        if self._in_flight >= self._limits.requests:
            raise TooMany("Too many people are watching at once.")
        if self._viewers[viewer] >= self._limits.requests_per_viewer:
            raise TooMany("Too many streams are open at once.")
        self._in_flight += 1
        self._viewers[viewer] += 1
        try:
            yield
        finally:
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
        """Only index.m3u8 opens a session at MediaMTX, so a child refused for want of one asks for it first."""
        try:
            return await self._download(path, file, kind)
        except _SessionGone:
            if kind is Kind.INDEX:
                raise MediaServerAway("MediaMTX does not accept the secret for HLS.") from None
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
        if (answer.content_length or 0) > limit:
            raise MediaServerAway("MediaMTX answered with more than any file of a stream can hold.")
        async for chunk in answer.content.iter_any():
            if body.size + len(chunk) > limit:
                raise MediaServerAway("MediaMTX answered with more than any file of a stream can hold.")
            self._cache.make_room(len(chunk))
            body.append(chunk)
        return body

    def _object(self, file: str, kind: Kind, body: Body) -> CachedObject:
        playlist = parse(body.read()) if kind.is_playlist else None
        now = self._clock.monotonic()
        fresh_s = self._fresh_s(kind, playlist)
        kept_s = max(fresh_s, self._limits.segment_kept_s)
        return CachedObject(file, content_type_of(file), body, now + fresh_s, now + kept_s, playlist)

    def _fresh_s(self, kind: Kind, playlist: Playlist | None) -> float:
        if kind is Kind.INDEX:
            return self._limits.index_fresh_s
        if playlist is not None:
            return min(self._limits.playlist_fresh_s, (playlist.last_segment_s or 0.0) / 2)
        return self._limits.init_kept_s if kind is Kind.INIT else self._limits.segment_kept_s

    # Downstream

    async def _send(self, request: web.Request, found: CachedObject) -> web.StreamResponse:
        """A viewer who is too slow or goes away is dropped here and is no error of anybody."""
        response, start, count = _file_answer(request, found)
        if not count or request.method == hdrs.METH_HEAD:
            return response
        deadline_s = self._limits.slow_grace_s + count / self._limits.slow_bytes_per_s
        try:
            async with asyncio.timeout(deadline_s):
                await response.prepare(request)
                await _write(request, response, found.body, start, count)
                await response.write_eof()
        except (ConnectionError, TimeoutError):
            response.force_close()
            if request.transport is not None:
                request.transport.abort()
        return response


def _judge(status: int) -> None:
    """Maps what MediaMTX 1.20 answers.

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
    raise MediaServerAway(f"MediaMTX answered with the unexpected status {status}.")


def _playlist_of(found: CachedObject) -> Playlist:
    if found.playlist is None:
        raise NotFound("There is no such playlist.")
    return found.playlist


def _playlist_answer(found: CachedObject, query: Mapping[str, str]) -> web.Response:
    body = _playlist_of(found).render(query)
    headers = {hdrs.CONTENT_TYPE: found.content_type, hdrs.CACHE_CONTROL: "no-store"}
    return web.Response(body=body, headers=headers)


def _file_answer(request: web.Request, found: CachedObject) -> tuple[web.StreamResponse, int, int]:
    """The response with its headers, and which bytes go into it."""
    size = found.body.size
    headers = {
        hdrs.CONTENT_TYPE: found.content_type,
        hdrs.CONTENT_LENGTH: str(size),
        # The name of a segment never comes back with other bytes, even after a restart of MediaMTX.
        hdrs.CACHE_CONTROL: "private, max-age=3600, immutable",
        hdrs.ACCEPT_RANGES: "bytes",
    }
    asked = request.headers.get(hdrs.RANGE)
    if asked is None:
        return web.StreamResponse(headers=headers), 0, size
    wanted = _wanted(asked, size)
    if wanted is None:
        return web.Response(status=416, headers={hdrs.CONTENT_RANGE: f"bytes */{size}"}), 0, 0
    start, stop = wanted
    headers[hdrs.CONTENT_RANGE] = f"bytes {start}-{stop - 1}/{size}"
    headers[hdrs.CONTENT_LENGTH] = str(stop - start)
    return web.StreamResponse(status=206, headers=headers), start, stop - start


def _wanted(asked: str, size: int) -> tuple[int, int] | None:
    """The bytes of a Range header as start and stop; None when it names none of this body."""
    match = _RANGE.fullmatch(asked)
    if match is None or not (match[1] or match[2]):
        return None
    if not match[1]:
        start, stop = max(0, size - int(match[2])), size
    else:
        start, stop = int(match[1]), min(int(match[2] or size) + 1, size)
    return (start, stop) if start < stop else None


async def _write(
    request: web.Request, response: web.StreamResponse, body: Body, start: int, count: int
) -> None:
    """Lets the kernel send large bodies; TLS needs them in views, one at a time per viewer."""
    transport = request.transport
    if transport is None:
        raise ConnectionResetError("the viewer has gone")
    if body.file is not None and transport.get_extra_info("sslcontext") is None:
        loop = asyncio.get_running_loop()
        # It also says "not available" of a viewer who left before the first byte; the views find that out.
        with suppress(asyncio.SendfileNotAvailableError):
            await loop.sendfile(transport, body.file, start, count, fallback=False)
            return
    for at in range(start, start + count, VIEW_BYTES):
        await response.write(body.read(at, min(VIEW_BYTES, start + count - at)))
