"""The name of each request: in its answer, in every line of the log it causes, and in what a person can quote."""

from __future__ import annotations

import re
import secrets

from aiohttp import web
from structlog.contextvars import bind_contextvars

from vmsd.api.policy import Handler

REQUEST_ID_HEADER = "X-Request-ID"
REQUEST_ID = web.RequestKey("request_id", str)
_ACCEPTED = re.compile(r"[A-Za-z0-9._-]{1,64}")


@web.middleware
async def bind_request_id(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Nothing is unbound: aiohttp runs each request in a task of its own, and the binding ends with the task."""
    bind_contextvars(request_id=request_id_of(request))
    return await handler(request)


def request_id_of(request: web.Request) -> str:
    """The caller's own, when it is a plain word; else one made now, the same at every call."""
    known = request.get(REQUEST_ID)
    if known is None:
        asked = request.headers.get(REQUEST_ID_HEADER, "")
        known = asked if _ACCEPTED.fullmatch(asked) else new_request_id()
        request[REQUEST_ID] = known
    return known


def new_request_id() -> str:
    return secrets.token_hex(8)
