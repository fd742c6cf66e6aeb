"""Every page of the dashboard: a shell rendered here, filled by its script from the API."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from uuid import UUID

from aiohttp import hdrs, web

from vmsd.errors import NotFound
from vmsd.model.person import Role, Verb
from vmsd.pages.assets import Asset
from vmsd.pages.render import RENDERER
from vmsd.pages.request import CALLER, WALLS
from vmsd.pages.route import Handler, PageRoute, table

FOR_EVER = "public, max-age=31536000, immutable"


def shell(template: str) -> Handler:
    """A page its script fills, and nothing else."""

    async def show(request: web.Request) -> web.StreamResponse:
        return request.app[RENDERER].render(request, template)

    return show


async def login(request: web.Request) -> web.StreamResponse:
    return request.app[RENDERER].render(request, "login.html", next=_own_page(request.query.get("next", "/")))


async def camera_new(request: web.Request) -> web.StreamResponse:
    return request.app[RENDERER].render(request, "camera_form.html", camera_id="")


async def camera_edit(request: web.Request) -> web.StreamResponse:
    return request.app[RENDERER].render(request, "camera_form.html", camera_id=_camera_id(request))


async def camera(request: web.Request) -> web.StreamResponse:
    return request.app[RENDERER].render(request, "camera.html", camera_id=_camera_id(request))


async def motion(request: web.Request) -> web.StreamResponse:
    return request.app[RENDERER].render(request, "motion.html", camera_id=_camera_id(request))


async def mosaic(request: web.Request) -> web.StreamResponse:
    return request.app[RENDERER].render(request, "mosaic.html", mosaic_id=_id(request, "mosaic"))


async def mosaic_new(request: web.Request) -> web.StreamResponse:
    return request.app[RENDERER].render(request, "mosaic.html", mosaic_id="")


async def wall(request: web.Request) -> web.StreamResponse:
    """For whoever has its key. With another one it is the same page, which says so and waits."""
    key = request.match_info["key"]
    known = await request.app[WALLS].knows(key)
    status = HTTPStatus.OK if known else HTTPStatus.NOT_FOUND
    return request.app[RENDERER].render(request, "wall.html", status=status, key=key)


async def account(request: web.Request) -> web.StreamResponse:
    """Nothing but the choice of a password for who must make it first."""
    if request[CALLER].person.must_change:
        following = _own_page(request.query.get("next", "/"))
        return request.app[RENDERER].render(request, "first_password.html", next=following)
    return request.app[RENDERER].render(request, "account.html")


async def static_file(request: web.Request) -> web.StreamResponse:
    """A file of `web/static`. Under an old version's address it is still the newest one, but not to be kept."""
    assets = request.app[RENDERER].assets
    asset = assets.find(request.match_info["name"])
    if asset is None:
        raise NotFound("there is no such file")
    current = request.match_info["version"] == assets.version
    return await _send(request, asset, FOR_EVER if current else "no-store")


async def _send(request: web.Request, asset: Asset, cache_control: str) -> web.Response:
    headers = {
        hdrs.CONTENT_TYPE: asset.content_type,
        hdrs.CACHE_CONTROL: cache_control,
        hdrs.VARY: hdrs.ACCEPT_ENCODING,
    }
    if not asset.worth_gzip or "gzip" not in request.headers.get(hdrs.ACCEPT_ENCODING, ""):
        return web.Response(body=asset.body, headers=headers)
    packed = await asyncio.to_thread(asset.gzipped)
    return web.Response(body=packed, headers={**headers, hdrs.CONTENT_ENCODING: "gzip"})


def _camera_id(request: web.Request) -> str:
    return _id(request, "camera")


def _id(request: web.Request, what: str) -> str:
    try:
        return str(UUID(request.match_info["id"]))
    except ValueError:
        raise NotFound(f"there is no such {what}") from None


def _own_page(address: str) -> str:
    """Where to go after login: a path of this site, whatever the link said."""
    own = address.startswith("/") and not address.startswith(("//", "/\\")) and address.isprintable()
    return address if own else "/"


PAGES = table(
    PageRoute("/login", login, "public"),
    PageRoute("/static/{version}/{name:.+}", static_file, "public"),
    PageRoute("/", shell("overview.html")),
    PageRoute("/camera/{id}", camera),
    PageRoute("/camera/{id}/edit", camera_edit, verb=Verb.CONFIGURE),
    PageRoute("/camera/{id}/motion", motion, verb=Verb.CONFIGURE),
    PageRoute("/cameras", shell("cameras.html")),
    PageRoute("/cameras/new", camera_new, verb=Verb.CONFIGURE),
    PageRoute("/mosaic", shell("mosaics.html"), verb=Verb.VIEW),
    PageRoute("/mosaic/new", mosaic_new, verb=Verb.VIEW),
    PageRoute("/mosaic/{id}", mosaic, verb=Verb.VIEW),
    PageRoute("/wall/{key}", wall, "public"),
    PageRoute("/alerts", shell("alerts.html"), verb=Verb.VIEW),
    PageRoute("/replay", shell("replay.html"), verb=Verb.REPLAY),
    PageRoute("/map", shell("map.html"), verb=Verb.VIEW),
    PageRoute("/detections", shell("detections.html"), verb=Verb.PLATES),
    PageRoute("/wanted", shell("wanted.html"), verb=Verb.PLATES),
    PageRoute("/health-board", shell("health_board.html")),
    PageRoute("/evidence", shell("evidence_exports.html"), verb=Verb.EXPORT),
    PageRoute("/evidence/kept", shell("evidence_kept.html"), verb=Verb.REPLAY),
    PageRoute("/evidence/proofs", shell("evidence_proofs.html"), verb=Verb.EXPORT),
    PageRoute("/account", account, "person", unready=True),
    PageRoute("/admin", shell("admin_users.html"), role=Role.GESTOR),
    PageRoute("/admin/groups", shell("admin_groups.html"), role=Role.GESTOR),
    PageRoute("/admin/tokens", shell("admin_tokens.html"), role=Role.GESTOR),
    PageRoute("/admin/discovery", shell("admin_discovery.html"), role=Role.GESTOR, verb=Verb.CONFIGURE),
    PageRoute("/admin/destinations", shell("admin_destinations.html"), role=Role.GESTOR),
    PageRoute("/admin/acceptance", shell("admin_acceptance.html"), verb=Verb.MANAGE, role=Role.GESTOR),
    PageRoute("/admin/cities", shell("admin_cities.html"), "site", role=Role.SUPERADMIN),
    PageRoute("/audit", shell("audit.html"), role=Role.GESTOR),
)
"""All are asked for with GET."""
