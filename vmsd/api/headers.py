"""The headers every answer carries, whatever produced it."""

from __future__ import annotations

from aiohttp import web

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


async def before_answer(_request: web.Request, response: web.StreamResponse) -> None:
    """Called by aiohttp just before an answer's first byte: pages, files, streams, errors and redirects alike."""
    add_headers(response)


def add_headers(response: web.StreamResponse) -> None:
    """What no handler said may be kept is not kept."""
    response.headers.update(EVERYWHERE)
    response.headers.setdefault("Cache-Control", "no-store")
