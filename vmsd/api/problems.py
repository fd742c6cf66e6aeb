"""The one place where an error becomes an HTTP answer: RFC 9457 for programs, a page for people."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import quote

import structlog
from aiohttp import web

from vmsd import errors
from vmsd.api.request_ids import request_id_of
from vmsd.api.site import SITE

log = structlog.get_logger()

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True)
class Kind:
    status: HTTPStatus
    title: str


KINDS: tuple[tuple[type[errors.VmsdError], Kind], ...] = (
    (errors.NotFound, Kind(HTTPStatus.NOT_FOUND, "Not found")),
    (errors.Invalid, Kind(HTTPStatus.UNPROCESSABLE_ENTITY, "Invalid")),
    (errors.Malformed, Kind(HTTPStatus.BAD_REQUEST, "Malformed request")),
    (errors.NotLoggedIn, Kind(HTTPStatus.UNAUTHORIZED, "Not logged in")),
    (errors.NotAllowed, Kind(HTTPStatus.FORBIDDEN, "Not allowed")),
    (errors.Conflict, Kind(HTTPStatus.CONFLICT, "Conflict")),
    (errors.Outdated, Kind(HTTPStatus.PRECONDITION_FAILED, "Outdated")),
    (errors.TooMany, Kind(HTTPStatus.TOO_MANY_REQUESTS, "Too many requests")),
    (errors.TooLarge, Kind(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "Too large")),
    (errors.TooSlow, Kind(HTTPStatus.REQUEST_TIMEOUT, "Too slow")),
    (errors.StorageFull, Kind(HTTPStatus.INSUFFICIENT_STORAGE, "Storage full")),
    (errors.MediaServerAway, Kind(HTTPStatus.SERVICE_UNAVAILABLE, "MediaMTX away")),
    (errors.SourceFailed, Kind(HTTPStatus.UNPROCESSABLE_ENTITY, "Source failed")),
    (errors.BadMedia, Kind(HTTPStatus.UNPROCESSABLE_ENTITY, "Not readable as video")),
)
DETAILS = {
    404: "there is nothing at this address",
    405: "this address does not know that method",
    413: "the body is over the limit",
    415: "a body is of the type this address takes, application/json mostly, and not compressed",
    426: "this address speaks WebSocket, version 13",
}
KEPT_HEADERS = ("Allow", "Connection", "Sec-WebSocket-Version", "Upgrade")
CAUSED = (errors.SourceFailed, errors.NoPicture, errors.NotLoggedIn, errors.NotAllowed)
UNEXPECTED = Kind(HTTPStatus.INTERNAL_SERVER_ERROR, "Internal error")


@web.middleware
async def answer_problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turns every error into an answer; a bug is logged whole and answered without a detail."""
    try:
        return await handler(request)
    except errors.VmsdError as error:
        return _answer(request, _kind_of(error), str(error), error)
    except web.HTTPException as error:
        if error.status < HTTPStatus.BAD_REQUEST:
            raise
        kind = Kind(HTTPStatus(error.status), error.reason)
        return _answer(request, kind, _detail_of(error.status), headers=_kept(error))
    except ConnectionResetError:
        raise
    except Exception:
        log.exception("request.failed", route=_route_of(request))
        return _answer(request, UNEXPECTED, "something went wrong in the box; it is in its log")


def _kind_of(error: errors.VmsdError) -> Kind:
    return next((kind for known, kind in KINDS if isinstance(error, known)), UNEXPECTED)


def _detail_of(status: int) -> str:
    return DETAILS.get(status, "the request was refused")


def _kept(error: web.HTTPException) -> dict[str, str]:
    """What the caller must do instead."""
    return {name: error.headers[name] for name in KEPT_HEADERS if name in error.headers}


def _route_of(request: web.Request) -> str:
    resource = request.match_info.route.resource
    return resource.canonical if resource else "?"


def _answer(
    request: web.Request,
    kind: Kind,
    detail: str,
    error: errors.VmsdError | None = None,
    headers: dict[str, str] | None = None,
) -> web.StreamResponse:
    headers = (headers or {}) | _headers(error)
    if _for_people(request):
        _lead_elsewhere(request, error)
        return _page(request, kind, detail, headers)
    body: dict[str, object] = {
        "type": "about:blank",
        "title": kind.title,
        "status": kind.status.value,
        "detail": detail,
    }
    if isinstance(error, errors.Invalid):
        body["errors"] = [{"pointer": one.pointer, "detail": one.detail} for one in error.problems]
    if isinstance(error, CAUSED) and error.cause:
        body["cause"] = error.cause
    if kind.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        body["request_id"] = request_id_of(request)
    return web.json_response(body, status=kind.status, headers=headers, content_type="application/problem+json")


def _headers(error: errors.VmsdError | None) -> dict[str, str]:
    if isinstance(error, errors.TooMany | errors.StillRunning):
        return {"Retry-After": str(error.retry_after_s)}
    if isinstance(error, errors.MediaServerAway):
        return {"Retry-After": "3"}
    if isinstance(error, errors.NotLoggedIn):
        return {"WWW-Authenticate": 'Bearer realm="vmsd"'}
    return {}


def _for_people(request: web.Request) -> bool:
    """True for a browser that asked for a page."""
    programs = ("/api/", "/hls/", "/webrtc/", "/replay/stream_", "/ws/", "/map/", "/sw.js", "/metrics", "/health")
    asked_for_a_page = "text/html" in request.headers.get("Accept", "")
    return (
        asked_for_a_page
        and request.method == "GET"
        and (request.path == "/health-board" or not request.path.startswith(programs))
    )


def _lead_elsewhere(request: web.Request, error: errors.VmsdError | None) -> None:
    """To where somebody can do what is lacking, and from there back here."""
    here = quote(request.rel_url.raw_path_qs, safe="/")
    if isinstance(error, errors.NotLoggedIn):
        raise web.HTTPSeeOther(f"/login?next={here}")
    if isinstance(error, errors.NotAllowed) and error.cause == "change_password":
        raise web.HTTPSeeOther(f"/account?first&next={here}")


def _page(request: web.Request, kind: Kind, detail: str, headers: dict[str, str]) -> web.StreamResponse:
    if kind.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        detail = f"{detail} ({request_id_of(request)})"
    response = request.app[SITE].renderer.render_error(request, kind.status.value, kind.title, detail)
    response.headers.update(headers)
    return response
