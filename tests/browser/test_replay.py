"""Replay: what is asked for is what is seen; what is missing says so; what is marked is kept."""

from __future__ import annotations

import base64
import os
import random
import re
import shutil
import statistics
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Route, expect

from tests.browser.conftest import Guard, Office, chromium
from tests.support.processes import until
from tests.support.site import Site
from vmsd.clock import rfc3339
from vmsd.demo.camera_picture import read_strip
from vmsd.model.segment import segment_file_name, segment_start_us

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(240)]

GOP_MS = 2000
CAMERA = ("--size", "320x240", "--fps", "10", "--gop-s", "2", "--bitrate-k", "200")
SEEKS = int(os.environ.get("VMSD_TEST_SEEKS", "25"))
"""How many moments of the day are asked for."""
HOURS = 24
HOUR_MS = 3_600_000
FIRST_FRAME_MS = 300
TILES = """() => [...document.querySelectorAll("vmsd-replay")].map((tile) => ({
    state: tile.state, wall: tile.wallMs, paused: tile.video.paused, ready: tile.isReady,
    words: tile.querySelector(".veil").hidden ? "" : tile.querySelector(".veil").innerText,
}))"""
SEEK = """(ms) => new Promise((resolve) => {
    const tile = document.querySelector("vmsd-replay");
    tile.addEventListener("frame", () => resolve(tile.seekMs), { once: true });
    tile.dispatchEvent(new CustomEvent("go", { detail: ms, bubbles: true }));
})"""
LUMA = """() => {
    const canvas = document.querySelector("vmsd-replay").still();
    if (!canvas) return null;
    const { width, height } = canvas;
    const pixels = canvas.getContext("2d").getImageData(0, 0, width, height).data;
    const bytes = [];
    for (let at = 0; at < pixels.length; at += 4) {
        bytes.push(0.299 * pixels[at] + 0.587 * pixels[at + 1] + 0.114 * pixels[at + 2]);
    }
    return { width, height, luma: btoa(bytes.map((byte) => String.fromCharCode(byte)).join("")) };
}"""


@dataclass(frozen=True)
class Copy:
    """A recording under the name of another hour; its pictures show when they were really made."""

    start_ms: int
    length_ms: int
    made_ms: int

    def shown_at(self, wall_ms: float) -> float:
        """What the clock in the picture shows at a wall time."""
        return wall_ms - self.start_ms + self.made_ms


@dataclass(frozen=True)
class Archive:
    """A site with a stretch of each hour of a day, of two cameras; `copies` are the first one's, newest first."""

    site: Site
    camera_ids: tuple[str, ...]
    copies: tuple[Copy, ...]

    def page(self, at_ms: float, cameras: int = 1) -> str:
        chosen = "&".join(f"camera={one}" for one in self.camera_ids[:cameras])
        return f"/replay?{chosen}&at={rfc3339(round(at_ms))}"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def archive(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Archive]:
    async with Site(tmp_path_factory.mktemp("archive")) as site:
        await site.start()
        cameras = [await site.camera(name, *CAMERA) for name in ("Portaria", "Praça")]
        camera_ids = [await site.add_camera(one.name, one.url, group="Prefeitura") for one in cameras]

        async def recorded() -> bool:
            return all(len(site.files(one)) >= 3 for one in camera_ids)

        await until(recorded, 90, "two files of each camera are whole")
        assert await site.stop_vmsd() == 0
        for camera in cameras:
            await camera.kill()
        files = [site.files(one)[1] for one in camera_ids]
        made, _ = (spread(file, files[0]) for file in files)
        await site.command("rebuild-index")
        await site.start_vmsd()
        lengths = {ms_of(one["start"]): round(one["duration"] * 1000) for one in await site.indexed(camera_ids[0])}
        copies = tuple(Copy(start_ms, lengths[start_ms], made_ms) for start_ms, made_ms in made)
        yield Archive(site, tuple(camera_ids), copies)


def ms_of(moment: str) -> int:
    return round(datetime.fromisoformat(moment).timestamp() * 1000)


def spread(file: Path, like: Path) -> list[tuple[int, int]]:
    """Copies of a file in each hour before `like`: when each begins by its name, and by the pictures of `like`."""
    made_us = segment_start_us(like.name)
    assert made_us is not None
    starts_us = [made_us - hour * HOUR_MS * 1000 for hour in range(1, HOURS)]
    for start_us in starts_us:
        shutil.copyfile(file, file.with_name(segment_file_name(start_us)))
    return [(start_us // 1000, made_us // 1000) for start_us in starts_us]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def office(archive: Archive) -> AsyncIterator[Office]:
    async with chromium() as browser:
        yield Office(archive.site, browser)


@pytest_asyncio.fixture(loop_scope="module")
async def guard(office: Office) -> AsyncIterator[Guard]:
    async with office.window() as guard:
        yield await guard.come_in()


async def tiles(guard: Guard) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = await guard.page.evaluate(TILES)
    return found


async def until_shown(guard: Guard, state: str = "video", count: int = 1) -> list[dict[str, Any]]:
    """Every tile shows so, with its picture when there is one."""

    async def shown() -> list[dict[str, Any]] | None:
        found = await tiles(guard)
        settled = all(one["state"] == state and (one["ready"] or state != "video") for one in found)
        return found if len(found) == count and settled else None

    found: list[dict[str, Any]] = await until(shown, 20, f"{count} pictures show {state}", every_s=0.05)
    return found


async def clock_in_the_picture(guard: Guard) -> float:
    """Milliseconds since 1970, read from the strip at the foot of what the camera sent.

    While a seek is under way there is no picture.
    """

    async def shown() -> dict[str, Any] | None:
        found: dict[str, Any] | None = await guard.page.evaluate(LUMA)
        return found

    picture = await until(shown, 5, "a picture is shown", every_s=0.02)
    return read_strip(base64.b64decode(picture["luma"]), picture["width"], picture["height"])[1]


async def place_of(guard: Guard, ms: float) -> tuple[float, float]:
    """Where on the screen a moment of the first camera lies on the timeline."""
    box = await guard.page.locator("#lanes").bounding_box()
    assert box is not None
    head = guard.page.locator("#head")
    least, most = [int(await head.get_attribute(f"aria-value{end}") or 0) for end in ("min", "max")]
    return box["x"] + box["width"] * (ms / 1000 - least) / (most - least), box["y"] + 62


async def test_every_moment_of_a_day_shows_the_picture_of_that_moment(guard: Guard, archive: Archive) -> None:
    """The clock in the picture, read back from the canvas, against the time that was asked for."""
    chance = random.Random(4)
    await guard.open(archive.page(archive.copies[0].start_ms + 1000))
    await until_shown(guard)
    seeks_ms, errors_ms = [], []
    for _ in range(SEEKS):
        copy = chance.choice(archive.copies)
        wall_ms = copy.start_ms + chance.uniform(0, copy.length_ms - 500)
        seeks_ms.append(await guard.page.evaluate(SEEK, wall_ms))
        errors_ms.append(await clock_in_the_picture(guard) - copy.shown_at(wall_ms))
    median, p95 = statistics.median(seeks_ms), statistics.quantiles(seeks_ms, n=20)[-1]
    worst = max(map(abs, errors_ms))
    print(f"{SEEKS} seeks: first frame after {median:.0f} ms (p95 {p95:.0f}), clock off by at most {worst:.0f} ms")
    assert worst < GOP_MS
    assert median < FIRST_FRAME_MS


async def test_a_link_opens_at_its_moment_plays_from_there_and_steps_frame_by_frame(
    guard: Guard, archive: Archive
) -> None:
    copy, page = archive.copies[5], guard.page
    await guard.open(archive.page(copy.start_ms + 3000))
    shown = (await until_shown(guard))[0]
    assert shown["paused"]
    assert abs(shown["wall"] - copy.start_ms - 3000) < 100
    await page.keyboard.press(" ")

    async def moved() -> bool:
        return bool((await tiles(guard))[0]["wall"] > copy.start_ms + 4000)

    await until(moved, 10, "it plays")
    await page.keyboard.press("k")
    await expect(page.get_by_role("button", name="Reproduzir")).to_be_visible()
    before = await clock_in_the_picture(guard)
    await page.keyboard.press(".")

    async def stepped() -> bool:
        return 0 < await clock_in_the_picture(guard) - before < 250  # ten frames a second, and the camera's jitter

    await until(stepped, 5, "one frame on")
    assert re.search(r"camera=[0-9a-f-]{36}&at=2\d{3}-", page.url)


async def test_dragging_shows_small_pictures_and_loads_video_only_when_let_go(guard: Guard, archive: Archive) -> None:
    copy, page = archive.copies[3], guard.page
    period = f"start={rfc3339(copy.start_ms)}&end={rfc3339(copy.start_ms + copy.length_ms)}"

    async def drawn() -> bool:
        answer = await archive.site.get(f"/api/v1/cameras/{archive.camera_ids[0]}/thumbnails?{period}")
        return bool(answer["sheets"])

    await until(drawn, 120, "the small pictures are made")
    await guard.open(archive.page(copy.start_ms - 60_000))
    await until_shown(guard, "gap")
    await page.get_by_role("button", name="10 min", exact=True).click()
    loaded: list[str] = []
    page.on("request", lambda request: loaded.append(request.url) if ".mp4" in request.url else None)
    await page.mouse.move(*await place_of(guard, copy.start_ms - 30_000))
    await page.mouse.down()
    await page.mouse.move(*await place_of(guard, copy.start_ms - 2000), steps=5)
    await page.mouse.move(*await place_of(guard, copy.start_ms + 5000), steps=5)
    await expect(page.get_by_text("Prévia", exact=True)).to_be_visible()
    assert loaded == []
    await page.mouse.up()
    assert abs((await until_shown(guard))[0]["wall"] - copy.start_ms - 5000) < 1000
    await expect(page.get_by_text("Prévia", exact=True)).to_be_hidden()
    assert loaded


async def test_a_gap_says_that_there_is_no_video_and_why_and_how_to_leave_it(guard: Guard, archive: Archive) -> None:
    page, copy = guard.page, archive.copies[4]
    await guard.open(archive.page(copy.start_ms + copy.length_ms + 600_000))
    shown = (await until_shown(guard, "gap"))[0]
    assert "Sem vídeo neste momento" in shown["words"]
    assert "causa desconhecida" in shown["words"]
    await expect(page.locator("#at-words")).to_contain_text("causa desconhecida")
    await page.get_by_role("button", name="Depois da lacuna").click()
    assert abs((await until_shown(guard))[0]["wall"] - archive.copies[3].start_ms) < 100
    await page.keyboard.press("n")
    await until_shown(guard, "gap")
    await page.get_by_text("Ver em lista").click()
    await expect(page.locator("#list tr[data-kind=gap]").first).to_contain_text("sem vídeo: causa desconhecida")


async def test_what_is_marked_with_the_keyboard_is_preserved_and_shown_with_a_lock(
    guard: Guard, archive: Archive
) -> None:
    page, copy = guard.page, archive.copies[8]
    await guard.open(archive.page(copy.start_ms + 1000))
    await until_shown(guard)
    await page.get_by_role("button", name="10 min", exact=True).click()
    await page.keyboard.press("[")
    await page.evaluate(SEEK, copy.start_ms + 5000)
    await page.keyboard.press("]")
    await page.keyboard.press("p")
    dialog = page.get_by_role("dialog")
    await expect(dialog).to_contain_text("Portaria")
    await expect(dialog.get_by_role("status")).to_contain_text("Tira ")
    await dialog.get_by_role("button", name="Preservar").click()
    await expect(dialog.get_by_label("Motivo")).to_be_focused()
    await dialog.get_by_label("Motivo").fill("Furto na praça")
    await page.keyboard.press("Enter")
    await expect(dialog).to_be_hidden()
    await expect(page.locator(".lanes__kept").first).to_be_attached()
    kept = (await archive.site.get(f"/api/v1/preservations?camera_id={archive.camera_ids[0]}"))["items"]
    assert [(one["reason"], ms_of(one["end"]) - ms_of(one["start"])) for one in kept] == [("Furto na praça", 4000)]


async def test_two_cameras_play_in_step(guard: Guard, archive: Archive) -> None:
    copy, page = archive.copies[2], guard.page
    await guard.open(archive.page(copy.start_ms + 1000, cameras=2))
    both = await until_shown(guard, count=2)
    assert abs(both[0]["wall"] - both[1]["wall"]) < 50
    await page.keyboard.press(" ")

    async def together() -> bool:
        one, other = await tiles(guard)
        moving = not one["paused"] and not other["paused"] and one["wall"] > copy.start_ms + 2500
        return moving and abs(one["wall"] - other["wall"]) < 100

    await until(together, 10, "they play in step")


async def test_a_day_without_video_leads_to_the_nearest_that_has_some(guard: Guard, archive: Archive) -> None:
    page = guard.page
    await guard.open(archive.page(archive.copies[-1].start_ms - 5 * 24 * HOUR_MS))
    await expect(page.get_by_text("Nada foi gravado em")).to_be_visible()
    await page.get_by_role("button", name="Depois: ").click()
    assert (await until_shown(guard))[0]["wall"] < archive.copies[-2].start_ms


async def test_a_browser_that_cannot_play_the_format_is_told_the_way_out(guard: Guard, archive: Archive) -> None:
    await guard.page.add_init_script("MediaSource.isTypeSupported = () => false")
    await guard.open(archive.page(archive.copies[1].start_ms + 1000))
    shown = (await until_shown(guard, "trouble"))[0]
    assert "Este navegador não reproduz o formato desta câmera" in shown["words"]
    assert "baixe o arquivo original" in shown["words"]


async def test_a_box_that_is_too_busy_is_asked_again_by_itself(guard: Guard, archive: Archive) -> None:
    async def refuse(route: Route) -> None:
        await route.fulfill(status=503, headers={"Retry-After": "1"}, body="{}")

    await guard.page.route("**/replay/**/index.m3u8*", refuse, times=1)
    await guard.open(archive.page(archive.copies[1].start_ms + 1000))
    assert "ocupado demais" in (await until_shown(guard, "trouble"))[0]["words"]
    await until_shown(guard)


async def test_who_may_only_watch_is_offered_nothing_more(office: Office, archive: Archive) -> None:
    await office.add_person("Vigia", {"group": "*", "verbs": ["view", "replay"]})
    async with office.window() as guard:
        await (await guard.come_in("Vigia")).open(archive.page(archive.copies[0].start_ms + 1000))
        await until_shown(guard)
        await guard.page.get_by_role("button", name="5 min aqui").click()
        for deed in ("#preserve", "#export", "#incident", "#take-file"):
            await expect(guard.page.locator(deed)).to_be_hidden()


async def test_the_page_has_no_serious_barrier_in_either_theme_and_width(office: Office, archive: Archive) -> None:
    found = {}
    for width, theme in ((1440, "dark"), (390, "light")):
        async with office.window(width) as guard:
            await guard.page.context.add_cookies([{"name": "theme", "value": theme, "url": archive.site.url}])
            await (await guard.come_in()).open(archive.page(archive.copies[0].start_ms + 1000, cameras=2))
            await until_shown(guard, count=2)
            await guard.page.get_by_role("button", name="5 min aqui").click()
            await guard.page.get_by_text("Ver em lista").click()
            found[f"{width} {theme}"] = await guard.accessibility()
    assert {window: barriers for window, barriers in found.items() if barriers} == {}
