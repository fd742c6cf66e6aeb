"""Mosaics: made, arranged and watched by mouse, by keyboard alone and by finger."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Locator, Page, expect

from tests.browser.conftest import Guard, Office
from tests.support.processes import until

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

LIGHT = ("--size", "320x180", "--fps", "5", "--gop-s", "1", "--bitrate-k", "150")
NAMES = ("Almoxarifado", "Escola", "Portaria", "Praça")
"""In the order they stand in everywhere."""
BRIGHTEST = """(cell) => {
    const player = cell.querySelector(".cell__stage vmsd-player:not([inert])");
    if (!player) return null;
    const moving = ["live", "stale"].includes(player.dataset.show);
    const picture = moving ? player.video : player.querySelector("canvas");
    if (!picture || !(picture.videoWidth ?? picture.width)) return 0;
    const canvas = Object.assign(document.createElement("canvas"), { width: 32, height: 18 });
    const context = canvas.getContext("2d");
    context.drawImage(picture, 0, 0, 32, 18);
    const { data } = context.getImageData(0, 0, 32, 18);
    return data.reduce((most, value, at) => (at % 4 === 3 ? most : Math.max(most, value)), 0);
}"""
"""Of the picture a tile shows, live or still; null where it shows none."""


@dataclass(frozen=True)
class Square:
    """Four cameras of a site, all on air."""

    office: Office
    ids: Sequence[str]

    def id_of(self, name: str) -> str:
        return self.ids[NAMES.index(name)]

    async def add(self, name: str, *cameras: str | None, **fields: Any) -> str:
        body = {"name": name, "cameras": [one and self.id_of(one) for one in cameras], **fields}
        status, mosaic = await self.office.site.ask("POST", "/api/v1/mosaics", body)
        assert status == 201, mosaic
        return str(mosaic["id"])

    async def get(self, mosaic_id: str) -> dict[str, Any]:
        mosaic: dict[str, Any] = await self.office.site.get(f"/api/v1/mosaics/{mosaic_id}")
        return mosaic

    async def names_in(self, mosaic_id: str) -> list[str]:
        """Of the cells as they are saved; "" for an empty one."""
        return [(one and NAMES[self.ids.index(one)]) or "" for one in (await self.get(mosaic_id))["cameras"]]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def square(office: Office) -> AsyncIterator[Square]:
    site = office.site
    cameras = [await site.camera(name, *LIGHT) for name in NAMES]
    ids = await site.add_cameras(*cameras)
    for camera_id in ids:
        await site.until_state(camera_id, "online", 30)
    yield Square(office, ids)


def cell(page: Page, number: int) -> Locator:
    return page.locator(f"#mosaic > .cell >> nth={number - 1}")


def name_in(page: Page, number: int) -> Locator:
    return cell(page, number).locator(".tile__name")


async def shows(page: Page, *names: str) -> None:
    """Exactly these cells, in this order."""
    await expect(page.locator("#mosaic .tile__name")).to_have_text(list(names))


async def tab_to(page: Page, selector: str, most: int = 60) -> None:
    """With the Tab key alone."""
    for _ in range(most):
        await page.keyboard.press("Tab")
        if await page.evaluate("(selector) => document.activeElement.matches(selector)", selector):
            return
    raise AssertionError(f"no {selector} on the way")


async def drag(page: Page, source: Locator, target: Locator) -> None:
    start, end = await source.bounding_box(), await target.bounding_box()
    assert start is not None
    assert end is not None
    await page.mouse.move(start["x"] + start["width"] / 2, start["y"] + start["height"] / 2)
    await page.mouse.down()
    await page.mouse.move(end["x"] + end["width"] / 2, end["y"] + end["height"] / 2, steps=6)
    await page.mouse.up()


async def test_a_mosaic_is_made_arranged_and_kept_with_the_keyboard_alone(clerk: Guard, square: Square) -> None:
    page, keyboard = clerk.page, clerk.page.keyboard
    await clerk.open("/mosaic")
    await expect(page.get_by_text("Ainda não há mosaicos")).to_be_visible()
    await keyboard.press("n")
    await page.wait_for_url("**/mosaic/new")
    await expect(page.locator("#field-name")).to_be_visible()
    await tab_to(page, "#field-name")
    await keyboard.type("Turno da noite")
    await tab_to(page, "#field-number")
    await keyboard.type("Shift + 3")
    await expect(page.get_by_text("Alterações não salvas")).to_be_visible()
    await tab_to(page, "#panel-search")
    await keyboard.type("praca")
    await keyboard.press("ArrowDown")
    await keyboard.press("ArrowDown")
    await keyboard.press("ArrowDown")
    await keyboard.press("Enter")
    await shows(page, "Praça", "Quadro vazio", "Quadro vazio", "Quadro vazio")
    await page.keyboard.press("Space")
    await expect(name_in(page, 2)).to_be_focused()
    await keyboard.press("ArrowDown")
    await keyboard.press("Space")
    await shows(page, "Quadro vazio", "Quadro vazio", "Quadro vazio", "Praça")
    await expect(name_in(page, 4)).to_be_focused()
    await keyboard.press("Space")
    await keyboard.press("ArrowUp")
    await keyboard.press("ArrowLeft")
    await keyboard.press("Enter")
    await shows(page, "Praça", "Quadro vazio", "Quadro vazio", "Quadro vazio")
    await keyboard.press("ArrowRight")
    await keyboard.press("h")
    await shows(page, "Praça", "Destaque", "Quadro vazio", "Quadro vazio")
    await page.locator("#save").focus()
    await keyboard.press("Enter")
    await page.wait_for_url(lambda url: not url.endswith("/new"))
    await expect(page.get_by_text("Alterações não salvas")).to_be_hidden()
    mosaic_id = page.url.rsplit("/", 1)[1]
    saved = await square.get(mosaic_id)
    assert (saved["name"], saved["number"], saved["hotspot"], saved["shared"]) == ("Turno da noite", 3, 1, False)
    assert await square.names_in(mosaic_id) == ["Praça"]
    await keyboard.press("Escape")
    await expect(page.get_by_role("complementary", name="Editar o mosaico")).to_be_hidden()


async def test_tiles_are_arranged_by_dragging_and_what_is_not_saved_is_said(clerk: Guard, square: Square) -> None:
    page = clerk.page
    mosaic_id = await square.add("Praças", "Portaria", "Escola", layout="2x2", shared=True)
    await clerk.open(f"/mosaic/{mosaic_id}")
    await shows(page, "Portaria", "Escola", "Quadro vazio", "Quadro vazio")
    await page.get_by_role("button", name="Editar").click()
    await drag(page, page.locator("#panel-cameras").get_by_role("button", name="Praça"), cell(page, 4))
    await shows(page, "Portaria", "Escola", "Quadro vazio", "Praça")
    await drag(page, cell(page, 1), cell(page, 4))
    await shows(page, "Praça", "Escola", "Quadro vazio", "Portaria")
    await drag(page, cell(page, 2), page.locator("#panel"))
    await shows(page, "Praça", "Quadro vazio", "Quadro vazio", "Portaria")
    await expect(page.get_by_text("Alterações não salvas")).to_be_visible()
    assert await square.names_in(mosaic_id) == ["Portaria", "Escola"]
    await page.get_by_role("button", name="Descartar").click()
    await shows(page, "Portaria", "Escola", "Quadro vazio", "Quadro vazio")
    await drag(page, cell(page, 1), cell(page, 3))
    await page.get_by_role("button", name="Salvar", exact=True).click()
    await expect(page.get_by_text("Alterações não salvas")).to_be_hidden()
    assert await square.names_in(mosaic_id) == ["", "Escola", "Portaria"]
    await page.get_by_role("button", name="Salvar como").click()
    form = page.get_by_role("dialog", name="Salvar como outro mosaico")
    await form.get_by_label("Nome").fill("Só meu")
    await form.get_by_role("button", name="Salvar").click()
    await page.wait_for_url(lambda url: mosaic_id not in url)
    assert (await square.get(page.url.rsplit("/", 1)[1]))["shared"] is False
    await page.get_by_role("button", name="Apagar").click()
    await page.get_by_role("dialog").get_by_role("button", name="Apagar").click()
    await page.wait_for_url("**/mosaic")
    await expect(page.get_by_role("link", name="Só meu")).to_have_count(0)


async def test_a_swapped_tile_goes_on_playing(clerk: Guard, square: Square) -> None:
    mosaic_id = await square.add("Troca", "Portaria", "Escola", layout="2x2")
    await clerk.open(f"/mosaic/{mosaic_id}")
    await clerk.until_playing(30, 2)
    await clerk.page.get_by_role("button", name="Editar").click()
    await drag(clerk.page, cell(clerk.page, 1), cell(clerk.page, 2))
    await shows(clerk.page, "Escola", "Portaria", "Quadro vazio", "Quadro vazio")

    async def pictured() -> bool:
        return all([(await cell(clerk.page, number).evaluate(BRIGHTEST)) > 60 for number in (1, 2)])

    await until(pictured, 2, "both show a picture")
    await clerk.until_playing(15, 2)


async def test_a_finger_arranges_tiles_on_a_telephone(office: Office, square: Square) -> None:
    mosaic_id = await square.add("De bolso", "Portaria", "Escola", layout="2x2", shared=True)
    viewport: Any = {"width": 390, "height": 844}
    async with await office.browser.new_context(viewport=viewport, locale="pt-BR", has_touch=True) as context:
        guard = await Guard(office.site, await context.new_page()).come_in()
        page = guard.page
        await guard.open(f"/mosaic/{mosaic_id}")
        await expect(name_in(page, 2)).to_have_text("Escola")
        assert await page.evaluate("document.documentElement.scrollWidth") <= 390
        await page.get_by_role("button", name="Editar").tap()
        await cell(page, 1).tap()
        await cell(page, 4).tap()
        await shows(page, "Quadro vazio", "Escola", "Quadro vazio", "Portaria")
        await slide(page, cell(page, 2), cell(page, 3))
        await shows(page, "Quadro vazio", "Quadro vazio", "Escola", "Portaria")
        assert await page.evaluate("document.documentElement.scrollWidth") <= 390
        assert await guard.accessibility() == []
        assert guard.complaints == []


async def slide(page: Page, source: Locator, target: Locator) -> None:
    """One finger, from the middle of one to the middle of the other."""
    session = await page.context.new_cdp_session(page)
    start, end = await source.bounding_box(), await target.bounding_box()
    assert start is not None
    assert end is not None
    steps = [
        {"x": box["x"] + box["width"] / 2 + step, "y": box["y"] + box["height"] / 2}
        for box, step in ((start, 0), (start, 12), (end, 6), (end, 0))
    ]
    for number, step in enumerate(steps):
        kind = "touchMove" if number else "touchStart"
        await session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [step]})
    await session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})


async def test_a_guard_watches_with_keys_and_a_double_click(clerk: Guard, square: Square) -> None:
    page, keyboard = clerk.page, clerk.page.keyboard
    other = await square.add("Ronda", "Escola", layout="1x1", number=2, shared=True)
    await clerk.open(f"/mosaic/{await square.add('Centro', *NAMES, layout='2x2', number=1, shared=True)}")
    await clerk.until_playing(30, 4)
    await keyboard.press("4")
    await expect(name_in(page, 4)).to_be_focused()
    await keyboard.press("ArrowLeft")
    await expect(name_in(page, 3)).to_be_focused()
    await keyboard.press("Enter")
    await expect(cell(page, 3)).to_have_attribute("data-large", "")
    await expect(cell(page, 3).locator("vmsd-player")).to_have_attribute("quality", "main")
    room, large = await page.locator("#mosaic").bounding_box(), await cell(page, 3).bounding_box()
    assert room == large
    await keyboard.press("2")
    await expect(cell(page, 2)).to_have_attribute("data-large", "")
    await keyboard.press("Escape")
    await expect(page.locator("[data-large]")).to_have_count(0)
    await expect(name_in(page, 2)).to_be_focused()
    await cell(page, 1).dblclick()
    await expect(cell(page, 1)).to_have_attribute("data-large", "")
    await cell(page, 1).dblclick()
    await expect(page.locator("[data-large]")).to_have_count(0)
    await keyboard.press("l")
    await expect(page.get_by_text("Alterações não salvas")).to_be_visible()
    await expect(page.locator("#mosaic > .cell")).to_have_count(9)
    await page.get_by_role("button", name="Descartar").click()
    await keyboard.press("Shift+Digit2")
    await page.wait_for_url(f"**/mosaic/{other}")
    await shows(page, "Escola")
    await expect(cell(page, 1).locator("vmsd-player")).to_have_attribute("quality", "main")
    await keyboard.press("1")
    await page.locator("[data-tool=menu]").focus()
    await keyboard.press("Enter")
    await expect(page.get_by_role("button", name="Salvar uma foto")).to_be_visible()
    async with page.expect_download() as saving:
        await keyboard.press("ArrowUp")
        await keyboard.press("Enter")
    assert (await saving.value).suggested_filename.startswith("Escola ")
    await page.locator("[data-tool=menu]").focus()
    await keyboard.press("Enter")
    await page.get_by_role("link", name="Reprise, 10 s antes").press("Enter")
    await page.wait_for_url(f"**/replay?camera={square.id_of('Escola')}&at=*")


async def test_the_hotspot_shows_what_is_touched_and_what_alarms(clerk: Guard, square: Square) -> None:
    page = clerk.page
    mosaic_id = await square.add("Alerta", None, "Escola", "Portaria", layout="2x2", hotspot=0)
    await clerk.open(f"/mosaic/{mosaic_id}")
    await expect(name_in(page, 1)).to_have_text("Destaque")
    await cell(page, 2).click()
    await expect(name_in(page, 1)).to_have_text("Escola")
    await page.evaluate(
        "(id) => document.dispatchEvent(new CustomEvent('vmsd:alert', { detail: { camera_id: id } }))",
        square.id_of("Portaria"),
    )
    await expect(name_in(page, 1)).to_have_text("Portaria")
    await expect(cell(page, 3)).to_have_attribute("data-alarm", "yes")
    await clerk.until_playing(30, 3)
    await page.keyboard.press("2")
    await expect(name_in(page, 1)).to_have_text("Escola")


async def test_a_carousel_turns_without_a_black_moment_and_stands_still_when_told(clerk: Guard, square: Square) -> None:
    page = clerk.page
    carousel = {"cell": 0, "cameras": [square.id_of("Praça"), square.id_of("Escola")], "seconds": 4}
    await clerk.open(f"/mosaic/{await square.add('Sequência', layout='1x1', carousel=carousel)}")
    await clerk.until_shown("live", 30)
    seen: list[str] = []

    async def has_turned_twice() -> bool:
        brightness = await cell(page, 1).evaluate(BRIGHTEST)
        assert brightness > 60, "black"
        name = await name_in(page, 1).inner_text()
        if seen[-1:] != [name]:
            seen.append(name)
        return len(seen) == 4

    await until(has_turned_twice, 30, "the carousel turns", every_s=0.05)
    await name_in(page, 1).focus()
    await page.keyboard.press("Space")
    await expect(page.locator("[data-tool=pause]")).to_have_attribute("aria-pressed", "true")
    stands = await name_in(page, 1).inner_text()
    await asyncio.sleep(5)
    assert await name_in(page, 1).inner_text() == stands


async def test_a_carousel_is_composed_in_its_dialog(clerk: Guard, square: Square) -> None:
    page = clerk.page
    mosaic_id = await square.add("Composição", layout="2x2")
    await clerk.open(f"/mosaic/{mosaic_id}")
    await page.get_by_role("button", name="Editar").click()
    await page.locator("#panel-specials").get_by_role("button", name="Carrossel").click()
    dialog = page.get_by_role("dialog", name="Câmeras do carrossel")
    for name in ("Praça", "Escola"):
        await dialog.get_by_label("Acrescentar câmera").select_option(name)
        await dialog.get_by_role("button", name="Acrescentar", exact=True).click()
    await dialog.get_by_label("Segundos por câmera").fill("20")
    assert await clerk.accessibility() == []
    await dialog.get_by_role("button", name="Pronto").click()
    await expect(dialog).to_be_hidden()
    await page.get_by_role("button", name="Salvar", exact=True).click()
    await expect(page.get_by_text("Alterações não salvas")).to_be_hidden()
    saved = (await square.get(mosaic_id))["carousel"]
    assert saved == {"cell": 0, "cameras": [square.id_of("Praça"), square.id_of("Escola")], "seconds": 20}


async def test_who_may_not_share_keeps_changes_to_the_citys_mosaic_as_one_of_their_own(
    office: Office, square: Square
) -> None:
    mosaic_id = await square.add("Da cidade", "Portaria", layout="1x1", shared=True)
    await office.add_person("vigia", {"group": "*", "verbs": ["view"]})
    async with office.window() as guard:
        page = (await guard.come_in("vigia")).page
        await guard.open(f"/mosaic/{mosaic_id}")
        await shows(page, "Portaria")
        await page.keyboard.press("e")
        await expect(page.get_by_text("Este mosaico é da cidade")).to_be_visible()
        await page.keyboard.press("l")
        await expect(page.get_by_role("button", name="Salvar", exact=True)).to_be_hidden()
        await page.get_by_role("button", name="Salvar como").click()
        await page.get_by_role("dialog").get_by_role("button", name="Salvar").click()
        await page.wait_for_url(lambda url: mosaic_id not in url)
        await guard.open("/mosaic")
        await expect(page.get_by_role("link", name="Cópia de Da cidade")).to_be_visible()
        await expect(page.get_by_role("heading", name="Painéis de parede")).to_have_count(0)


async def test_mosaics_have_no_serious_barrier_and_never_scroll_at_a_desk(office: Office, square: Square) -> None:
    mosaic_id = await square.add("Cheio", *NAMES, layout="4x4", hotspot=14, number=9)
    found = {}
    for theme in ("dark", "light"):
        async with office.window() as guard:
            await guard.come_in()
            await guard.page.context.add_cookies([{"name": "theme", "value": theme, "url": office.site.url}])
            await guard.open("/mosaic")
            await expect(guard.page.get_by_role("link", name="Cheio")).to_be_visible()
            found[f"list {theme}"] = await guard.accessibility()
            await guard.open(f"/mosaic/{mosaic_id}")
            await expect(name_in(guard.page, 1)).to_have_text(NAMES[0])
            found[f"watching {theme}"] = await guard.accessibility()
            for width, height in ((1440, 900), (1920, 1080)):
                await guard.page.set_viewport_size({"width": width, "height": height})
                assert await guard.page.evaluate("document.documentElement.scrollHeight") <= height
            await guard.page.keyboard.press("e")
            found[f"editing {theme}"] = await guard.accessibility()
            assert await guard.page.evaluate("document.documentElement.scrollHeight") <= 1080
    assert {where: barriers for where, barriers in found.items() if barriers} == {}
