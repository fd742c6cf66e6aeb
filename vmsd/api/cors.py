"""Pages of other sites that may use the API: those the settings list, with a token, and nobody else."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection

from aiohttp import hdrs, web
from aiohttp.typedefs import Middleware

from vmsd.api.headers import vary_on
from vmsd.api.policy import Handler

PLACES = ("/api/", "/hls/", "/replay/stream_", "/webrtc/")
"""Where other sites have business; pages, static files and WebSockets are the box's own."""
SENT = "Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, Range, X-City-ID, X-Request-ID"
SHOWN = (
    "Content-Disposition, Content-Range, ETag, Idempotent-Replayed, Location, Retry-After, X-Frame-Age, X-Frame-Time, "
    "X-Now, X-Request-ID"
)
KEPT_S = 600
"""How long a browser need not ask again; the longest that all of them honour."""


def answer_preflights(origins: Collection[str]) -> Middleware:
    """What a browser asks before it lets a listed page ask; everybody else's OPTIONS is as unknown as ever."""

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.method != hdrs.METH_OPTIONS or not _listed(request, origins):
            return await handler(request)
        methods = _methods(request)
        if not methods or hdrs.ACCESS_CONTROL_REQUEST_METHOD not in request.headers:
            return await handler(request)
        headers = {
            hdrs.ACCESS_CONTROL_ALLOW_METHODS: ", ".join(sorted(methods)),
            hdrs.ACCESS_CONTROL_ALLOW_HEADERS: SENT,
            hdrs.ACCESS_CONTROL_MAX_AGE: str(KEPT_S),
        }
        return web.Response(status=204, headers=headers)

    return check


def allow_origins(origins: Collection[str]) -> Callable[[web.Request, web.StreamResponse], Awaitable[None]]:
    """Called by aiohttp just before an answer's first byte, after `headers.before_answer`.

    Never with credentials: another site's page has its own token, and nothing of this site's cookie.
    """

    async def allow(request: web.Request, response: web.StreamResponse) -> None:
        if not origins or not request.path.startswith(PLACES):
            return
        vary_on(response, hdrs.ORIGIN)
        if _listed(request, origins):
            response.headers[hdrs.ACCESS_CONTROL_ALLOW_ORIGIN] = request.headers[hdrs.ORIGIN]
            response.headers[hdrs.ACCESS_CONTROL_EXPOSE_HEADERS] = SHOWN
            response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"

    return allow


def _listed(request: web.Request, origins: Collection[str]) -> bool:
    """Compared letter by letter, as browsers write origins; the settings have them in the same form."""
    return request.headers.get(hdrs.ORIGIN) in origins and request.path.startswith(PLACES)


def _methods(request: web.Request) -> set[str]:
    """Those of this address; none where there is nothing."""
    refusal, resource = request.match_info.http_exception, request.match_info.route.resource
    if isinstance(refusal, web.HTTPMethodNotAllowed):
        return set(refusal.allowed_methods)
    return set() if resource is None else {route.method for route in resource}
