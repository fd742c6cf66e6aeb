"""Every page of the dashboard: a shell rendered here, filled by its script from the API."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from uuid import UUID

from aiohttp import hdrs, web

from vmsd.errors import NotAllowed, NotFound
from vmsd.model.person import Verb
from vmsd.pages.assets import Asset
from vmsd.pages.render import RENDERER

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
FOR_EVER = "public, max-age=31536000, immutable"


async def login(request: web.Request) -> web.StreamResponse:
    return request.app[RENDERER].render(request, "login.html", next=_own_page(request.query.get("next", "/")))


async def overview(request: web.Request) -> web.StreamResponse:
    return request.app[RENDERER].render(request, "overview.html")


async def cameras(request: web.Request) -> web.StreamResponse:
    return request.app[RENDERER].render(request, "cameras.html")


async def camera_new(request: web.Request) -> web.StreamResponse:
    _refuse_unless_configuring(request)
    return request.app[RENDERER].render(request, "camera_form.html", camera_id="")


async def camera_edit(request: web.Request) -> web.StreamResponse:
    _refuse_unless_configuring(request)
    return request.app[RENDERER].render(request, "camera_form.html", camera_id=_camera_id(request))


async def camera(request: web.Request) -> web.StreamResponse:
    return request.app[RENDERER].render(request, "camera.html", camera_id=_camera_id(request))


async def health_board(request: web.Request) -> web.StreamResponse:
    return request.app[RENDERER].render(request, "health_board.html")


async def static_file(request: web.Request) -> web.StreamResponse:
    """A file of `web/static`. Under an old version's address it is still the newest one, but not to be kept."""
    assets = request.app[RENDERER].assets
    asset = assets.find(request.match_info["name"])
    if asset is None:
        raise NotFound("there is no such file")
    current = request.match_info["version"] == assets.version
    return _send(request, asset, FOR_EVER if current else "no-store")


def _send(request: web.Request, asset: Asset, cache_control: str) -> web.Response:
    headers = {
        hdrs.CONTENT_TYPE: asset.content_type,
        hdrs.CACHE_CONTROL: cache_control,
        hdrs.VARY: hdrs.ACCEPT_ENCODING,
    }
    if asset.gzipped is None or "gzip" not in request.headers.get(hdrs.ACCEPT_ENCODING, ""):
        return web.Response(body=asset.body, headers=headers)
    return web.Response(body=asset.gzipped, headers={**headers, hdrs.CONTENT_ENCODING: "gzip"})


def _camera_id(request: web.Request) -> str:
    try:
        return str(UUID(request.match_info["id"]))
    except ValueError:
        raise NotFound("there is no such camera") from None


def _refuse_unless_configuring(request: web.Request) -> None:
    if Verb.CONFIGURE not in request["caller"].verbs:
        raise NotAllowed("your account may not change cameras")


def _own_page(address: str) -> str:
    """Where to go after login: a path of this site, whatever the link said."""
    own = address.startswith("/") and not address.startswith(("//", "/\\")) and address.isprintable()
    return address if own else "/"


PAGES: tuple[tuple[str, str, Handler, bool], ...] = (
    (hdrs.METH_GET, "/login", login, False),
    (hdrs.METH_GET, "/static/{version}/{name:.+}", static_file, False),
    (hdrs.METH_GET, "/", overview, True),
    (hdrs.METH_GET, "/camera/{id}", camera, True),
    (hdrs.METH_GET, "/camera/{id}/edit", camera_edit, True),
    (hdrs.METH_GET, "/cameras", cameras, True),
    (hdrs.METH_GET, "/cameras/new", camera_new, True),
    (hdrs.METH_GET, "/health-board", health_board, True),
)
"""Method, path, handler, and whether somebody must be logged in."""
