"""The dashboard's pages served without a daemon behind them."""

from __future__ import annotations

import warnings
from collections.abc import AsyncIterator
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from vmsd.assets import web_dir
from vmsd.errors import NotAllowed, NotFound
from vmsd.model.person import ROLE_VERBS, Role, Verb
from vmsd.pages.pages import PAGES
from vmsd.pages.render import RENDERER, Renderer

CITY = "3f1c2a52-55aa-4a3e-9a2b-0f52a1f3a111"


@dataclass(frozen=True)
class FakeCaller:
    role: Role
    name: str = "Márcia <b>"
    city_name: str | None = "Vila Serena"
    city_id: str | None = CITY

    @property
    def verbs(self) -> frozenset[Verb]:
        return ROLE_VERBS[self.role]


@pytest.fixture
def renderer() -> Renderer:
    zone = ZoneInfo("America/Sao_Paulo")
    return Renderer(web_dir(), site_zone=zone, site_name="Guarda de Vila Serena", version="9.8.7")


@pytest.fixture
async def client(renderer: Renderer) -> AsyncIterator[TestClient[web.Request, web.Application]]:
    """Who calls is said in the header `Role`; nobody without it."""

    @web.middleware
    async def door(request: web.Request, handler: web.RequestHandler) -> web.StreamResponse:
        role = request.headers.get("Role")
        with warnings.catch_warnings():  # the door hands the caller on under a plain name
            warnings.simplefilter("ignore", web.NotAppKeyWarning)
            request["caller"] = FakeCaller(Role(role)) if role else None
        try:
            answer: web.StreamResponse = await handler(request)
        except NotFound as error:
            return renderer.render_error(request, 404, "Not Found", str(error))
        except NotAllowed as error:
            return renderer.render_error(request, 403, "Forbidden", str(error))
        return answer

    app = web.Application(middlewares=[door])
    app[RENDERER] = renderer
    for method, path, handler, _ in PAGES:
        app.router.add_route(method, path, handler)
    async with TestClient(TestServer(app)) as client:
        yield client
