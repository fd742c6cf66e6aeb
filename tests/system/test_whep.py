"""WebRTC with the real MediaMTX and a real browser: it plays through our door, and ends when it has to."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.browser.conftest import chromium
from tests.contract.contract_offer import offer
from tests.support.processes import until
from tests.support.site import media_server
from vmsd.config import load_settings
from vmsd.host.keys import load_keys
from vmsd.mediamtx.client import MediaMtxClient

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from playwright.async_api import Page

    from tests.support.site import Site

pytestmark = pytest.mark.skipif(media_server().kind == "standin", reason="the stand-in does not speak WebRTC")
PASSWORD = "outra senha de teste"
WATCH = """async (url) => {
    const pc = (window.pc = new RTCPeerConnection());
    const video = document.createElement("video");
    video.muted = true;
    document.body.append(video);
    pc.ontrack = ({track, streams}) => {
        if (track.kind === "video") { video.srcObject = streams[0]; video.play(); }
    };
    pc.addTransceiver("video", {direction: "recvonly"});
    pc.addTransceiver("audio", {direction: "recvonly"});
    await pc.setLocalDescription(await pc.createOffer());
    const headers = {"Content-Type": "application/sdp"};
    const answer = await fetch(url, {method: "POST", headers, body: pc.localDescription.sdp});
    if (answer.status === 201) {
        window.place = answer.headers.get("Location");
        await pc.setRemoteDescription({type: "answer", sdp: await answer.text()});
    }
    return answer.status;
}"""
FRAMES = """async () => {
    const all = [...(await pc.getStats()).values()];
    return all.find((one) => one.type === "inbound-rtp" && one.kind === "video")?.framesDecoded ?? 0;
}"""
HANG_UP = """async () => (await fetch(place, {method: "DELETE"})).status"""


class Watcher:
    """A page with a call in it."""

    def __init__(self, site: Site, page: Page, camera_id: str) -> None:
        self.site = site
        self.page = page
        self.camera_id = camera_id
        self.stream: dict[str, Any] = {}

    async def watch(self, **who: Any) -> None:
        status, self.stream = await self.site.ask("POST", f"/api/v1/streams?camera_id={self.camera_id}", **who)
        assert status == 201, self.stream
        assert await self.page.evaluate(WATCH, self.stream["webrtc_url"]) == 201
        await self.until_moving()

    async def frames(self) -> int:
        return int(await self.page.evaluate(FRAMES))

    async def moves(self) -> bool:
        before = await self.frames()
        await self.page.wait_for_timeout(300)
        return await self.frames() > before

    async def until_moving(self) -> None:
        await until(self.moves, 15, "the picture moves")

    async def until_still_s(self) -> float:
        """How long the picture went on."""
        began_s = time.monotonic()

        async def still() -> bool:
            return not await self.moves()

        await until(still, 15, "the picture stands still")
        return time.monotonic() - began_s


@pytest.fixture
async def page(site: Site) -> AsyncIterator[Page]:
    async with chromium() as browser:
        page = await browser.new_page()
        await page.goto(f"{site.url}/login")
        yield page


@pytest.fixture
async def camera_id(site: Site) -> str:
    camera = await site.camera("Portaria")
    await site.start()
    camera_id = await site.add_camera("Portaria", camera.url, group="Praça")
    await site.until_state(camera_id, "online", 25)
    return camera_id


@pytest.fixture
async def watcher(camera_id: str, site: Site, page: Page) -> Watcher:
    return Watcher(site, page, camera_id)


async def _sessions(site: Site) -> list[str]:
    """What MediaMTX itself has."""
    assert site._http is not None
    keys, mtx = load_keys(site.folder / "data"), load_settings(site.config).mediamtx
    client = MediaMtxClient(
        site._http,
        url=f"http://127.0.0.1:{mtx.api_port}",
        user=keys.mediamtx_user,
        password=keys.mediamtx_password,
        deadline_s=mtx.deadline_s,
        answer_bytes=mtx.answer_bytes,
    )
    return [session.id for session in await client.list_webrtc_sessions()]


async def _until_no_session(site: Site, within_s: float) -> None:
    async def none() -> bool:
        return await _sessions(site) == []

    await until(none, within_s, "MediaMTX has no WebRTC session")


async def _guard(site: Site) -> tuple[str, str]:
    """Address of a guard who may see the square, and a token of theirs."""
    person = {"name": "guarda", "password": PASSWORD, "role": "USER", "groups": ["Praça"]}
    status, body = await site.ask("POST", "/api/v1/users", person | {"city_id": site.city_id})
    assert status == 201, body
    assert site._http is not None
    login = {"name": "guarda", "password": PASSWORD}
    async with site._http.post(f"{site.url}/api/v1/auth/login", json=login) as answer:
        assert answer.status == 200, await answer.text()
        cookie = answer.cookies["vmsd"].value
    return f"/api/v1/users/{body['id']}", f"vmsd={cookie}"


async def test_a_call_plays_and_a_right_that_is_taken_away_ends_it_within_5_seconds(watcher: Watcher) -> None:
    site = watcher.site
    address, cookie = await _guard(site)
    await watcher.watch(token="", Cookie=cookie)
    assert len(await _sessions(site)) == 1
    status, body = await site.ask("PATCH", address, {"groups": []})
    assert status == 200, body
    assert await watcher.until_still_s() < 5
    assert await _sessions(site) == []


async def test_closing_the_viewing_session_ends_the_call(watcher: Watcher) -> None:
    await watcher.watch()
    await watcher.site.ask("DELETE", f"/api/v1/streams/{watcher.stream['session_id']}")
    assert await watcher.until_still_s() < 5


async def test_a_call_lives_on_by_itself_and_counts_as_a_viewer_until_it_hangs_up(watcher: Watcher) -> None:
    await watcher.watch()
    metrics = f"/api/v1/streams/{watcher.stream['session_id']}/metrics"
    assert (await watcher.site.get(metrics))["viewers"] == 1
    assert await watcher.page.evaluate(HANG_UP) == 204
    await watcher.until_still_s()
    assert await _sessions(watcher.site) == []

    async def forgotten() -> bool:
        return (await watcher.site.ask("GET", metrics))[0] == 404

    await until(forgotten, 15, "the viewing session is gone")


async def test_a_page_that_is_closed_leaves_no_call(watcher: Watcher) -> None:
    await watcher.watch()
    await watcher.page.close()
    await _until_no_session(watcher.site, 45)


async def test_calls_of_a_daemon_that_was_killed_are_ended_by_the_next(watcher: Watcher) -> None:
    await watcher.watch()
    assert watcher.site.vmsd is not None
    await watcher.site.vmsd.end(9)
    assert await watcher.moves()
    await watcher.site.start_vmsd()
    assert await watcher.until_still_s() < 5
    assert await _sessions(watcher.site) == []


async def test_after_a_restart_of_mediamtx_one_calls_again(watcher: Watcher) -> None:
    site = watcher.site
    await watcher.watch()
    await site.kill_mediamtx()
    await watcher.until_still_s()
    await site.start_mediamtx()
    await until(site.is_healthy, 20, "the site is healthy")
    await site.until_state(watcher.camera_id, "online", 25)
    await watcher.watch()
    tasks = {task["name"]: task for task in (await site.system())["tasks"]}
    assert tasks["whep"]["failures"] == 0


async def test_a_dark_camera_is_no_error_of_the_box(site: Site) -> None:
    await site.start()
    dark = await site.add_camera("Escura", "rtsp://127.0.0.1:9/nothing")
    assert site._http is not None
    headers = {"Authorization": f"Bearer {site.token}", "X-City-ID": site.city_id, "Content-Type": "application/sdp"}
    async with site._http.post(f"{site.url}/webrtc/stream_{dark}/whep", data=offer(), headers=headers) as answer:
        assert answer.status == 404
        assert answer.content_type == "application/problem+json"
