"""Getting in."""

from __future__ import annotations

import re
import shutil

import pytest
from playwright.async_api import Browser, Page, expect

from tests.browser.conftest import PASSWORD, Guard
from tests.support.site import Site

pytestmark = pytest.mark.browser

CHOSEN = "quatro palavras bem escolhidas"


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


async def test_too_many_wrong_passwords_cost_a_wait_that_is_said_and_counted_down(visitor: Guard) -> None:
    page = visitor.page
    await visitor.open("/login")
    await page.get_by_label("Usuário").fill("admin")
    for _ in range(9):
        await page.get_by_label("Senha").fill("outra senha")
        async with page.expect_response("**/auth/login") as answer:
            await page.keyboard.press("Enter")
        if (await answer.value).status == 429:
            break
        await expect(page.get_by_label("Senha")).to_have_value("")
    await expect(page.get_by_role("alert")).to_contain_text(re.compile(r"Tentativas demais\. Tente de novo em \d+"))
    await expect(page.get_by_role("button", name=re.compile(r"Espere \d+ s"))).to_be_disabled()
    await expect(page.get_by_role("button", name="Entrar")).to_be_enabled(timeout=20_000)


async def test_the_first_secret_leads_to_a_password_of_ones_own_and_to_the_first_city(
    site: Site, browser: Browser
) -> None:
    """A box as it comes: nobody has an account, and there is no city."""
    shutil.rmtree(site.folder / "data")
    await site.start()
    secret = re.search(r"password: (\S+)", (site.folder / "data" / "first-login.txt").read_text("utf-8"))
    assert secret is not None
    async with await browser.new_context(locale="pt-BR") as context:
        guard = Guard(site, await context.new_page())
        await guard.give_password("admin", secret[1])
        await guard.page.wait_for_url("**/account?first*")
        await expect(guard.page.get_by_role("navigation")).to_have_count(0)
        await _choose_password(guard.page, secret[1], "0123456789")
        await expect(guard.page.get_by_text("algo que qualquer um adivinharia")).to_be_visible()
        await expect(guard.page.get_by_label("Senha nova", exact=True)).to_be_focused()
        await _choose_password(guard.page, secret[1], CHOSEN)
        await expect(guard.page.get_by_role("heading", name="Ainda não há cidade")).to_be_visible()
        await guard.page.get_by_role("link", name="Adicionar uma cidade").click()
        await guard.page.get_by_role("button", name="Adicionar cidade").click()
        await guard.page.get_by_label("Nome", exact=True).fill("Vila Serena")
        await guard.page.keyboard.press("Enter")
        await expect(guard.page.get_by_role("cell", name="Vila Serena", exact=True)).to_be_visible()
        await guard.log_out()
        await guard.log_in("admin", CHOSEN)
    assert guard.complaints == []


async def _choose_password(page: Page, present: str, chosen: str) -> None:
    await page.get_by_label("Senha com que você entrou").fill(present)
    await page.get_by_label("Senha nova", exact=True).fill(chosen)
    await page.get_by_label("Senha nova outra vez").fill(chosen)
    await page.get_by_role("button", name="Salvar e continuar").click()
