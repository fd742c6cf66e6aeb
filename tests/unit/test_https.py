"""Over plain HTTP this machine is served in full and others learn only where HTTPS is: over real sockets."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass

import aiohttp
import pytest
from aiohttp import web
from cryptography.hazmat.primitives.serialization import Encoding
from yarl import URL

from tests.support.processes import until
from tests.unit.tasks.recording_box import NOW_MS
from vmsd import https
from vmsd.host.certificate import subject_of
from vmsd.host.own_certificate import OwnCertificate
from vmsd.host.tls import ServedCertificate
from vmsd.https import Addresses, Place, Tls, is_loopback, listen

LOCAL = Place("127.0.0.1", 0)
OUTSIDE = "127.0.0.2"
"""Stands for another machine; `from_outside` makes it one."""


async def show(request: web.Request) -> web.Response:
    body = await request.text()
    return web.json_response({"secure": request.secure, "body": body, "path": request.raw_path})


@dataclass
class Listening:
    stack: AsyncExitStack
    served: ServedCertificate

    async def start(self, *, tls: bool = True, **fields) -> Addresses:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", show)
        secure = Tls(LOCAL, self.served.context, **fields) if tls else None
        return await listen(self.stack, web.AppRunner(app), LOCAL, secure)


@pytest.fixture
async def daemon(tmp_path) -> AsyncIterator[Listening]:
    served = ServedCertificate()
    served.serve(OwnCertificate(tmp_path / "own").keep(subject_of("box7", [], [], []), NOW_MS, clock_trusted=True))
    async with AsyncExitStack() as stack:
        yield Listening(stack, served)


@pytest.fixture
def from_outside(monkeypatch) -> None:
    monkeypatch.setattr(https, "is_loopback", lambda peer: peer == "127.0.0.1")


async def ask(url: str, method: str = "GET", path: str = "/", *, source: str = "127.0.0.1", **request):
    """Status, headers, body."""
    connector = aiohttp.TCPConnector(local_addr=(source, 0), ssl=False)
    async with (
        aiohttp.ClientSession(connector=connector) as session,
        session.request(method, URL(url + path, encoded=True), allow_redirects=False, **request) as answer,
    ):
        return answer.status, answer.headers, await (answer.json() if answer.status == 200 else answer.text())


async def raw(url: str, request: bytes, source: str) -> bytes:
    """What a client that is no browser gets for these bytes."""
    port = int(url.rpartition(":")[2])
    reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(source, 0))
    writer.write(request)
    answer = await asyncio.wait_for(reader.read(), 10)
    writer.close()
    await writer.wait_closed()
    return answer


async def test_https_is_served_and_known_to_be_secure(daemon):
    addresses = await daemon.start()
    status, _, body = await ask(addresses.https, "POST", "/api?a=b", data="x" * 100_000, source=OUTSIDE)
    assert (status, body["secure"], len(body["body"])) == (200, True, 100_000)


async def test_this_machine_is_served_in_full_over_plain_http(daemon):
    addresses = await daemon.start()
    status, _, body = await ask(addresses.http, "POST", "/api", data="x")
    assert (status, body["secure"]) == (200, False)


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "DELETE", "OPTIONS"])
async def test_others_are_sent_to_https_whatever_they_ask(daemon, from_outside, method):
    addresses = await daemon.start()
    path = "/api/v1/c%C3%A2meras/%2Fx//y?q=a%26b&token=x"
    status, headers, body = await ask(addresses.http, method, path, source=OUTSIDE)
    assert (status, headers["Location"]) == (308, f"{addresses.https}{path}")
    assert "secure" not in body


async def test_a_followed_redirect_arrives_with_its_body(daemon, from_outside):
    addresses = await daemon.start()
    _, headers, _ = await ask(addresses.http, "PUT", "/a?b=c", data="corpo", source=OUTSIDE)
    status, _, body = await ask(headers["Location"], "PUT", "", data="corpo")
    assert (status, body) == (200, {"secure": True, "body": "corpo", "path": "/a?b=c"})


@pytest.mark.parametrize(
    ("host", "location"),
    [
        ("vmsd.local", "https://vmsd.local:{port}/x"),
        ("vmsd.local:8080", "https://vmsd.local:{port}/x"),
        ("192.0.2.7:80", "https://192.0.2.7:{port}/x"),
        ("[fd00::7]:8080", "https://[fd00::7]:{port}/x"),
        ("user@evil.example", "https://evil.example:{port}/x"),
        ("evil.example/y?", "https://evil.example:{port}/x"),
    ],
)
async def test_the_redirect_keeps_the_name_the_client_used(daemon, from_outside, host, location):
    addresses = await daemon.start()
    _, headers, _ = await ask(addresses.http, path="/x", headers={"Host": host}, source=OUTSIDE)
    assert headers["Location"] == location.format(port=addresses.https.rpartition(":")[2])


@pytest.mark.parametrize(("public_port", "location"), [(443, "https://box/x"), (444, "https://box:444/x")])
async def test_the_redirect_leads_to_the_port_browsers_find(daemon, from_outside, public_port, location):
    addresses = await daemon.start(public_port=public_port)
    _, headers, _ = await ask(addresses.http, path="/x", headers={"Host": "box"}, source=OUTSIDE)
    assert headers["Location"] == location


@pytest.mark.parametrize("host", [b"", b"a b", b"[::", b"a:b:c", b"a:99999"])
async def test_a_host_that_is_none_gets_no_redirect(daemon, from_outside, host):
    addresses = await daemon.start()
    answer = await raw(addresses.http, b"GET / HTTP/1.1\r\nHost: " + host + b"\r\n\r\n", OUTSIDE)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"\r\nLocation:" not in answer


async def test_the_plain_connection_of_another_machine_ends_with_the_redirect(daemon, from_outside):
    addresses = await daemon.start()
    twice = b"GET / HTTP/1.1\r\nHost: box\r\n\r\n" * 2
    assert (await raw(addresses.http, twice, OUTSIDE)).count(b"HTTP/1.1 308") == 1


async def test_without_https_plain_http_is_for_all(daemon, from_outside):
    addresses = await daemon.start(tls=False)
    assert addresses.https is None
    assert (await ask(addresses.http, source=OUTSIDE))[0] == 200


@pytest.mark.parametrize(
    ("peer", "local"),
    [
        ("127.0.0.1", True),
        ("127.8.9.1", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("::ffff:192.0.2.1", False),
        ("192.0.2.1", False),
        ("fe80::1%eth0", False),
        ("0.0.0.0", False),  # noqa: S104 - no address to bind
        ("::", False),
        ("", False),
        (None, False),
        ("localhost", False),
    ],
)
def test_only_a_loopback_peer_is_this_machine(peer, local):
    assert is_loopback(peer) is local


async def test_plain_http_at_the_https_port_is_hung_up_on_quietly(daemon, caplog):
    addresses = await daemon.start()
    with caplog.at_level(logging.WARNING):
        assert not (await raw(addresses.https, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "127.0.0.1")).startswith(b"HTTP")
    assert (await ask(addresses.https))[0] == 200
    assert caplog.records == []


async def test_who_connects_and_says_nothing_is_hung_up_on(daemon, monkeypatch):
    monkeypatch.setattr(https, "HANDSHAKE_S", 0.3)
    addresses = await daemon.start()
    assert await raw(addresses.https, b"", "127.0.0.1") == b""


@pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning"
)  # asyncio leaves the refused to the collector
async def test_those_who_say_nothing_are_hung_up_on_when_there_are_too_many_and_make_room_again(daemon, monkeypatch):
    monkeypatch.setattr(https, "HANDSHAKES", 3)
    monkeypatch.setattr(https, "HANDSHAKE_S", 1)
    addresses = await daemon.start()
    port = int(addresses.https.rpartition(":")[2])
    silent = [await asyncio.open_connection("127.0.0.1", port) for _ in range(3)]
    with pytest.raises(aiohttp.ClientConnectionError):
        await ask(addresses.https)
    for _, writer in silent:
        writer.close()
        await writer.wait_closed()

    async def answers() -> bool:
        try:
            return (await ask(addresses.https))[0] == 200
        except aiohttp.ClientConnectionError:
            return False

    await until(answers, 5, "there is room again")
    for _ in range(10):
        assert await answers()


async def test_everything_is_closed_when_the_stack_unwinds(daemon):
    addresses = await daemon.start()
    await daemon.stack.aclose()
    for url in (addresses.http, addresses.https):
        with pytest.raises(aiohttp.ClientConnectionError):
            await ask(url)


async def test_a_place_that_is_taken_is_an_error(daemon):
    addresses = await daemon.start()
    port = int(addresses.https.rpartition(":")[2])
    async with AsyncExitStack() as stack:
        with pytest.raises(OSError, match="in use"):
            await listen(
                stack, web.AppRunner(web.Application()), LOCAL, Tls(Place("127.0.0.1", port), daemon.served.context)
            )


async def test_a_browser_that_trusts_the_certificate_accepts_every_name_in_it(daemon):
    addresses = await daemon.start()
    port = int(addresses.https.rpartition(":")[2])
    trusting = ssl.create_default_context(cadata=daemon.served.pair.leaf.public_bytes(Encoding.DER))
    for name in ("localhost", "box7.local", "127.0.0.1"):
        _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=trusting, server_hostname=name)
        writer.close()
        await writer.wait_closed()
    with pytest.raises(ssl.SSLCertVerificationError, match="mismatch"):
        await asyncio.open_connection("127.0.0.1", port, ssl=trusting, server_hostname="box8.local")
