"""Live tiles: they play by themselves, tell the truth when they cannot, and come back without a reload."""

from __future__ import annotations

import signal

import pytest
from playwright.async_api import Request, Route, expect

from tests.browser.conftest import Guard
from tests.support.processes import until
from tests.support.site import TestCamera

pytestmark = pytest.mark.browser


async def test_live_video_plays_by_itself_less_than_8_seconds_behind(guard: Guard) -> None:
    await guard.log_in()
    await guard.until_playing(20)

    async def aged() -> float | None:
        age: float | None = (await guard.tiles())[0]["age"]
        return age

    assert 0 < await until(aged, 5, "the tile knows the age of its picture") < 8
    await expect(guard.page.get_by_text("REC", exact=True)).to_be_visible(timeout=20_000)


async def test_a_dead_camera_shows_signal_lost_with_its_cause_and_plays_again_by_itself(
    guard: Guard, camera: TestCamera
) -> None:
    await guard.log_in()
    await guard.until_playing(20)
    await guard.page.evaluate("window.sameDocument = true")
    await camera.kill()
    await guard.until_shown("lost", 4.5)

    async def explained() -> bool:
        words = (await guard.tiles())[0]["words"]
        return "Sinal perdido" in words and "a câmera recusa a conexão" in words and "desde" in words

    await until(explained, 15, "the tile says why and since when")
    await expect(guard.page.get_by_text("REC", exact=True)).to_be_hidden(timeout=20_000)
    await camera.start()
    await guard.until_playing(25)
    assert await guard.page.evaluate("window.sameDocument"), "the page was loaded anew"


async def test_a_dead_camera_is_tried_again_within_one_viewing_session(guard: Guard, camera: TestCamera) -> None:
    """Each session is a line of the audit: a dead camera on a wall would write thousands a day."""
    await guard.log_in()
    await guard.until_playing(20)
    sessions: list[str] = []
    tries: list[str] = []

    def see(request: Request) -> None:
        if request.method == "POST" and "/api/v1/streams" in request.url:
            sessions.append(request.url)
        if "/hls/" in request.url:
            tries.append(request.url)

    await camera.kill()
    await guard.until_shown("lost", 4.5)
    guard.page.on("request", see)

    async def tried() -> bool:
        return len(tries) >= 4

    await until(tried, 40, "the tile has tried four times")
    assert len(sessions) <= 1


async def test_live_comes_back_by_itself_after_mediamtx_and_vmsd_were_killed(guard: Guard) -> None:
    site = guard.site
    await guard.log_in()
    await guard.until_playing(20)
    await guard.page.evaluate("window.sameDocument = true")
    await site.kill_mediamtx()
    await guard.until_shown("lost", 20)
    await site.start_mediamtx()
    await guard.until_playing(25)
    await site.stop_vmsd(signal.SIGKILL)
    await expect(guard.page.get_by_text("Sem contato com o servidor.").first).to_be_visible(timeout=10_000)
    await site.start_vmsd()
    await guard.until_playing(25)
    await expect(guard.page.get_by_text("Sem contato com o servidor.").first).to_be_hidden(timeout=10_000)
    assert await guard.page.evaluate("window.sameDocument"), "the page was loaded anew"


async def test_a_picture_that_stands_still_is_greyed_and_says_so_and_goes_on(guard: Guard) -> None:
    """The camera is well and so is the box: only the way to this browser is stuck."""

    async def swallow(route: Route) -> None:
        """Never answered."""

    await guard.choose_delay("hls")
    await guard.log_in()
    await guard.until_playing(20)
    await guard.page.route("**/hls/**", swallow)
    await guard.until_shown("stale", 25)
    await expect(guard.page.locator("[data-slot=age]")).to_contain_text("parada há")
    assert "grayscale" in await guard.page.locator("video").evaluate("(video) => getComputedStyle(video).filter")
    await guard.page.unroute("**/hls/**")
    await guard.until_playing(40)


async def test_a_tile_is_never_black_while_there_is_no_video(guard: Guard, camera: TestCamera) -> None:
    await guard.log_in()
    await guard.until_playing(20)
    await camera.kill()
    await guard.until_shown("lost", 4.5)
    brightest = """() => {
        const canvas = document.querySelector("vmsd-player canvas");
        const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
        return pixels.reduce((most, value, at) => at % 4 === 3 ? most : Math.max(most, value), 0);
    }"""

    async def pictured() -> bool:
        return bool(await guard.page.evaluate(brightest) > 100)

    await until(pictured, 10, "the newest picture stands under the words")


async def test_cameras_are_chosen_and_opened_with_the_keyboard(guard: Guard) -> None:
    page = guard.page
    await guard.log_in()
    await expect(page.get_by_role("link", name="Portaria", exact=True)).to_be_visible()
    await page.keyboard.press("1")
    await expect(page.get_by_role("link", name="Portaria", exact=True)).to_be_focused()
    await page.keyboard.press("?")
    await expect(page.get_by_role("heading", name="Atalhos do teclado")).to_be_visible()
    await page.keyboard.press("Escape")
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/camera/*")
    await expect(page.get_by_role("heading", name="Portaria")).to_be_visible()
    await guard.until_playing(20)
    await page.keyboard.press("Escape")
    await page.wait_for_url(f"{guard.site.url}/")


async def test_a_tile_nobody_can_see_loads_nothing_and_goes_on_when_seen(guard: Guard) -> None:
    loaded: list[str] = []
    await guard.choose_delay("hls")
    guard.page.on("request", lambda request: loaded.append(request.url) if "/hls/" in request.url else None)
    await guard.log_in()
    await guard.until_playing(20)
    await guard.page.get_by_role("button", name="sem sinal").click()

    async def quiet() -> bool:
        loaded.clear()
        await guard.page.wait_for_timeout(3000)
        return not loaded

    await until(quiet, 15, "nothing is loaded for a hidden tile")
    await guard.page.get_by_role("button", name="sem sinal").click()
    await guard.until_playing(20)
