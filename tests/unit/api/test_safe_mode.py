"""What a daemon in safe mode answers, and what it leaves alone."""

from __future__ import annotations

from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from vmsd.api.safe_mode import answer_status_alone


async def reached(_: web.Request) -> web.Response:
    return web.Response(text="reached")


async def test_only_login_and_status_are_reached() -> None:
    app = web.Application(middlewares=[answer_status_alone])
    app.router.add_route("*", "/{rest:.*}", reached)
    async with TestClient(TestServer(app)) as client:
        for path in ("/health", "/login", "/static/1/js/x.js", "/api/v1/auth/login", "/api/v1/system", "/health-board"):
            assert await (await client.get(path)).text() == "reached", path
        answer = await client.get("/api/v1/exports")
        assert (answer.status, answer.content_type) == (503, "application/problem+json")
        assert answer.headers["Retry-After"]
        assert (await client.post("/healthy")).status == 503
        page = await client.get("/replay", headers={"Accept": "text/html"}, allow_redirects=False)
        assert (page.status, page.headers["Location"]) == (303, "/health-board")
