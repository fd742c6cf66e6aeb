"""The health board: what is measured has a lamp, a word and a way on, and a manager says when it turns."""

from __future__ import annotations

import json
from typing import Any

import pytest
from playwright.async_api import Locator, Page, Route, expect

from tests.browser.conftest import Guard, Office

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]
NOBODY = "rtsp://127.0.0.1:9/camera"


def dial(page: Page, title: str) -> Locator:
    return page.get_by_role("region", name=title, exact=True)


async def test_a_manager_moves_a_threshold_by_keyboard_and_the_lamp_follows(clerk: Guard, office: Office) -> None:
    page, site, keyboard = clerk.page, clerk.site, clerk.page.keyboard
    camera_id = await site.add_camera("Terminal", NOBODY)
    await site.until_state(camera_id, "offline", 30)
    await office.add_person("Gestora", role="GESTOR")
    await clerk.come_in("Gestora")
    await clerk.open("/health-board")
    lost = dial(page, "Sem sinal")
    await expect(lost).to_contain_text("Atenção")
    await expect(lost).to_have_attribute("data-level", "amber")
    await expect(page.locator("#verdict")).to_contain_text("1 câmera sem sinal")
    row = page.get_by_role("region", name="Câmeras que pedem atenção").get_by_role("row", name="Terminal")
    await expect(row).to_contain_text("sem sinal")
    await expect(row.get_by_role("link", name="Terminal")).to_have_attribute("href", f"/camera/{camera_id}")
    await page.get_by_role("button", name="Limites…").focus()
    await keyboard.press("Enter")
    fields = page.get_by_role("group", name="Câmeras sem sinal")
    amber, red = fields.get_by_label("Atenção a partir de"), fields.get_by_label("Crítico a partir de")
    await amber.fill("5")
    await keyboard.press("Enter")
    await expect(red).to_be_focused()
    await expect(fields).to_contain_text("O crítico deve ser mais que a atenção.")
    await red.fill("9")
    await keyboard.press("Enter")
    await expect(lost).to_have_attribute("data-level", "green", timeout=10_000)
    await expect(lost).to_contain_text("Atenção a partir de 5, crítico a partir de 9.")
    await expect(page.locator("#verdict")).not_to_contain_text("câmera sem sinal")
    limits = (await site.get("/api/v1/thresholds"))["cameras_offline"]
    assert (limits["amber"], limits["red"]) == (5, 9)
    await page.get_by_role("button", name="Limites…").click()
    await page.get_by_role("button", name="Tudo como o normal").click()
    await expect(lost).to_have_attribute("data-level", "amber", timeout=10_000)


async def test_what_is_worse_than_usual_and_worn_is_said_in_words(clerk: Guard) -> None:
    """With an answer of the API as it is when these are so."""
    page = clerk.page
    board: dict[str, Any] = await clerk.site.get("/api/v1/health-board")

    async def worse(route: Route) -> None:
        troubles = [{"what": "fps", "level": "red"}, {"what": "drops", "level": "amber"}]
        one = {"id": board["troubled"][0]["id"], "name": "Praça", "state": "online", "troubles": troubles}
        figures = board["figures"]
        figures["cameras_degraded"] |= {"value": 1, "level": "amber"}
        figures["disk_wear"] |= {"value": 0.95, "level": "red"}
        wear = {"kind": "emmc", "used_ratio": 0.95, "failing": False, "source": "life_time"}
        facts = {"fps": 4.0, "usual_fps": 15.0, "last_frame_age": 0.2, "drops": 3}
        changed = board | {"level": "red", "wear": wear, "troubled": [one | facts]}
        await route.fulfill(content_type="application/json", body=json.dumps(changed))

    await page.route("**/api/v1/health-board", worse)
    await clerk.open("/health-board")
    row = page.get_by_role("region", name="Câmeras que pedem atenção").get_by_role("row", name="Praça")
    await expect(row).to_contain_text("4,0 quadros/s em vez de 15,0")
    await expect(row).to_contain_text("perdeu o sinal 3 vezes em uma hora")
    await expect(dial(page, "Desgaste do disco")).to_contain_text("95%")
    await expect(dial(page, "Desgaste do disco")).to_contain_text("Crítico")
    await expect(page.locator("#verdict")).to_have_attribute("data-state", "bad")
    await expect(page.locator("#verdict")).to_contain_text("O disco já usou 95% da vida dele")


async def test_a_guard_sees_their_own_cameras_and_moves_nothing(office: Office) -> None:
    await office.site.add_camera("Escola", NOBODY, group="Escolas")
    await office.add_person("guarda da escola", {"group": "Escolas", "verbs": ["view"]})
    async with office.window(390) as guard:
        await guard.come_in("guarda da escola")
        await guard.open("/health-board")
        await expect(dial(guard.page, "Câmeras no ar")).to_contain_text("de 1")
        await expect(dial(guard.page, "Placas lidas em 24 h")).to_contain_text("Sua conta não pode ver placas.")
        await expect(guard.page.get_by_role("button", name="Limites…")).to_have_count(0)
        assert await guard.page.evaluate("document.documentElement.scrollWidth <= innerWidth")


async def test_no_board_has_a_serious_barrier_in_either_theme(clerk: Guard) -> None:
    for theme in ("dark", "light"):
        await clerk.page.context.add_cookies([{"name": "theme", "value": theme, "url": clerk.site.url}])
        await clerk.open("/health-board")
        await expect(dial(clerk.page, "Sem sinal")).to_contain_text("Atenção")
        assert await clerk.accessibility() == [], theme
        await clerk.page.get_by_role("button", name="Limites…").click()
        assert await clerk.accessibility() == [], f"{theme}, the dialog"
