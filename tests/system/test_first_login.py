"""A box that was only just unpacked: its first start says how to get in, and nothing else of it does."""

from __future__ import annotations

import re
import stat
from pathlib import Path

import aiohttp
import pytest

from tests.support.site import Site

SECRET = re.compile(r"(?<![\w-])[a-hjkmnp-z2-9]{4}(?:-[a-hjkmnp-z2-9]{4}){4}(?![\w-])")
NEW = "uma senha minha"


@pytest.fixture
async def new_box(tmp_path: Path):
    """Nobody has been added to it; its log tells all there is to tell."""
    async with Site(tmp_path) as site:
        site.sql("DELETE FROM person")
        site.config.write_text('log_level = "debug"\n' + site.config.read_text("utf-8"), "utf-8")
        yield site


async def ask(site: Site, http: aiohttp.ClientSession, path: str, body: dict[str, str]) -> int:
    async with http.post(f"{site.url}/api/v1/auth/{path}", json=body) as answer:
        await answer.read()
        return answer.status


async def log_in(site: Site, http: aiohttp.ClientSession, password: str) -> int:
    return await ask(site, http, "login", {"name": "admin", "password": password})


def said(site: Site) -> list[str]:
    return SECRET.findall((site.folder / "vmsd.log").read_text("utf-8"))


async def test_the_first_start_lets_one_person_in_once_and_the_next_lets_nobody_else(new_box):
    site, file = new_box, new_box.folder / "data" / "first-login.txt"
    jar = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(cookie_jar=jar) as http:
        await site.start_vmsd(healthy=False)
        (secret,) = said(site)
        assert SECRET.findall(file.read_text("utf-8")) == [secret]
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert await log_in(site, http, secret) == 200
        assert await log_in(site, http, secret) == 401
        await site.stop_vmsd()
        await site.start_vmsd(healthy=False)
        first, second = said(site)
        assert first == secret != second
        assert await log_in(site, http, second) == 200
        assert await ask(site, http, "password", {"password": second, "new_password": NEW}) == 204
        assert not file.exists()
        await site.stop_vmsd()
        await site.start_vmsd(healthy=False)
        assert said(site) == [first, second]
        assert await log_in(site, http, NEW) == 200


async def test_the_console_lets_in_whoever_has_lost_the_secret(new_box):
    site = new_box
    await site.start_vmsd(healthy=False)
    (secret,) = said(site)
    for _ in range(6):
        await site.ask("POST", "/api/v1/auth/login", {"name": "admin", "password": "errada errada"}, token="")
    await site.command("user", "reset", "admin", "--password", NEW)
    assert not (site.folder / "data" / "first-login.txt").exists()
    await site.stop_vmsd()
    await site.start_vmsd(healthy=False)
    assert said(site) == [secret]
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as http:
        assert await log_in(site, http, secret) == 401
        assert await log_in(site, http, NEW) == 200
