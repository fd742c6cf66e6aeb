"""Whoever calls a camera calls an address that was checked, whatever its name leads to by then."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest

from tests.support.names import NameServer
from tests.support.processes import until
from vmsd.errors import Invalid, SourceFailed
from vmsd.services import camera_hosts
from vmsd.services.camera_hosts import AT_ONCE, CameraHosts
from vmsd.vendors.addresses import CameraNetworks
from vmsd.vendors.urls import SourceUrl, parse

NETWORKS = CameraNetworks(allowed=(ip_network("127.0.5.0/24"),), own_addresses=frozenset({ip_address("10.0.0.1")}))
CAMERA = parse("rtsp://cam.lan/live", "rtsp")


@pytest.fixture
async def server() -> AsyncIterator[NameServer]:
    server = NameServer(cam_lan="10.0.0.9")
    yield server
    server.here.set()


@pytest.fixture
def hosts(server: NameServer, tmp_path: Path) -> CameraHosts:
    return made(server, tmp_path)


def made(server: NameServer, folder: Path, networks: CameraNetworks = NETWORKS) -> CameraHosts:
    hosts = CameraHosts(lambda: networks, folder / "hosts.json")
    hosts.ask = server.ask
    hosts.again_s = 0
    return hosts


def address(hosts: CameraHosts, url: SourceUrl = CAMERA) -> str:
    return hosts.locate(url).host


async def until_at(hosts: CameraHosts, expected: str, url: SourceUrl = CAMERA) -> None:
    async def there() -> bool:
        await hosts.follow([url])
        return address(hosts, url) == expected

    await until(there, 5, f"the camera is at {expected}", every_s=0.01)


async def test_what_is_called_is_the_address_that_was_checked(hosts: CameraHosts) -> None:
    await hosts.follow([CAMERA])
    assert hosts.locate(CAMERA).join() == "rtsp://10.0.0.9/live"
    http = parse("http://ana:x@cam.lan:81/video?a=b", "http")
    assert hosts.locate(http).join() == "http://ana:x@10.0.0.9:81/video?a=b#cam.lan", "it is told its name"


async def test_an_answer_is_good_for_a_while_and_then_asked_for_again(hosts: CameraHosts, server: NameServer) -> None:
    hosts.again_s = 600
    for _ in range(5):
        await hosts.follow([CAMERA])
        await hosts.find(CAMERA)
    assert server.asked == ["cam.lan"]
    hosts.again_s = 0
    await hosts.find(CAMERA)
    assert server.asked == ["cam.lan"] * 2


async def test_a_name_that_moves_is_followed_and_told_of(hosts: CameraHosts, server: NameServer) -> None:
    news: list[str] = []
    hosts.on_change = lambda: news.append(address(hosts))
    await hosts.follow([CAMERA])
    assert news == [], "the first answer is no change: whoever asked has waited for it"
    server.names["cam.lan"] = "10.0.0.10"
    await until_at(hosts, "10.0.0.10")
    assert news == ["10.0.0.10"]


async def test_another_order_of_the_same_addresses_is_no_news(hosts: CameraHosts, server: NameServer) -> None:
    server.names["cam.lan"] = "10.0.0.9 10.0.0.10"
    await hosts.follow([CAMERA])
    news: list[None] = []
    hosts.on_change = lambda: news.append(None)
    server.names["cam.lan"] = "10.0.0.10 10.0.0.9"
    await hosts.find(CAMERA)
    assert (address(hosts), news) == ("10.0.0.9", [])
    server.names["cam.lan"] = "10.0.0.11 10.0.0.9"
    await hosts.find(CAMERA)
    assert address(hosts) == "10.0.0.9", "the one that is called still belongs to the name"


@pytest.mark.parametrize(
    "answer",
    ["127.0.0.1", "10.0.0.1", "10.0.0.9 127.0.0.1", "169.254.169.254", "0.0.0.0", "::1", "::ffff:127.0.0.1",  # noqa: S104 - answers
     "64:ff9b::7f00:1", "fe80::1", "224.0.0.1 10.0.0.9", "10.0.0.9 ::"],
)  # fmt: skip
async def test_a_name_that_leads_to_a_refused_address_leads_nowhere(
    hosts: CameraHosts, server: NameServer, answer: str
) -> None:
    server.names["cam.lan"] = answer
    await hosts.follow([CAMERA])
    for _ in range(2):
        with pytest.raises(Invalid):
            await hosts.find(CAMERA)
        with pytest.raises(Invalid):
            hosts.locate(CAMERA)
    server.names["cam.lan"] = "10.0.0.9"
    assert (await hosts.find(CAMERA)).host == "10.0.0.9", "and back again"


async def test_a_name_that_leads_astray_later_is_called_where_it_was_by_those_who_call_it_already(
    hosts: CameraHosts, server: NameServer
) -> None:
    """A name server that cannot reach the world may say of everybody that they are 0.0.0.0."""
    await hosts.follow([CAMERA])
    server.names["cam.lan"] = "0.0.0.0"  # noqa: S104 - an answer, not bound
    with pytest.raises(Invalid):
        await hosts.find(CAMERA)
    assert (address(hosts), hosts.leads_astray(CAMERA)) == ("10.0.0.9", True)
    server.names["cam.lan"] = "10.0.0.10"
    await hosts.find(CAMERA)
    assert (address(hosts), hosts.leads_astray(CAMERA)) == ("10.0.0.10", False)


async def test_the_same_host_is_judged_by_the_port_that_is_called(server: NameServer, tmp_path: Path) -> None:
    lab = CameraNetworks((ip_network("127.0.5.0/24"),), frozenset({8554}))
    hosts = made(server, tmp_path, lab)
    server.names["cam.lan"] = "127.0.5.1"
    await hosts.find(parse("rtsp://cam.lan:554/x", "rtsp"))
    with pytest.raises(Invalid):
        await hosts.find(parse("rtsp://cam.lan:8554/x", "rtsp"))


async def test_literal_addresses_are_checked_as_well_and_nobody_is_asked(
    hosts: CameraHosts, server: NameServer
) -> None:
    assert address(hosts, parse("rtsp://10.0.0.7/x", "rtsp")) == "10.0.0.7"
    for refused in ("rtsp://127.0.0.1/x", "rtsp://10.0.0.1/x", "rtsp://[::1]/x", "rtsp://2130706433/x"):
        with pytest.raises(Invalid):
            hosts.locate(parse(refused, "rtsp"))
    assert server.asked == []


async def test_a_name_server_that_is_away_moves_nobody_even_over_a_restart(server: NameServer, tmp_path: Path) -> None:
    first = made(server, tmp_path)
    await first.follow([CAMERA])
    server.names.clear()
    with pytest.raises(SourceFailed):
        await first.find(parse("rtsp://new.lan/", "rtsp"))
    await first.find(CAMERA)
    assert address(first) == "10.0.0.9"
    server.here.clear()
    after = made(server, tmp_path)
    async with asyncio.timeout(1):
        await after.follow([CAMERA])
        assert address(after) == "10.0.0.9"


async def test_what_is_remembered_is_checked_by_todays_rules(server: NameServer, tmp_path: Path) -> None:
    await made(server, tmp_path).follow([CAMERA])
    server.names.clear()
    stricter = made(server, tmp_path, CameraNetworks(own_addresses=frozenset({ip_address("10.0.0.9")})))
    await stricter.follow([CAMERA])
    with pytest.raises(Invalid):
        stricter.locate(CAMERA)


@pytest.mark.parametrize("spoilt", ["", "{", "[]", '{"cam.lan": 5}', '{"cam.lan": ["no"]}', "\x00"])
async def test_a_spoilt_memory_is_none(server: NameServer, tmp_path: Path, spoilt: str) -> None:
    (tmp_path / "hosts.json").write_text(spoilt)
    hosts = made(server, tmp_path)
    await hosts.follow([CAMERA])
    assert address(hosts) == "10.0.0.9"


async def test_a_dead_name_server_holds_nobody_up_for_long_nor_twice(
    hosts: CameraHosts, server: NameServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(camera_hosts, "WAIT_S", 0.2)
    server.here.clear()
    hosts.again_s = 600
    cameras = [parse(f"rtsp://cam{number}.lan/", "rtsp") for number in range(50)]
    async with asyncio.timeout(2):
        await hosts.follow(cameras)
    assert len(server.asked) == AT_ONCE
    with pytest.raises(SourceFailed) as failed:
        hosts.locate(cameras[0])
    assert failed.value.cause == "host_unreachable"
    async with asyncio.timeout(0.1):
        await hosts.follow(cameras)
    server.names |= {f"cam{number}.lan": "10.0.0.9" for number in range(50)}
    server.here.set()

    async def all_known() -> bool:
        await hosts.follow(cameras)
        return all(hosts._answers.get(camera.host) for camera in cameras)

    await until(all_known, 5, "everybody is known when it returns", every_s=0.01)


async def test_names_of_no_camera_are_forgotten(hosts: CameraHosts, tmp_path: Path) -> None:
    await hosts.follow([CAMERA])
    assert "cam.lan" in (tmp_path / "hosts.json").read_text()
    await hosts.follow([])
    with pytest.raises(SourceFailed):
        hosts.locate(CAMERA)
    assert "cam.lan" not in (tmp_path / "hosts.json").read_text()
