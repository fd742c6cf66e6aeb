"""An installer finds, examines and adds cameras, corrects their clocks and finds them again: by keyboard too."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import expect

from tests.browser.conftest import Guard, Office, chromium
from tests.support.onvif import OnvifDevice, OnvifNetwork, onvif_network
from tests.support.site import SMALL, Site

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

PAGE = "/admin/discovery"
PASSWORD = "segredo-da-câmera"
SLOW_MS = 15_000


@dataclass(frozen=True)
class Place(Office):
    net: OnvifNetwork


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def place(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Place]:
    folder: Path = tmp_path_factory.mktemp("place")
    async with onvif_network() as net, chromium() as browser, Site(folder, cameras=net.rules) as site:
        login = ("--username", "admin", "--password", PASSWORD)
        camera = await site.camera("Portaria", *SMALL, "--sub", "160x120@5", *login, "--host", "127.0.0.2")
        await net.add(
            OnvifDevice(name="Portaria da praça", rtsp_port=camera.port, login=("admin", PASSWORD), clock_ahead_s=3000)
        )
        await net.add(OnvifDevice(host="127.0.0.3", name="", lies={"*": b"<garbage"}, endpoint="2"))
        await site.start()
        yield Place(site, browser, net)


async def installer(guard: Guard) -> Guard:
    await guard.come_in()
    await guard.page.request.post(
        f"{guard.site.url}/api/v1/auth/city",
        data={"city_id": guard.site.city_id},
        headers={"X-Requested-With": "vmsd"},
    )
    return await guard.open(PAGE)


async def test_a_camera_is_found_examined_and_added_with_the_keyboard_alone(place: Place) -> None:
    async with place.window() as guard:
        page = (await installer(guard)).page
        await page.get_by_role("button", name="Procurar na rede").focus()
        await page.keyboard.press("Enter")
        row = page.get_by_role("row", name="Portaria da praça")
        await expect(row).to_contain_text("Nova", timeout=SLOW_MS)
        await expect(page.get_by_role("row", name="Aparelho sem nome")).to_be_hidden()
        await row.get_by_role("button").focus()
        await page.keyboard.press("Enter")
        await expect(page.get_by_label("Usuário da câmera")).to_be_focused()
        await page.keyboard.type("admin")
        await page.keyboard.press("Tab")
        await page.keyboard.type("errada")
        await page.keyboard.press("Enter")
        await expect(page.locator("#ask .failure")).to_contain_text("outro usuário ou outra senha")
        await page.get_by_label("Senha da câmera").fill(PASSWORD)
        await page.keyboard.press("Enter")
        await expect(page.get_by_label("Nome", exact=True)).to_be_focused(timeout=SLOW_MS)
        await expect(page.locator("#remarks")).to_contain_text("relógio dela está errado")
        await expect(page.locator("#picture")).to_be_visible()
        assert await guard.accessibility() == []
        await page.keyboard.press("Enter")
        await expect(page.locator("#done")).to_contain_text("Portaria da praça foi cadastrada", timeout=SLOW_MS)
        await expect(page.locator("#found")).to_contain_text("Portaria da praça", timeout=SLOW_MS)
    (camera,) = (await place.site.get("/api/v1/cameras"))["items"]
    assert (camera["source_url"].endswith("/live"), camera["sub_source_url"].endswith("/sub")) == (True, True)
    await place.site.until_state(camera["id"], "online", 30)


async def test_a_wrong_clock_is_seen_and_set(place: Place) -> None:
    async with place.window() as guard:
        page = (await installer(guard)).page
        row = page.locator("#devices").get_by_role("row", name="Portaria da praça")
        await expect(row).to_contain_text("50 min adiantado")
        await row.get_by_role("button", name="Acertar relógio").press("Enter")
        await expect(page.locator("#done")).to_contain_text("agora está certo", timeout=SLOW_MS)
        await expect(row.get_by_role("button", name="Acertar relógio")).to_be_focused()
        await expect(row).not_to_contain_text("adiantado")
        place.net.devices[0].by_ntp = True
        await row.get_by_role("button", name="Acertar relógio").click()
        await page.get_by_role("button", name="Deixar como está").click()
        place.net.devices[0].by_ntp = False


@pytest.mark.parametrize("width", [1440, 390])
async def test_whatever_a_device_calls_itself_the_page_stays_whole_and_the_keyboard_in_place(
    place: Place, width: int
) -> None:
    words = "x" * 9000
    device = OnvifDevice(host="127.0.0.8", name=words, serial=words, login=None, endpoint="3", named_host=words[:200])
    await place.net.add(device)
    async with place.window(width) as guard:
        page = (await installer(guard)).page
        await page.get_by_role("button", name="Procurar na rede").press("Enter")
        row = page.locator('tr[data-id="127.0.0.8"]')
        await expect(row).to_be_visible(timeout=SLOW_MS)
        await expect(page.get_by_role("button", name="Procurar na rede")).to_be_focused()
        assert await page.evaluate("document.documentElement.scrollWidth") <= width
        await row.get_by_role("button").press("Enter")
        await page.keyboard.press("Enter")
        await expect(page.locator("#remarks")).to_contain_text("xxx", timeout=SLOW_MS)
        assert await page.evaluate("document.querySelector('#device').scrollWidth") <= min(width, 800)
    await place.net.remove(device)


async def test_what_is_no_camera_is_said_and_nothing_breaks(place: Place) -> None:
    async with place.window() as guard:
        page = (await installer(guard)).page
        await page.get_by_role("button", name="Por endereço").click()
        await page.get_by_label("Endereço", exact=True).fill("169.254.169.254")
        await page.keyboard.press("Enter")
        await expect(page.locator("#ask-address-error")).to_contain_text("não pode ser usado")
        await page.get_by_label("Endereço", exact=True).fill(place.net.devices[1].place)
        await page.keyboard.press("Enter")
        await expect(page.locator("#ask .failure")).to_contain_text("Não respondeu como câmera", timeout=SLOW_MS)
        await page.keyboard.press("Escape")
        await expect(page.get_by_role("dialog")).to_have_count(0)


async def test_a_file_is_checked_before_it_is_imported(place: Place) -> None:
    table = "name;source_url\nPátio;rtsp://127.0.0.9/live\nErrada;ftp://127.0.0.9/\n"
    async with place.window() as guard:
        page = (await installer(guard)).page
        await page.get_by_role("button", name="Importar arquivo").click()
        await page.get_by_role("button", name="Conferir").click()
        await expect(page.locator("#importing-file-error")).to_contain_text("Preencha este campo")
        file = {"name": "cameras.csv", "mimeType": "text/csv", "buffer": table.encode("cp1252")}
        await page.get_by_label("Arquivo", exact=True).set_input_files(file)  # type: ignore[arg-type]
        await page.get_by_role("button", name="Conferir").click()
        await expect(page.locator("#importing-count")).to_contain_text("Certas: 1. Recusadas: 1.", timeout=SLOW_MS)
        await expect(page.locator("#importing-frame")).to_be_focused()
        assert "Pátio" not in str(await place.site.get("/api/v1/cameras"))
        assert await guard.accessibility() == []
        await page.get_by_role("button", name="Cadastrar 1 câmera").click()
        await expect(page.locator("#importing-count")).to_contain_text("Cadastradas: 1. Recusadas: 1.", timeout=SLOW_MS)
        await page.keyboard.press("Escape")
        await page.get_by_role("button", name="Importar arquivo").press("Enter")
        await page.get_by_label("Arquivo", exact=True).set_input_files(file)  # type: ignore[arg-type]
        await page.get_by_role("button", name="Conferir").press("Enter")
        await expect(page.locator("#import-rows")).to_contain_text("já existe uma câmera", timeout=SLOW_MS)
    assert "Pátio" in str(await place.site.get("/api/v1/cameras"))


async def test_a_moved_camera_is_proposed_and_followed_on_a_phone(place: Place) -> None:
    await place.net.move(place.net.devices[0], "127.0.0.5")
    async with place.window(390) as guard:
        page = (await installer(guard)).page
        await page.get_by_role("button", name="Procurar câmeras que mudaram").click()
        await expect(page.locator("#moves")).to_contain_text("de 127.0.0.2 para 127.0.0.5", timeout=SLOW_MS)
        assert await guard.accessibility() == []
        assert await page.evaluate("document.documentElement.scrollWidth") <= 390
        await page.get_by_role("button", name="Usar o novo endereço").click()
        await expect(page.locator("#done")).to_contain_text("está agora em 127.0.0.5", timeout=SLOW_MS)
    assert "rtsp://127.0.0.5" in str(await place.site.get("/api/v1/cameras"))


async def test_a_manager_of_a_city_does_not_search_the_network(place: Place) -> None:
    body = {"name": "Gestora", "password": "uma senha de teste", "role": "GESTOR", "city_id": place.site.city_id}
    assert (await place.site.ask("POST", "/api/v1/users", body))[0] == 201
    async with place.window() as guard:
        await guard.come_in("Gestora")
        page = (await guard.open(PAGE)).page
        await expect(page.get_by_role("button", name="Importar arquivo")).to_be_visible()
        await expect(page.get_by_role("button", name="Procurar na rede")).to_have_count(0)
