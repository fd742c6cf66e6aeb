"""Plates: readings are found and lead to their video, wanted ones are looked for; who may not, is told so."""

from __future__ import annotations

import csv
import io
import json
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import pytest_asyncio
from playwright.async_api import Page, Route, expect

from tests.browser.conftest import Guard, Office
from tests.support.plates import jpeg, reading, signed_body

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]
NOBODY = "rtsp://127.0.0.1:9/camera"


class Reader:
    """A program that reads plates at two cameras, and signs what it reports."""

    def __init__(self, office: Office, secret: str, gate: str, square: str) -> None:
        self.office, self.secret, self.gate, self.square = office, secret, gate, square

    async def read(self, camera_id: str, plate: str, at: datetime, *, pictured: bool = True) -> str:
        more = {"imagem_base64": b64encode(jpeg()).decode()} if pictured else {}
        body = json.loads(signed_body(self.secret, reading(camera_id, at.isoformat(), plate, **more)))
        status, answer = await self.office.site.ask("POST", "/api/v1/webhooks/lpr", body, token="")
        assert status == 202, answer
        return str(answer["id"])


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def reader(office: Office) -> Reader:
    site = office.site
    gate = await site.add_camera("Portão", NOBODY, group="Entrada")
    square = await site.add_camera("Praça", NOBODY, group="Centro")
    status, key = await site.ask("POST", "/api/v1/webhooks/keys", {"name": "leitor"})
    assert status == 201, key
    return Reader(office, key["secret"], gate, square)


def rows(page: Page) -> Any:
    return page.get_by_role("list", name="Placas lidas").get_by_role("listitem")


async def test_a_reading_is_found_by_a_part_of_it_and_leads_to_ten_seconds_before(clerk: Guard, reader: Reader) -> None:
    page, at = clerk.page, datetime.now(UTC).replace(microsecond=0) - timedelta(seconds=90)
    await reader.read(reader.gate, "ABC1D23", at)
    await reader.read(reader.square, "QWE4567", at + timedelta(seconds=1), pictured=False)
    await clerk.open("/detections")
    await expect(rows(page)).to_have_count(2)
    await page.get_by_label("Placa, ou parte dela").fill("bc1")
    await page.keyboard.press("Enter")
    await expect(rows(page)).to_have_count(1)
    row = rows(page).first
    await expect(row).to_contain_text("ABC1D23")
    await expect(row).to_contain_text("93%")
    address = await row.get_by_role("link", name="10 s antes").get_attribute("href") or ""
    asked = parse_qs(urlsplit(address).query)
    assert asked["camera"] == [reader.gate]
    assert datetime.fromisoformat(asked["at"][0]) == at - timedelta(seconds=10)
    await row.get_by_role("button", name="Detalhes").last.click()
    details = page.get_by_role("dialog")
    await expect(details.get_by_role("img", name="Imagem da placa ABC1D23")).to_be_visible()
    await expect(details).to_contain_text("formato Mercosul")
    await page.keyboard.press("Escape")
    await page.get_by_label("Placa, ou parte dela").fill("QWE-4S67")
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("Nenhuma placa assim foi lida")).to_be_visible()
    await page.get_by_role("checkbox", name="Também o que uma câmera confunde").check()
    await expect(rows(page)).to_have_count(1)
    await expect(rows(page)).to_contain_text("QWE-4567")
    async with page.expect_download() as download:
        await page.get_by_role("link", name="Baixar em CSV").click()
    table = (await (await download.value).path()).read_text("utf-8-sig")
    assert [row["plate"] for row in csv.DictReader(io.StringIO(table))] == ["QWE4567"]
    await page.reload()
    await expect(rows(page)).to_contain_text("QWE-4567")


async def test_what_is_read_meanwhile_is_offered(clerk: Guard, reader: Reader) -> None:
    await reader.read(reader.gate, "OLD1A11", datetime.now(UTC), pictured=False)
    await clerk.open("/detections")
    before = await _settled(clerk.page)
    await reader.read(reader.gate, "NEW1A11", datetime.now(UTC), pictured=False)
    await clerk.page.get_by_role("button", name="1 leitura nova").click(timeout=10_000)
    await expect(rows(clerk.page)).to_have_count(before + 1)
    await expect(rows(clerk.page).first).to_contain_text("NEW1A11")


async def _settled(page: Page) -> int:
    await expect(rows(page).first).to_be_visible()
    return int(await rows(page).count())


async def test_an_anonymous_reading_says_so(clerk: Guard, reader: Reader) -> None:
    """With an answer of the API as it is weeks later."""
    await reader.read(reader.gate, "OLD1234", datetime.now(UTC) - timedelta(seconds=30))
    page: dict[str, Any] = await clerk.site.get("/api/v1/detections?limit=1")
    gone = {"plate": None, "image_url": None, "facts": {}, "anonymised_at": "2026-11-20T03:00:00.000Z"}

    async def later(route: Route) -> None:
        body = {"items": [page["items"][0] | gone], "next": None}
        await route.fulfill(content_type="application/json", body=json.dumps(body))

    await clerk.page.route("**/api/v1/detections?*", later)
    await clerk.open("/detections")
    await expect(rows(clerk.page)).to_have_count(1)
    await expect(rows(clerk.page)).to_contain_text("anônima")
    assert await clerk.accessibility() == []


async def test_a_plate_is_looked_for_by_keyboard_alone_and_its_reading_is_marked(clerk: Guard, reader: Reader) -> None:
    page, keyboard = clerk.page, clerk.page.keyboard
    await clerk.open("/wanted")
    await page.get_by_role("button", name="Procurar uma placa").focus()
    await keyboard.press("Enter")
    await expect(page.get_by_label("Placa", exact=True)).to_be_focused()
    await keyboard.type("klm 9876")
    await expect(page.locator("#preview")).to_contain_text("formato antigo")
    await expect(page.locator("#preview")).to_contain_text("KLM9I76")
    await keyboard.press("Tab")
    await keyboard.type("Furtado, BO 12/2026")
    await page.get_by_role("button", name="Salvar").focus()
    await keyboard.press("Enter")
    row = page.get_by_role("row", name="KLM-9876")
    await expect(row).to_contain_text("Furtado, BO 12/2026")
    await expect(row).to_contain_text("Crítico")
    await expect(row).to_contain_text("até ser removida")
    await _refuse_the_same(page)
    await reader.read(reader.square, "KLM9I76", datetime.now(UTC) - timedelta(seconds=5))
    await row.get_by_role("link", name="Leituras").click()
    await expect(rows(page)).to_contain_text("KLM9I76")
    await expect(rows(page)).to_contain_text("Gerou alerta")
    await clerk.open("/wanted")
    await row.get_by_role("button", name="Alterar").click()
    await page.get_by_label("Até").fill("2020-01-01T00:00")
    await page.get_by_role("button", name="Salvar").click()
    await expect(page.get_by_text("Precisa ser um momento futuro.")).to_be_visible()
    await page.get_by_label("Até").fill("2099-01-01T00:00")
    await page.get_by_role("button", name="Salvar").click()
    await expect(row).to_contain_text("01/01/2099")
    await row.get_by_role("button", name="Remover").click()
    await page.get_by_role("button", name="Remover", exact=True).click()
    await expect(row).to_have_count(0)


async def _refuse_the_same(page: Page) -> None:
    """The same plate in the other format."""
    await page.get_by_role("button", name="Procurar uma placa").click()
    await page.get_by_label("Placa", exact=True).fill("KLM9I76")
    await page.get_by_label("Motivo").fill("Outra vez")
    await page.get_by_role("button", name="Salvar").click()
    await expect(page.get_by_text("já é procurada")).to_be_visible()
    await page.keyboard.press("Escape")


async def test_who_may_not_see_plates_is_told_so_and_who_may_sees_their_own_cameras(
    office: Office, reader: Reader
) -> None:
    await reader.read(reader.square, "HID1D11", datetime.now(UTC), pictured=False)
    await office.add_person("sem placas", {"group": "*", "verbs": ["view", "replay"]})
    await office.add_person("entrada", {"group": "Entrada", "verbs": ["view", "plates"]})
    async with office.window(390) as guard:
        await guard.come_in("sem placas")
        await guard.open("/")
        await expect(guard.page.get_by_role("link", name="Placas")).to_have_count(0)
        for path in ("/detections", "/wanted"):
            await guard.open(path)
            await expect(guard.page.get_by_text("ler placas")).to_be_visible()
        await guard.come_in("entrada")
        await guard.open("/detections")
        await expect(guard.page.get_by_label("Câmera").get_by_role("option")).to_have_count(2)
        await expect(rows(guard.page).first).to_contain_text("Portão")
        await expect(guard.page.get_by_text("HID1D11")).to_have_count(0)
        await expect(rows(guard.page).first.get_by_role("link", name="10 s antes")).to_be_hidden()
        assert await guard.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        await guard.open("/wanted")
        await expect(guard.page.get_by_role("button", name="Procurar uma placa")).to_have_count(0)


async def test_no_page_of_plates_has_a_serious_barrier_in_either_theme(clerk: Guard, reader: Reader) -> None:
    await clerk.site.ask("POST", "/api/v1/wanted-plates", {"plate": "XYZ1234", "reason": "Furtado"})
    for theme in ("dark", "light"):
        await clerk.page.context.add_cookies([{"name": "theme", "value": theme, "url": clerk.site.url}])
        await clerk.open("/detections")
        await expect(rows(clerk.page).first).to_be_visible()
        assert await clerk.accessibility() == [], theme
        await clerk.open("/wanted")
        await expect(clerk.page.get_by_role("row", name="XYZ-1234")).to_be_visible()
        assert await clerk.accessibility() == [], theme
        await clerk.page.get_by_role("button", name="Procurar uma placa").click()
        await clerk.page.get_by_label("Placa", exact=True).fill("ABC1D23")
        assert await clerk.accessibility() == [], f"{theme}, the dialog"
