"""The pages around the picture: what they say is so, and anybody can use them."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import expect

from tests.browser.conftest import Guard
from tests.support.processes import until
from tests.support.site import TestCamera

pytestmark = pytest.mark.browser


async def test_no_page_has_a_serious_barrier_in_either_theme(guard: Guard) -> None:
    """The fixture also sees that no page left the box or broke the content security policy."""
    found = {"/login": await (await guard.open("/login")).accessibility()}
    await guard.log_in()
    camera_id = await _camera_id(guard)
    pages = (
        "/",
        "/cameras",
        "/cameras/new",
        f"/camera/{camera_id}",
        f"/camera/{camera_id}/edit",
        "/health-board",
        "/none",
    )
    for theme in ("dark", "light"):
        await guard.page.context.add_cookies([{"name": "theme", "value": theme, "url": guard.site.url}])
        for path in pages:
            await guard.open(path)
            await guard.page.wait_for_load_state()
            await expect(guard.page.get_by_role("heading", level=1)).to_be_attached()
            found[f"{path} {theme}"] = await guard.accessibility()
    assert {path: barriers for path, barriers in found.items() if barriers} == {}


async def test_a_camera_is_tested_and_added_and_seen(guard: Guard, camera: TestCamera) -> None:
    page = guard.page
    await guard.log_in()
    await guard.open("/cameras/new")
    await page.get_by_role("button", name="Salvar câmera").click()
    await expect(page.get_by_label("Nome", exact=True)).to_be_focused()
    await page.get_by_label("Nome", exact=True).fill("Praça")
    await page.get_by_role("radio", name="Outro").check()
    await page.get_by_label("Endereço do vídeo", exact=True).fill(camera.url)
    await page.get_by_role("button", name="Testar esta câmera").click()
    await expect(page.get_by_text("Funcionou")).to_be_visible(timeout=20_000)
    await expect(page.get_by_text(re.compile("H.264 · 320 . 240 · 10 quadros/s"))).to_be_visible()
    await page.get_by_role("button", name="Salvar câmera").click()
    await page.wait_for_url("**/camera/*")
    await expect(page.get_by_role("heading", name="Praça")).to_be_visible()
    await guard.until_playing(30)


async def test_a_refused_address_is_said_at_its_field(guard: Guard) -> None:
    page = guard.page
    await guard.log_in()
    await guard.open("/cameras/new")
    await page.get_by_label("Nome", exact=True).fill("Praça")
    await page.get_by_role("radio", name="Outro").check()
    address = page.get_by_label("Endereço do vídeo", exact=True)
    await address.fill("http://169.254.169.254/latest")
    await page.get_by_role("button", name="Salvar câmera").click()
    await expect(address).to_have_attribute("aria-invalid", "true")
    await expect(address).to_be_focused()


async def test_only_what_was_changed_is_sent_and_the_rest_of_a_camera_stays(guard: Guard) -> None:
    page = guard.page
    camera_id = await _camera_id(guard)
    before = await guard.site.get(f"/api/v1/cameras/{camera_id}")
    await guard.log_in()
    await guard.open(f"/camera/{camera_id}/edit")
    await expect(page.get_by_label("Nome", exact=True)).to_have_value("Portaria")
    await page.get_by_label("Nome", exact=True).fill("Portaria 2")
    async with page.expect_request(lambda request: request.method == "PATCH") as patch:
        await page.get_by_role("button", name="Salvar câmera").click()
    assert (await patch.value).post_data_json == {"name": "Portaria 2"}
    await page.wait_for_url(f"**/camera/{camera_id}")
    after = await guard.site.get(f"/api/v1/cameras/{camera_id}")
    changing = {"name", "state", "state_since", "state_cause", "applied"}
    assert {key: after[key] for key in after if key not in changing} == {
        key: before[key] for key in before if key not in changing
    }


async def test_the_recording_switch_shows_what_reaches_the_disk(guard: Guard) -> None:
    page = guard.page
    camera_id = await _camera_id(guard)
    await guard.site.until_recording(camera_id)
    await guard.log_in()
    await guard.open(f"/camera/{camera_id}")
    switch = page.get_by_role("switch", name="Gravar esta câmera")
    state = page.locator("#recording-state")
    await expect(state).to_have_text("Gravando", timeout=20_000)
    await switch.click()
    await page.get_by_role("button", name="Parar gravação").click()
    await expect(state).to_have_text("Desligada", timeout=30_000)
    await expect(switch).to_have_attribute("aria-checked", "false")
    assert not (await guard.site.status(camera_id))["enabled"]
    await switch.click()
    await expect(state).to_have_text("Gravando", timeout=40_000)


async def test_times_are_the_sites_whatever_the_computer_thinks(visitor: Guard) -> None:
    """The browser of these tests believes to be in Tokyo."""
    await visitor.log_in()
    skew = """() => {
        const shown = document.querySelector("[data-slot=clock-time]").textContent;
        const zone = document.body.dataset.zone;
        const format = new Intl.DateTimeFormat("pt-BR", { timeZone: zone, timeStyle: "medium" });
        return [0, 1, 2].some((seconds) => format.format(Date.now() - seconds * 1000) === shown);
    }"""

    async def right() -> bool:
        return bool(await visitor.page.evaluate(skew))

    await until(right, 5, "the clock shows the site's time")


async def test_the_theme_is_kept_and_comes_with_the_page(visitor: Guard) -> None:
    page = visitor.page
    await visitor.log_in()
    await page.locator(".menu summary").click()
    await page.get_by_role("button", name="Claro").click()
    await expect(page.locator("html")).to_have_attribute("data-theme", "light")
    sent = await page.context.request.get(visitor.site.url)
    assert 'data-theme="light"' in await sent.text()


async def _camera_id(guard: Guard) -> str:
    camera_id: str = (await guard.site.get("/api/v1/cameras"))["items"][0]["id"]
    return camera_id
