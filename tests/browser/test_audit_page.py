"""The audit page: what was done is found, taken away, and proved to be whole."""

from __future__ import annotations

import csv
import io
import json
import re

import pytest
from playwright.async_api import Route, expect

from tests.browser.conftest import Guard, Office

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]


async def test_what_was_done_is_found_and_taken_away_as_a_table(clerk: Guard, office: Office) -> None:
    site, page = clerk.site, clerk.page
    await site.add_camera("Portaria", "rtsp://127.0.0.1:9/camera")
    await office.add_person("Gestão", role="GESTOR")
    await clerk.come_in("Gestão")
    await clerk.open("/audit")
    rows = page.locator("#entries tbody tr")
    await expect(page.get_by_role("row", name=re.compile("Adicionou câmera", re.IGNORECASE))).to_contain_text(
        "Portaria"
    )
    await page.get_by_label("O quê").select_option("login.done")
    await expect(rows).to_have_count(1)
    await expect(rows).to_contain_text("Gestor, de 127.0.0.1")
    async with page.expect_download() as download:
        await page.get_by_role("link", name="Baixar em CSV").click()
    table = (await (await download.value).path()).read_text("utf-8-sig")
    assert [(row["action"], row["person"]) for row in csv.DictReader(io.StringIO(table))] == [("login.done", "Gestão")]
    await page.get_by_role("button", name="Limpar").click()
    await expect(page.get_by_role("row", name=re.compile("baixou o registro", re.IGNORECASE))).to_have_count(1)
    await page.get_by_label("Texto").fill("portaria")
    await page.keyboard.press("Enter")
    await expect(rows).to_have_count(1)
    await page.get_by_label("Até").fill("2020-01-01T00:00")
    await page.get_by_label("Até").blur()
    await expect(page.get_by_text("Nada disso está no registro.")).to_be_visible()


async def test_the_log_is_read_page_by_page(clerk: Guard) -> None:
    site, page = clerk.site, clerk.page
    for number in range(60):
        assert (await site.ask("POST", "/api/v1/groups", {"name": f"Grupo {number}"}))[0] == 201
    await clerk.open("/audit")
    await page.get_by_label("O quê").select_option("group.added")
    await page.get_by_role("button", name="Mostrar mais").click()
    await expect(page.locator("#entries tbody tr")).to_have_count(60)
    await expect(page.get_by_role("button", name="Mostrar mais")).to_be_hidden()


async def test_a_superadmin_is_told_whether_the_log_is_whole_and_which_row_is_not(clerk: Guard) -> None:
    page = clerk.page
    await clerk.open("/audit")
    row = await page.locator("#entries tbody tr").nth(1).get_attribute("data-row")
    await page.get_by_role("button", name="Conferir o registro").click()
    await expect(page.locator("#verdict")).to_contain_text("O registro está íntegro")

    async def broken(route: Route) -> None:
        verdict = {"valid": False, "length": 3, "head": "ab" * 32, "first_bad": int(row or 0), "why": "changed"}
        await route.fulfill(content_type="application/json", body=json.dumps(verdict))

    await page.route("**/api/v1/audit/verify", broken)
    await page.get_by_role("button", name="Conferir o registro").click()
    await expect(page.locator("#verdict")).to_contain_text("não é mais o que foi escrito")
    await expect(page.locator("tr[data-wrong]")).to_contain_text(f"linha {row}")
    assert await clerk.accessibility() == []
