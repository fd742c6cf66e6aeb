"""`/api/v1/openapi.json` and `/docs`: the API told to programs and to people, made once, when somebody first asks."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from aiohttp import web

from vmsd import __version__
from vmsd.api.etags import etag_of, unchanged
from vmsd.api.openapi import document
from vmsd.api.operation import operation
from vmsd.api.policy import Route
from vmsd.pages.render import RENDERER


@dataclass(frozen=True)
class ApiDocument:
    body: bytes
    etag: str


Teller = Callable[[], ApiDocument]
DOCUMENT: web.AppKey[Teller] = web.AppKey("api_document")


@cache
def tell(routes: tuple[Route, ...]) -> ApiDocument:
    """A third of a second of work. Raises `TypeError` for a route whose handler says nothing of itself."""
    told = document(routes, __version__)
    body = json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()
    return ApiDocument(body, etag_of(body.decode()))


@operation(name="get_openapi", answer=dict[str, object], also={304: "It is still the version `If-None-Match` names."})
async def openapi(request: web.Request) -> web.Response:
    """This document: OpenAPI 3.1, with the verb each operation needs in `x-required-verb`."""
    told = await asyncio.to_thread(request.app[DOCUMENT])
    headers = {"ETag": told.etag, "Cache-Control": "private, no-cache", "Content-Type": "application/json"}
    return unchanged(request, headers) or web.Response(body=told.body, headers=headers)


async def page(request: web.Request) -> web.StreamResponse:
    return request.app[RENDERER].render(request, "docs.html")
