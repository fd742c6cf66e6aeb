"""Integrations as a manager sets them up, and alerts on one's own browser."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
import pytest_asyncio
from playwright.async_api import expect

from tests.browser.conftest import Guard, Office, chromium
from tests.support.ports import free_port
from tests.support.receivers import Receiver, receiving
from tests.support.site import Site

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

PAGE = "/admin/destinations"
SUBSCRIBE = """() => {
    const keys = {
        p256dh: "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
        auth: "BTBZMqHH6r4Tts7J_aSIgg",
    };
    const endpoint = "https://fcm.googleapis.com/fcm/send/test";
    let made = null;
    const one = { toJSON: () => ({ endpoint, keys }), unsubscribe: async () => (made = null) };
    PushManager.prototype.subscribe = async ({ applicationServerKey }) => {
        if (applicationServerKey.length !== 65) throw new DOMException("not a key");
        return (made = one);
    };
    PushManager.prototype.getSubscription = async () => made;
}"""
"""No push service can be reached here: the browser's part of it is played."""


@dataclass(frozen=True)
class Place(Office):
    receiver: Receiver


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def place(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Place]:
    rules = {"networks": ["127.0.0.0/8"], "deadline_s": 3}
    push = {"enabled": True, "contact": "mailto:box@example.org"}
    folder = tmp_path_factory.mktemp("place")
    async with chromium() as browser, receiving() as receiver, Site(folder, outbox=rules, push=push) as site:
        await site.start()
        yield Place(site, browser, receiver)


@pytest_asyncio.fixture(loop_scope="module")
async def clerk(place: Place) -> AsyncIterator[Guard]:
    async with place.window() as guard:
        await guard.come_in()
        await guard.page.request.post(
            f"{place.site.url}/api/v1/auth/city",
            data={"city_id": place.site.city_id},
            headers={"X-Requested-With": "vmsd"},
        )
        yield guard


async def test_a_webhook_is_set_up_with_the_keyboard_alone_tested_and_looked_into(clerk: Guard, place: Place) -> None:
    page, receiver = clerk.page, place.receiver
    await clerk.open(PAGE)
    await expect(page.get_by_role("heading", name="Nenhum destino")).to_be_visible()
    await page.get_by_role("button", name="Adicionar destino").focus()
    await page.keyboard.press("Enter")
    await expect(page.get_by_label("Nome", exact=True)).to_be_focused()
    await page.keyboard.type("Central da polícia")
    await page.keyboard.press("Tab")
    await page.keyboard.type("https://169.254.169.254/x")
    await page.keyboard.press("Enter")
    await expect(page.locator("#destination-url-error")).to_contain_text("não pode ser usado")
    await page.get_by_label("Endereço").fill(receiver.url)
    await page.keyboard.press("Enter")
    await expect(page.locator("#signing-text")).to_contain_text("whsec_")
    receiver.secret = await page.locator("#signing-text").inner_text()
    await page.get_by_role("button", name="Já guardei").click()
    assert receiver.secret not in await page.content()
    row = page.get_by_role("row", name="Central da polícia")
    await expect(row).to_contain_text("Alertas novos")
    await row.get_by_role("button", name="Testar").click()
    await expect(page.locator("#done")).to_contain_text("O teste chegou a Central da polícia")
    receiver.status = 503
    await row.get_by_role("button", name="Testar").click()
    await expect(page.locator("#failure")).to_contain_text("falhou (HTTP 503)")
    await row.get_by_role("button", name="Entregas").click()
    log = page.get_by_role("dialog", name="Entregas a Central da polícia")
    await expect(log.get_by_role("row")).to_have_count(3)
    await expect(log.get_by_role("row").nth(1)).to_contain_text("Não chegou")
    assert await clerk.accessibility() == []
    await page.keyboard.press("Escape")
    receiver.status = 204


async def test_one_that_fails_says_since_when_and_why_and_is_changed_and_removed(clerk: Guard, place: Place) -> None:
    page = clerk.page
    body = {"kind": "webhook", "name": "Parada", "topics": ["eventos.marca"], "url": f"http://127.0.0.1:{free_port()}/"}
    assert (await place.site.ask("POST", "/api/v1/destinations", body))[0] == 201
    camera_id = await place.site.add_camera("Portaria", "rtsp://127.0.0.1:9/live")
    event = {"camera_id": camera_id, "type": "teste", "time": "2026-11-21T11:00:00Z"}
    assert (await place.site.ask("POST", "/api/v1/events", event))[0] in (200, 201, 202)
    await clerk.open(PAGE)
    row = page.get_by_role("row", name="Parada")
    await expect(row).to_contain_text("Não chega", timeout=15_000)
    await expect(row).to_contain_text("ninguém atende neste endereço")
    await row.get_by_role("button", name="Editar Parada").click()
    await page.get_by_role("checkbox", name="Ligado").uncheck()
    await page.get_by_role("button", name="Salvar").click()
    await expect(row).to_contain_text("Desligado")
    await row.get_by_role("button", name="Remover Parada").click()
    await page.get_by_role("button", name="Remover", exact=True).last.click()
    await expect(row).to_have_count(0)


async def test_the_page_has_no_barrier_and_is_not_wider_than_a_phone(place: Place) -> None:
    body = {
        "kind": "webhook",
        "name": "Outra",
        "topics": ["alertas.novo"],
        "url": f"{place.receiver.url}/{'long' * 30}",
    }
    assert (await place.site.ask("POST", "/api/v1/destinations", body))[0] == 201
    for width in (390, 1440):
        async with place.window(width) as guard:
            await guard.come_in()
            await guard.page.request.post(
                f"{place.site.url}/api/v1/auth/city",
                data={"city_id": place.site.city_id},
                headers={"X-Requested-With": "vmsd"},
            )
            await guard.open(PAGE)
            await expect(guard.page.get_by_role("row", name="Outra")).to_be_visible()
            assert await guard.accessibility() == []
            assert await guard.page.evaluate("document.documentElement.scrollWidth") <= width
            await guard.page.get_by_role("button", name="Adicionar destino").click()
            assert await guard.accessibility() == []
            assert await guard.page.evaluate("document.documentElement.scrollWidth") <= width


async def test_a_guard_lets_alerts_appear_on_their_browser_and_takes_it_back(place: Place) -> None:
    await place.add_person("Guarda", {"group": "*", "verbs": ["view"]})
    async with place.window() as guard:
        page = guard.page
        await page.add_init_script(f"({SUBSCRIBE})()")
        await guard.come_in("Guarda")
        await guard.open("/account")
        await page.get_by_role("button", name="Mostrar alertas aqui").click()
        await expect(page.locator("#done")).to_contain_text("vão aparecer neste navegador")
        await expect(page.locator("#browsers li")).to_have_count(1)
        state = await page.evaluate("navigator.serviceWorker.ready.then((one) => one.active.state)")
        assert state in {"activating", "activated"}
        assert await guard.accessibility() == []
        await page.get_by_role("button", name="Não mostrar mais aqui").click()
        await expect(page.locator("#browsers li")).to_have_count(0)
