"""Serves the live HLS of MediaMTX to any number of viewers from one fetch per file."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import aiohttp
from aiohttp import hdrs, web
from yarl import URL

from vmsd.clock import Clock
from vmsd.errors import Malformed, MediaServerAway, NotFound, TooMany
from vmsd.live.cache import Body, Cache, CachedObject, Key
from vmsd.live.delivery import Crowd, answer, deliver
from vmsd.live.playlist import INDEX, Kind, Playlist, Reload, headers_of, is_part, kind_of, parse

_REFUSED = "MediaMTX does not accept the secret for HLS."


@dataclass(frozen=True, slots=True)
class HlsLimits:
    """Every bound of the proxy; sizes in bytes, times in seconds."""

    cache_bytes: int = 256 * 1024 * 1024
    cache_objects: int = 512
    """Most of them hold a file descriptor."""
    quick_bytes: int = 64 * 1024 * 1024
    quick_objects: int = 4096
    """Parts and the playlists that name them, which nobody wants for long."""
    object_bytes: int = 32 * 1024 * 1024
    playlist_bytes: int = 256 * 1024
    index_fresh_s: float = 2.0
    playlist_fresh_s: float = 1.0
    """At most; half a segment when that is shorter."""
    segment_kept_s: float = 30.0
    """MediaMTX's own window is about 14 s."""
    part_kept_s: float = 8.0
    init_kept_s: float = 3600.0
    upstream_s: float = 5.0
    """So long waits, too, who asks for a part that is still to come."""
    first_playlist_s: float = 12.0
    """MediaMTX answers the first playlist of a path when it has a segment."""
    requests_per_viewer: int = 32
    requests: int = 1024
    waits_per_viewer: int = 64
    waits: int = 4096
    """Requests for what is still to come: every low-latency player has one or two open at any time."""
    waits_per_path: int = 16
    """So many different ones reach MediaMTX; players who keep up ask the same."""
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


class _Wanted(NamedTuple):
    """One file of a path; `reload` says how a low-latency player asks for a media playlist."""

    path: str
    file: str
    kind: Kind
    reload: Reload | None = None

    @property
    def key(self) -> Key:
        """Players of whole segments and the others get different playlists under one name."""
        return self.path, self.file if self.reload is None else f"ll/{self.file}?{self.reload.query}"

    @property
    def is_quick(self) -> bool:
        return self.reload is not None or is_part(self.file)

    @property
    def waits(self) -> bool:
        """MediaMTX may answer only when there is something new."""
        return is_part(self.file) if self.reload is None else self.reload.waits


def _wanted(path: str, file: str, reload: Reload | None) -> _Wanted:
    kind = kind_of(file)
    return _Wanted(path, file, kind, reload if kind is Kind.MEDIA else None)


class HlsProxy:
    """Who may see the path was decided before; nothing of a viewer's request goes upstream but a `Reload`."""

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
        self._quick = Cache(clock, limit_bytes=limits.quick_bytes, limit_objects=limits.quick_objects)
        self._viewers = Crowd(limits.requests, limits.requests_per_viewer)
        self._waiters = Crowd(limits.waits, limits.waits_per_viewer)
        self._waits: Counter[str] = Counter()
        self._upstream_requests = 0

    def stats(self) -> HlsStats:
        return HlsStats(
            hits=self._cache.hits + self._quick.hits,
            misses=self._cache.misses + self._quick.misses,
            upstream_requests=self._upstream_requests,
            held_bytes=self._cache.memory.held_bytes + self._quick.memory.held_bytes,
            in_flight=self._viewers.size + self._waiters.size,
        )

    async def serve(
        self,
        request: web.Request,
        path: str,
        file: str,
        *,
        viewer: str,
        query: Mapping[str, str],
        reload: Reload | None = None,
    ) -> web.StreamResponse:
        """`query` is appended to each URI of a playlist, for players that carry a token there.

        With a `reload` media playlists are those of low-latency players, as they ask for them.
        """
        wanted = _wanted(path, file, reload)
        crowd = self._waiters if wanted.waits else self._viewers
        crowd.enter(viewer)
        try:
            response, part = answer(request, await self._fetch(wanted), query)
            size = part.size if part else 0
            within_s = self._limits.slow_grace_s + size / self._limits.slow_bytes_per_s
            return await deliver(request, response, part, within_s)
        finally:
            crowd.leave(viewer)

    async def fetch(self, path: str, file: str) -> CachedObject:
        """Give one file of a path from memory or MediaMTX; NotFound, MediaServerAway or TooMany."""
        return await self._fetch(_wanted(path, file, None))

    async def _fetch(self, wanted: _Wanted) -> CachedObject:
        cache = self._quick if wanted.is_quick else self._cache
        found = cache.find(wanted.key)
        if found is None:
            found = await cache.share(wanted.key, partial(self._load, wanted))
        return found

    async def newest(self, path: str) -> NewestSegment:
        """Fetch the newest whole video segment of a path, through the same cache as the viewers."""
        index = _playlist_of(await self.fetch(path, INDEX))
        media = _playlist_of(await self.fetch(path, index.video))
        init_file, file = media.newest
        init = await self.fetch(path, init_file)
        segment = await self.fetch(path, file)
        return NewestSegment(init.body.read(), segment.body.read(), file, media.newest_ms)

    # Upstream

    async def _load(self, wanted: _Wanted) -> CachedObject:
        try:
            return await (self._wait(wanted) if wanted.waits else self._load_in_session(wanted))
        except NotFound:
            self._forget_playlists(wanted.path)
            raise

    async def _wait(self, wanted: _Wanted) -> CachedObject:
        """Load what may be still to come."""
        path = wanted.path
        if self._waits[path] >= self._limits.waits_per_path:
            raise TooMany("Too many different parts of one stream are waited for.")
        self._waits[path] += 1
        try:
            return await self._load_in_session(wanted)
        finally:
            self._waits[path] -= 1
            if not self._waits[path]:
                del self._waits[path]

    async def _load_in_session(self, wanted: _Wanted) -> CachedObject:
        """Ask for index.m3u8 when a child is refused: it alone opens a session at MediaMTX."""
        try:
            return await self._download(wanted)
        except _SessionGone:
            if wanted.kind is Kind.INDEX:
                raise MediaServerAway(_REFUSED) from None
        self._forget_playlists(wanted.path)
        await self.fetch(wanted.path, INDEX)
        try:
            return await self._download(wanted)
        except _SessionGone:
            raise NotFound("The stream has ended.") from None

    def _forget_playlists(self, path: str) -> None:
        self._cache.drop_playlists(path)
        self._quick.drop_playlists(path)

    async def _download(self, wanted: _Wanted) -> CachedObject:
        query = f"?{wanted.reload.query}" if wanted.reload and wanted.reload.query else ""
        url = URL(f"{self._origin_url}/{wanted.path}/{wanted.file}{query}", encoded=True)
        self._upstream_requests += 1
        try:
            async with (
                asyncio.timeout(self._patience_s(wanted)),
                self._session.get(url, headers=self._headers, allow_redirects=False) as response,
            ):
                _judge(response.status)
                return self._object(wanted, await self._read(wanted, response))
        except (aiohttp.ClientError, OSError) as error:
            raise MediaServerAway("MediaMTX does not answer, or not in time.") from error

    def _patience_s(self, wanted: _Wanted) -> float:
        cold = wanted.kind.is_playlist and not wanted.waits and not self._cache.knows(wanted.key)
        return self._limits.first_playlist_s if cold else self._limits.upstream_s

    async def _read(self, wanted: _Wanted, response: aiohttp.ClientResponse) -> Body:
        limit = self._limits.playlist_bytes if wanted.kind.is_playlist else self._limits.object_bytes
        cache = self._quick if wanted.is_quick else self._cache
        body = Body(cache.memory)
        with ExitStack() as unfinished:
            # The error of a broken answer lives on in a cycle until garbage is collected; the bytes must not.
            unfinished.callback(body.close)
            async for chunk in response.content.iter_any():
                if max(body.size + len(chunk), response.content_length or 0) > limit:
                    raise MediaServerAway("MediaMTX answered with more than any file of a stream can hold.")
                cache.make_room(len(chunk))
                body.append(chunk)
            unfinished.pop_all()
        return body

    def _object(self, wanted: _Wanted, body: Body) -> CachedObject:
        has_parts = wanted.reload is not None
        playlist = parse(body.read(), keeps_parts=has_parts) if wanted.kind.is_playlist else None
        now = self._clock.monotonic()
        fresh_s = self._fresh_s(wanted, playlist)
        kept_s = fresh_s if wanted.is_quick else max(fresh_s, self._limits.segment_kept_s)
        return CachedObject(body, headers_of(wanted.file), now + fresh_s, now + kept_s, playlist)

    def _fresh_s(self, wanted: _Wanted, playlist: Playlist | None) -> float:
        limits = self._limits
        if wanted.kind is Kind.INDEX:
            return limits.index_fresh_s
        if playlist is not None:
            age_s = (playlist.last_segment_s or 0.0) / 2 if wanted.reload is None else playlist.part_s or 0.0
            return min(limits.playlist_fresh_s, age_s)
        if wanted.is_quick:
            return limits.part_kept_s
        return limits.init_kept_s if wanted.kind is Kind.INIT else limits.segment_kept_s


def _judge(status: int) -> None:
    """Map what MediaMTX 1.20 answers.

    404 is a path without a stream or a file that has left the window, 500 a path it does not know, a
    muxer that is not ready or a track it cannot carry: to a viewer all of them are a camera without
    signal. A redirect is what it gives to callers without the CDN secret. 400 is a part that is too far ahead.
    """
    if status == web.HTTPOk.status_code:
        return
    if status == web.HTTPUnauthorized.status_code:
        raise _SessionGone
    if status in (web.HTTPNotFound.status_code, web.HTTPInternalServerError.status_code):
        raise NotFound("The camera has no signal.")
    if status == web.HTTPBadRequest.status_code:
        raise Malformed("The stream has no such part, nor will it have one soon.")
    if status == web.HTTPFound.status_code:
        raise MediaServerAway(_REFUSED)
    raise MediaServerAway(f"MediaMTX answered with the unexpected status {status}.")


def _playlist_of(found: CachedObject) -> Playlist:
    if found.playlist is None:
        raise NotFound("There is no such playlist.")
    return found.playlist
