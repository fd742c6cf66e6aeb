"""Live in three qualities: the best that works is taken, never with a black tile, and the tile says which it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.async_api import Route, expect

from tests.browser.conftest import PASSWORD, Guard
from tests.support.processes import until
from tests.support.site import TestCamera, media_server

pytestmark = pytest.mark.browser
needs_webrtc = pytest.mark.skipif(
    media_server().kind == "standin", reason="the stand-in speaks no WebRTC: this needs the real MediaMTX"
)

# Of what a tile shows ten times a second from the first picture on: how often nothing was, or all of it black.
WATCH = """() => {
    const player = document.querySelector("vmsd-player");
    const pen = new OffscreenCanvas(32, 18).getContext("2d", { willReadFrequently: true });
    window.dark = [];
    setInterval(() => {
        const isVideo = ["live", "stale"].includes(player.dataset.show);
        const seen = isVideo ? player.video : player.querySelector("canvas");
        pen.clearRect(0, 0, 32, 18);
        if (seen.width || seen.readyState >= 2) pen.drawImage(seen, 0, 0, 32, 18);
        const brightest = Math.max(...pen.getImageData(0, 0, 32, 18).data.filter((_, at) => at % 4 === 1));
        if (brightest < 40) window.dark.push([player.dataset.show, player.dataset.by, brightest]);
    }, 100);
}"""


async def comes_by(guard: Guard, quality: str, within_s: float) -> dict[str, Any]:
    """The tile, once its picture moves and comes this way."""

    async def found() -> dict[str, Any] | None:
        tiles = await guard.tiles()
        return tiles[0] if tiles and tiles[0]["by"] == quality and tiles[0]["shown"] == "live" else None

    tile: dict[str, Any] = await until(found, within_s, f"the picture comes by {quality}")
    return tile


async def is_never_dark(guard: Guard) -> None:
    assert await guard.page.evaluate("window.dark") == []


def with_dead_media(guard: Guard, dead: Callable[[], bool]) -> Callable[[Route], Any]:
    """Answers of the media server lead nowhere while `dead`, as behind a firewall that lets only HTTP pass."""

    async def answer(route: Route) -> None:
        if route.request.method != "POST" or not dead():
            await route.continue_()
            return
        real = await route.fetch()
        body = (await real.text()).replace(f" {guard.site.ports.media} typ", " 9 typ")
        await route.fulfill(response=real, body=body)

    return answer


async def refuse(route: Route) -> None:
    await route.fulfill(status=503)


@needs_webrtc
async def test_webrtc_is_less_than_half_a_second_behind_and_the_tile_says_what_it_is(guard: Guard) -> None:
    await guard.log_in()
    await comes_by(guard, "webrtc", 20)
    await guard.until_playing(10)
    assert (await guard.tiles())[0]["age"] < 0.5
    await expect(guard.page.get_by_text("ao vivo · WebRTC")).to_be_visible()


@needs_webrtc
async def test_where_webrtc_cannot_pass_lesser_ways_play_and_the_best_comes_back_never_with_a_black_tile(
    guard: Guard,
) -> None:
    page, blocked = guard.page, True
    await page.route("**/webrtc/**", with_dead_media(guard, lambda: blocked))
    await guard.log_in()
    await comes_by(guard, "ll_hls", 25)
    await page.evaluate(WATCH)
    await page.route("**/hls/*/ll/**", refuse)
    await comes_by(guard, "hls", 25)
    await expect(page.locator("[data-slot=by]")).to_have_text("HLS")
    await page.unroute("**/hls/*/ll/**", refuse)
    await comes_by(guard, "ll_hls", 40)
    blocked = False
    await page.evaluate("window.dispatchEvent(new Event('online'))")  # as when the cable is put back in
    await comes_by(guard, "webrtc", 15)
    await is_never_dark(guard)


@needs_webrtc
async def test_a_call_that_breaks_off_gives_way_without_a_black_tile_and_comes_back(guard: Guard) -> None:
    page, blocked = guard.page, False
    await page.route("**/webrtc/**", with_dead_media(guard, lambda: blocked))
    await guard.log_in()
    await comes_by(guard, "webrtc", 20)
    await page.evaluate(WATCH)
    blocked = True
    await guard.site.kill_mediamtx()
    await guard.site.start_mediamtx()
    await comes_by(guard, "ll_hls", 30)
    blocked = False
    await page.evaluate("window.dispatchEvent(new Event('online'))")
    await comes_by(guard, "webrtc", 15)
    await is_never_dark(guard)


@needs_webrtc
async def test_an_unplugged_camera_leaves_its_last_picture_and_comes_back_the_best_way(
    guard: Guard, camera: TestCamera
) -> None:
    await guard.log_in()
    await comes_by(guard, "webrtc", 20)
    await guard.page.evaluate(WATCH)
    await camera.kill()
    await guard.until_shown("lost", 5)
    await camera.start()
    await comes_by(guard, "webrtc", 30)
    await is_never_dark(guard)


@needs_webrtc
async def test_b_frames_which_webrtc_cannot_carry_play_another_way_within_seconds(visitor: Guard) -> None:
    camera = await visitor.site.camera("Antiga", "--size", "320x240", "--fps", "10", "--b-frames", "2")
    camera_id = await visitor.site.add_camera(camera.name, camera.url)
    await visitor.site.until_state(camera_id, "online", 30)
    await visitor.log_in()
    await comes_by(visitor, "ll_hls", 10)
    asked: list[str] = []
    visitor.page.on("request", lambda request: asked.append(request.url) if "/webrtc/" in request.url else None)
    await visitor.page.reload()
    await comes_by(visitor, "ll_hls", 10)
    assert asked == [], "it was remembered"


@needs_webrtc
async def test_sound_that_webrtc_cannot_carry_comes_by_another_way_and_the_page_says_so(visitor: Guard) -> None:
    page = visitor.page
    camera = await visitor.site.camera("Balcão", "--size", "320x240", "--fps", "10", "--audio", "aac")
    camera_id = await visitor.site.add_camera(camera.name, camera.url, audio=True)
    await visitor.site.until_state(camera_id, "online", 30)
    await visitor.come_in()
    await visitor.open(f"/camera/{camera_id}")
    await comes_by(visitor, "webrtc", 20)
    await expect(page.get_by_role("button", name="Som")).to_be_visible()
    await page.keyboard.press("m")
    await comes_by(visitor, "ll_hls", 15)
    await expect(page.get_by_text("O WebRTC não leva o som desta câmera")).to_be_visible()

    async def heard() -> bool:
        sound = "(() => { const { video } = document.querySelector('vmsd-player'); return [video.muted, "
        muted, decoded = await page.evaluate(f"{sound} video.webkitAudioDecodedByteCount]; }})()")
        return decoded > 0 and not muted

    await until(heard, 15, "the sound is decoded")
    await page.keyboard.press("m")
    await comes_by(visitor, "webrtc", 15)


async def test_the_delay_is_chosen_with_the_keyboard_alone_and_stays_chosen(guard: Guard) -> None:
    page = guard.page
    await guard.log_in()
    await expect(page.get_by_role("link", name="Portaria", exact=True)).to_be_visible()
    await page.keyboard.press("1")
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/camera/*")
    await guard.until_playing(20)
    await page.evaluate(WATCH)
    await page.keyboard.press("d")
    await expect(page.get_by_label("Atraso")).to_be_focused()
    await page.keyboard.press("End")
    await comes_by(guard, "hls", 20)
    await page.keyboard.press("ArrowUp")
    await comes_by(guard, "ll_hls", 20)
    await is_never_dark(guard)
    await page.reload()
    await expect(page.get_by_label("Atraso")).to_have_value("ll_hls")
    await comes_by(guard, "ll_hls", 20)
    assert await guard.accessibility() == []


@needs_webrtc
async def test_whoever_leaves_the_page_leaves_no_call_and_no_viewing_session_behind(guard: Guard) -> None:
    await guard.log_in()
    await comes_by(guard, "webrtc", 20)
    assert len((await guard.site.get("/api/v1/streams"))["items"]) == 1
    await guard.open("/account")

    async def gone() -> bool:
        return (await guard.site.get("/api/v1/streams"))["items"] == []

    await until(gone, 4, "the session was given back")


@needs_webrtc
async def test_who_may_see_a_camera_no_more_sees_it_end_within_5_seconds_and_keeps_no_picture(
    guard: Guard, camera: TestCamera
) -> None:
    site, page = guard.site, guard.page
    camera_id = (await site.get("/api/v1/cameras"))["items"][0]["id"]
    await site.add_camera("Outra", camera.url, group="Escolas")
    both = [{"group": group, "verbs": ["view"]} for group in ("Prefeitura", "Escolas")]
    person = {"name": "vigia", "password": PASSWORD, "role": "USER", "groups": both}
    status, added = await site.ask("POST", "/api/v1/users", person)
    assert status == 201, added
    await guard.come_in("vigia")
    await guard.open(f"/camera/{camera_id}")
    await comes_by(guard, "webrtc", 20)
    status, answer = await site.ask("PATCH", f"/api/v1/users/{added['id']}", {"groups": both[1:]})
    assert status == 200, answer

    async def ended() -> bool:
        return not await page.evaluate("document.querySelector('vmsd-player').live.hasFrame")

    await until(ended, 6, "the picture is gone")
    await guard.until_shown("refused", 15)
    assert await page.evaluate("document.querySelector('vmsd-player canvas').width") == 0
