"""A guard at a real browser in front of a real site."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import pytest
import pytest_asyncio
from playwright.async_api import Browser, ConsoleMessage, Page, Request, ViewportSize, async_playwright

from tests.support.processes import until
from tests.support.site import Site, TestCamera
from vmsd.assets import web_dir

CHROMIUM = Path("/usr/bin/chromium")
HAS_CHROMIUM = CHROMIUM.exists()
ARGUMENTS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking")
AXE = web_dir() / "node_modules" / "axe-core" / "axe.min.js"
PASSWORD = "uma senha de teste"
TILES = """() => [...document.querySelectorAll("vmsd-player")].map((player) => ({
    shown: player.dataset.show ?? "",
    position: player.video.currentTime,
    ready: player.video.readyState,
    age: player.live.frameAge,
    by: player.live.quality,
    words: player.querySelector(".veil").innerText,
}))"""


class Guard:
    """One browser window. Notes whatever the page should never do: leave the box, break the policy, throw."""

    def __init__(self, site: Site, page: Page) -> None:
        self.site = site
        self.page = page
        self.complaints: list[str] = []
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.complaints.append(f"thrown: {error}"))
        page.on("request", self._see)

    def _hear(self, message: ConsoleMessage) -> None:
        """A refused request is noted by the browser as an error: those are the site's to judge."""
        if message.type == "error" and not message.text.startswith(("Failed to load resource", "WebSocket connection")):
            self.complaints.append(f"console: {message.text}")

    def _see(self, request: Request) -> None:
        if not request.url.startswith((f"{self.site.url}/", "blob:")):
            self.complaints.append(f"left the box: {request.url}")

    async def open(self, path: str) -> Self:
        await self.page.goto(self.site.url + path)
        return self

    async def log_in(self, name: str = "admin", password: str = PASSWORD) -> Self:
        await self.give_password(name, password)
        await self.page.wait_for_url(f"{self.site.url}/")
        return self

    async def give_password(self, name: str, password: str) -> None:
        """At the login page, to where it leads."""
        await self.open("/login")
        await self.page.get_by_label("Usuário").fill(name)
        await self.page.get_by_label("Senha").fill(password)
        await self.page.get_by_role("button", name="Entrar").click()

    async def come_in(self, name: str = "admin", password: str = PASSWORD) -> Self:
        """Logged in without the page for it."""
        request = self.page.context.request
        body = {"name": name, "password": password}
        answer = await request.post(f"{self.site.url}/api/v1/auth/login", data=body)
        assert answer.ok, await answer.text()
        return self

    async def log_out(self) -> None:
        await self.page.locator(".menu summary").click()
        await self.page.get_by_role("button", name="Sair").click()
        await self.page.wait_for_url("**/login")

    async def choose_delay(self, quality: str) -> None:
        """As if this had been chosen in this browser before: auto, webrtc, ll_hls or hls."""
        await self.page.add_init_script(f"localStorage.setItem('vmsd.live', '{quality}')")

    async def tiles(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = await self.page.evaluate(TILES)
        return found

    async def until_playing(self, within_s: float, count: int = 1) -> None:
        """Every tile's picture moves between two looks."""
        before: list[dict[str, Any]] = []

        async def moving() -> bool:
            nonlocal before
            last, before = before, await self.tiles()
            return len(before) == len(last) == count and all(map(_moves, last, before))

        await until(moving, within_s, "every tile plays", every_s=0.5)

    async def until_shown(self, shown: str, within_s: float) -> dict[str, Any]:
        """The first tile that shows so."""

        async def found() -> dict[str, Any] | None:
            return next((tile for tile in await self.tiles() if tile["shown"] == shown), None)

        tile: dict[str, Any] = await until(found, within_s, f"a tile shows {shown}")
        return tile

    async def accessibility(self) -> list[str]:
        """What axe-core finds serious or worse; run as a debugger runs things, outside the page's policy."""
        session = await self.page.context.new_cdp_session(self.page)
        await session.send("Runtime.evaluate", {"expression": AXE.read_text("utf-8")})
        violations = await self.page.evaluate("async () => (await axe.run(document)).violations")
        return [
            f"{one['id']}: {json.dumps([node['target'] for node in one['nodes']])}"
            for one in violations
            if one["impact"] in ("serious", "critical")
        ]


def _moves(before: dict[str, Any], after: dict[str, Any]) -> bool:
    return after["shown"] == "live" and after["ready"] >= 2 and after["position"] > before["position"]


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    if not HAS_CHROMIUM:
        pytest.skip("Chromium, which these tests drive, is not installed")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        await browser.close()


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as browser:
        yield browser


@pytest.fixture
async def visitor(site: Site, browser: Browser) -> AsyncIterator[Guard]:
    """In front of a running site without cameras, not logged in; nothing to complain of at the end."""
    await site.start()
    async with await browser.new_context(
        viewport={"width": 1440, "height": 900}, locale="pt-BR", timezone_id="Asia/Tokyo"
    ) as context:
        guard = Guard(site, await context.new_page())
        yield guard
    assert guard.complaints == []


@dataclass(frozen=True)
class Office:
    """A running site without cameras and a browser, for all tests of a file: each brings people of its own."""

    site: Site
    browser: Browser

    @asynccontextmanager
    async def window(self, width: int = 1440) -> AsyncIterator[Guard]:
        """Somebody else's, not logged in; nothing to complain of at the end."""
        viewport: ViewportSize = {"width": width, "height": 900}
        async with await self.browser.new_context(viewport=viewport, locale="pt-BR") as context:
            guard = Guard(self.site, await context.new_page())
            yield guard
        assert guard.complaints == []

    async def add_person(self, name: str, *rights: dict[str, object], role: str = "USER") -> str:
        """With the password of these tests; their id."""
        body = {"name": name, "password": PASSWORD, "role": role} | ({"groups": rights} if role == "USER" else {})
        status, person = await self.site.ask("POST", "/api/v1/users", body)
        assert status == 201, person
        return str(person["id"])


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def office(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Office]:
    async with chromium() as browser, Site(tmp_path_factory.mktemp("office")) as site:
        await site.start()
        yield Office(site, browser)


@pytest_asyncio.fixture(loop_scope="module")
async def clerk(office: Office) -> AsyncIterator[Guard]:
    """A superadmin at work in the office."""
    async with office.window() as guard:
        yield await guard.come_in()


@pytest.fixture
async def camera(site: Site) -> TestCamera:
    return await site.camera("Portaria")


@pytest.fixture
async def guard(visitor: Guard, camera: TestCamera) -> Guard:
    """The same, with one camera on air."""
    camera_id = await visitor.site.add_camera(camera.name, camera.url, group="Prefeitura")
    await visitor.site.until_state(camera_id, "online", 30)
    return visitor
