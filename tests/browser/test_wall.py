"""A screen on a wall: nothing to touch, nothing to see but its mosaic, and back by itself from everything."""

from __future__ import annotations

import re
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, Route, expect

from tests.browser.conftest import Guard, chromium
from tests.browser.test_mosaic import BRIGHTEST, LIGHT, cell
from tests.support.processes import until
from tests.support.site import Site, TestCamera
from vmsd.clock import SystemClock, rfc3339

pytestmark = pytest.mark.browser


class Wall:
    """One of a site with two cameras, in its browser."""

    def __init__(self, site: Site, browser: Browser, cameras: list[TestCamera]) -> None:
        self.site = site
        self.browser = browser
        self.cameras = cameras
        self.ids: list[str] = []
        self.id = self.url = self.mosaic_id = ""

    async def make(self) -> None:
        self.ids = await self.site.add_cameras(*self.cameras)
        body = {"name": "Parede", "layout": "2x2", "cameras": self.ids, "shared": True}
        status, mosaic = await self.site.ask("POST", "/api/v1/mosaics", body)
        assert status == 201, mosaic
        self.mosaic_id = mosaic["id"]
        status, wall = await self.site.ask("POST", "/api/v1/walls", {"name": "Sala", "mosaic_id": self.mosaic_id})
        assert status == 201, wall
        self.id, self.url = wall["id"], wall["url"]

    @asynccontextmanager
    async def screen(self) -> AsyncIterator[Guard]:
        async with await self.browser.new_context(viewport={"width": 1920, "height": 1080}, locale="pt-BR") as context:
            guard = Guard(self.site, await context.new_page())
            yield await guard.open(self.url)
        assert guard.complaints == []


@pytest_asyncio.fixture
async def wall(site: Site) -> AsyncIterator[Wall]:
    async with chromium() as browser:
        await site.start()
        made = Wall(site, browser, [await site.camera(name, *LIGHT) for name in ("Portaria", "Praça")])
        await made.make()
        yield made


async def is_pictured(page: Page) -> bool:
    return all([(await cell(page, number).evaluate(BRIGHTEST) or 0) > 60 for number in (1, 2)])


async def test_a_wall_is_made_with_a_link_shown_once_and_shows_its_mosaic_and_nothing_else(wall: Wall) -> None:
    async with await wall.browser.new_context(locale="pt-BR") as context:
        guard = await Guard(wall.site, await context.new_page()).come_in()
        page = guard.page
        await guard.open("/mosaic")
        await page.get_by_role("button", name="Novo painel").click()
        form = page.get_by_role("dialog", name="Novo painel de parede")
        await form.get_by_label("Nome").fill("Corredor")
        await form.get_by_role("button", name="Criar o painel").click()
        link = page.get_by_role("dialog", name="Link de Corredor")
        address = await link.locator("code").inner_text()
        assert re.fullmatch(rf"{wall.site.url}/wall/vmsdw_[\w-]{{43}}", address)
        assert await guard.accessibility() == []
        await link.get_by_role("button", name="Já guardei").click()
        assert address not in await page.content()
        row = page.get_by_role("row", name="Corredor")
        await expect(row).to_contain_text("ainda não aberto")
        await context.clear_cookies()
        await page.set_viewport_size({"width": 1920, "height": 1080})
        await page.goto(address)
        await guard.until_playing(30, 2)
        assert await page.locator("a, button, input, select, [tabindex='0']").count() == 0
        assert await page.evaluate("document.documentElement.scrollHeight") <= 1080
        assert await guard.accessibility() == []
        assert guard.complaints == []


async def test_a_wall_follows_its_mosaic_and_goes_dark_with_words_when_it_is_revoked(wall: Wall) -> None:
    async with wall.screen() as guard:
        page = guard.page
        await guard.until_playing(30, 2)
        body = {"layout": "1x1", "cameras": [wall.ids[1]]}
        await wall.site.ask("PATCH", f"/api/v1/mosaics/{wall.mosaic_id}", body)
        await expect(page.locator("#mosaic .tile__name")).to_have_text(["Praça"], timeout=15_000)
        status, _ = await wall.site.ask("DELETE", f"/api/v1/walls/{wall.id}")
        assert status == 204
        await expect(page.get_by_text("Este painel está desligado")).to_be_visible(timeout=15_000)
        await expect(page.locator("vmsd-player")).to_have_count(0)
        answer = await page.goto(wall.site.url + wall.url)
        assert answer is not None
        assert answer.status == 404
        await expect(page.get_by_text("Este painel está desligado")).to_be_visible()


async def test_a_wall_comes_back_after_camera_mediamtx_and_daemon_were_killed(wall: Wall) -> None:
    site = wall.site
    async with wall.screen() as guard:
        page = guard.page
        await guard.until_playing(30, 2)
        await page.evaluate("window.sameDocument = true")
        await wall.cameras[0].kill()
        await expect(cell(page, 1)).to_have_attribute("data-state", "offline", timeout=10_000)
        await expect(cell(page, 1)).to_contain_text("Sem sinal desde")
        await until(lambda: is_pictured(page), 10, "the last picture of both stands")
        await wall.cameras[0].start()
        await guard.until_playing(30, 2)
        await site.kill_mediamtx()
        await site.start_mediamtx()
        await guard.until_playing(40, 2)
        await site.stop_vmsd(signal.SIGKILL)
        await expect(page.get_by_text(re.compile(r"Sem contato com o servidor desde \d\d:\d\d"))).to_be_visible(
            timeout=10_000
        )
        assert await is_pictured(page)
        await site.start_vmsd()
        await guard.until_playing(40, 2)
        await expect(page.locator("#no-contact")).to_be_hidden()
        assert await page.evaluate("window.sameDocument"), "the page was loaded anew"


async def test_a_wall_loads_itself_anew_once_the_box_has_another_release(wall: Wall) -> None:
    async def of_another_release(route: Route) -> None:
        if route.request.is_navigation_request():
            await route.continue_()
        else:
            answer = await route.fetch()
            body = re.sub(r"/static/\w+/", "/static/0123456789ab/", await answer.text())
            await route.fulfill(response=answer, body=body)

    async with wall.screen() as guard:
        page = guard.page
        await expect(cell(page, 1)).to_be_visible()
        await page.evaluate("window.sameDocument = true")
        await page.route("**/wall/*", of_another_release)
        async with page.expect_navigation(timeout=30_000):
            await wall.site.stop_vmsd()
            await expect(page.locator("#no-contact")).to_be_visible(timeout=10_000)
            await wall.site.start_vmsd()
        assert not await page.evaluate("window.sameDocument")
        await guard.until_playing(40, 2)


async def test_the_hotspot_of_a_wall_shows_the_camera_of_an_alert(wall: Wall) -> None:
    body = {"layout": "2x2", "cameras": [None, *wall.ids], "hotspot": 0}
    status, _ = await wall.site.ask("PATCH", f"/api/v1/mosaics/{wall.mosaic_id}", body)
    assert status == 200
    async with wall.screen() as guard:
        page = guard.page
        await guard.until_playing(30, 2)
        event = {"camera_id": wall.ids[1], "type": "person", "time": rfc3339(SystemClock().wall_ms()), "alert": True}
        status, answer = await wall.site.ask("POST", "/api/v1/events", event)
        assert status == 201, answer
        await expect(cell(page, 1).locator(".tile__name")).to_have_text("Praça")
        await expect(cell(page, 3)).to_have_attribute("data-alarm", "yes")
        await guard.until_playing(30, 3)
