"""Alerts as guards meet them: in the queue, in the corner of every page, in the title, and aloud."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio
from playwright.async_api import Page, expect

from tests.browser.conftest import Guard, Office
from tests.support.processes import until

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]


class Post:
    """The guards' room of an office: things happen in front of its camera."""

    def __init__(self, office: Office, camera_id: str) -> None:
        self.office = office
        self.camera_id = camera_id

    async def happens(self, text: str) -> str:
        """Something a program outside has seen; the alert about it."""
        kind, now = f"seen_{uuid4().hex[:8]}", datetime.now(UTC).isoformat()
        body = {"camera_id": self.camera_id, "type": kind, "text": text, "alert": True, "time": now}
        status, answer = await self.office.site.ask("POST", "/api/v1/events", body)
        assert status in (200, 201), answer
        (alert,) = [one for one in await self.alerts() if one["facts"].get("text") == text]
        return str(alert["id"])

    async def alerts(self) -> list[dict[str, Any]]:
        status, answer = await self.office.site.ask("GET", "/api/v1/alerts?limit=500")
        assert status == 200, answer
        return list(answer["items"])

    async def get(self, alert_id: str) -> dict[str, Any]:
        status, answer = await self.office.site.ask("GET", f"/api/v1/alerts/{alert_id}")
        assert status == 200, answer
        return dict(answer)

    @asynccontextmanager
    async def guard(self, name: str = "", width: int = 1440) -> AsyncIterator[Guard]:
        """Somebody of their own, come in."""
        name = name or f"guarda {uuid4().hex[:6]}"
        await self.office.add_person(name, {"group": "*", "verbs": ["view", "replay", "plates"]})
        async with self.office.window(width) as guard:
            yield await guard.come_in(name)


@pytest_asyncio.fixture(loop_scope="module")
async def post(office: Office) -> AsyncIterator[Post]:
    """Empty at first, and left empty."""
    site = office.site
    _, cameras = await site.ask("GET", "/api/v1/cameras")
    camera_id = (
        cameras["items"][0]["id"] if cameras["items"] else await site.add_camera("Portaria", "rtsp://127.0.0.1:9/x")
    )
    post = Post(office, camera_id)
    yield post
    for alert in await post.alerts():
        if alert["state"] != "closed":
            await site.ask("PATCH", f"/api/v1/alerts/{alert['id']}", {"state": "closed", "take_over": True})


def cards(page: Page) -> Any:
    return page.locator("#queue .alert")


async def sounding(page: Page) -> str:
    return str(await page.evaluate("document.body.dataset.alarm"))


async def test_the_queue_empties_by_mouse_and_everything_is_kept(post: Post) -> None:
    alert_id = await post.happens("alguém no muro")
    async with post.guard() as guard:
        page = guard.page
        await guard.open("/alerts")
        await expect(cards(page)).to_have_count(1)
        await expect(page).to_have_title(re.compile(r"^\(1\) Alertas"))
        await cards(page).get_by_role("button", name="Portaria").first.click()
        await expect(page.locator("#opened")).to_contain_text("Com você")
        await expect(page).to_have_title(re.compile("^Alertas"))
        await page.get_by_role("button", name="Pôr em espera").click()
        await page.locator("#act").get_by_label("Observação").fill("Viatura 12 a caminho")
        await page.locator("#act").get_by_role("button", name="Pôr em espera").click()
        await expect(page.locator("#opened")).to_contain_text("Viatura 12 a caminho")
        assert (await post.get(alert_id))["state"] == "on_hold"
        await page.locator("#opened").get_by_role("button", name="Encerrar").click()
        await page.locator("#act").get_by_label("Como terminou").select_option("Alarme falso")
        await page.locator("#act").get_by_role("button", name="Encerrar o alerta").click()
        await expect(page.get_by_role("heading", name="Nada espera")).to_be_visible()
        closed = await post.get(alert_id)
        assert (closed["state"], closed["note"]) == ("closed", "Alarme falso")
        assert [one["step"] for one in closed["steps"]] == ["raised", "acknowledged", "held", "closed"]
        await page.get_by_text("Encerrados").click()
        await expect(cards(page)).to_contain_text(["Encerrado"])


async def test_the_queue_empties_by_keyboard_alone(post: Post) -> None:
    texts = ["primeira", "segunda", "terceira"]
    ids = [await post.happens(text) for text in texts]
    async with post.guard() as guard:
        page = guard.page
        await guard.open("/alerts")
        await expect(cards(page)).to_have_count(3)
        await expect(page.locator("#opened")).to_contain_text("terceira")
        for key, text in (("j", "segunda"), ("ArrowDown", "primeira"), ("k", "segunda"), ("ArrowUp", "terceira")):
            await page.keyboard.press(key)
            await expect(page.locator("#opened")).to_contain_text(text)
        await page.keyboard.press("a")
        await expect(page.locator("#opened")).to_contain_text("Com você")
        await page.keyboard.press("n")
        await page.locator("#act").get_by_label("Observação").fill("vista na rua de trás")
        await page.keyboard.press("Tab")
        await page.keyboard.press("Tab")
        await page.keyboard.press("Enter")
        await expect(page.locator("#opened")).to_contain_text("vista na rua de trás")
        for left in (2, 1, 0):
            await page.keyboard.press("c")
            await expect(page.locator("#act-outcome")).to_be_focused()
            await page.keyboard.press("Enter")
            await page.locator("#act button[type=submit]").focus()
            await page.keyboard.press("Enter")
            await expect(cards(page)).to_have_count(left)
        await expect(page.get_by_role("heading", name="Nada espera")).to_be_visible()
    assert [(await post.get(one))["state"] for one in ids] == ["closed"] * 3


async def test_of_two_guards_who_take_the_same_alert_one_is_told_who_has_it(post: Post) -> None:
    async with post.guard("Ana Souza") as one, post.guard("Beto Lima") as two:
        await one.open("/alerts")
        await two.open("/alerts")
        alert_id = await post.happens("porta aberta")
        for guard in (one, two):
            await expect(cards(guard.page)).to_have_count(1)
        await asyncio.gather(*(guard.page.keyboard.press("a") for guard in (one, two)))
        owner = str((await until(lambda: _owned(post, alert_id), 5, "somebody has it"))["owner"]["name"])
        winner, loser = (one, two) if owner == "Ana Souza" else (two, one)
        await expect(winner.page.locator("#opened")).to_contain_text("Com você")
        await expect(loser.page.locator("#opened")).to_contain_text(f"Com {owner}")
        await expect(loser.page.locator("#done")).to_contain_text(f"{owner} já assumiu este alerta")
        await loser.page.get_by_role("button", name=f"Assumir no lugar de {owner}").click()
        await loser.page.get_by_role("button", name="Assumir no lugar", exact=True).click()
        await expect(loser.page.locator("#opened")).to_contain_text("Com você")
        await expect(winner.page.locator("#opened")).not_to_contain_text("Com você")


async def _owned(post: Post, alert_id: str) -> dict[str, Any] | None:
    alert = await post.get(alert_id)
    return alert if alert["owner"] else None


async def test_it_rings_in_one_tab_until_somebody_takes_it(post: Post) -> None:
    async with post.guard() as guard:
        first = guard.page
        second = await first.context.new_page()
        await guard.open("/cameras")
        await second.goto(f"{guard.site.url}/health-board")
        await expect(first.locator("#bell")).to_have_attribute("data-state", "locked")
        for page in (first, second):
            await page.locator("main").click(position={"x": 5, "y": 5})
            await expect(page.locator("#bell")).to_have_attribute("data-state", "on")
        await first.evaluate("document.addEventListener('vmsd:alert', ({detail}) => (window.told = detail.camera_id))")
        alert_id = await post.happens("barulho")

        async def one_rings() -> bool:
            return sorted([await sounding(first), await sounding(second)]) == ["", "warning"]

        await until(one_rings, 8, "one of two tabs rings")
        assert await first.evaluate("window.told") == post.camera_id
        toast = second.locator(".toast")
        await expect(toast).to_contain_text("Portaria")
        await toast.get_by_role("button", name="Assumir").click()
        await expect(toast).to_have_count(0)
        await expect(first.locator(".toast")).to_have_count(0)

        async def silence() -> bool:
            return [await sounding(first), await sounding(second)] == ["", ""]

        await until(silence, 5, "it is silent")
        assert (await post.get(alert_id))["state"] == "acknowledged"
        await second.close()


async def test_silenced_in_one_browser_it_still_counts_and_shows(post: Post) -> None:
    async with post.guard() as guard:
        page = guard.page
        await guard.open("/cameras")
        await page.locator("#bell summary").click()
        await page.get_by_role("button", name="Silenciar").click()
        await expect(page.locator("#bell")).to_have_attribute("data-state", "muted")
        await post.happens("barulho em silêncio")
        await expect(page.locator("#alerts-link")).to_contain_text("1")
        await expect(page.locator(".toast")).to_have_count(1)
        assert await sounding(page) == ""


FAKE_DESKTOP = """
    window.shown = [];
    document.hasFocus = () => false;
    window.Notification = class {
        static permission = "default";
        static async requestPermission() { this.permission = "granted"; }
        constructor(title, { body, tag }) { window.shown.push([title, body, tag]); }
        close() { window.shown.push("closed"); }
    };
"""
"""What the browser would show on its desktop is noted instead."""


async def test_who_allows_it_is_told_outside_the_window_until_somebody_has_taken_the_alert(post: Post) -> None:
    async with post.guard() as guard:
        page = guard.page
        await page.add_init_script(FAKE_DESKTOP)
        await guard.open("/cameras")
        await page.locator("#bell summary").click()
        await page.get_by_role("button", name="Permitir avisos").click()
        await expect(page.locator("#bell")).to_contain_text("avisa de alertas com a janela fora de vista")
        alert_id = await post.happens("fora de vista")
        await expect(page.locator(".toast")).to_have_count(1)
        assert await page.evaluate("window.shown") == [["Atenção: Evento", "Portaria", alert_id]]
        await page.locator(".toast").get_by_role("button", name="Assumir").click()
        await expect(page.locator(".toast")).to_have_count(0)
        await until(lambda: page.evaluate("window.shown.length === 2"), 5, "the notification is withdrawn")


async def test_without_the_socket_alerts_are_asked_for(post: Post) -> None:
    async with post.guard() as guard:
        page = guard.page
        await page.route_web_socket("**/ws/alerts*", lambda ws: ws.close())
        await guard.open("/cameras")
        await asyncio.sleep(0)
        await expect(page.locator("#bell")).to_contain_text("Sem conexão direta")
        await page.wait_for_timeout(5500)
        await post.happens("sem fio")
        await expect(page.locator(".toast")).to_have_count(1, timeout=12_000)
        await expect(page).to_have_title(re.compile(r"^\(1\) "))


async def test_a_guard_with_a_phone_takes_and_goes_back(post: Post) -> None:
    await post.happens("pelo celular")
    async with post.guard(width=390) as guard:
        page = guard.page
        await guard.open("/alerts")
        await expect(page.locator("#opened")).to_be_hidden()
        await cards(page).locator(".alert__open").click()
        await expect(page.locator("#opened")).to_contain_text("Com você")
        await page.get_by_role("button", name="Fila").click()
        await expect(page.locator("#opened")).to_be_hidden()
        await expect(cards(page).locator(".alert__open")).to_be_focused()
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")


async def test_nobody_is_shut_out_of_the_queue_in_either_theme(post: Post) -> None:
    await post.happens("acessível")
    async with post.guard() as guard:
        found = {}
        for theme in ("dark", "light"):
            await guard.page.context.add_cookies([{"name": "theme", "value": theme, "url": guard.site.url}])
            await guard.open("/alerts")
            await expect(guard.page.locator("#opened")).to_be_visible()
            found[f"queue {theme}"] = await guard.accessibility()
            await guard.page.get_by_role("button", name="Encerrar").click()
            found[f"dialog {theme}"] = await guard.accessibility()
            await guard.page.keyboard.press("Escape")
            await guard.page.locator("#bell summary").click()
            found[f"bell {theme}"] = await guard.accessibility()
        assert {place: barriers for place, barriers in found.items() if barriers} == {}
