"""The acceptance report as an installer asks for it, watches it and takes it away."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import expect

from tests.browser.conftest import Guard, Office, chromium
from tests.support.site import Site

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(240)]

PAGE = "/admin/acceptance"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def place(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Office]:
    async with chromium() as browser, Site(tmp_path_factory.mktemp("place")) as site:
        await site.start()
        await site.add_cameras(await site.camera("Praça"))
        yield Office(site, browser)


@pytest_asyncio.fixture(loop_scope="module")
async def clerk(place: Office) -> AsyncIterator[Guard]:
    async with place.window(390) as guard:
        await guard.come_in()
        await guard.page.request.post(
            f"{place.site.url}/api/v1/auth/city",
            data={"city_id": place.site.city_id},
            headers={"X-Requested-With": "vmsd"},
        )
        yield guard


async def test_a_report_is_asked_for_with_the_keyboard_watched_stopped_and_taken_away(clerk: Guard) -> None:
    page = clerk.page
    await clerk.open(PAGE)
    await expect(page.get_by_role("heading", name="Nenhum laudo ainda")).to_be_visible()
    await page.get_by_role("button", name="Fazer um laudo").focus()
    await page.keyboard.press("Enter")
    await expect(page.get_by_label("Instalado por")).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(page.locator("#new-installer-error")).not_to_be_empty()
    assert await clerk.accessibility() == []
    await page.keyboard.type("Equipe 2")
    await page.get_by_label("Minutos a comprovar").fill("1")
    await page.keyboard.press("Enter")
    proof = page.get_by_role("listitem").filter(has_text="Praça")
    await expect(proof).to_contain_text("de 1:00", timeout=15_000)
    await expect(proof.get_by_text("imagem", exact=True)).to_be_visible(timeout=30_000)
    assert await clerk.accessibility() == []
    await page.get_by_role("button", name="Parar").click()
    await page.get_by_role("button", name="Parar", exact=True).last.click()
    await expect(page.get_by_text("Parado por alguém")).to_be_visible()
    await page.get_by_role("button", name="Fazer um laudo").click()
    await page.keyboard.press("Enter")
    await expect(page.locator("#done")).to_contain_text("Laudo pronto", timeout=120_000)
    link = page.get_by_role("link", name="Laudo de Equipe 2 em PDF")
    async with page.expect_download() as download:
        await link.click()
    assert (await download.value).suggested_filename.endswith(".pdf")
    assert await clerk.accessibility() == []
