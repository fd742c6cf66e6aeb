"""Searching and examining on real sockets: true devices, silent ones, and those that want the box to call elsewhere."""

from __future__ import annotations

import asyncio
import base64
import gzip
import os
from asyncio.selector_events import BaseSelectorEventLoop
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import web

from tests.support.onvif import ENVELOPE, FAULT, LAUGHS, OnvifDevice, OnvifNetwork, onvif_network
from tests.support.sources import listening
from vmsd.clock import SystemClock
from vmsd.config import CameraRules
from vmsd.errors import Invalid, SourceFailed, TooMany
from vmsd.host.camera_http import CameraHttp
from vmsd.host.multicast import MOST_BYTES, MOST_EACH
from vmsd.services.camera_hosts import CameraHosts
from vmsd.services.discovery import Discovery, Inspection
from vmsd.vendors.addresses import CameraNetworks
from vmsd.video.rtsp_auth import Credentials

PASSWORD = "segredo-da-câmera"
LOGIN = Credentials("admin", PASSWORD)
GARBAGE = {
    "bytes": os.urandom(3000),
    "html": b"<html><body>router</body></html>",
    "laughs": LAUGHS.encode(),
    "empty": b"",
    "cut": ENVELOPE.format("<tds:x>").encode()[:200],
    "deep": b"<a>" * 20_000,
    "huge": b"<a>" + b"<b/>" * 500_000,
}


@pytest.fixture
async def net() -> AsyncIterator[OnvifNetwork]:
    async with onvif_network() as net:
        yield net


def discovery_in(net: OnvifNetwork, deadline_s: float = 5, **more: Any) -> Discovery:
    rules = CameraRules(**net.rules)
    networks = CameraNetworks(rules.networks, **more)
    return Discovery(CameraHttp(deadline_s), CameraHosts(lambda: networks), rules, SystemClock(), lambda: True)


@pytest.fixture
def called(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Every host this process connects to."""
    hosts: set[str] = set()
    real = BaseSelectorEventLoop.sock_connect

    async def noting(loop: Any, sock: Any, address: Any) -> None:
        hosts.add(address[0])
        await real(loop, sock, address)

    monkeypatch.setattr(BaseSelectorEventLoop, "sock_connect", noting)
    return hosts


async def inspected(net: OnvifNetwork, device: OnvifDevice, login: Credentials | None = LOGIN) -> Inspection:
    return await discovery_in(net).inspect(device.place, login)


async def test_a_device_is_found_and_says_what_it_is_and_which_streams_it_has(net: OnvifNetwork) -> None:
    device = await net.add(OnvifDevice(login=("admin", PASSWORD), clock_ahead_s=-3600))
    await net.add(OnvifDevice(host="127.0.0.3", name="Pátio", silent=True))
    found = await discovery_in(net).search()
    assert [(one.address, one.match.name, one.match.hardware) for one in found.found] == [
        ("127.0.0.2", "Portaria", "CS-2")
    ]
    assert found.found[0].match.service_url == device.url
    said = await inspected(net, device)
    assert (said.information.serial, said.mac) == ("SN-0001", "02:00:5e:00:00:01")
    assert said.offset_ms is not None
    assert said.offset_ms == pytest.approx(-3_600_000, abs=1500)
    assert said.main is not None
    assert said.sub is not None
    assert said.main.url.join() == "rtsp://127.0.0.2:554/live"
    assert said.sub.url.join() == "rtsp://127.0.0.2:554/sub"
    assert list(said.warnings) == ["clock_off"]


async def test_a_search_is_not_joined_by_a_second_one(net: OnvifNetwork) -> None:
    discovery = discovery_in(net)
    first, second = await asyncio.gather(discovery.search(), discovery.search(), return_exceptions=True)
    assert isinstance(second, TooMany)
    assert not isinstance(first, BaseException)


async def test_noise_huge_answers_and_floods_leave_the_search_alone(net: OnvifNetwork) -> None:
    device = await net.add(OnvifDevice())
    loud = await net.add(OnvifDevice(host="127.0.0.3"))
    right = net.answers

    def answers(one: OnvifDevice, probe: bytes) -> list[bytes]:
        if one is not loud:
            return [b"\xff" * 900, LAUGHS.encode(), *right(one, probe)]
        huge = right(one, probe)[0].replace(b"CS-2", b"x" * MOST_BYTES)
        return [b"<a/>"] * (MOST_EACH + 5) + [huge] + right(one, probe)

    net.answers = answers  # type: ignore[method-assign]
    found = await discovery_in(net).search()
    assert [one.address for one in found.found] == [device.host]


async def test_an_answer_that_answers_no_question_of_ours_is_not_heard(net: OnvifNetwork) -> None:
    device = await net.add(OnvifDevice())
    net.answers = lambda one, _: [one.match(b"<w:MessageID>urn:uuid:older</w:MessageID>")]  # type: ignore[method-assign]
    assert (await discovery_in(net).search()).found == []
    assert device.asked == []


async def test_devices_at_the_box_s_own_ports_are_refused_and_counted(net: OnvifNetwork) -> None:
    device = await net.add(OnvifDevice(host="127.0.0.1"))
    discovery = discovery_in(net, own_ports=frozenset({device.port}))
    found = await discovery.search()
    assert (found.found, found.refused) == ([], 1)
    with pytest.raises(Invalid, match="cannot be used") as refused:
        await discovery.inspect(device.place, LOGIN)
    assert refused.value.problems[0].pointer == "/address"
    assert device.asked == []


async def test_a_hostile_device_cannot_make_the_box_call_anybody_else(net: OnvifNetwork, called: set[str]) -> None:
    """It names another host wherever a host can be named; the box keeps to the address that has answered."""
    device = await net.add(OnvifDevice(login=("admin", PASSWORD), named_host="127.0.0.66"))
    device.xaddrs = f"http://127.0.0.66:{device.port}/onvif/device_service"
    discovery = discovery_in(net)
    assert (await discovery.search()).found == []
    device.xaddrs += f" {device.url}"
    assert [one.match.service_url for one in (await discovery.search()).found] == [device.url]
    said = await discovery.inspect(device.place, LOGIN)
    assert said.main is not None
    assert said.main.url.host == device.host
    assert said.main.elsewhere == "127.0.0.66"
    assert "stream_elsewhere" in said.warnings
    assert (await discovery.picture(device.place, LOGIN)).startswith(b"\xff\xd8\xff")
    assert called == {device.host}


@pytest.mark.parametrize(
    "question", ["GetSystemDateAndTime", "GetDeviceInformation", "GetCapabilities", "GetStreamUri"]
)
async def test_a_device_that_sends_the_box_elsewhere_is_not_followed(
    net: OnvifNetwork, called: set[str], question: str
) -> None:
    device = await net.add(OnvifDevice(login=("admin", PASSWORD)))

    async def elsewhere(_: web.Request) -> web.Response:
        return web.Response(status=307, headers={"Location": f"http://127.0.0.66:{device.port}/onvif/device_service"})

    device.lies[question] = elsewhere
    with pytest.raises(SourceFailed) as failed:
        await inspected(net, device)
    assert failed.value.cause == "redirects"
    assert called == {device.host}


@pytest.mark.parametrize("kind", GARBAGE)
async def test_a_device_that_answers_garbage_is_no_camera(net: OnvifNetwork, kind: str) -> None:
    device = await net.add(OnvifDevice(login=None, lies={"*": GARBAGE[kind]}))
    with pytest.raises(SourceFailed) as failed:
        await inspected(net, device)
    assert failed.value.cause == "not_a_camera"


@pytest.mark.parametrize("question", ["GetNetworkInterfaces", "GetStreamUri", "GetProfiles"])
async def test_garbage_to_one_question_leaves_the_other_answers(net: OnvifNetwork, question: str) -> None:
    device = await net.add(OnvifDevice(login=("admin", PASSWORD), lies={question: GARBAGE["laughs"]}))
    said = await inspected(net, device)
    assert said.information.serial == "SN-0001"
    assert ("no_stream" in said.warnings) == (question != "GetNetworkInterfaces")


async def test_profiles_that_lead_to_one_stream_are_one_choice(net: OnvifNetwork) -> None:
    streams = (("/live", 1080), ("/live", 1080), ("/sub", 360))
    said = await inspected(net, await net.add(OnvifDevice(login=("admin", PASSWORD), streams=streams)))
    assert [one.url.rest for one in said.streams] == ["/live", "/sub"]


async def test_what_a_device_tells_administrators_alone_is_left_out(net: OnvifNetwork) -> None:
    refusal = ENVELOPE.format(FAULT.format("Sender", "NotAuthorized"))
    device = await net.add(OnvifDevice(login=("admin", PASSWORD), lies={"GetNetworkInterfaces": refusal}))
    said = await inspected(net, device)
    assert (said.main is not None, said.mac) == (True, "")


async def test_a_challenge_in_letters_nobody_can_send_back_is_no_challenge(net: OnvifNetwork) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        challenge = b'Digest realm="c\xe2mera \xff", nonce="n", qop="auth"'
        writer.write(b"HTTP/1.1 401 x\r\nWWW-Authenticate: " + challenge + b"\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()

    async with listening(talk, "127.0.0.4") as port:
        with pytest.raises(SourceFailed) as failed:
            await discovery_in(net).inspect(f"127.0.0.4:{port}", LOGIN)
    assert failed.value.cause == "wrong_password"


async def test_an_answer_without_end_is_cut_off_and_a_silent_one_given_up(net: OnvifNetwork) -> None:
    device = await net.add(OnvifDevice())

    async def endless(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse()
        await answer.prepare(request)
        while True:
            try:
                await answer.write(b" " * 65536)
            except ConnectionError:
                return answer

    async def silent(request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(60)
        return web.Response()

    for lie, cause in ((endless, "not_a_camera"), (silent, "timeout")):
        device.lies["*"] = lie
        with pytest.raises(SourceFailed) as failed:
            await discovery_in(net, deadline_s=1).inspect(device.place, LOGIN)
        assert failed.value.cause == cause


async def test_a_squeezed_answer_is_not_unpacked(net: OnvifNetwork) -> None:
    device = await net.add(OnvifDevice())

    async def squeezed(_: web.Request) -> web.Response:
        return web.Response(body=gzip.compress(b"<a/>" * 3_000_000, 1), headers={"Content-Encoding": "gzip"})

    device.lies["*"] = squeezed
    with pytest.raises(SourceFailed) as failed:
        await inspected(net, device)
    assert failed.value.cause == "not_a_camera"


async def test_what_speaks_no_http_is_no_camera(net: OnvifNetwork) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-x\r\n" + b"\0" * 20_000)
        await writer.drain()

    async with listening(talk, "127.0.0.4") as port:
        with pytest.raises(SourceFailed) as failed:
            await discovery_in(net).inspect(f"127.0.0.4:{port}", LOGIN)
    assert failed.value.cause == "not_a_camera"
    with pytest.raises(SourceFailed) as failed:
        await discovery_in(net).inspect(f"127.0.0.4:{port}", LOGIN)
    assert failed.value.cause == "port_closed"


@pytest.mark.parametrize("schemes", [(), ("digest",), ("basic", "digest")])
async def test_the_password_is_proved_and_never_sent(net: OnvifNetwork, schemes: tuple[str, ...]) -> None:
    device = await net.add(OnvifDevice(login=("admin", PASSWORD), by_http=schemes))
    said = await inspected(net, device)
    assert said.main is not None
    assert_never_sent(device)


async def test_a_device_that_wants_the_password_in_clear_does_not_get_it(net: OnvifNetwork) -> None:
    device = await net.add(OnvifDevice(login=("admin", PASSWORD), by_http=("basic",)))
    with pytest.raises(SourceFailed) as failed:
        await inspected(net, device)
    assert failed.value.cause == "wrong_password"
    assert set(device.authorized) == {""}
    assert_never_sent(device)


def assert_never_sent(device: OnvifDevice) -> None:
    heard = b"".join(device.heard)
    assert heard
    for secret in (
        PASSWORD.encode(),
        base64.b64encode(f"admin:{PASSWORD}".encode()),
        base64.b64encode(PASSWORD.encode()),
    ):
        assert secret not in heard


async def test_a_wrong_password_is_called_so_and_tried_once_a_question(net: OnvifNetwork) -> None:
    device = await net.add(OnvifDevice(login=("admin", PASSWORD)))
    with pytest.raises(SourceFailed) as failed:
        await inspected(net, device, replace(LOGIN, password="outra"))
    assert failed.value.cause == "wrong_password"
    assert device.asked == ["GetSystemDateAndTime", "GetDeviceInformation"]


async def test_a_device_that_guards_its_clock_too_is_asked_with_the_password(net: OnvifNetwork) -> None:
    device = await net.add(OnvifDevice(login=("admin", PASSWORD)))
    truth = OnvifDevice.answer

    async def guarded(request: web.Request) -> web.StreamResponse:
        body = (await request.read()).decode()
        if "UsernameToken" not in body:
            return web.Response(status=400, text=ENVELOPE.format(FAULT.format("Sender", "NotAuthorized")))
        device.lies.clear()
        return await truth(device, request)

    device.lies["GetSystemDateAndTime"] = guarded
    assert (await inspected(net, device)).offset_ms is not None


@pytest.mark.parametrize(
    "address",
    [
        "",
        "a b",
        "http://x:99999",
        "rtsp://127.0.0.2/",
        "2130706434",
        "http://u:p@127.0.0.2/",
        "169.254.169.254",
        "0x7f.1",
    ],
)
async def test_an_address_that_cannot_be_called_is_refused_at_its_field(net: OnvifNetwork, address: str) -> None:
    with pytest.raises(Invalid) as refused:
        await discovery_in(net).inspect(address, LOGIN)
    assert {one.pointer for one in refused.value.problems} == {"/address"}
