"""Paths at run time: cameras that live, die, fall silent and return."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from tests.contract.contract_camera import Camera
from tests.contract.contract_server import PASSWORD, USER, wait_for

if TYPE_CHECKING:
    from tests.contract.conftest import MakeServer


def test_a_live_camera_is_available_and_its_bytes_grow(start_server: MakeServer, camera: Camera) -> None:
    server = start_server({"city-1/cam_1.main": {"source": camera.url}})
    item = server.wait_available("city-1/cam_1.main")
    assert item["online"] is True
    assert item["source"] == {"type": "rtspSource", "id": ""}
    assert item["readers"] == []
    assert item["tracks"] == ["H264"]
    (track,) = item["tracks2"]
    assert track["codec"] == "H264"
    assert set(track["codecProps"]) == {"width", "height", "profile", "level"}
    assert (track["codecProps"]["width"], track["codecProps"]["height"]) == (320, 240)
    before = item["inboundBytes"]
    after = wait_for(lambda: now if (now := server.path(item["name"])["inboundBytes"]) > before + 2000 else 0)
    assert after > before
    assert server.path(item["name"])["availableTime"] == item["availableTime"]


def test_a_path_named_by_identifiers_with_slashes_is_one_path(start_server: MakeServer) -> None:
    name = "0b6e2f5c-1d3a-4e5f-8a7b-9c0d1e2f3a4b/7f8e9d0c-1b2a-4c3d-9e8f-0a1b2c3d4e5f"
    server = start_server({name: {}})
    assert server.path(name)["name"] == name
    assert server.api(f"/v3/config/paths/get/{name}").json["name"] == name


def test_a_killed_camera_is_unavailable_at_once_and_returns_by_itself(
    start_server: MakeServer, own_camera: Camera
) -> None:
    server = start_server({"cam": {"source": own_camera.url}})
    first = server.wait_available("cam")
    own_camera.kill()
    dead = wait_for(lambda: item if not (item := server.path("cam"))["available"] else None, 3)
    assert dead["online"] is True
    assert dead["source"] == first["source"]
    assert dead["inboundBytes"] == 0
    own_camera.restart()
    again = server.wait_available("cam", 12)
    assert again["availableTime"] > first["availableTime"]


def test_a_silent_camera_is_unavailable_after_the_read_timeout(start_server: MakeServer, own_camera: Camera) -> None:
    server = start_server({"cam": {"source": own_camera.url}}, readTimeout="2s")
    server.wait_available("cam")
    own_camera.freeze()
    wait_for(lambda: not server.path("cam")["available"], 6)


def test_a_camera_with_password_and_sound_is_pulled(start_server: MakeServer) -> None:
    camera = Camera("--username", "admin", "--password", "p@s:s/ç", "--audio", "aac")
    try:
        url = camera.url.split("@")[-1].removeprefix("rtsp://")
        server = start_server({"cam": {"source": f"rtsp://admin:{quote('p@s:s/ç', safe='')}@{url}"}})
        item = server.wait_available("cam")
        assert sorted(item["tracks"]) == ["H264", "MPEG-4 Audio"]
        assert not server.said("p%40s")
    finally:
        camera.kill()


def test_an_hls_address_is_pulled(start_server: MakeServer, camera: Camera) -> None:
    server = start_server({"cam": {"source": camera.url}})
    server.wait_available("cam")
    door = f"http://{USER}:{PASSWORD}@127.0.0.1:{server.hls_port}"
    server.config["paths"]["again"] = {"source": f"{door}/cam/index.m3u8?cookieCheck=1"}
    server.reload()
    item = server.wait_available("again", 20)
    assert item["source"] == {"type": "hlsSource", "id": ""}
    assert item["tracks2"] == server.path("cam")["tracks2"]
    wait_for(lambda: server.path("again")["inboundBytes"] > item["inboundBytes"])


def test_a_wrong_password_keeps_the_camera_unavailable(start_server: MakeServer) -> None:
    camera = Camera("--username", "admin", "--password", "right")
    try:
        url = camera.url.split("@")[-1].removeprefix("rtsp://")
        server = start_server({"cam": {"source": f"rtsp://admin:wrong@{url}"}})
        wait_for(lambda: any("ERR" in line and "[path cam]" in line for line in server.lines))
        assert not server.path("cam")["available"]
        assert not server.said("wrong@")
    finally:
        camera.kill()
