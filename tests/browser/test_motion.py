"""An area for motion, drawn and refined by keyboard alone, holds until somebody changes it."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import expect

from tests.browser.conftest import Guard
from tests.support.processes import until

pytestmark = pytest.mark.timeout(120)


async def test_a_manager_draws_an_area_by_keyboard_and_motion_in_it_raises_an_alert(guard: Guard):
    site, page = guard.site, guard.page
    camera_id = (await site.ask("GET", "/api/v1/cameras"))[1]["items"][0]["id"]
    await (await guard.come_in()).open(f"/camera/{camera_id}/motion")
    await page.get_by_text("A imagem inteira conta.").wait_for()
    add = page.get_by_role("button", name="Adicionar canto")
    await add.focus()
    for _ in range(3):
        await add.focus()
        await page.keyboard.press("Enter")
    await page.keyboard.press("ArrowDown")
    corner = page.get_by_role("button", name="Canto 3: 75% da esquerda, 77% do topo")
    await expect(corner).to_be_focused()
    await page.get_by_role("checkbox", name="Gerar um alerta").focus()
    await page.keyboard.press("Space")
    await page.get_by_role("button", name="Adicionar horário").press("Enter")
    for day in ("Seg", "Ter", "Qua", "Qui", "Sex", "Sáb", "Dom"):
        await page.get_by_role("checkbox", name=day).press("Space")
    await page.get_by_role("button", name="Salvar").press("Enter")
    await page.get_by_text("Escolha pelo menos um dia em cada horário.").wait_for()
    await page.get_by_role("button", name="Remover horário").press("Enter")
    await page.get_by_role("button", name="Salvar").press("Enter")
    await page.get_by_text("Salvo.").wait_for()
    assert await guard.accessibility() == []
    rule = (await site.ask("GET", f"/api/v1/cameras/{camera_id}/motion"))[1]
    assert (len(rule["area"]), rule["area"][2], rule["alert"], rule["windows"]) == (3, [0.75, 0.77], True, [])

    async def raised() -> list[Any]:
        found: list[Any] = (await site.ask("GET", "/api/v1/alerts?kind=motion"))[1]["items"]
        return found

    (alert,) = await until(raised, 60, "what moves in front of the camera raises an alert")
    assert alert["camera_id"] == camera_id
    await page.reload()
    await page.get_by_text("Uma área com 3 cantos.").wait_for()
