"""What a daemon that kept ending by itself still answers: who may log in, and how the box is doing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import hdrs, web

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

BOARD = "/health-board"
OPEN = ("/health", "/login", "/metrics", "/account", BOARD, "/api/v1/system", "/api/v1/status", "/api/v1/cities")
OPEN_BELOW = ("/static/", "/api/v1/auth/", "/api/v1/health-board")
RETRY_AFTER_S = 60


@web.middleware
async def answer_status_alone(request: web.Request, handler: Handler) -> web.StreamResponse:
    """The outermost middleware in safe mode: whatever ended the daemon again and again is not asked for any more."""
    if request.path in OPEN or request.path.startswith(OPEN_BELOW):
        return await handler(request)
    if request.method == hdrs.METH_GET and "text/html" in request.headers.get(hdrs.ACCEPT, ""):
        return web.Response(status=303, headers={hdrs.LOCATION: BOARD})
    body = {
        "type": "about:blank",
        "title": "Safe mode",
        "status": 503,
        "detail": "vmsd has ended by itself several times in a row: it only records, and tells how it is doing",
    }
    headers = {hdrs.RETRY_AFTER: str(RETRY_AFTER_S)}
    return web.json_response(body, status=503, headers=headers, content_type="application/problem+json")
