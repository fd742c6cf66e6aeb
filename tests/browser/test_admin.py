"""People, groups, rights and cities: what a manager sets is what everybody then sees."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Page, Route, expect

from tests.browser.conftest import PASSWORD, Guard, Office
from tests.support.site import Site

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

NOWHERE = "rtsp://127.0.0.1:9/camera"
CHOSEN = "quatro palavras bem escolhidas"
PAGES = ("/account", "/admin", "/admin/groups", "/admin/tokens", "/admin/cities", "/audit")


async def groups_of(site: Site, person_id: str) -> dict[str, set[str]]:
    person = await site.get(f"/api/v1/users/{person_id}")
    return {one["group"]: set(one["verbs"]) for one in person["groups"]}


async def test_somebody_who_was_added_chooses_a_password_and_sees_the_cameras_of_their_group_alone(
    clerk: Guard, office: Office
) -> None:
    page = clerk.page
    await clerk.site.add_camera("Portão da escola", NOWHERE, group="Escolas")
    await clerk.site.add_camera("Plenário", NOWHERE, group="Câmara")
    await clerk.open("/admin")
    await page.get_by_role("button", name="Adicionar pessoa").click()
    await page.get_by_label("Nome", exact=True).fill("Guarda da escola")
    for verb in ("ver ao vivo", "rever gravações"):
        await page.get_by_role("checkbox", name=f"{verb}: Todas as câmeras").uncheck()
    await page.get_by_role("checkbox", name="ver ao vivo: Escolas").check()
    await page.get_by_role("button", name="Salvar").click()
    password = await _read_password(page)
    await page.get_by_role("button", name="Pronto").click()
    await expect(page.get_by_role("row", name="Guarda da escola")).to_contain_text("Escolas: ver ao vivo")
    assert password not in await page.content()
    async with office.window(390) as guard:
        await _first_login(guard, "Guarda da escola", password)
        await _sees_the_school_alone(guard)


async def _read_password(page: Page) -> str:
    """While it is shown, to be told to whom it is for."""
    await expect(page.get_by_role("dialog", name="Diga isto a")).to_be_visible(timeout=20_000)
    return await page.locator("#told-text").inner_text()


async def _first_login(guard: Guard, name: str, password: str) -> None:
    page = guard.page
    await guard.give_password(name, password)
    await page.get_by_label("Senha com que você entrou").fill(password)
    await page.get_by_label("Senha nova", exact=True).fill(CHOSEN)
    await page.get_by_label("Senha nova outra vez").fill(CHOSEN)
    await page.keyboard.press("Enter")
    await page.wait_for_url(f"{guard.site.url}/")


async def _sees_the_school_alone(guard: Guard) -> None:
    page = guard.page
    await expect(page.get_by_role("link", name="Portão da escola")).to_be_visible()
    await expect(page.locator(".tile")).to_have_count(1)
    await expect(page.get_by_role("link", name="Administração")).to_have_count(0)
    await guard.open("/admin")
    await expect(page.get_by_role("heading", name="Você não tem acesso")).to_be_visible()
    await expect(page.get_by_text("é preciso ter o perfil “gestor”")).to_be_visible()
    assert await guard.accessibility() == []
    await guard.open("/account")
    await expect(page.get_by_text("Escolas: ver ao vivo")).to_be_visible()


async def test_rights_are_read_and_changed_in_the_matrix_with_the_keyboard_alone(clerk: Guard, office: Office) -> None:
    site, page, keyboard = clerk.site, clerk.page, clerk.page.keyboard
    person = await office.add_person("Guarda da rua", {"group": "*", "verbs": ["view"]})
    for name in ("Avenidas", "Terminal"):
        assert (await site.ask("POST", "/api/v1/groups", {"name": name}))[0] == 201
    await clerk.open("/admin/groups")
    await expect(page.get_by_role("columnheader", name="Terminal")).to_contain_text("nenhuma câmera")
    await page.get_by_role("button", name="Guarda da rua, Todas as câmeras: ver ao vivo").focus()
    await keyboard.press("ArrowRight")
    schools = page.get_by_role(
        "button", name=re.compile("Guarda da rua, Avenidas: nada; por todas as câmeras: ver ao vivo")
    )
    await expect(schools).to_be_focused()
    await keyboard.press("Enter")
    await expect(page.get_by_role("dialog", name="Guarda da rua em “Avenidas”")).to_be_visible()
    assert await clerk.accessibility() == []
    await page.get_by_role("checkbox", name="Exportar").focus()
    await keyboard.press("Space")
    await keyboard.press("Enter")
    await expect(page.get_by_role("button", name="Guarda da rua, Avenidas: exportar; por todas")).to_be_focused()
    assert await groups_of(site, person) == {"*": {"view"}, "Avenidas": {"export"}}


async def test_a_change_over_somebody_elses_is_held_back_and_shows_what_stands_now(
    clerk: Guard, office: Office
) -> None:
    site, page = clerk.site, clerk.page
    person = await office.add_person("Guarda do parque")
    await site.ask("POST", "/api/v1/groups", {"name": "Parques"})
    await clerk.open("/admin/groups")
    await page.get_by_role("button", name="Guarda do parque, Parques: nada").click()
    dialog = page.get_by_role("dialog", name="Guarda do parque em “Parques”")
    await dialog.get_by_role("checkbox", name="Exportar").check()
    changed = {"groups": [{"group": "Parques", "verbs": ["preserve"]}]}
    assert (await site.ask("PATCH", f"/api/v1/users/{person}", changed))[0] == 200
    await dialog.get_by_role("button", name="Salvar").click()
    await expect(dialog.get_by_role("alert")).to_contain_text("Outra pessoa mudou isto")
    await expect(dialog.get_by_role("checkbox", name="Preservar")).to_be_checked()
    await expect(dialog.get_by_role("checkbox", name="Exportar")).not_to_be_checked()
    assert await groups_of(site, person) == {"Parques": {"preserve"}}


async def test_a_group_is_added_renamed_and_removed_when_it_is_empty(clerk: Guard) -> None:
    page = clerk.page
    await clerk.site.add_camera("Recepção", NOWHERE, group="Recepções")
    await clerk.open("/admin/groups")
    await page.get_by_role("button", name="Adicionar grupo").click()
    await page.get_by_label("Nome").fill("Recepções")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("alert")).to_contain_text("Já existe um grupo com este nome.")
    await page.get_by_label("Nome").fill("Museu")
    await page.keyboard.press("Enter")
    await page.get_by_role("button", name="Alterar o grupo Museu").click()
    await page.get_by_label("Nome").fill("Museus")
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("O grupo agora se chama Museus.")).to_be_visible()
    await _remove_group(page, "Recepções")
    await expect(page.get_by_role("alert")).to_contain_text("Ainda há câmeras nele")
    await page.keyboard.press("Escape")
    await _remove_group(page, "Museus")
    await expect(page.get_by_text("O grupo Museus foi removido.")).to_be_visible()
    await expect(page.get_by_role("button", name="Alterar o grupo Museus")).to_have_count(0)


async def _remove_group(page: Page, name: str) -> None:
    await page.get_by_role("button", name=f"Alterar o grupo {name}").click()
    await page.get_by_role("button", name="Remover grupo").click()
    await page.get_by_role("button", name="Remover", exact=True).click()


async def test_who_is_disabled_is_out_at_once_and_a_new_password_is_for_one_login(clerk: Guard, office: Office) -> None:
    page = clerk.page
    await office.add_person("Plantão noturno")
    async with office.window() as guard:
        await (await guard.come_in("Plantão noturno")).open("/")
        await clerk.open("/admin")
        await _act(page, "Plantão noturno", "Desativar…")
        await page.get_by_role("button", name="Desativar", exact=True).click()
        await expect(page.get_by_role("row", name="Plantão noturno")).to_contain_text("desativada")
        await guard.page.wait_for_url(re.compile("/login.next="), timeout=6000)
        await _act(page, "Plantão noturno", "Reativar")
        await expect(page.get_by_text("Plantão noturno pode entrar de novo.")).to_be_visible()
        await _act(page, "Plantão noturno", "Dar uma senha nova…")
        await page.get_by_role("button", name="Salvar").click()
        password = await _read_password(page)
        await guard.give_password("Plantão noturno", password)
        await expect(guard.page.get_by_role("heading", name="Escolha a sua senha")).to_be_visible()
    await page.get_by_role("button", name="Pronto").click()
    await _act(page, "Plantão noturno", "Remover…")
    await page.get_by_role("button", name="Remover", exact=True).click()
    await expect(page.get_by_role("row", name="Plantão noturno")).to_have_count(0)


async def _act(page: Page, name: str, what: str) -> None:
    await page.get_by_role("button", name=f"Mais sobre {name}").click()
    await page.get_by_role("button", name=what).click()


async def test_what_is_sensitive_asks_for_the_password_once_more_and_then_goes_on(clerk: Guard) -> None:
    site, page = clerk.site, clerk.page
    await site.stop_vmsd()
    site.sql("UPDATE session SET proved_ms = proved_ms - 3600000")
    await site.start_vmsd()
    await clerk.open("/admin")
    await page.get_by_role("button", name="Adicionar pessoa").click()
    await page.get_by_label("Nome", exact=True).fill("Guarda do arquivo")
    await page.get_by_role("button", name="Salvar").click()
    dialog = page.get_by_role("dialog", name="Confirme que é você")
    await dialog.get_by_label("Senha").fill("não é esta a senha")
    await page.keyboard.press("Enter")
    await expect(dialog.get_by_text("Esta senha não está certa")).to_be_visible()
    assert await clerk.accessibility() == []
    await dialog.get_by_role("button", name="Cancelar").click()
    await expect(page.get_by_text("Nada foi feito: a senha não foi confirmada.")).to_be_visible()
    await page.get_by_role("button", name="Salvar").click()
    await dialog.get_by_label("Senha").fill(PASSWORD)
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", name="Diga isto a Guarda do arquivo")).to_be_visible()


async def test_people_of_a_suspended_city_are_out_and_told_that_recording_goes_on(clerk: Guard, office: Office) -> None:
    page = clerk.page
    await office.add_person("Gestão da cidade", role="GESTOR")
    await clerk.open("/admin/cities")
    async with office.window() as guard:
        await guard.come_in("Gestão da cidade")
        await page.get_by_role("button", name="Suspender Cidade de Teste").click()
        await page.get_by_role("button", name="Suspender", exact=True).click()
        await expect(page.get_by_role("row", name="Cidade de Teste")).to_contain_text("Suspensa")
        await guard.open("/cameras")
        await expect(guard.page.get_by_text("O acesso da sua cidade está suspenso.")).to_be_visible()
        await guard.give_password("Gestão da cidade", PASSWORD)
        await expect(guard.page.get_by_role("alert")).to_contain_text("A gravação continua.")
    await page.get_by_role("button", name="Reabrir Cidade de Teste").click()
    await expect(page.get_by_role("row", name="Cidade de Teste")).to_contain_text("Aberta")


async def test_no_page_of_the_administration_has_a_barrier_or_is_wider_than_a_phone(
    clerk: Guard, office: Office
) -> None:
    page = clerk.page
    await office.add_person("Guarda da praia", {"group": "Praias", "verbs": ["view", "export"]})
    found: dict[str, object] = {}
    for theme, width in (("dark", 1440), ("light", 390)):
        await page.context.add_cookies([{"name": "theme", "value": theme, "url": clerk.site.url}])
        await page.set_viewport_size({"width": width, "height": 844})
        for path in PAGES:
            await clerk.open(path)
            await expect(page.locator("#loading")).to_be_hidden()
            found[f"{path} {theme}"] = await clerk.accessibility()
            found[f"{path} {width} px"] = await page.evaluate("document.documentElement.scrollWidth > innerWidth")
    assert {what: wrong for what, wrong in found.items() if wrong} == {}


async def test_a_superadmin_confirms_the_clock_after_a_second_thought(clerk: Guard) -> None:
    page = clerk.page

    async def doubt(route: Route) -> None:
        answer = await route.fetch()
        system = await answer.json()
        system["clock"] |= {"trusted": False, "reason": "far_ahead"}
        system["breaker"] |= {"open": True, "reason": "volume_foreign"}
        await route.fulfill(response=answer, json=system)

    await page.route("**/api/v1/system", doubt)
    await clerk.open("/health-board")
    await expect(page.get_by_role("button", name="Assumir este disco…")).to_be_visible()
    await page.get_by_role("button", name="O relógio está certo…").click()
    dialog = page.get_by_role("dialog", name="O relógio do equipamento está certo?")
    await expect(dialog).to_contain_text("America/Sao_Paulo")
    async with page.expect_response("**/api/v1/system/clock/confirm") as answer:
        await dialog.get_by_role("button", name="Está certo").click()
    assert (await answer.value).ok
    await expect(page.get_by_text("O relógio foi confirmado.")).to_be_visible()
    await page.unroute_all(behavior="ignoreErrors")
