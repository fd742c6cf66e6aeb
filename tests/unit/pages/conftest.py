"""The dashboard's pages served without a daemon behind them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from zoneinfo import ZoneInfo

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from vmsd.assets import web_dir
from vmsd.errors import NotAllowed, NotFound
from vmsd.model.city import City
from vmsd.model.person import ALL_RIGHTS, GUARD_VERBS, Caller, Person, Rights, Role
from vmsd.pages.pages import PAGES
from vmsd.pages.render import RENDERER, Renderer
from vmsd.pages.request import CALLER, WALLS
from vmsd.pages.route import find_page

CITY = City(1, "3f1c2a52-55aa-4a3e-9a2b-0f52a1f3a111", "Vila Serena", "active", "pro", 0, 0)


def caller(role: Role, *, must_change: bool = False) -> Caller:
    rights = Rights(GUARD_VERBS) if role == Role.USER else ALL_RIGHTS
    city_id = None if role == Role.SUPERADMIN else CITY.id
    person = Person(1, "", city_id, "Márcia <b>", role, "", rights=rights, must_change=must_change)
    return Caller(person, "session", city=CITY)


class EveryWall:
    """Takes every key for one of a wall."""

    async def knows(self, _key: str) -> bool:
        return True


@pytest.fixture
def renderer() -> Renderer:
    zone = ZoneInfo("America/Sao_Paulo")
    return Renderer(web_dir(), site_zone=zone, site_name="Guarda de Vila Serena", version="9.8.7")


@pytest.fixture
async def client(renderer: Renderer) -> AsyncIterator[TestClient[web.Request, web.Application]]:
    """Who calls is said in the header `Role`; nobody without it. `Closed` names the status that is answered."""

    @web.middleware
    async def door(request: web.Request, handler: web.RequestHandler) -> web.StreamResponse:
        role = request.headers.get("Role")
        if role:
            request[CALLER] = caller(Role(role), must_change="Must-Change" in request.headers)
        try:
            _refuse(request)
            answer: web.StreamResponse = await handler(request)
        except NotFound as error:
            return renderer.render_error(request, 404, "Not Found", str(error))
        except NotAllowed as error:
            return renderer.render_error(request, 403, "Forbidden", str(error))
        return answer

    app = web.Application(middlewares=[door])
    app[RENDERER] = renderer
    app[WALLS] = EveryWall()
    for page in PAGES:
        app.router.add_get(page.path, page.handler)
    async with TestClient(TestServer(app)) as client:
        yield client


def _refuse(request: web.Request) -> None:
    """As the door does, from the same table."""
    closed = request.headers.get("Closed")
    page, by = find_page(request), request.get(CALLER)
    if closed == "404":
        raise NotFound("there is no city yet")
    if closed == "403" or (page and by and page.lacking(by) != "city"):
        raise NotAllowed("your account may not do this")
