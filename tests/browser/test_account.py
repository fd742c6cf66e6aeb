"""One's own account: password, second factor, tokens, sessions."""

from __future__ import annotations

import re
import time

import pyotp
import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import PASSWORD, Guard, Office

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

CHOSEN = "quatro palavras bem escolhidas"
STEP_S = 30


async def test_a_second_factor_is_set_up_asked_for_and_turned_off(clerk: Guard, office: Office) -> None:
    page = clerk.page
    await office.add_person("Guarda da ponte")
    await clerk.come_in("Guarda da ponte")
    await clerk.open("/account")
    await page.get_by_role("button", name="Configurar").click()
    app = await _pair(page)
    await page.get_by_label("Digite os 6 números").fill("000000")
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("Este código não está certo").first).to_be_visible()
    await page.get_by_label("Digite os 6 números").fill(app.now())
    await page.keyboard.press("Enter")
    codes = await _keep_recovery_codes(page)
    assert len(set(codes)) == 10
    await expect(page.locator("#second .badge")).to_have_text("Ligado")
    assert await clerk.accessibility() == []
    await clerk.log_out()
    await _log_in_with_code(clerk, app.at(time.time() + STEP_S))
    await clerk.open("/account")
    await page.get_by_role("button", name="Desligar").click()
    dialog = page.get_by_role("dialog", name="Desligar o segundo fator?")
    await dialog.get_by_label("Senha").fill(PASSWORD)
    await dialog.get_by_label("Código do segundo fator").fill(codes[0])
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("O segundo fator está desligado.")).to_be_visible()


async def _pair(page: Page) -> pyotp.TOTP:
    """The app on the phone, once it has read the picture, or rather the key below it."""
    await expect(page.get_by_role("img", name="Código QR para o aplicativo")).to_have_js_property("complete", True)
    assert await page.locator("#qr").evaluate("(image) => image.naturalWidth") > 0
    await page.get_by_text("Sem câmera?").click()
    return pyotp.TOTP((await page.locator("#totp-secret").inner_text()).replace(" ", ""))


async def _keep_recovery_codes(page: Page) -> list[str]:
    dialog = page.get_by_role("dialog", name="O segundo fator está ligado")
    await expect(dialog).to_be_visible()
    codes = await dialog.locator("#codes code").all_inner_texts()
    await page.keyboard.press("Escape")
    await expect(dialog).to_be_visible()
    async with page.expect_download() as download:
        await dialog.get_by_role("button", name="Salvar").click()
    assert (await (await download.value).path()).read_text("utf-8").split() == codes
    await dialog.get_by_role("button", name="Já guardei").click()
    return codes


async def _log_in_with_code(guard: Guard, code: str) -> None:
    page = guard.page
    await guard.give_password("Guarda da ponte", PASSWORD)
    field = page.get_by_label("Código do segundo fator")
    await expect(field).to_be_focused()
    await field.fill("000000")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("alert")).to_contain_text("Este código não está certo")
    await expect(field).to_be_focused()
    await field.fill(code)
    await page.keyboard.press("Enter")
    await page.wait_for_url(f"{guard.site.url}/")


async def test_a_token_is_shown_once_and_can_do_what_was_ticked_until_it_is_revoked(clerk: Guard) -> None:
    page = clerk.page
    await clerk.open("/account")
    await page.get_by_role("button", name="Novo token").click()
    await page.get_by_label("Nome").fill("Painel do COI")
    await page.get_by_role("checkbox", name="Ver ao vivo").check()
    await page.keyboard.press("Enter")
    first = await _keep_secret(page)
    assert await _verbs_of(clerk, first) == ["view"]
    assert first not in await page.content()
    await page.get_by_role("button", name="Trocar o segredo de Painel do COI").click()
    await page.get_by_label("O segredo antigo ainda vale por").select_option("0")
    await page.get_by_role("button", name="Trocar", exact=True).click()
    second = await _keep_secret(page)
    assert (await _verbs_of(clerk, first), await _verbs_of(clerk, second)) == (None, ["view"])
    await page.get_by_role("button", name="Revogar Painel do COI").click()
    await page.get_by_role("button", name="Revogar", exact=True).click()
    await expect(page.get_by_text("Painel do COI foi revogado.")).to_be_visible()
    assert await _verbs_of(clerk, second) is None


async def _keep_secret(page: Page) -> str:
    dialog = page.get_by_role("dialog", name="O segredo de Painel do COI")
    await expect(dialog).to_be_visible()
    secret = await dialog.locator("#secret-text").inner_text()
    await dialog.get_by_role("button", name="Já guardei").click()
    return secret


async def _verbs_of(guard: Guard, token: str) -> list[str] | None:
    """What a program may do with it; None when it does not count."""
    status, me = await guard.site.ask("GET", "/api/v1/auth/me", token=token)
    verbs: list[str] | None = me["verbs"] if status == 200 else None
    return verbs


async def test_changing_the_password_keeps_this_browser_in_and_puts_the_others_out(
    clerk: Guard, office: Office
) -> None:
    page = clerk.page
    await office.add_person("Guarda do mercado")
    await clerk.come_in("Guarda do mercado")
    async with office.window() as other:
        await (await other.come_in("Guarda do mercado")).open("/")
        await clerk.open("/account")
        await expect(page.locator("#sessions li")).to_have_count(2)
        await page.get_by_label("Senha atual").fill("outra senha qualquer")
        await page.get_by_label("Senha nova", exact=True).fill(CHOSEN)
        await page.get_by_label("Senha nova outra vez").fill(CHOSEN)
        await page.keyboard.press("Enter")
        await expect(page.get_by_text("Esta senha não está certa")).to_be_visible()
        await page.get_by_label("Senha atual").fill(PASSWORD)
        await page.keyboard.press("Enter")
        await expect(page.get_by_text("Sua senha foi trocada.")).to_be_visible()
        await expect(page.locator("#sessions li")).to_have_count(1)
        await other.page.wait_for_url(re.compile("/login.next="), timeout=6000)
