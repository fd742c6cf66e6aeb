"""The HLS server: sessions and the CDN secret before, muxers behind."""

import asyncio
import posixpath
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode

from aiohttp import web
from auth import Auth, DeniedError
from logs import Journal
from muxer import Muxer, NoSuchPartError, Window, has_hls
from ondemand import OnDemand, TimedOutError
from paths import NoStreamError, NotConfiguredError, Path, Paths
from quantities import NS_PER_S, parse_duration, parse_size
from sessions import Entry, Session
from tracks import describe_codecs

from web import Listener, check_access, denied_answer, error_answer, not_found, with_origins

_RETRY_S = 10
_PLAYLIST = "application/vnd.apple.mpegurl"
_PRIVATE = "private, no-cache"
_PAGE = b"<!doctype html>\n<html><body>This is the stand-in for MediaMTX: it has no player.</body></html>\n"


class MuxerError(Exception):
    """The path has a stream and no muxer can serve it now."""


@dataclass(frozen=True)
class _Asked:
    """A request for a file below a path."""

    request: web.Request
    path: str
    file: str
    is_cdn: bool


class HlsServer:
    """Lives on the loop; told of every path that gains or loses its stream."""

    def __init__(self, globals_: dict[str, Any], paths: Paths, demand: OnDemand, auth: Auth, journal: Journal) -> None:
        self._paths = paths
        self._demand = demand
        self._auth = auth
        self._journal = journal
        self._always: bool = globals_["hlsAlwaysRemux"]
        self._secret: str = globals_["hlsCDNSecret"]
        self._close_after_s = parse_duration(globals_["hlsMuxerCloseAfter"])
        self._window = Window(
            round(parse_duration(globals_["hlsSegmentDuration"]) * NS_PER_S),
            globals_["hlsSegmentCount"],
            parse_size(globals_["hlsSegmentMaxSize"]),
            globals_["hlsVariant"] == "lowLatency",
            round(parse_duration(globals_["hlsPartDuration"]) * NS_PER_S),
        )
        self._entries: dict[str, Entry] = {}
        self._address: str = globals_["hlsAddress"]
        app = web.Application()
        with_origins(app, globals_["hlsAllowOrigins"], "OPTIONS, GET", "Authorization, Range")
        app.router.add_route("*", "/{tail:.*}", self._answer)
        self._listener = Listener(app, self._address)
        self._sweeper: asyncio.Task[None] | None = None

    async def start(self) -> None:
        await self._listener.start()
        self._journal.info(f"[HLS] started with listener on {self._address} (TCP/HTTP)")
        self._sweeper = asyncio.create_task(self._sweep())
        for path in self._paths.list():
            self.follow(path)

    async def close(self) -> None:
        self._journal.info("[HLS] closing")
        if self._sweeper:
            self._sweeper.cancel()
        for name in list(self._entries):
            self._remove(name, "terminated")
        await self._listener.close()

    def follow(self, path: Path) -> None:
        """Take note that the path's stream has come or gone."""
        entry = self._entries.get(path.name)
        if entry and (entry.path is not path or path.muxer is not entry.muxer or not path.stream):
            self._remove(path.name, "terminated")
            entry = None
        if entry is None and path.stream and self._is_kept(path) and self._paths.find(path.name) is path:
            self._create(path, "automatically", on_demand=False)

    def _is_kept(self, path: Path) -> bool:
        return self._always and not path.conf["sourceOnDemand"]

    def list_muxers(self) -> list[dict[str, Any]]:
        entries = sorted(self._entries.values(), key=lambda entry: entry.created_ns)
        return [entry.describe() for entry in entries]

    def list_sessions(self) -> list[dict[str, Any]]:
        sessions = [session for entry in self._entries.values() for session in entry]
        return [session.describe() for session in sorted(sessions, key=lambda s: s.created_ns)]

    def kick(self, session_id: str) -> bool:
        return any(entry.kick(session_id) for entry in self._entries.values())

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(1)
            for name, entry in list(self._entries.items()):
                entry.sweep()
                idle_s = (time.time_ns() - entry.requested_ns) / NS_PER_S
                if entry.on_demand and idle_s >= self._close_after_s:
                    self._remove(name, "not used anymore")

    def _create(self, path: Path, by: str, *, on_demand: bool) -> Entry | None:
        stream = path.stream
        if stream is None or not has_hls(stream.tracks):
            self._journal.info(f"[HLS] [muxer {path.name}] destroyed: no supported codecs found")
            return None
        muxer = Muxer(stream.tracks, self._window, asyncio.get_running_loop())
        muxer.failed = lambda reason: self._failed(path, muxer, reason)
        self._journal.info(f"[HLS] [muxer {path.name}] created {by}")
        entry = self._entries[path.name] = Entry(path, muxer, self._journal, on_demand=on_demand)
        path.attach(muxer)
        self._journal.info(f"[HLS] [muxer {path.name}] is converting into HLS, {describe_codecs(muxer.tracks)}")
        return entry

    def _remove(self, name: str, reason: str) -> None:
        entry = self._entries.pop(name)
        entry.close("muxer destroyed")
        if entry.path.muxer is entry.muxer:
            entry.path.attach(None)
        self._journal.info(f"[HLS] [muxer {name}] destroyed: {reason}")

    def _failed(self, path: Path, muxer: Muxer, reason: str) -> None:
        if path.muxer is muxer and path.name in self._entries:
            self._journal.error(f"[HLS] [muxer {path.name}] muxer instance crashed: {reason}")
            self._remove(path.name, reason)
            asyncio.get_running_loop().call_later(_RETRY_S, self.follow, path)

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        if request.method != "GET":
            return not_found()
        wanted = request.path[1:]
        is_cdn = bool(self._secret) and request.headers.get("Authorization") == f"Bearer {self._secret}"
        asked = _Asked(request, posixpath.dirname(wanted), posixpath.basename(wanted), is_cdn)
        try:
            if wanted.endswith("/index.m3u8"):
                return await self._index(asked)
            if wanted.endswith((".m3u8", ".mp4", ".ts", ".mp")):
                return await self._child(asked)
            return await self._page(request, wanted)
        except DeniedError as denied:
            return denied_answer(denied)
        except (NoStreamError, NotConfiguredError, MuxerError, TimedOutError) as error:
            return error_answer(404 if isinstance(error, NoStreamError) else 500, str(error))

    async def _page(self, request: web.Request, wanted: str) -> web.Response:
        if wanted in ("", "favicon.ico") or wanted.endswith("/hls.min.js.map"):
            return not_found()
        if not wanted.endswith("/"):
            location = "/" + posixpath.normpath(wanted).lstrip("/") + "/"
            query = f"?{request.query_string}" if request.query_string else ""
            return web.Response(status=302, headers={"Location": location + query})
        self._paths.get(wanted[:-1])
        await check_access(self._auth, request, "read", wanted[:-1])
        headers = {"Cache-Control": "max-age=3600"}
        return web.Response(body=_PAGE, content_type="text/html", headers=headers)

    async def _index(self, asked: _Asked) -> web.Response:
        request = asked.request
        query = dict(parse_qsl(request.query_string, keep_blank_values=True))
        if asked.is_cdn:
            entry = self._entries.get(asked.path)
            session = entry.cdn() if entry else None
            if entry is None or session is None:
                entry, session = await self._join(asked, "", request.query_string)
            return await self._multivariant(asked, entry, session, request.query_string)
        if query.pop("cookieCheck", "") != "1":
            return _redirect(request, {**query, "cookieCheck": "1"})
        self._paths.get(asked.path)
        user = await check_access(self._auth, request, "read", asked.path)
        entry, session = await self._join(asked, user, _encode(query))
        keeps_cookies = request.cookies.get("cookieCheck") == "1"
        if not keeps_cookies:
            query["session"] = session.secret
        answer = await self._multivariant(asked, entry, session, _encode(query))
        if keeps_cookies:
            answer.headers["Set-Cookie"] = _cookie("hlsSession", session.secret)
        return answer

    async def _join(self, asked: _Asked, user: str, query: str) -> tuple[Entry, Session]:
        path = self._paths.get(asked.path)
        await self._demand.ready(path)
        if path.stream is None:
            raise NoStreamError(f"no stream is available on path '{path.name}'")
        host, port = (asked.request.transport or _NO_PEER).get_extra_info("peername")[:2]
        remote = f"{host}:{port}"
        entry = self._entries.get(path.name)
        if entry is None and self._is_kept(path):
            raise MuxerError("muxer is waiting to be created")
        entry = entry or self._create(path, f"(requested by {remote})", on_demand=True)
        if entry is None:
            raise MuxerError("muxer instance not available")
        agent = asked.request.headers.get("User-Agent", "")
        session = Session(path, remote, query, user, agent, asked.is_cdn)
        entry.add(session)
        return entry, session

    async def _multivariant(self, asked: _Asked, entry: Entry, session: Session, query: str) -> web.Response:
        _touch(entry, session)
        await entry.muxer.content()
        if entry.muxer.closed:
            return web.Response(status=500)
        body = entry.muxer.multivariant(query).encode()
        return _send(asked, entry, session, (_PLAYLIST, body), "public, max-age=30")

    async def _child(self, asked: _Asked) -> web.Response:
        request = asked.request
        entry = self._entries.get(asked.path)
        if entry is None:
            return error_answer(401, "authentication error")
        if asked.is_cdn:
            session = entry.cdn()
        else:
            secret = request.cookies.get("hlsSession") or request.query.get("session", "")
            session = entry.viewer(secret, request.remote or "")
        if session is None:
            return error_answer(401, "authentication error")
        _touch(entry, session)
        name = asked.file + "4" if asked.file.endswith(".mp") else asked.file
        if entry.muxer.has_playlist(name):
            return await self._media(asked, entry, session)
        found = await entry.muxer.file(name)
        if entry.muxer.closed:
            return web.Response(status=500)
        return _send(asked, entry, session, found, "public, max-age=3600") if found else not_found()

    async def _media(self, asked: _Asked, entry: Entry, session: Session) -> web.Response:
        muxer, pairs = entry.muxer, parse_qsl(asked.request.query_string, keep_blank_values=True)
        hls = {key: value for key, value in pairs if key.startswith("_HLS_")} if muxer.low_latency else {}
        try:
            await _wait(muxer, asked.file, hls)
        except (NoSuchPartError, ValueError):
            return web.Response(status=400)
        if muxer.closed:
            return web.Response(status=500)
        query = _encode({key: value for key, value in pairs if not key.startswith("_HLS_")})
        text = muxer.playlist(asked.file, query, is_delta=hls.get("_HLS_skip") in ("YES", "v2"))
        age = "no-cache" if muxer.low_latency else f"public, max-age={muxer.max_age_s(asked.file)}"
        return _send(asked, entry, session, (_PLAYLIST, text.encode()), age)


async def _wait(muxer: Muxer, file: str, hls: dict[str, str]) -> None:
    """Wait until there is what a low-latency player asks for; ValueError for what is no number."""
    if hls.get("_HLS_msn"):
        await muxer.part(file, _number(hls["_HLS_msn"]), _number(hls.get("_HLS_part") or "0"))
    elif hls.get("_HLS_part"):
        raise NoSuchPartError
    else:
        await muxer.content()


def _number(text: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise ValueError(text)
    return int(text)


class _NoPeer:
    def get_extra_info(self, _name: str) -> tuple[str, int]:
        return "", 0


_NO_PEER = _NoPeer()


def _encode(query: dict[str, str]) -> str:
    return urlencode(sorted(query.items()))


def _cookie(name: str, value: str) -> str:
    return f"{name}={value}; HttpOnly; Secure; SameSite=None; Partitioned"


def _redirect(request: web.Request, query: dict[str, str]) -> web.Response:
    location = "/" + posixpath.normpath(request.path).lstrip("/") + "?" + _encode(query)
    return web.Response(status=302, headers={"Location": location, "Set-Cookie": _cookie("cookieCheck", "1")})


def _touch(entry: Entry, session: Session) -> None:
    session.touched_s = time.monotonic()
    entry.requested_ns = time.time_ns()


def _send(asked: _Asked, entry: Entry, session: Session, content: tuple[str, bytes], cache: str) -> web.Response:
    kind, body = content
    session.outbound_bytes += len(body)
    entry.outbound_bytes += len(body)
    headers = {"Cache-Control": cache if asked.is_cdn else _PRIVATE}
    return web.Response(body=body, content_type=kind, headers=headers)
