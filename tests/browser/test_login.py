"""Getting in."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import expect

from tests.browser.conftest import PASSWORD, Guard

pytestmark = pytest.mark.browser


async def test_a_guard_logs_in_with_the_keyboard_alone_and_lands_where_he_wanted(visitor: Guard) -> None:
    page, keyboard = visitor.page, visitor.page.keyboard
    await visitor.open("/cameras")
    await page.wait_for_url(re.compile(r"/login\?next=/cameras$"))
    await keyboard.type("admin")
    await keyboard.press("Tab")
    await keyboard.type(PASSWORD)
    await keyboard.press("Enter")
    await page.wait_for_url("**/cameras")
    await expect(page.get_by_role("heading", name="Câmeras")).to_be_visible()


async def test_a_wrong_password_is_said_in_words_and_the_page_stays_usable(visitor: Guard) -> None:
    page = visitor.page
    await visitor.open("/login")
    await page.get_by_label("Usuário").fill("admin")
    await page.get_by_label("Senha").fill("outra senha")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("alert")).to_have_text("Usuário ou senha incorretos.")
    await expect(page.get_by_label("Senha")).to_be_focused()
    await page.keyboard.type(PASSWORD)
    await page.keyboard.press("Enter")
    await page.wait_for_url(f"{visitor.site.url}/")


async def test_login_never_leads_to_another_site(visitor: Guard) -> None:
    await visitor.open("/login?next=//example.org/")
    await visitor.page.get_by_label("Usuário").fill("admin")
    await visitor.page.get_by_label("Senha").fill(PASSWORD)
    await visitor.page.keyboard.press("Enter")
    await visitor.page.wait_for_url(f"{visitor.site.url}/")
