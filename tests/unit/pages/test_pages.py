"""Every page, in every language, for every role."""

from __future__ import annotations

import re

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from vmsd.assets import web_dir
from vmsd.pages.pages import PAGES
from vmsd.pages.render import RENDERER

Client = TestClient[web.Request, web.Application]
CAMERA = "9b3f5a0e-31f0-4c3b-8d53-6a7b3a1f0c11"
PLACES = {"{id}": CAMERA, "{key}": "a-key-of-a-wall"}
ADDRESSES = [re.sub(r"{\w+}", lambda place: PLACES[place[0]], page.path) for page in PAGES if "static" not in page.path]


async def text_of(client: Client, path: str, *, role: str = "SUPERADMIN", **headers: str) -> str:
    async with client.get(path, headers={"Role": role} | headers) as answer:
        assert answer.status == 200, path
        return await answer.text()


@pytest.mark.parametrize("path", ADDRESSES)
@pytest.mark.parametrize("language", ["pt-BR", "en"])
async def test_a_page_is_whole_and_nothing_in_it_is_inline_or_from_outside(
    client: Client, path: str, language: str
) -> None:
    page = await text_of(client, path, **{"Accept-Language": language})
    assert f'<html lang="{language}"' in page
    assert page.rstrip().endswith("</html>")
    assert not re.search(r"<[^>]+\s(style|on\w+)=", page)
    assert not re.search(r"<style|<script(?![^>]*\ssrc=)", page)
    for address in re.findall(r'\s(?:src|href|action)="([^"]*)"', page):
        assert address.startswith(("/", "#")), address
        assert not address.startswith("//"), address


@pytest.mark.parametrize("path", ADDRESSES)
async def test_every_file_a_page_links_to_is_there(client: Client, path: str) -> None:
    page = await text_of(client, path)
    files = re.findall(r'"(/static/[^"]+)"', page)
    assert files
    for file in files:
        async with client.get(file) as answer:
            assert answer.status == 200, file
            assert "immutable" in answer.headers["Cache-Control"]


@pytest.mark.parametrize("path", ADDRESSES)
async def test_every_icon_a_page_shows_is_in_it(client: Client, path: str) -> None:
    page = await text_of(client, path)
    drawn = set(re.findall(r'<symbol id="icon-([^"]+)"', page))
    shown = set(re.findall(r'href="#icon-([^"]+)"', page))
    assert shown - drawn == set()


def test_every_icon_the_scripts_draw_is_asked_for() -> None:
    listed = set((web_dir() / "icons.txt").read_text("utf-8").split("\n"))
    scripts = "\n".join(script.read_text("utf-8") for script in (web_dir() / "static/js").glob("*.js"))
    named = set(re.findall(r'icon\("([a-z0-9-]+)"', scripts))
    named |= set(re.findall(r':\s"([a-z]+-[a-z-]+)"[,\s}]', scripts))
    assert named - listed - {"no-store", "same-origin"} == set()


SAID = re.compile(r'\b(say|count|done)\(\s*(?:say\()?"([^"$]+)"')
IMPORTED = re.compile(r'(?:from|import) "\./([a-z_]+\.js)"')


def scripts_of(page: str) -> set[str]:
    """Those the page names and all they take from others."""
    found: set[str] = set()
    wanted = set(re.findall(r'<script type="module" src="/static/[^/]+/js/([^"]+)"', page))
    while wanted:
        name = wanted.pop()
        found.add(name)
        wanted |= set(IMPORTED.findall((web_dir() / "static/js" / name).read_text("utf-8"))) - found
    return found


@pytest.mark.parametrize("path", ADDRESSES)
async def test_a_page_has_every_word_its_scripts_say(client: Client, path: str) -> None:
    page = await text_of(client, path)
    words = set(re.findall(r'data-word="([^"]+)"', page))
    said = set()
    for script in scripts_of(page):
        for function, key in SAID.findall((web_dir() / "static/js" / script).read_text("utf-8")):
            said |= {f"{key}.one", f"{key}.other"} if function == "count" else {key}
    assert said - words == set()


async def test_a_page_is_never_kept_and_tells_whose_choice_it_shows(client: Client) -> None:
    async with client.get("/", headers={"Role": "USER"}) as answer:
        assert answer.headers["Cache-Control"] == "no-store"
        assert "Cookie" in answer.headers["Vary"]


async def test_names_are_shown_as_text(client: Client) -> None:
    page = await text_of(client, "/")
    assert "Márcia &lt;b&gt;" in page
    assert 'data-zone="America/Sao_Paulo"' in page


@pytest.mark.parametrize(
    ("headers", "language"),
    [
        ({}, "pt-BR"),
        ({"Accept-Language": "de"}, "pt-BR"),
        ({"Accept-Language": "de, en-GB;q=0.8, pt;q=0.2"}, "en"),
        ({"Accept-Language": "en;q=0.1, pt-PT"}, "pt-BR"),
        ({"Accept-Language": "en;q=0"}, "pt-BR"),
        ({"Accept-Language": "en;q=rubbish, pt;q=0.1"}, "pt-BR"),
        ({"Accept-Language": "en", "Cookie": "lang=pt-BR"}, "pt-BR"),
        ({"Cookie": "lang=en"}, "en"),
        ({"Cookie": "lang=../../etc"}, "pt-BR"),
    ],
)
async def test_the_language_is_the_chosen_one_or_the_browsers_or_portuguese(
    client: Client, headers: dict[str, str], language: str
) -> None:
    assert f'<html lang="{language}"' in await text_of(client, "/login", **headers)


@pytest.mark.parametrize(("cookie", "shown"), [("dark", True), ("light", True), ("auto", False), ('x" y="', False)])
async def test_the_chosen_theme_comes_with_the_page(client: Client, cookie: str, shown: bool) -> None:
    page = await text_of(client, "/", Cookie=f"theme={cookie}")
    assert ("data-theme=" in page.split("<head>")[0]) is shown


@pytest.mark.parametrize(
    ("asked", "kept"),
    [
        ("/camera/1?x=2", "/camera/1?x=2"),
        ("//example.org", "/"),
        ("/\\example.org", "/"),
        ("https://example.org", "/"),
        ("javascript:alert(1)", "/"),
        ("/\t/example.org", "/"),
    ],
)
async def test_login_leads_only_to_pages_of_this_site(client: Client, asked: str, kept: str) -> None:
    async with client.get("/login", params={"next": asked}) as answer:
        assert f'data-next="{kept}"' in await answer.text()


async def test_who_may_not_change_cameras_is_not_offered_to(client: Client) -> None:
    page = await text_of(client, "/cameras", role="USER")
    assert "/cameras/new" not in page
    for path in ("/cameras/new", f"/camera/{CAMERA}/edit"):
        async with client.get(path, headers={"Role": "USER"}) as answer:
            assert answer.status == 403
            assert "não tem o direito “configurar câmeras”" in await answer.text()


@pytest.mark.parametrize(
    ("role", "offered"), [("USER", set()), ("GESTOR", {"/admin", "/audit"}), ("SUPERADMIN", {"/admin", "/audit"})]
)
async def test_the_administration_is_offered_to_those_alone_to_whom_it_is_open(
    client: Client, role: str, offered: set[str]
) -> None:
    page = await text_of(client, "/", role=role)
    assert {path for path in ("/admin", "/audit") if f'href="{path}"' in page} == offered
    if "/admin" in offered:
        tabs = await text_of(client, "/admin", role=role)
        assert ('href="/admin/cities"' in tabs) is (role == "SUPERADMIN")


@pytest.mark.parametrize(
    ("path", "role", "words"),
    [
        ("/admin", "USER", "é preciso ter o perfil “gestor”. Peça a um gestor da sua cidade"),
        ("/audit", "USER", "é preciso ter o perfil “gestor”"),
        ("/admin/cities", "GESTOR", "Só um superadmin deste local abre esta página"),
        ("/cameras/new", "USER", "Peça-o a um gestor da sua cidade"),
    ],
)
async def test_a_refusal_says_what_is_missing_and_whom_to_ask(client: Client, path: str, role: str, words: str) -> None:
    async with client.get(path, headers={"Role": role}) as answer:
        assert answer.status == 403
        assert words in await answer.text()


async def test_people_of_a_suspended_city_are_told_that_recording_goes_on(client: Client) -> None:
    async with client.get("/cameras", headers={"Role": "USER", "Closed": "403"}) as answer:
        page = await answer.text()
    assert "O acesso da sua cidade está suspenso. A gravação continua." in page
    assert 'href="/login"' in page


async def test_a_superadmin_of_a_box_without_a_city_is_led_to_adding_one(client: Client) -> None:
    async with client.get("/", headers={"Role": "SUPERADMIN", "Closed": "404"}) as answer:
        page = await answer.text()
    assert "Ainda não há cidade" in page
    assert 'href="/admin/cities"' in page


async def test_who_must_change_the_password_first_is_shown_nothing_else(client: Client) -> None:
    page = await text_of(client, "/account?first&next=/cameras", **{"Must-Change": "1"})
    assert 'data-next="/cameras"' in page
    assert 'autocomplete="new-password"' in page
    assert 'href="/admin"' not in page
    assert 'data-next="/"' in await text_of(client, "/account?next=//example.org", **{"Must-Change": "1"})


@pytest.mark.parametrize("language", ["pt-BR", "en"])
async def test_the_seven_verbs_have_seven_letters(client: Client, language: str) -> None:
    page = await text_of(client, "/admin/groups", **{"Accept-Language": language})
    legend = page.split('<ul class="legend"')[1].split("</ul>")[0]
    letters = re.findall(r'class="chip"[^>]*>(.)</span>', legend)
    spoken = [re.search(rf'data-word="verb.{verb}">(.)', page) for verb in re.findall(r'data-verb="(\w+)"', legend)]
    assert len(set(letters)) == len(letters) == 7
    assert [first.group(1).upper() for first in spoken if first] == letters, "what scripts draw is another letter"


async def test_only_a_superadmin_can_choose_a_city(client: Client) -> None:
    assert 'id="city"' not in await text_of(client, "/", role="GESTOR")
    assert 'id="city"' in await text_of(client, "/", role="SUPERADMIN")


@pytest.mark.parametrize("name", ["1", "../../etc/passwd", "%00", CAMERA + "x"])
async def test_a_camera_page_takes_nothing_but_an_id(client: Client, name: str) -> None:
    async with client.get(f"/camera/{name}", headers={"Role": "USER"}) as answer:
        assert answer.status == 404


@pytest.mark.parametrize("code", [400, 401, 403, 404, 405, 429, 500, 503])
async def test_an_error_page_says_what_happened_in_words(client: Client, code: int) -> None:
    async def fail(request: web.Request) -> web.Response:
        return request.app[RENDERER].render_error(request, code, "<Title>", "<detail>")

    app = web.Application()
    app[RENDERER] = client.app[RENDERER]
    app.router.add_get("/fail", fail)
    async with TestClient(TestServer(app)) as failing, failing.get("/fail") as answer:
        page = await answer.text()
    assert answer.status == code
    assert f"{code} · &lt;Title&gt;: &lt;detail&gt;" in page
