"""Static files: kept for ever under an address that changes with what they contain."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient

from vmsd.pages.assets import Assets
from vmsd.pages.render import Renderer, icon_symbols

Client = TestClient[web.Request, web.Application]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "js").mkdir()
    (tmp_path / "js" / "a.js").write_text("import './b.js';", "utf-8")
    (tmp_path / "js" / "b.js").write_text("// b", "utf-8")
    (tmp_path / "notes.txt").write_text("not for browsers", "utf-8")
    return tmp_path


def test_any_changed_file_changes_the_address_of_all_so_that_imports_never_mix(folder: Path) -> None:
    before = Assets(folder).url("js/a.js")
    assert Assets(folder).url("js/a.js") == before
    (folder / "js" / "b.js").write_text("// c", "utf-8")
    assert Assets(folder).url("js/a.js") != before


def test_a_page_cannot_link_to_a_file_that_is_not_there(folder: Path) -> None:
    with pytest.raises(KeyError):
        Assets(folder).url("js/none.js")
    with pytest.raises(KeyError):
        Assets(folder).url("notes.txt")


async def test_a_file_of_this_version_may_be_kept_and_one_of_another_may_not(
    client: Client, renderer: Renderer
) -> None:
    async with client.get(renderer.assets.url("css/base.css")) as answer:
        assert answer.headers["Cache-Control"].endswith("immutable")
        assert answer.content_type == "text/css"
    async with client.get("/static/000000000000/css/base.css") as answer:
        assert answer.status == 200
        assert answer.headers["Cache-Control"] == "no-store"


async def test_a_file_travels_packed_only_to_who_can_unpack_it(client: Client, renderer: Renderer) -> None:
    url = renderer.assets.url("css/base.css")
    asset = renderer.assets.find("css/base.css")
    assert asset is not None
    async with client.get(url, headers={"Accept-Encoding": "identity"}) as answer:
        assert "Content-Encoding" not in answer.headers
        assert await answer.read() == asset.body
    async with client.get(url, headers={"Accept-Encoding": "gzip"}) as answer:
        assert answer.headers["Content-Encoding"] == "gzip"
        assert await answer.read() == asset.body
    assert gzip.decompress(asset.gzipped()) == asset.body


@pytest.mark.parametrize(
    "path", ["css/none.css", "../templates/page.html", "..%2f..%2fpyproject.toml", "%2e%2e/icons.txt", "js/", "css"]
)
async def test_nothing_but_a_static_file_is_ever_served(client: Client, path: str) -> None:
    async with client.get(f"/static/x/{path}") as answer:
        assert answer.status == 404


def test_symbols_of_the_sprite_get_names_of_their_own() -> None:
    sprite = '<svg><!-- <b> -->\n<symbol id="list" viewBox="0 0 24 24"><path id="p" d="M0"/></symbol></svg>'
    assert icon_symbols(sprite) == '<symbol id="icon-list" viewBox="0 0 24 24"><path id="p" d="M0"/></symbol>'
