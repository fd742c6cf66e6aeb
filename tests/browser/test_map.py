"""The map: what each camera does is seen at its place, and places are set; nothing of it leaves the box."""

from __future__ import annotations

import sqlite3
import struct
import zlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Locator, Page, expect

from tests.browser.conftest import Guard, Office, chromium
from tests.support.processes import until
from tests.support.site import Site, TestCamera

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]
NOBODY = "rtsp://127.0.0.1:9"


def picture(width: int, height: int, shade: int) -> bytes:
    """A PNG of one grey."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    lines = (b"\0" + bytes([shade]) * width) * height
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b"")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def camera(office: Office) -> AsyncIterator[TestCamera]:
    """On air at the square; two that nobody answers for, one of them without a place."""
    site = office.site
    camera = await site.camera("Praça")
    ids = [
        await site.add_camera(camera.name, camera.url, group="Centro", location={"lat": -23.55, "lon": -46.63}),
        await site.add_camera("Terminal", f"{NOBODY}/a", location={"lat": -23.552, "lon": -46.634}),
        await site.add_camera("Escola", f"{NOBODY}/b"),
    ]
    await site.until_state(ids[0], "online", 30)
    await site.until_state(ids[1], "offline", 30)
    yield camera


def marker(page: Page, name: str) -> Locator:
    return page.locator(".pin__button", has_text=name)


async def place_of(site: Site, name: str) -> dict[str, float] | None:
    cameras = (await site.get("/api/v1/cameras"))["items"]
    return next(one["location"] for one in cameras if one["name"] == name)


async def test_a_camera_is_found_by_what_it_does_and_its_card_leads_on(clerk: Guard, camera: TestCamera) -> None:
    page = clerk.page
    await clerk.open("/map")
    await expect(marker(page, "Praça")).to_have_attribute("data-kind", "online", timeout=30_000)
    await expect(marker(page, "Terminal")).to_have_attribute("data-kind", "offline")
    await expect(marker(page, "Terminal")).to_contain_text("Sem sinal")
    shapes = await page.locator(".pin__button .sign__shape").evaluate_all("all => all.map(one => one.innerHTML)")
    assert len(set(shapes)) == 2, "a shape of its own for each state"
    counters = page.get_by_role("group", name="Mostrar só")
    await counters.get_by_role("button", name="sem sinal").click()
    await expect(marker(page, "Praça")).to_have_count(0)
    await expect(marker(page, "Terminal")).to_be_visible()
    await counters.get_by_role("button", name="sem sinal").click()
    await marker(page, "Praça").click()
    card = page.get_by_role("article")
    await expect(card).to_contain_text("No ar")
    await expect(card.get_by_role("img")).to_be_visible(timeout=20_000)
    await expect(card.get_by_role("link", name="Ver ao vivo")).to_have_attribute("href", "/camera/" + await _id(clerk))
    await expect(card.get_by_role("link", name="Gravações")).to_be_visible()
    assert await clerk.accessibility() == []
    await page.keyboard.press("Escape")
    await expect(card).to_be_hidden()


async def _id(guard: Guard) -> str:
    cameras = (await guard.site.get("/api/v1/cameras"))["items"]
    return str(next(one["id"] for one in cameras if one["name"] == "Praça"))


async def test_by_keyboard_alone_a_camera_is_moved_and_the_move_taken_back(clerk: Guard, camera: TestCamera) -> None:
    page, site = clerk.page, clerk.site
    before = await place_of(site, "Praça")
    assert before is not None
    await clerk.open("/map")
    await page.locator("#placed").get_by_role("button", name="Praça").focus()
    await page.keyboard.press("Enter")
    await expect(page.locator("#card-title")).to_be_focused()
    move = page.get_by_role("button", name="Mudar de lugar")
    for _ in range(6):
        await page.keyboard.press("Tab")
        if await move.evaluate("one => one === document.activeElement"):
            break
    await page.keyboard.press("Enter")
    await expect(page.locator(".pin__button[data-placing]")).to_be_focused()
    await page.keyboard.press("Shift+ArrowUp")
    await page.keyboard.press("ArrowRight")
    await page.keyboard.press("Enter")
    await expect(page.locator("#moved")).to_contain_text("Praça está no novo lugar")
    after = await place_of(site, "Praça")
    assert after is not None
    assert after["lat"] > before["lat"]
    assert after["lon"] > before["lon"]
    await page.get_by_role("button", name="Desfazer").focus()
    await page.keyboard.press("Enter")
    await expect(page.locator("#moved")).to_be_hidden()
    assert await place_of(site, "Praça") == before


async def test_a_camera_is_dragged_to_its_place_and_typed_there(clerk: Guard, camera: TestCamera) -> None:
    page, site = clerk.page, clerk.site
    await clerk.open("/map")
    await page.get_by_role("button", name="Pôr no mapa: Escola").click()
    held = page.locator(".pin__button[data-placing]")
    box = await held.bounding_box()
    assert box is not None
    x, y = box["x"] + 20, box["y"] + 20
    latitude = page.get_by_label("Latitude")
    shown = float(await latitude.input_value())
    await page.mouse.move(x, y)
    await page.mouse.down()
    await page.mouse.move(x - 120, y + 90, steps=8)
    await page.mouse.up()
    assert float(await latitude.input_value()) < shown
    assert await clerk.accessibility() == []
    await page.get_by_label("Longitude").fill("-46.632")
    await page.get_by_role("button", name="Guardar este lugar").click()
    await expect(page.locator("#moved")).to_be_visible()
    place = await place_of(site, "Escola")
    assert place is not None
    assert place["lon"] == -46.632
    await expect(page.locator("#homeless-part")).to_be_hidden()
    await page.get_by_role("button", name="Mudar de lugar").click()
    await latitude.fill("91")
    await page.keyboard.press("Enter")
    await expect(latitude).to_have_attribute("aria-invalid", "true")
    await page.get_by_role("button", name="Tirar do mapa").click()
    await expect(page.locator("#moved")).to_contain_text("saiu do mapa")
    assert await place_of(site, "Escola") is None


async def test_a_guard_looks_and_moves_nothing(office: Office, camera: TestCamera) -> None:
    await office.add_person("guarda", {"group": "Centro", "verbs": ["view"]})
    async with office.window(390) as guard:
        await guard.come_in("guarda")
        await guard.open("/map")
        page = guard.page
        await expect(page.locator(".spot")).to_have_count(1)
        await page.locator("#placed").get_by_role("button", name="Praça").click()
        await expect(page.get_by_role("article")).to_contain_text("No ar")
        for hidden in ("Mudar de lugar", "Gravações"):
            await expect(page.get_by_role("article").get_by_text(hidden)).to_be_hidden()
        await expect(page.get_by_role("button", name="Planta do local…")).to_have_count(0)
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert await guard.accessibility() == []


async def test_a_state_that_changes_is_seen_where_the_camera_is(clerk: Guard, camera: TestCamera) -> None:
    await clerk.open("/map")
    await expect(marker(clerk.page, "Praça")).to_have_attribute("data-kind", "online", timeout=30_000)
    await camera.kill()
    await expect(marker(clerk.page, "Praça")).to_have_attribute("data-kind", "offline", timeout=30_000)
    await camera.start()
    await expect(marker(clerk.page, "Praça")).not_to_have_attribute("data-kind", "offline", timeout=60_000)


async def test_a_plan_is_laid_under_the_cameras_and_put_where_it_belongs(
    clerk: Guard, camera: TestCamera, tmp_path: Path
) -> None:
    page, site = clerk.page, clerk.site
    (tmp_path / "plan.png").write_bytes(picture(400, 200, 200))
    (tmp_path / "plan.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    await clerk.open("/map")
    await page.get_by_role("button", name="Planta do local…").click()
    await page.get_by_label("Imagem").set_input_files(tmp_path / "plan.svg")
    await expect(page.get_by_text("Não é uma imagem PNG, JPEG ou WebP")).to_be_visible()
    await page.get_by_label("Imagem").set_input_files(tmp_path / "plan.png")
    await page.get_by_label("Nome").fill("Terminal")
    await page.get_by_role("button", name="Pôr no mapa", exact=True).last.click()
    await expect(page.locator("img.plan")).to_be_visible()
    laid = await site.get("/api/v1/map/plan")
    await page.get_by_role("button", name="Planta do local…").click()
    await page.get_by_role("button", name="Arrastar os cantos").click()
    corner = page.locator(".corner").first
    box = await corner.bounding_box()
    assert box is not None
    await page.mouse.move(box["x"] + 14, box["y"] + 14)
    await page.mouse.down()
    await page.mouse.move(box["x"] + 74, box["y"] - 46, steps=6)
    await page.mouse.up()
    await page.get_by_role("button", name="Guardar este lugar").click()

    async def moved() -> bool:
        plan = await site.get("/api/v1/map/plan")
        return bool(plan["west"] > laid["west"] and plan["south"] > laid["south"] and plan["north"] == laid["north"])

    await until(moved, 10, "the corner is kept")
    await page.get_by_role("button", name="Planta do local…").click()
    await page.get_by_role("button", name="Retirar").click()
    await page.get_by_role("button", name="Retirar").last.click()
    await expect(page.locator("img.plan")).to_have_count(0)


async def test_no_map_has_a_serious_barrier_in_either_theme(clerk: Guard, camera: TestCamera) -> None:
    for theme in ("dark", "light"):
        await clerk.page.context.add_cookies([{"name": "theme", "value": theme, "url": clerk.site.url}])
        await clerk.open("/map")
        await expect(marker(clerk.page, "Terminal")).to_be_visible()
        assert await clerk.accessibility() == [], theme


async def test_the_map_of_the_box_is_drawn_from_its_own_file(tmp_path: Path) -> None:
    """Also while one zooms and pans: what Leaflet would fetch from anywhere else, or inline, is complained of."""
    file = tmp_path / "box.mbtiles"
    with sqlite3.connect(file) as base:
        base.execute("CREATE TABLE metadata (name text, value text)")
        base.execute("CREATE TABLE tiles (zoom_level int, tile_column int, tile_row int, tile_data blob)")
        tiles = [(zoom, x, y, picture(256, 256, 90 + 20 * ((x + y) % 3)))
                 for zoom in range(3) for x in range(1 << zoom) for y in range(1 << zoom)]  # fmt: skip
        base.executemany("INSERT INTO tiles VALUES (?, ?, ?, ?)", tiles)
        base.execute("INSERT INTO metadata VALUES ('attribution', 'Mapa <b>livre</b>')")
    base.close()
    async with chromium() as browser, Site(tmp_path, map={"tiles": str(file)}) as site:
        await site.start()
        await site.add_camera("Portaria", f"{NOBODY}/a", location={"lat": -23.55, "lon": -46.63})
        async with await browser.new_context(viewport={"width": 1440, "height": 900}, locale="pt-BR") as context:
            guard = Guard(site, await context.new_page())
            page = (await guard.come_in()).page
            await guard.open("/map")
            await expect(page.locator("img.leaflet-tile-loaded").first).to_be_attached()
            await expect(page.locator("#credit")).to_have_text("Mapa livre")
            for name in ("Afastar", "Afastar", "Aproximar", "Mostrar todas as câmeras"):
                await page.get_by_role("button", name=name).click()
                await expect(page.locator(".leaflet-zoom-anim")).to_have_count(0)
            await page.locator("#map").focus()
            await page.keyboard.press("ArrowRight")
            await page.keyboard.press("Minus")
            await expect(page.locator("img.leaflet-tile-loaded").first).to_be_attached()
            sources = await page.locator("img").evaluate_all("all => all.map(one => one.src)")
            assert all(source.startswith((site.url, "blob:")) for source in sources if source)
        assert guard.complaints == []
