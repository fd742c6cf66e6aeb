"""The headers every answer carries, whatever produced it."""

from __future__ import annotations

from aiohttp import hdrs, web

from vmsd.api.request_ids import REQUEST_ID_HEADER, new_request_id, request_id_of

CONTENT_SECURITY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; media-src 'self' blob:; "
    "connect-src 'self'; font-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'; "
    "require-trusted-types-for 'script'"
)
EVERYWHERE = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "Content-Security-Policy": CONTENT_SECURITY,
    "Server": "vmsd",
}


async def before_answer(request: web.Request, response: web.StreamResponse) -> None:
    """Called by aiohttp just before an answer's first byte: pages, files, streams, errors and redirects alike."""
    add_headers(response, request_id_of(request))


def add_headers(response: web.StreamResponse, request_id: str | None = None) -> None:
    """What no handler said may be kept is not kept. What could not be read as a request gets an id all the same."""
    response.headers.update(EVERYWHERE)
    response.headers.setdefault(hdrs.CACHE_CONTROL, "no-store")
    response.headers[REQUEST_ID_HEADER] = request_id or new_request_id()


def vary_on(response: web.StreamResponse, field: str) -> None:
    """Besides what the answer says already that it depends on."""
    said = response.headers.get(hdrs.VARY, "")
    if field.lower() not in [one.strip().lower() for one in said.split(",")]:
        response.headers[hdrs.VARY] = f"{said}, {field}" if said else field
