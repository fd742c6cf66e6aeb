"""Getting in."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from tests.browser.conftest import PASSWORD, Guard

pytestmark = pytest.mark.browser


async def test_a_guard_logs_in_with_the_keyboard_alone_and_lands_where_he_wanted(guard: Guard) -> None:
    page, keyboard = guard.page, guard.page.keyboard
    await guard.open("/cameras")
    await page.wait_for_url("**/login?next=*")
    await keyboard.type("admin")
    await keyboard.press("Tab")
    await keyboard.type(PASSWORD)
    await keyboard.press("Enter")
    await page.wait_for_url("**/cameras")
    await expect(page.get_by_role("link", name="Portaria")).to_be_visible()


async def test_a_wrong_password_is_said_in_words_and_the_page_stays_usable(guard: Guard) -> None:
    page = guard.page
    await guard.open("/login")
    await page.get_by_label("Usuário").fill("admin")
    await page.get_by_label("Senha").fill("outra senha")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("alert")).to_have_text("Usuário ou senha incorretos.")
    await expect(page.get_by_label("Senha")).to_be_focused()
    await page.keyboard.type(PASSWORD)
    await page.keyboard.press("Enter")
    await page.wait_for_url(f"{guard.site.url}/")


async def test_login_never_leads_to_another_site(guard: Guard) -> None:
    await guard.open("/login?next=//example.org/")
    await guard.page.get_by_label("Usuário").fill("admin")
    await guard.page.get_by_label("Senha").fill(PASSWORD)
    await guard.page.keyboard.press("Enter")
    await guard.page.wait_for_url(f"{guard.site.url}/")
