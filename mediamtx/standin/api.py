"""The control API: what vmsd asks of it, in the real server's shapes and status codes."""

import json
import time
import uuid
from collections.abc import Callable
from typing import Any

from aiohttp import web
from auth import Auth, DeniedError
from clock import timestamp
from hls import HlsServer
from logs import Journal
from paths import Paths
from settings import ConfigError, Settings, redact

from web import Listener, check_access, denied_answer, error_answer, json_answer, not_found, with_origins

VERSION = "v1.20.1-standin"
_DEFAULT_PAGE = 100
_MAX_PAGE = 2**31
_MAX_BODY_BYTES = 10 * 1024 * 1024


class Door:
    """Who may enter the API, and how its errors are told."""

    def __init__(self, auth: Auth, journal: Journal) -> None:
        self.journal = journal
        self._auth = auth

    @web.middleware
    async def watch(self, request: web.Request, handler: Any) -> web.StreamResponse:
        try:
            await check_access(self._auth, request, "api")
            handled: web.StreamResponse = await handler(request)
        except DeniedError as denied:
            return denied_answer(denied)
        except web.HTTPRequestEntityTooLarge:
            return self.refuse(400, "request body too large")
        except (web.HTTPNotFound, web.HTTPMethodNotAllowed):
            return not_found()
        except ConfigError as error:
            return self.refuse(400, str(error))
        return handled

    def refuse(self, status: int, message: str) -> web.Response:
        self.journal.error(f"[API] {message}")
        return error_answer(status, message)


class ApiServer:
    """Lives on the loop; `hls` and `settings` are those in force when a request arrives."""

    def __init__(
        self,
        door: Door,
        *,
        paths: Paths,
        settings: Callable[[], Settings],
        hls: Callable[[], HlsServer | None],
        change: Callable[[Settings], None],
    ) -> None:
        self._door = door
        self._paths = paths
        self._settings = settings
        self._hls = hls
        self._change = change
        self._started = timestamp(time.time_ns())
        values = settings().globals
        self._address: str = values["apiAddress"]
        app = web.Application(middlewares=[door.watch], client_max_size=_MAX_BODY_BYTES)
        methods, headers = "OPTIONS, GET, POST, PATCH, DELETE", "Authorization, Content-Type"
        with_origins(app, values["apiAllowOrigins"], methods, headers)
        app.middlewares.insert(0, app.middlewares.pop())
        self._route(app.router)
        self._listener = Listener(app, self._address)

    async def start(self) -> None:
        await self._listener.start()
        self._door.journal.info(f"[API] started with listener on {self._address} (TCP/HTTP)")

    async def close(self) -> None:
        self._door.journal.info("[API] closing")
        await self._listener.close()

    def _route(self, router: web.UrlDispatcher) -> None:
        for url, handler in (
            ("/v3/info", self._info),
            ("/v3/config/global/get", self._global),
            ("/v3/config/pathdefaults/get", self._path_defaults),
            ("/v3/config/paths/list", self._conf_list),
            ("/v3/config/paths/get/{name:.*}", self._conf_get),
            ("/v3/paths/list", self._path_list),
            ("/v3/paths/get/{name:.*}", self._path_get),
            ("/v3/hlsmuxers/list", self._muxer_list),
            ("/v3/hlsmuxers/get/{name:.*}", self._muxer_get),
            ("/v3/hlssessions/list", self._session_list),
            ("/v3/hlssessions/get/{id}", self._session_get),
        ):
            router.add_get(url, handler, allow_head=False)
        router.add_patch("/v3/config/pathdefaults/patch", self._patch)
        router.add_post("/v3/hlssessions/kick/{id}", self._kick)

    async def _info(self, _request: web.Request) -> web.Response:
        return json_answer({"version": VERSION, "started": self._started})

    async def _global(self, _request: web.Request) -> web.Response:
        return json_answer(redact(self._settings().globals))

    async def _path_defaults(self, _request: web.Request) -> web.Response:
        return json_answer({"name": "", **self._settings().path_defaults})

    async def _patch(self, request: web.Request) -> web.Response:
        body = await request.read()
        try:
            patch = json.loads(body)
        except ValueError as error:
            return self._door.refuse(400, f"invalid JSON: {error}" if body else "unexpected end of JSON input")
        self._change(self._settings().patched(patch))
        return json_answer({"status": "ok"})

    async def _conf_list(self, request: web.Request) -> web.Response:
        return self._page(request, list(self._settings().paths.values()))

    async def _conf_get(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        if not name:
            return self._door.refuse(400, "invalid name")
        conf = self._settings().paths.get(name)
        return json_answer(conf) if conf else self._door.refuse(404, "path configuration not found")

    async def _path_list(self, request: web.Request) -> web.Response:
        return self._page(request, [path.describe() for path in self._paths.list()])

    async def _path_get(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        if not name:
            return self._door.refuse(400, "invalid name")
        path = self._paths.find(name)
        return json_answer(path.describe()) if path else self._door.refuse(404, "path not found")

    async def _muxer_list(self, request: web.Request) -> web.Response:
        hls = self._hls()
        return self._page(request, hls.list_muxers()) if hls else not_found()

    async def _muxer_get(self, request: web.Request) -> web.Response:
        hls = self._hls()
        if hls is None:
            return not_found()
        name = request.match_info["name"]
        found = next((item for item in hls.list_muxers() if item["path"] == name), None)
        return json_answer(found) if found else self._door.refuse(404, "muxer not found")

    async def _session_list(self, request: web.Request) -> web.Response:
        hls = self._hls()
        return self._page(request, hls.list_sessions()) if hls else not_found()

    async def _session_get(self, request: web.Request) -> web.Response:
        hls = self._hls()
        if hls is None:
            return not_found()
        if (session_id := _uuid(request)) is None:
            return self._door.refuse(400, f"invalid UUID length: {len(request.match_info['id'])}")
        found = next((item for item in hls.list_sessions() if item["id"] == session_id), None)
        return json_answer(found) if found else self._door.refuse(404, "session not found")

    async def _kick(self, request: web.Request) -> web.Response:
        hls = self._hls()
        if hls is None:
            return not_found()
        if (session_id := _uuid(request)) is None:
            return self._door.refuse(400, f"invalid UUID length: {len(request.match_info['id'])}")
        return json_answer({"status": "ok"}) if hls.kick(session_id) else self._door.refuse(404, "session not found")

    def _page(self, request: web.Request, items: list[dict[str, Any]]) -> web.Response:
        try:
            size = _number(request.query.get("itemsPerPage", ""), _DEFAULT_PAGE)
            page = _number(request.query.get("page", ""), 0)
        except ValueError as error:
            return self._door.refuse(400, str(error))
        if not size:
            return self._door.refuse(400, "invalid items per page")
        shown = items[page * size : (page + 1) * size]
        pages = -(-len(items) // size)
        return json_answer({"itemCount": len(items), "pageCount": pages, "items": shown})


def _number(text: str, default: int) -> int:
    if not text:
        return default
    if not text.isascii() or not text.isdigit():
        raise ValueError(f'strconv.ParseUint: parsing "{text}": invalid syntax')
    if int(text) >= _MAX_PAGE:
        raise ValueError(f'strconv.ParseUint: parsing "{text}": value out of range')
    return int(text)


def _uuid(request: web.Request) -> str | None:
    try:
        return str(uuid.UUID(request.match_info["id"]))
    except ValueError:
        return None
