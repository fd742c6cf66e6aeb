"""A control API that can misbehave in every way a media server, or what took its port, might."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from tests.support.ports import free_port

MIB = 1024 * 1024
INFO = {"version": "v1.20.1", "started": "2026-11-21T11:00:00Z"}


def path(name: str, *, available: bool = True, inbound: Any = 0) -> dict[str, Any]:
    return {"name": name, "available": available, "inboundBytes": inbound, "tracks2": [], "readers": []}


def page(*items: dict[str, Any], count: int = 1) -> dict[str, Any]:
    return {"itemCount": len(items), "pageCount": count, "items": list(items)}


@dataclass
class BrokenApi:
    """Answers `paths` and `configured` well until `fault` names what is wrong with every answer."""

    port: int
    paths: list[dict[str, Any]] = field(default_factory=list)
    configured: list[dict[str, Any]] = field(default_factory=list)
    fault: str = ""
    calls: list[str] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.calls.append(request.path)
        fault = FAULTS.get(self.fault)
        if fault is not None:
            return await fault(request)
        if request.path == "/v3/info":
            return web.json_response(INFO)
        listed = self.configured if "config" in request.path else self.paths
        return web.json_response(page(*listed))


async def _hang(request: web.Request) -> web.StreamResponse:
    await asyncio.sleep(60)
    return web.Response()


async def _half(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Length": "1000"})
    await response.prepare(request)
    await response.write(b'{"pageCount": 1, "items": [')
    assert request.transport is not None
    request.transport.abort()
    return response


async def _drip(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    while True:
        await response.write(b" ")
        await asyncio.sleep(0.05)


async def _huge(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Length": str(50 * MIB)})
    await response.prepare(request)
    for _ in range(50):
        await response.write(b" " * MIB)
    return response


async def _endless_pages(request: web.Request) -> web.StreamResponse:
    items = [path(f"x/{request.query.get('page')}-{number}") for number in range(5)]
    return web.json_response(INFO | page(*items, count=10**9))


def _said(body: Any, status: int = 200) -> Callable[[web.Request], Any]:
    text = body if isinstance(body, str) else json.dumps(body)

    async def answer(request: web.Request) -> web.StreamResponse:
        return web.Response(status=status, text=text, content_type="application/json")

    return answer


FAULTS = {
    "hanging": _hang,
    "half a body": _half,
    "dripping": _drip,
    "50 MB": _huge,
    "endless pages": _endless_pages,
    "500": _said({"status": "error", "error": "terminated"}, 500),
    "302": _said("", 302),
    "401": _said({"status": "error"}, 401),
    "not JSON": _said("<html>"),
    "deep JSON": _said("[" * 100_000),
    "null": _said(INFO | {"pageCount": None, "items": None}),
    "a list": _said([INFO]),
    "wrong types": _said(INFO | page(path("x", inbound="many"))),
    "no available": _said(INFO | page({"name": "x"})),
    "negative bytes": _said(INFO | page(path("x", inbound=-1))),
    "bytes beyond counting": _said(INFO | page(path("x", inbound=10**400))),
    "negative pages": _said(INFO | page(count=-1)),
}


@asynccontextmanager
async def broken_api() -> AsyncIterator[BrokenApi]:
    api = BrokenApi(free_port())
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", api.answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", api.port).start()
        yield api
    finally:
        await runner.cleanup()
