"""Exports, kept video, certificates: what is asked for on a page is on the disk, and proves itself."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pypdf
import pytest
import pytest_asyncio
from playwright.async_api import Download, Locator, Page, Route, expect

from tests.browser.conftest import PASSWORD, Guard, Office
from tests.support.processes import Process, until
from tests.support.site import VMSD, Site
from vmsd.clock import rfc3339

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

SETTLED_MS = 16_000
"""Of what was recorded so long ago everything is known."""
FOCUSED = """() => {
    const at = document.activeElement;
    return at.ariaLabel ?? at.labels?.[0]?.innerText ?? at.innerText ?? "";
}"""
PAGES = ("/evidence", "/evidence/kept", "/evidence/proofs", "/health-board")


@dataclass(frozen=True)
class Archive:
    """A camera that has recorded since `start_ms`."""

    camera_id: str
    start_ms: int

    def at(self, seconds: float) -> str:
        """As fields for moments want it, so long after the beginning, in the site's zone."""
        moment = datetime.fromtimestamp(self.start_ms / 1000 + seconds, ZoneInfo("America/Sao_Paulo"))
        return moment.strftime("%Y-%m-%dT%H:%M:%S")

    async def fill_period(self, form: Locator, from_s: float, to_s: float) -> None:
        await form.get_by_label("De", exact=True).fill(self.at(from_s))
        await form.get_by_label("Até", exact=True).fill(self.at(to_s))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def archive(office: Office) -> AsyncIterator[Archive]:
    site = office.site
    camera = await site.camera("Portaria")
    camera_id = await site.add_camera(camera.name, camera.url, group="Prefeitura")

    async def recorded() -> int | None:
        found = await site.indexed(camera_id)
        ready = found and found[-1]["duration"] >= 4
        return round(datetime.fromisoformat(found[-1]["start"]).timestamp() * 1000) if ready else None

    yield Archive(camera_id, await until(recorded, 40, "there are some seconds of video"))


async def closed(site: Site, archive: Archive, seconds: float) -> None:
    """So many seconds from the beginning lie in files that are finished, and nothing about them changes any more."""

    async def so() -> bool:
        found = [one for one in await site.indexed(archive.camera_id) if one["state"] == "closed"]
        ends = [datetime.fromisoformat(one["end"]).timestamp() * 1000 for one in found]
        now_ms = datetime.now().astimezone().timestamp() * 1000
        return max(ends, default=0) > archive.start_ms + seconds * 1000 < now_ms - SETTLED_MS

    await until(so, 40, "the first file is closed", every_s=0.3)


async def verified(file: Path, *, code: int = 0) -> str:
    log = file.with_suffix(f".{code}.log")
    process = await Process.start(*VMSD, "verify", file, log=log)
    assert await process.wait(30) == code, process.output()
    return process.output()


async def saved(download: Download, folder: Path) -> Path:
    path = folder / download.suggested_filename
    await download.save_as(path)
    return path


def text_of(pdf: Path) -> str:
    text = " ".join(page.extract_text() for page in pypdf.PdfReader(pdf).pages)
    return re.sub(r"\s+", " ", text)


async def tab_to(page: Page, name: str, most: int = 40) -> None:
    """With the Tab key alone, to what is called so."""
    for _ in range(most):
        await page.keyboard.press("Tab")
        if name in await page.evaluate(FOCUSED):
            return
    raise AssertionError(f"no {name!r} on the way; now at {await page.evaluate(FOCUSED)!r}")


async def test_a_hold_is_registered_confirmed_and_let_go_with_the_keyboard_alone(
    clerk: Guard, archive: Archive
) -> None:
    page, keyboard = clerk.page, clerk.page.keyboard
    await clerk.open("/evidence/kept")
    await expect(page.get_by_text("Ninguém requisitou a retenção de nada.")).to_be_visible()
    await tab_to(page, "Registrar retenção")
    await keyboard.press("Enter")
    await expect(page.get_by_role("dialog", name="Registrar retenção")).to_be_visible()
    for words in ("Ofício 7/2026", "1ª Vara Criminal", "Inquérito 45/2026"):
        await keyboard.type(words)
        await keyboard.press("Tab")
    await tab_to(page, "Portaria")
    await keyboard.press("Space")
    await tab_to(page, "Guardar")
    await keyboard.press("Enter")
    row = page.get_by_role("row", name="Ofício 7/2026")
    await expect(row).to_contain_text("faltam 89 dias")
    (hold,) = (await clerk.site.get("/api/v1/holds?state=active"))["items"]
    assert [one["camera_id"] for one in hold["periods"]] == [archive.camera_id]
    await tab_to(page, "Detalhes de Ofício 7/2026")
    await keyboard.press("Enter")
    await tab_to(page, "Confirmar")
    await keyboard.press("Enter")
    await expect(page.get_by_role("dialog", name="Confirmar esta retenção")).to_be_visible()
    await keyboard.press("Enter")
    await expect(row).to_contain_text("faltam 179 dias")
    await keyboard.press("Enter")
    await tab_to(page, "Liberar")
    await keyboard.press("Enter")
    await expect(page.get_by_role("dialog", name="Liberar o vídeo desta retenção?")).to_be_visible()
    await keyboard.type("Processo arquivado")
    await keyboard.press("Enter")
    await expect(page.get_by_text("Não está mais guardado.")).to_be_visible()
    await expect(row).to_have_count(0)
    assert (await clerk.site.get("/api/v1/holds?state=active"))["items"] == []
    await page.get_by_role("checkbox", name="Também o que já foi liberado").check()
    await expect(row).to_contain_text("liberado em")


async def test_an_incident_is_opened_extended_and_taken_to_the_form_of_an_export(
    clerk: Guard, archive: Archive
) -> None:
    page = clerk.page
    await clerk.open("/evidence/kept")
    await page.get_by_role("button", name="Abrir ocorrência").click()
    form = page.get_by_role("dialog", name="Abrir ocorrência")
    await form.get_by_role("button", name="Guardar").click()
    await expect(form.get_by_text("Preencha este campo.")).to_have_count(1)
    await expect(form.get_by_text("Escolha ao menos uma câmera.")).to_be_visible()
    await form.get_by_label("Nome").fill("Furto na praça")
    await form.get_by_role("checkbox", name="Portaria").check()
    await archive.fill_period(form, 3, 1)
    await form.get_by_role("button", name="Guardar").click()
    await expect(form.get_by_text("Precisa ser depois do início.")).to_be_visible()
    await archive.fill_period(form, 1, 3)
    await expect(form.get_by_text("Guardar isto ocupa")).to_be_visible()
    await form.get_by_role("button", name="Guardar").click()
    details = await _open_details(page, "Furto na praça")
    await details.get_by_role("button", name="Acrescentar período").click()
    form = page.get_by_role("dialog", name="Acrescentar um período à ocorrência")
    await form.get_by_role("checkbox", name="Portaria").check()
    await archive.fill_period(form, 86_400, 86_460)
    await form.get_by_role("button", name="Guardar").click()
    await expect(page.get_by_role("row", name="Furto na praça")).to_contain_text("2 períodos")
    details = await _open_details(page, "Furto na praça")
    await expect(details.get_by_role("listitem")).to_have_count(2)
    assert await clerk.accessibility() == []
    await details.get_by_role("link", name="Exportar").click()
    form = page.get_by_role("dialog", name="Nova exportação")
    await expect(form.get_by_role("checkbox", name="Portaria")).to_be_checked()
    await expect(form.get_by_label("De", exact=True)).to_have_value(archive.at(1))
    await expect(form.get_by_label("Até", exact=True)).to_have_value(archive.at(3))
    await expect(form.get_by_label("Motivo")).to_have_value("Furto na praça")
    assert await clerk.accessibility() == []


async def _open_details(page: Page, name: str) -> Locator:
    await page.get_by_role("button", name=f"Detalhes de {name}").click()
    return page.get_by_role("dialog", name=name)


async def test_a_preserved_period_costs_what_it_says_and_is_let_go_for_a_reason(clerk: Guard, archive: Archive) -> None:
    page = clerk.page
    await clerk.open("/evidence/kept")
    await page.get_by_role("button", name="Preservar um período").click()
    form = page.get_by_role("dialog", name="Preservar um período")
    await form.get_by_label("Motivo").fill("Pedido do plantão")
    await form.get_by_role("checkbox", name="Portaria").check()
    await archive.fill_period(form, -7200, -3600)
    await form.get_by_role("button", name="Guardar").click()
    await expect(form.get_by_role("alert")).to_contain_text("Nada foi gravado por uma destas câmeras")
    await archive.fill_period(form, 1, 3)
    await form.get_by_role("button", name="Guardar").click()
    row = page.get_by_role("row", name="Pedido do plantão")
    await expect(row).to_contain_text("kB")
    (kept,) = (await clerk.site.get("/api/v1/preservations?keeping=preserved"))["items"]
    assert kept["bytes"] > 0
    details = await _open_details(page, "Portaria")
    await details.get_by_role("button", name="Liberar").click()
    await page.keyboard.press("Enter")
    form = page.get_by_role("dialog", name="Liberar este vídeo?")
    await expect(form.get_by_text("Preencha este campo.")).to_be_visible()
    await form.get_by_label("Motivo").fill("Não é mais preciso")
    await form.get_by_role("button", name="Liberar").click()
    await expect(row).to_have_count(0)


async def test_certificate_and_purge_report_are_papers_that_say_what_they_are_of(
    clerk: Guard, archive: Archive, tmp_path: Path
) -> None:
    page = clerk.page
    await clerk.open("/evidence/proofs")
    form = page.locator("#continuity")
    await expect(form.get_by_role("option", name="Portaria")).to_be_attached()
    await archive.fill_period(form, 0, 60 * 86_400)
    await form.get_by_role("button", name="Em PDF").click()
    await expect(form.get_by_text("Não pode estar no futuro.")).to_be_visible()
    await archive.fill_period(form, 0, 4)
    async with page.expect_download() as download:
        await page.keyboard.press("Enter")
    text = text_of(await saved(await download.value, tmp_path))
    assert "Certidão de continuidade" in text
    assert "Portaria" in text
    async with page.expect_download() as download:
        await form.get_by_role("button", name="Como dados assinados").click()
    assert "Portaria" in await verified(await saved(await download.value, tmp_path))
    await page.get_by_role("button", name="Novo relatório").click()
    await page.get_by_role("button", name="Gerar").click()
    await expect(page.get_by_text("O relatório foi gerado.")).to_be_visible()
    async with page.expect_download() as download:
        await page.get_by_role("link", name="PDF do relatório").first.click()
    assert "Relatório de expurgo" in text_of(await saved(await download.value, tmp_path))


async def test_a_guard_is_offered_nothing_the_door_would_refuse(clerk: Guard, office: Office, archive: Archive) -> None:
    await office.add_person("Guarda da noite", {"group": "*", "verbs": ["view", "replay"]})
    start, end = (rfc3339(archive.start_ms + after_ms) for after_ms in (1000, 3000))
    periods = [{"camera_id": archive.camera_id, "start": start, "end": end}]
    body = {"name": "Briga na feira", "periods": periods}
    assert (await clerk.site.ask("POST", "/api/v1/incidents", body))[0] == 201
    async with office.window() as guard:
        refused: list[str] = []
        page = guard.page
        page.on("response", lambda answer: refused.append(answer.url) if answer.status >= 400 else None)
        await (await guard.come_in("Guarda da noite")).open("/")
        await page.get_by_role("link", name="Provas").click()
        await expect(page.get_by_role("row", name="Briga na feira")).to_be_visible()
        await expect(page.get_by_role("navigation", name="Provas").get_by_role("link")).to_have_text(["Vídeo guardado"])
        await expect(page.get_by_role("button", name="Abrir ocorrência")).to_have_count(0)
        details = await _open_details(page, "Briga na feira")
        await expect(details.get_by_role("link")).to_have_text(["Assistir"])
        await expect(details.get_by_role("button")).to_have_text(["Fechar"])
        assert refused == []
        await guard.open("/evidence")
        await expect(page.get_by_text("não tem o direito “exportar” em nenhuma câmera")).to_be_visible()


async def test_no_page_of_the_evidence_has_a_barrier_or_is_wider_than_a_phone(clerk: Guard, archive: Archive) -> None:
    page = clerk.page
    found: dict[str, object] = {}
    for theme, width in (("dark", 1280), ("light", 390)):
        await page.context.add_cookies([{"name": "theme", "value": theme, "url": clerk.site.url}])
        await page.set_viewport_size({"width": width, "height": 844})
        for path in PAGES:
            await clerk.open(path)
            await expect(page.locator("#loading")).to_be_hidden()
            found[f"{path} {theme}"] = await clerk.accessibility()
            found[f"{path} {width} px"] = await page.evaluate("document.documentElement.scrollWidth > innerWidth")
    assert {what: wrong for what, wrong in found.items() if wrong} == {}


async def test_a_superadmin_has_the_recordings_checked_from_the_health_page(clerk: Guard, archive: Archive) -> None:
    page = clerk.page
    await clerk.open("/health-board")
    card = page.locator("#integrity")
    await card.get_by_role("button", name="Verificar agora").click()
    await expect(card.get_by_text("Última verificação")).to_be_visible(timeout=20_000)
    await expect(card.locator(".badge")).to_have_text("Em ordem")


async def test_a_package_goes_from_the_form_to_a_file_that_proves_itself(
    clerk: Guard, archive: Archive, tmp_path: Path
) -> None:
    page = clerk.page
    await closed(clerk.site, archive, 4)
    await clerk.open("/evidence")
    await page.get_by_role("button", name="Nova exportação").click()
    form = page.get_by_role("dialog", name="Nova exportação")
    await form.get_by_role("checkbox", name="Portaria").check()
    await archive.fill_period(form, 1, 4)
    await form.get_by_role("radio", name="Como prova").check()
    await form.get_by_label("Número da requisição").fill("Ofício 12/2026")
    await form.get_by_label("Motivo").fill("Furto na praça")
    await _prove_oneself_for(page, form.get_by_role("button", name="Exportar"))
    row = page.get_by_role("row", name="Ofício 12/2026")
    await expect(row).to_contain_text("Pronta", timeout=30_000)
    async with page.expect_download() as download:
        await row.get_by_role("link", name="Baixar").click()
    package = await saved(await download.value, tmp_path)
    assert "RESULTADO: OK" in await verified(package)
    with package.open("r+b") as file:
        file.seek(package.stat().st_size // 2)
        file.write(b"forged")
    assert "RESULTADO: OK" not in await verified(package, code=1)
    await _hand_over(page, row)
    await _remove_files(page, row)
    async with page.expect_response("**/api/v1/exports?*"):
        await clerk.open("/evidence")
    await expect(row).to_contain_text("Arquivos removidos")
    await expect(row.get_by_role("link", name="Baixar")).to_be_hidden()


async def _prove_oneself_for(page: Page, button: Locator) -> None:
    """As after ten minutes at the page: the box wants the password once more."""

    async def refuse(route: Route) -> None:
        problem = {"title": "Not allowed", "status": 403, "cause": "reauthenticate"}
        await route.fulfill(status=403, json=problem)

    await page.route("**/api/v1/exports", refuse, times=1)
    await button.click()
    await page.get_by_role("dialog", name="Confirme que é você").get_by_label("Senha").fill(PASSWORD)
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("A exportação foi pedida.")).to_be_visible()


async def _hand_over(page: Page, row: Locator) -> None:
    await row.get_by_role("button", name="Detalhes").click()
    details = page.get_by_role("dialog", name="Ofício 12/2026")
    sha256 = await details.locator("#files code").inner_text()
    await details.get_by_role("button", name="Registrar entrega").click()
    await page.keyboard.press("Enter")
    form = page.get_by_role("dialog", name="Registrar entrega")
    await expect(form.get_by_text("Preencha este campo.")).to_be_visible()
    await form.get_by_label("Quem recebeu").fill("Delegacia do 1º Distrito")
    await form.get_by_label("Documento").fill("Recibo 45")
    await page.keyboard.press("Enter")
    await expect(details.locator("#deliveries")).to_contain_text("Delegacia do 1º Distrito")
    await expect(details.locator("#deliveries")).to_contain_text(sha256)


async def _remove_files(page: Page, row: Locator) -> None:
    await page.get_by_role("button", name="Remover arquivos").click()
    await page.get_by_role("button", name="Remover", exact=True).click()
    await expect(row).to_contain_text("Arquivos removidos")
