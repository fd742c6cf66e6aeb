"""The daemon as a browser on the network meets it: HTTPS, the cookie that goes with it, a certificate that changes."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import closing
from http.cookies import SimpleCookie
from pathlib import Path

import aiohttp
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from tests.support.processes import until
from tests.support.site import Site
from vmsd.clock import SystemClock
from vmsd.host.own_certificate import OwnCertificate, Subject

LOGIN = {"name": "admin", "password": "uma senha de teste"}


@pytest.fixture
async def secure(tmp_path: Path) -> AsyncIterator[Site]:
    """A daemon alone, with HTTPS on loopback."""
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    async with Site(tmp_path, https={"enabled": True, "host": "127.0.0.1", "port": port}) as site:
        await site.start_vmsd(healthy=False)
        yield site


def https_port(site: Site) -> int:
    return int(site._settings["https"]["port"])


async def certificate_of(site: Site) -> x509.Certificate:
    """What a browser is shown that connects now."""
    address = ("127.0.0.1", https_port(site))
    return x509.load_pem_x509_certificate((await asyncio.to_thread(ssl.get_server_certificate, address)).encode())


def fingerprint(certificate: x509.Certificate) -> str:
    return certificate.fingerprint(hashes.SHA256()).hex(":").upper()


async def log_in(url: str) -> tuple[str, SimpleCookie]:
    """The cookie's line as it was sent, and read."""
    async with (
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=False)) as session,
        session.post(f"{url}/api/v1/auth/login", json=LOGIN) as answer,
    ):
        assert answer.status == 200, await answer.text()
        return answer.headers["Set-Cookie"], SimpleCookie(answer.headers["Set-Cookie"])


async def whoami(url: str, cookie: str) -> int:
    async with (
        aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=False), cookie_jar=aiohttp.DummyCookieJar()
        ) as session,
        session.get(f"{url}/api/v1/auth/me", headers={"Cookie": cookie}) as answer,
    ):
        return answer.status


async def test_the_certificate_shown_is_the_one_the_log_names_and_a_restart_keeps_it(secure: Site) -> None:
    shown = await certificate_of(secure)
    said = [json.loads(line) for line in secure.vmsd.output().splitlines() if "certificate.served" in line]
    assert [line["fingerprint"] for line in said] == [fingerprint(shown)]
    key = secure.folder / "data" / "tls" / "own" / "key.pem"
    assert key.stat().st_mode & 0o777 == 0o600
    await secure.vmsd.end()
    await secure.start_vmsd(healthy=False)
    assert await certificate_of(secure) == shown


async def test_the_session_is_bound_to_the_host_under_tls_and_plain_on_loopback(secure: Site) -> None:
    https = f"https://127.0.0.1:{https_port(secure)}"
    line, cookie = await log_in(https)
    assert line.startswith("__Host-vmsd=")
    assert all(word in line for word in ("; Secure", "; HttpOnly", "; Path=/", "; SameSite=Strict"))
    assert "Domain" not in line
    session = cookie["__Host-vmsd"].value
    assert await whoami(https, f"__Host-vmsd={session}") == 200
    assert await whoami(https, f"vmsd={session}") == 401
    line, cookie = await log_in(secure.url)
    assert line.startswith("vmsd=")
    assert "Secure" not in line
    assert await whoami(secure.url, f"vmsd={cookie['vmsd'].value}") == 200


async def test_the_operators_certificate_is_shown_within_a_minute_and_without_a_restart(secure: Site) -> None:
    before = await certificate_of(secure)
    made = secure.folder / "made"
    OwnCertificate(made).keep(Subject(("cameras.example",), ()), SystemClock().wall_ms(), clock_trusted=True)
    for name in ("certificate.pem", "key.pem"):
        (made / name).rename(secure.folder / "data" / "tls" / name)

    async def changed() -> bool:
        return await certificate_of(secure) != before

    await until(changed, 60, "the new certificate is shown", every_s=1)
    assert (await certificate_of(secure)).subject.rfc4514_string().startswith("CN=cameras.example")
    assert secure.vmsd.running
