"""What a person may say of a camera's address: where it may lead, and that no stored password goes along."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address, ip_network
from typing import Any

import pytest

from tests.support.names import NameServer
from vmsd.errors import Invalid
from vmsd.model.camera import Camera, Secret
from vmsd.services.camera_hosts import CameraHosts
from vmsd.services.cameras import CameraFields
from vmsd.services.sources import SourceRules, main_url
from vmsd.vendors.addresses import CameraNetworks

NETWORKS = CameraNetworks(
    allowed=(ip_network("127.0.5.0/24"),),
    own_ports=frozenset({8554, 9997}),
    own_addresses=frozenset({ip_address("192.168.1.2"), ip_address("127.0.5.1")}),
)
NAMES = {
    "cam.lan": "10.0.0.9",
    "localhost": "127.0.0.1",
    "evil.example": "127.0.0.1",
    "half.example": "10.0.0.9 169.254.169.254",
    "mapped.example": "::ffff:127.0.0.1",
    "nat64.example": "64:ff9b::7f00:1",
    "any.example": "0.0.0.0",  # noqa: S104 - an answer, not bound
    "metadata.example": "169.254.169.254",
    "here.example": "192.168.1.2",
}


@pytest.fixture
async def rules() -> SourceRules:
    server = NameServer()
    server.names = NAMES
    hosts = CameraHosts(lambda: NETWORKS)
    hosts.ask = lambda name: server.ask(name.rstrip("."))
    return SourceRules(hosts, frozenset({"nuvem", "outra"}))


def fields(url: str = "", **more: Any) -> CameraFields:
    protocol = {"rtsp": "rtsp", "rtmp": "rtmp", "http": "http"}.get(url.partition(":")[0].rstrip("s"), "rtsp")
    return CameraFields(**({"name": "x", "protocol": protocol, "source_url": url} | more))


REFUSED = [
    # the machine itself, in every spelling
    "rtsp://127.0.0.1/", "rtsp://127.0.0.1:80/", "rtsp://127.9.9.9/", "rtsps://127.0.0.1/", "rtmp://127.0.0.1/a/b",
    "rtmps://127.0.0.1/a", "http://127.0.0.1/x.m3u8", "https://127.0.0.1/x.mjpg", "http://127.0.0.1:9997/v3/info",
    "rtsp://localhost/", "rtsp://LOCALHOST/", "rtsp://localhost./", "http://localhost:8080/", "rtsp://127.0.0.1./",
    "rtsp://[::1]/", "rtsp://[0:0:0:0:0:0:0:1]/", "rtsp://[::]/", "rtsp://0.0.0.0/", "rtsp://0/", "rtsp://0.0.0.1/",
    "rtsp://2130706433/", "rtsp://0x7f000001/", "rtsp://0x7f.1/", "rtsp://017700000001/", "rtsp://0177.0.0.1/",
    "rtsp://127.1/", "rtsp://127.0.1/", "rtsp://127.0.0.01/", "rtsp://4294967295/", "rtsp://00000000177.1/",
    "rtsp://[::ffff:127.0.0.1]/", "rtsp://[::ffff:7f00:1]/", "rtsp://[::127.0.0.1]/", "rtsp://[64:ff9b::7f00:1]/",
    "rtsp://[64:ff9b::127.0.0.1]/", "rtsp://[64:ff9b:1::7f00:1]/", "rtsp://[2002:7f00:1::]/", "rtsp://192.168.1.2/",
    "rtsp://[::ffff:192.168.1.2]/", "rtsp://127.0.5.1:8554/city/camera", "rtsp://127.0.5.9:9997/",
    "rtsp://127.0.5.1:08554/", "rtsp://[::ffff:127.0.5.1]:8554/",
    # neighbours nobody calls
    "http://169.254.169.254/latest/meta-data", "rtsp://[::ffff:169.254.169.254]/", "rtsp://[fe80::1]/",
    "rtsp://[fe80::1%25eth0]/", "rtsp://[fe80::1%eth0]/", "rtsp://224.0.0.1/", "rtsp://239.255.255.250:1900/",
    "rtsp://[ff02::1]/", "rtsp://255.255.255.255/", "rtsp://240.0.0.1/", "rtsp://198.18.0.1/", "rtsp://192.0.0.8/",
    "rtsp://[2001:0:4136:e378:8000:63bf:3fff:fdd2]/",
    # names that lead there
    "rtsp://evil.example/", "http://evil.example/x.mjpg", "rtsps://evil.example/", "rtmp://half.example/a",
    "rtsp://mapped.example/", "rtsp://nat64.example/", "rtsp://any.example/", "http://metadata.example/x",
    "rtsp://here.example/", "rtsp://EVIL.example./",
    # who is the user, and which is the host?
    "rtsp://cam.lan:x@127.0.0.1/", "rtsp://10.0.0.9:554@127.0.0.1/", "rtsp://a:b@10.0.0.9@127.0.0.1/",
    "rtsp://10.0.0.9%40@127.0.0.1/", "rtsp://127.0.0.1\\@10.0.0.9/", "rtsp://10.0.0.9\\@127.0.0.1/",
    "rtsp://10.0.0.9#@127.0.0.1/", "rtsp://127.0.0.1#@10.0.0.9/", "rtsp://127.0.0.1%2f@10.0.0.9",
    "rtsp://10.0.0.9 @127.0.0.1/", "rtsp://10.0.0.9\t@127.0.0.1/", "rtsp://10.0.0.9\r\nX: y/", "rtsp:///127.0.0.1/",
    "rtsp:127.0.0.1", "//127.0.0.1/", "rtsp://%31%32%37.0.0.1/", "rtsp://①②⑦.0.0.1/", "rtsp://127。0。0。1/",
    "rtsp://[127.0.0.1]/", "rtsp://[::1/", "rtsp://::1/", "rtsp://10.0.0.9:99999/", "rtsp://10.0.0.9:0/",
    "rtsp://10.0.0.9:-1/", "rtsp://10.0.0.9:٤/", "rtsp://10.0.0.9:5 54/", "rtsp://$(id)/", "rtsp://a;b/",
    # what is no camera at all
    "file:///etc/passwd", "gopher://10.0.0.9/", "unix:///run/x", "rtsp+http://10.0.0.9/", "whep://10.0.0.9/",
    "srt://10.0.0.9:8890", "udp+mpegts://239.0.0.1:1234", "concat:rtsp://10.0.0.9/", "", "rtsp://",
]  # fmt: skip
ALLOWED = [
    "rtsp://10.0.0.9/live", "rtsp://192.168.1.3:8554/x", "rtsp://[fd00::9]/x", "rtsp://[::ffff:10.0.0.9]/x",
    "rtsps://cam.lan/x", "rtmp://172.16.0.9/a/b", "http://cam.lan/x.m3u8", "https://cam.lan:8443/x.mjpg",
    "rtsp://CAM.lan/x", "rtsp://u:p@cam.lan/x", "rtsp://u:p%40127.0.0.1@cam.lan/x", "rtsp://cam.lan/@127.0.0.1",
    "rtsp://cam.lan/?u=rtsp://127.0.0.1/", "rtsp://100.64.0.9/x", "rtsp://8.8.8.8/x", "rtsp://127.0.5.9/x",
    "rtsp://127.0.5.1:554/x", "rtsp://[64:ff9b::a00:9]/x", "rtsp://unknown.example/x", "rtsp://10.0.0.9./x",
]  # fmt: skip


@pytest.mark.parametrize("url", REFUSED)
async def test_no_camera_is_called_there(rules: SourceRules, url: str) -> None:
    with pytest.raises(Invalid):
        await rules.source_of(fields(url))
    if url:
        with pytest.raises(Invalid):
            await rules.source_of(fields("rtsp://10.0.0.9/", sub_source_url=url))


@pytest.mark.parametrize("url", ALLOWED)
async def test_a_camera_may_be_called_there(rules: SourceRules, url: str) -> None:
    source = await rules.source_of(fields(url))
    assert source.url
    assert "@" not in source.url.partition("://")[2].partition("/")[0]


def stored(said: CameraFields, url: str = "", sub: str = "", username: str = "admin") -> Camera:
    """A camera as the store has it, its password being `segredo`."""
    values = {name: getattr(said, name) for name in ("name", "protocol", "vendor", "tunnel", "tunnel_target")}
    blank: dict[str, Any] = dict.fromkeys(("host", "group"), "") | dict.fromkeys(
        ("city_id", "id", "channel", "subtype", "recording_since_ms", "created_ms", "changed_ms"), 1
    )
    blank |= {"recording_enabled": True, "retention_days": None, "location": None, "audio": False}
    known = {name: value for name, value in blank.items() if name in Camera.__dataclass_fields__}
    extra = {"group_id": None} if "group_id" in Camera.__dataclass_fields__ else {}
    return Camera(
        **known, **values, **extra, public_id="c", source_url=url, sub_source_url=sub,
        username=username, secret=Secret("segredo", "key"),
    )  # fmt: skip


CAM = "rtsp://10.0.0.9:554/live"
MOVES = [
    {"source_url": "rtsp://10.0.0.66/live"},
    {"source_url": "rtsp://10.0.0.9:555/live"},
    {"source_url": "rtsps://10.0.0.9:554/live"},
    {"source_url": "http://10.0.0.9:554/live", "protocol": "http"},
    {"source_url": "rtmp://10.0.0.9:554/live", "protocol": "rtmp"},
    {"source_url": "rtsp://cam.lan:554/live"},
    {"source_url": "rtsp://unknown.example/live"},
    {"source_url": CAM, "sub_source_url": "rtsp://10.0.0.66/sub"},
    {"source_url": "", "vendor": "intelbras", "host": "10.0.0.66"},
    {"source_url": "", "vendor": "hikvision", "host": "10.0.0.9:5554", "substream": True},
    {"source_url": "rtsp://{host}:{port}/x", "vendor": "generic", "host": "10.0.0.66"},
    {"source_url": "", "protocol": "p2p", "tunnel": "nuvem", "tunnel_target": "evil"},
]
STAYS = [
    {"source_url": CAM},
    {"source_url": "rtsp://10.0.0.9/other?channel=2"},
    {"source_url": CAM, "sub_source_url": "rtsp://10.0.0.9/sub"},
    {"source_url": CAM, "username": "outro"},
    {"source_url": "", "vendor": "intelbras", "host": "10.0.0.9", "substream": True},
    {"source_url": "rtsp://{host}:{port}/x", "vendor": "generic", "host": "10.0.0.9"},
]


@pytest.mark.parametrize("moved", MOVES)
async def test_a_stored_password_goes_to_no_other_host_port_or_protocol(
    rules: SourceRules, moved: dict[str, Any]
) -> None:
    said = fields(CAM, username="admin")
    kept = stored(said, CAM)
    with pytest.raises(Invalid) as refused:
        await rules.source_of(replace(said, **moved), kept)
    assert [one.pointer for one in refused.value.problems] == ["/password"]
    assert "segredo" not in str(refused.value.problems)
    said_anew = await rules.source_of(replace(said, **moved, password="nova"), kept)
    assert said_anew.password == "nova"
    without = await rules.source_of(replace(said, **moved, username=""), kept)
    assert without.password is None


@pytest.mark.parametrize("same", STAYS)
async def test_where_the_camera_stays_its_password_need_not_be_said_again(
    rules: SourceRules, same: dict[str, Any]
) -> None:
    said = fields(CAM, username="admin")
    assert (await rules.source_of(replace(said, **same), stored(said, CAM))).password == "segredo"


async def test_a_new_address_may_bring_the_same_password_itself(rules: SourceRules) -> None:
    said = fields("rtsp://admin:segredo@10.0.0.66/live")
    assert (await rules.source_of(said, stored(said, CAM))).password == "segredo"


async def test_the_password_goes_on_to_both_streams_wherever_they_are_already(rules: SourceRules) -> None:
    kept = stored(fields(CAM), CAM, "rtsp://10.0.0.10/sub")
    swapped = fields("rtsp://10.0.0.10/sub", sub_source_url=CAM, username="admin")
    assert (await rules.source_of(swapped, kept)).password == "segredo"


async def test_a_tunnels_password_goes_through_no_other_tunnel(rules: SourceRules) -> None:
    said = fields(protocol="p2p", tunnel="nuvem", tunnel_target="cam-1", username="admin")
    kept = stored(said)
    assert (await rules.source_of(said, kept)).password == "segredo"
    for moved in ({"tunnel": "outra"}, {"tunnel_target": "cam-2"}):
        with pytest.raises(Invalid) as refused:
            await rules.source_of(replace(said, **moved), kept)
        assert [one.pointer for one in refused.value.problems] == ["/password"]
    with pytest.raises(Invalid):
        await rules.source_of(fields("rtsp://10.0.0.66/", username="admin"), kept)


async def test_a_tunnel_that_was_only_noted_down_is_no_place_the_password_goes_to(rules: SourceRules) -> None:
    """Else it would leave in two steps: the tunnel first, then the protocol."""
    noted = fields(CAM, username="admin", tunnel="nuvem", tunnel_target="evil")
    assert (await rules.source_of(noted, stored(noted, CAM))).password == "segredo"
    with pytest.raises(Invalid):
        await rules.source_of(replace(noted, protocol="p2p", source_url=""), stored(noted, CAM))


async def test_a_camera_without_a_password_may_move(rules: SourceRules) -> None:
    kept = replace(stored(fields(CAM), CAM, username=""), secret=Secret(None, "key"))
    assert (await rules.source_of(fields("rtsp://10.0.0.66/"), kept)).url == "rtsp://10.0.0.66/"


@pytest.mark.parametrize("target", ["cam-1", "A", "10.0.0.9:554", "a_b.c-d:e", "9"])
async def test_a_tunnels_target_is_a_name(rules: SourceRules, target: str) -> None:
    await rules.source_of(fields(protocol="p2p", tunnel="nuvem", tunnel_target=target))


@pytest.mark.parametrize(
    "target", ["-x", "--help", "_x", ".x", ":1", "a b", "a;b", "a$(b)", "a\n", "a/b", "a=b", "câmera", "a@b", "٣", " a"]
)
async def test_nothing_that_a_command_could_take_for_more_is_a_target(rules: SourceRules, target: str) -> None:
    with pytest.raises(Invalid) as refused:
        await rules.source_of(fields(protocol="p2p", tunnel="nuvem", tunnel_target=target))
    assert [one.pointer for one in refused.value.problems] == ["/tunnel_target"]


async def test_the_address_with_its_password_is_spelled_for_those_who_call_it(rules: SourceRules) -> None:
    camera = stored(fields(CAM), CAM)
    assert main_url(camera).join() == "rtsp://admin:segredo@10.0.0.9:554/live"
