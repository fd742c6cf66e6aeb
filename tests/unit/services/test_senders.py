"""Other people's servers, as they are: what arrives there, what they answer, and where nobody is called at all."""

from __future__ import annotations

import asyncio
import json
import ssl
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest
from aiohttp import web

from tests.support.ports import free_port
from tests.support.receivers import HANG, Receiver, receiving
from tests.unit.tasks.outbox_box import SECRET
from tests.unit.tasks.recording_box import HandClock
from vmsd.config import OutboxRules
from vmsd.errors import Invalid
from vmsd.host.outgoing import HttpSender
from vmsd.model.destination import Destination, Item, Outcome
from vmsd.services.destination_addresses import check_address, shown_address
from vmsd.services.outgoing_places import OutgoingPlaces, Refused
from vmsd.services.senders import Target, WebhookSender
from vmsd.vendors.addresses import CameraNetworks

LOOPBACK = (ip_network("127.0.0.0/8"),)
OWN_PORT = 8443
ITEM = Item(7, "0c5e1b1e-6c55-4f9e-8f2f-0d6f3f4a9b11", "alertas.novo", 1, 1_795_258_800_123, '{"number":1}')


def places(*networks: object, plain_in_lan: bool = False, names: dict[str, str] | None = None) -> OutgoingPlaces:
    rules = OutboxRules(networks=networks, plain_in_lan=plain_in_lan)
    own = frozenset({ip_address("192.0.2.1"), ip_address("10.9.9.9")})
    made = OutgoingPlaces(rules, lambda: CameraNetworks(rules.networks, frozenset({OWN_PORT}), own))
    made.ask = lambda name: tuple(map(ip_address, (names or {}).get(name, "").split()))
    return made


def target(url: str) -> Target:
    topics = frozenset({"alertas.novo"})
    to = Destination(1, 1, "b4d1", "webhook", "x", topics, enabled=True, sent_id=0, created_ms=0, changed_ms=0)
    return Target(to, "city-1", url, SECRET)


@asynccontextmanager
async def sender(deadline_s: float = 5, ca_file: Path | None = None, **names: str) -> AsyncIterator[WebhookSender]:
    http = HttpSender(places(*LOOPBACK, names=names).find, deadline_s, ca_file)
    try:
        yield WebhookSender(http, HandClock())
    finally:
        await http.close()


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as receiver:
        receiver.secret = SECRET
        yield receiver


async def test_a_message_is_signed_and_says_what_whose_and_when(receiver: Receiver):
    async with sender() as out:
        assert await out.send(target(receiver.url), [ITEM]) == Outcome(1, 204)
    (headers, body), *_ = receiver.raw
    assert json.loads(body) == {
        "id": ITEM.public_id,
        "type": "alertas.novo",
        "time": "2026-11-21T11:00:00.123Z",
        "city_id": "city-1",
        "data": {"number": 1},
    }
    assert headers["webhook-id"] == ITEM.public_id
    assert headers["webhook-timestamp"] == "1795258800"


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (500, Outcome(0, 500, "it failed", 30)),
        (301, Outcome(0, 301, "it sent us elsewhere, which is not followed", 30)),
        (307, Outcome(0, 307, "it sent us elsewhere, which is not followed", 30)),
        (404, Outcome(0, 404, "it refused the message", 30)),
        (410, Outcome(0, 410, "it refused the message", 30, gone=True)),
        (429, Outcome(0, 429, "it refused the message", 30)),
    ],
)
async def test_whatever_is_not_a_yes_has_not_arrived_and_no_redirect_is_followed(
    receiver: Receiver, status: int, outcome: Outcome
):
    receiver.status, receiver.headers = status, {"Location": receiver.url, "Retry-After": "30"}
    async with sender() as out:
        assert await out.send(target(receiver.url), [ITEM]) == outcome
    assert receiver.asked == 1


async def test_who_never_answers_is_given_up(receiver: Receiver):
    receiver.status = HANG
    async with sender(deadline_s=0.3) as out:
        assert await out.send(target(receiver.url), [ITEM]) == Outcome(0, None, "no answer within 0.3 s")


async def test_nobody_there_and_a_name_nobody_knows_are_told_apart():
    async with sender() as out:
        nobody = await out.send(target(f"http://127.0.0.1:{free_port()}/"), [ITEM])
        unknown = await out.send(target("https://central.example.org/"), [ITEM])
    assert "Connect call failed" in (nobody.error or "")
    assert unknown.error == "the name of the host is not known here"


async def test_an_answer_without_end_costs_neither_time_nor_memory():
    async def drip(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b"x" * 100_000)
            await asyncio.sleep(0)

    app = web.Application()
    app.router.add_post("/", drip)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        async with sender(deadline_s=3) as out:
            assert (await out.send(target(f"http://127.0.0.1:{port}/"), [ITEM])).arrived == 1
    finally:
        await runner.cleanup()


async def test_nonsense_in_the_place_of_http_is_a_failure_like_any_other():
    async def nonsense(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(b"\x00\xff nonsense\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(nonsense, "127.0.0.1", 0)
    async with server, sender() as out:
        outcome = await out.send(target(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"), [ITEM])
    assert (outcome.arrived, outcome.status) == (0, None)
    assert outcome.error


async def test_a_certificate_counts_only_for_its_name_and_from_a_known_authority(tmp_path: Path):
    certificate, key = await asyncio.to_thread(_self_signed, tmp_path)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    app = web.Application()

    async def take(_: web.Request) -> web.Response:
        return web.Response(status=202)

    app.router.add_post("/", take)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, "127.0.0.1", port, ssl_context=context).start()
    names = {"central.example.org": "127.0.0.1", "other.example.org": "127.0.0.1"}
    try:
        async with sender(**names) as out:
            unknown = await out.send(target(f"https://central.example.org:{port}/"), [ITEM])
        async with sender(ca_file=certificate, **names) as out:
            fine = await out.send(target(f"https://central.example.org:{port}/"), [ITEM])
            wrong = await out.send(target(f"https://other.example.org:{port}/"), [ITEM])
    finally:
        await runner.cleanup()
    assert fine == Outcome(1, 202)
    assert unknown.error == wrong.error == "its certificate was refused"


def _self_signed(folder: Path) -> tuple[Path, Path]:
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    about = ("-subj", "/CN=central.example.org", "-addext", "subjectAltName=DNS:central.example.org")
    made = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30")
    files = ("-out", str(certificate), "-keyout", str(key))
    subprocess.run(["openssl", "req", "-x509", *made, *about, *files], check=True, timeout=30, capture_output=True)
    return certificate, key


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/",
        "https://localhost/",
        "https://[::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://[64:ff9b::7f00:1]/",
        "https://0.0.0.0/",
        "https://2130706433/",
        "https://0x7f.1/",
        "https://0177.0.0.1/",
        "https://127.1/",
        "https://169.254.169.254/latest/meta-data",
        "https://[fe80::1]/",
        "https://224.0.0.1/",
        "https://192.0.2.1/",
        f"https://10.9.9.9:{OWN_PORT}/",
        "https://rebinding.example.org/",
        "https://metadata.example.org/",
        "https://half.example.org/",
        "http://public.example.org/",
        "http://192.168.1.5/",
        "ftp://public.example.org/",
        "https://user:pass@public.example.org/",
        "https://public.example.org/#fragment",
        "https:///nowhere",
        "https://public.example.org:99999/",
        "https://public example.org/",
        "amqps://public.example.org/",
    ],
)
async def test_an_address_that_must_not_be_called_is_refused_when_it_is_given(url: str):
    names = {
        "localhost": "127.0.0.1 ::1",
        "rebinding.example.org": "127.0.0.1",
        "metadata.example.org": "169.254.169.254",
        "half.example.org": "203.0.113.7 10.9.9.9",
        "public.example.org": "203.0.113.7",
    }
    with pytest.raises(Invalid) as refusal:
        await check_address("webhook", url, places(names=names))
    assert refusal.value.problems[0].pointer == "/url"


async def test_what_may_be_called_may():
    known = {"public.example.org": "203.0.113.7", "lan.example.org": "192.168.1.5"}
    for url in ("https://public.example.org/a?b=c", "https://192.168.1.5/", "https://nobody-knows.example.org/"):
        await check_address("webhook", url, places(names=known))
    await check_address("webhook", "http://lan.example.org:8000/", places(names=known, plain_in_lan=True))
    await check_address("amqp", "amqp://u:p@192.168.1.5/vhost", places(plain_in_lan=True))
    await check_address("amqp", "amqps://u:p@public.example.org", places(names=known))
    with pytest.raises(Invalid):
        await check_address("webhook", "http://public.example.org/", places(names=known, plain_in_lan=True))
    with pytest.raises(Invalid):
        await check_address("amqp", "amqps://public.example.org/?no_verify_ssl=1", places(names=known))


async def test_a_name_that_leads_home_later_is_not_called(receiver: Receiver):
    made = places(names={"turncoat.example.org": "127.0.0.1"})
    http = HttpSender(made.find, 3)
    with pytest.raises(Refused):
        await made.find("turncoat.example.org", receiver.port, encrypted=True)
    outcome = await WebhookSender(http, HandClock()).send(
        target(f"https://turncoat.example.org:{receiver.port}/"), [ITEM]
    )
    await http.close()
    assert outcome.error == "the address points at this box itself"
    assert receiver.asked == 0


def test_what_is_shown_of_an_address_holds_no_secret():
    assert shown_address("https://a.example.org/x?key=s3cret&b=1") == "https://a.example.org/x?***"
    assert shown_address("amqps://u:s3cret@a.example.org/v") == "amqps://u:***@a.example.org/v"
