"""The installer's routes: found, examined, added, set by the box's clock, found again, imported from a file."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.onvif import OnvifDevice, OnvifNetwork, onvif_network
from tests.support.site import Site
from tests.unit.api.conftest import Town, make_town
from tests.unit.api.served import serve
from vmsd.config import load_settings

API = "/api/v1"
PASSWORD = "segredo-da-câmera"
LOGIN = {"username": "admin", "password": PASSWORD}
SERIAL_OF_ANOTHER = "SN-9999"


@pytest.fixture
async def net() -> AsyncIterator[OnvifNetwork]:
    async with onvif_network() as net:
        yield net


@pytest.fixture
async def town(tmp_path: Path, net: OnvifNetwork) -> AsyncIterator[Town]:
    async with serve(tmp_path, cameras=net.rules) as served:
        served.base.keeper.begin(None)
        yield await make_town(served)


async def added(town: Town, device: OnvifDevice, **more: Any) -> str:
    """As the page does it: the camera, then who it is."""
    url = f"rtsp://{device.host}:{device.rtsp_port}"
    body = {"name": device.name, "source_url": f"{url}/live", "sub_source_url": f"{url}/sub", **LOGIN, **more}
    camera = (await town.ask("POST", f"{API}/cameras", body, who=town.gestor)).body
    asked = await town.ask("POST", f"{API}/cameras/{camera['id']}/device", {"service_url": device.url}, who=town.gestor)
    assert asked.status == 200, asked.raw
    return str(camera["id"])


async def actions(town: Town, beginning: str) -> list[tuple[str, dict[str, Any]]]:
    rows = (await town.ask("GET", f"{API}/audit?action={beginning}", who=town.gestor)).body["items"]
    return [(row["action"], row["facts"]) for row in reversed(rows)]


async def test_no_test_asks_the_machine_s_own_networks(tmp_path: Path) -> None:
    async with serve(tmp_path) as served:
        town = await make_town(served)
        found = (await town.ask("POST", f"{API}/discovery", who=town.root, city=town.here)).body
    assert {one["interface"] for one in found["networks"]} == {"lo"}
    site = Site(tmp_path)
    site.write_config()
    assert load_settings(site.config).cameras.interfaces == ("lo",)


async def test_a_device_is_found_examined_and_becomes_a_camera_that_says_who_it_is(
    town: Town, net: OnvifNetwork
) -> None:
    device = await net.add(OnvifDevice(login=("admin", PASSWORD), clock_ahead_s=95))
    found = (await town.ask("POST", f"{API}/discovery", who=town.root, city=town.here)).body
    (one,) = found["items"]
    assert (one["address"], one["service_url"], one["cameras"]) == (device.host, device.url, [])
    assert found["networks"][0]["interface"] == "lo"
    body = {"address": one["service_url"], **LOGIN}
    said = (await town.ask("POST", f"{API}/discovery/inspect", body, who=town.gestor)).body
    assert said["main"]["url"] == "rtsp://127.0.0.2:554/live"
    assert (said["serial"], said["mac"], said["model"]) == ("SN-0001", "02:00:5e:00:00:01", "CS-2")
    picture = await town.ask("POST", f"{API}/discovery/picture", body, who=town.gestor)
    assert (picture.content_type, picture.raw[:3]) == ("image/jpeg", b"\xff\xd8\xff")
    camera_id = await added(town, device)
    (listed,) = (await town.ask("GET", f"{API}/devices", who=town.gestor)).body["items"]
    assert (listed["camera_id"], listed["serial"], listed["manufacturer"]) == (camera_id, "SN-0001", "Câmeras do Sul")
    alone = (await town.ask("GET", f"{API}/cameras/{camera_id}/device", who=town.gestor)).body
    assert alone == {name: value for name, value in listed.items() if name in alone}
    (again,) = (await town.ask("POST", f"{API}/discovery", who=town.root, city=town.here)).body["items"]
    assert [camera["id"] for camera in again["cameras"]] == [camera_id]
    assert PASSWORD.encode() not in b"".join(device.heard)


async def test_the_network_is_the_superadmin_s_and_a_camera_its_own_city_s(town: Town, net: OnvifNetwork) -> None:
    device = await net.add(OnvifDevice(login=("admin", PASSWORD)))
    camera_id = await added(town, device)
    for who in (town.gestor, town.guard, town.other):
        assert (await town.ask("POST", f"{API}/discovery", who=who)).status == 403
    assert (await town.ask("GET", f"{API}/devices", who=town.other)).body["items"] == []
    assert (await town.ask("GET", f"{API}/devices", who=town.guard)).status == 403
    assert (await town.ask("GET", f"{API}/cameras/{camera_id}/device", who=town.guard)).status == 200
    assert (await town.ask("GET", f"{API}/cameras/{camera_id}/device", who=town.other)).status == 404
    for path, body in (("device", {}), ("clock", {}), ("move", {"address": "127.0.0.5"})):
        assert (await town.ask("POST", f"{API}/cameras/{camera_id}/{path}", body, who=town.other)).status == 404
        assert (await town.ask("POST", f"{API}/cameras/{camera_id}/{path}", body, who=town.guard)).status == 403
    (seen,) = (await town.ask("POST", f"{API}/discovery", who=town.root, city=town.there)).body["items"]
    assert seen["cameras"] == []
    await net.move(device, "127.0.0.5")
    assert (await town.ask("POST", f"{API}/cameras/find-moved", who=town.other)).body["items"] == []


async def test_a_camera_s_clock_is_set_and_one_with_a_time_server_only_by_force(town: Town, net: OnvifNetwork) -> None:
    device = await net.add(OnvifDevice(login=("admin", PASSWORD), by_ntp=True))
    camera_id = await added(town, device)
    refused = await town.ask("POST", f"{API}/cameras/{camera_id}/clock", who=town.gestor)
    assert refused.status == 409
    done = (await town.ask("POST", f"{API}/cameras/{camera_id}/clock", {"force": True}, who=town.gestor)).body
    assert abs(done["before"]) > 1000, "the hand clock of these tests stands still at another time"
    assert abs(done["after"]) < 5
    ((_, facts),) = await actions(town, "camera.clock_set")
    assert facts == {"name": "Portaria", "before_ms": done["before"] * 1000, "after_ms": done["after"] * 1000}
    listed = (await town.ask("GET", f"{API}/cameras/{camera_id}/device", who=town.gestor)).body
    assert listed["clock_offset"] == done["after"]


async def test_a_box_that_does_not_trust_its_own_clock_sets_no_other(town: Town, net: OnvifNetwork) -> None:
    device = await net.add(OnvifDevice(login=("admin", PASSWORD)))
    camera_id = await added(town, device)
    town.served.clock.wall += 2 * 86_400_000
    refused = await town.ask("POST", f"{API}/cameras/{camera_id}/clock", {"force": True}, who=town.gestor)
    assert (refused.status, refused.body["cause"]) == (403, "clock_untrusted")
    assert "SetSystemDateAndTime" not in device.asked


async def test_people_are_told_of_a_clock_that_is_wrong(town: Town, net: OnvifNetwork) -> None:
    device = await net.add(OnvifDevice(login=("admin", PASSWORD)))
    camera_id = await added(town, device)
    (notice,) = (await town.ask("GET", f"{API}/notices", who=town.gestor)).body["items"]
    assert (notice["code"], notice["facts"]) == ("camera_clocks", {"cameras": 1, "names": ["Portaria"]})
    assert (await town.ask("GET", f"{API}/notices", who=town.guard)).body["items"] == []
    await town.ask("POST", f"{API}/cameras/{camera_id}/clock", who=town.gestor)
    assert (await town.ask("GET", f"{API}/notices", who=town.gestor)).body["items"] == []


async def test_a_camera_that_has_moved_is_found_and_followed_with_its_password(town: Town, net: OnvifNetwork) -> None:
    device = await net.add(OnvifDevice(login=("admin", PASSWORD)))
    camera_id = await added(town, device)
    assert (await town.ask("POST", f"{API}/cameras/find-moved", who=town.gestor)).body["items"] == []
    await net.move(device, "127.0.0.5")
    (move,) = (await town.ask("POST", f"{API}/cameras/find-moved", who=town.gestor)).body["items"]
    assert move["camera_id"] == camera_id
    assert (move["old_address"], move["address"], move["confirmed"]) == ("127.0.0.2", "127.0.0.5", True)
    assert "endpoint" in move["by"]
    path = f"{API}/cameras/{camera_id}/move"
    assert (await town.ask("POST", path, {"address": "127.0.0.6"}, who=town.gestor)).status == 409
    assert (await town.ask("POST", path, {"address": "127.0.0.5"}, who=town.gestor)).status == 200
    camera = (await town.ask("GET", f"{API}/cameras/{camera_id}", who=town.gestor)).body
    assert camera["source_url"] == f"rtsp://127.0.0.5:{device.rtsp_port}/live"
    assert camera["sub_source_url"] == f"rtsp://127.0.0.5:{device.rtsp_port}/sub"
    assert camera["username"] == "admin"
    ((_, facts),) = await actions(town, "camera.moved")
    assert facts | {"by": []} == {"name": "Portaria", "from": "127.0.0.2", "to": "127.0.0.5", "by": []}
    device.heard.clear()
    asked = await town.ask("POST", f"{API}/cameras/{camera_id}/device", who=town.gestor)
    assert (asked.status, asked.body["serial"]) == (200, "SN-0001"), "its password went with it"
    assert (await town.ask("POST", f"{API}/cameras/find-moved", who=town.gestor)).body["items"] == []


async def test_a_camera_known_by_its_serial_number_alone_is_found_where_it_is_said_openly(
    town: Town, net: OnvifNetwork
) -> None:
    device = await net.add(OnvifDevice(login=None))
    await added(town, device)
    await net.move(device, "127.0.0.5")
    device.endpoint = "0" * 32
    (move,) = (await town.ask("POST", f"{API}/cameras/find-moved", who=town.gestor)).body["items"]
    assert (move["by"], move["confirmed"]) == (["serial"], True)


async def test_who_only_looks_like_the_camera_is_not_followed(town: Town, net: OnvifNetwork) -> None:
    """The same name on the network, but another serial number, or one that does not know the password."""
    device = await net.add(OnvifDevice(login=("admin", PASSWORD)))
    camera_id = await added(town, device)
    await net.move(device, "127.0.0.5")
    for lie in ({"serial": SERIAL_OF_ANOTHER}, {"login": ("admin", "outra")}):
        before = {name: getattr(device, name) for name in lie}
        vars(device).update(lie)
        (move,) = (await town.ask("POST", f"{API}/cameras/find-moved", who=town.gestor)).body["items"]
        assert not move["confirmed"]
        followed = await town.ask("POST", f"{API}/cameras/{camera_id}/move", {"address": "127.0.0.5"}, who=town.gestor)
        assert followed.status == 409
        vars(device).update(before)
    await net.add(OnvifDevice(host="127.0.0.6", login=("admin", PASSWORD)))
    both = (await town.ask("POST", f"{API}/cameras/find-moved", who=town.gestor)).body["items"]
    assert both == [], "two that claim to be the same one are not proposed"
    assert PASSWORD.encode() not in b"".join(device.heard)


async def test_an_impostor_without_any_sign_gets_no_proof_of_the_password(town: Town, net: OnvifNetwork) -> None:
    device = await net.add(OnvifDevice(login=("admin", PASSWORD)))
    await added(town, device)
    await net.remove(device)
    thief = await net.add(OnvifDevice(host="127.0.0.7", serial=SERIAL_OF_ANOTHER, endpoint="9" * 32))
    assert (await town.ask("POST", f"{API}/cameras/find-moved", who=town.gestor)).body["items"] == []
    assert b"UsernameToken" not in b"".join(thief.heard)


async def test_the_camera_s_password_is_proved_at_the_camera_s_address_alone(town: Town, net: OnvifNetwork) -> None:
    device, other = await net.add(OnvifDevice(login=("admin", PASSWORD))), await net.add(OnvifDevice(host="127.0.0.3"))
    camera_id = await added(town, device)
    asked = await town.ask("POST", f"{API}/cameras/{camera_id}/device", {"service_url": other.url}, who=town.gestor)
    assert (asked.status, asked.pointers) == (422, {"/service_url"})
    assert other.asked == []


async def test_another_device_at_the_address_is_accepted_by_a_person_and_written_down(
    town: Town, net: OnvifNetwork
) -> None:
    device = await net.add(OnvifDevice(login=("admin", PASSWORD)))
    camera_id = await added(town, device)
    device.serial = SERIAL_OF_ANOTHER
    devices = town.served.daemon._open_devices(town.here)
    camera = next(one for one in await town.served.base.cameras(town.here).list() if one.public_id == camera_id)
    assert (await devices.look(camera)).stranger == SERIAL_OF_ANOTHER
    path = f"{API}/cameras/{camera_id}/device"
    seen = (await town.ask("GET", path, who=town.gestor)).body
    assert (seen["serial"], seen["stranger"]) == ("SN-0001", SERIAL_OF_ANOTHER)
    notices = (await town.ask("GET", f"{API}/notices", who=town.gestor)).body["items"]
    assert "camera_strangers" in {one["code"] for one in notices}
    accepted = (await town.ask("POST", path, who=town.gestor)).body
    assert (accepted["serial"], accepted["stranger"]) == (SERIAL_OF_ANOTHER, None)
    assert await actions(town, "camera.replaced") == [
        ("camera.replaced", {"name": "Portaria", "from": "SN-0001", "to": SERIAL_OF_ANOTHER})
    ]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"address": "169.254.169.254"}, "/address"),
        ({"address": "127.0.0.2", "username": "admin"}, "/password"),
        ({"address": "127.0.0.2", "password": "x"}, "/username"),
        ({"address": ""}, "/address"),
        ({"address": "127.0.0.2", "port": 80}, "/port"),
    ],
)
async def test_what_cannot_be_examined_is_refused_at_its_field(town: Town, body: dict[str, Any], pointer: str) -> None:
    answer = await town.ask("POST", f"{API}/discovery/inspect", body, who=town.gestor)
    assert (answer.status, answer.pointers) == (422, {pointer})


async def test_a_device_that_does_not_answer_has_a_cause(town: Town) -> None:
    answer = await town.ask("POST", f"{API}/discovery/inspect", {"address": "127.0.0.2:1"}, who=town.gestor)
    assert (answer.status, answer.body["cause"]) == (422, "port_closed")


async def test_a_table_is_read_as_a_spreadsheet_in_portuguese_writes_it(town: Town) -> None:
    table = "Name;source_url;audio;lat;lon;\r\nPátio;rtsp://127.0.0.2/a ;VERDADEIRO;-23,5505;-46,6333;;\r\n;;;;;\r\n"
    path, text = f"{API}/cameras/import/file?format=csv", {"Content_Type": "text/plain"}
    for raw in (table.encode("utf-8-sig"), table.encode("cp1252"), table.replace(";", "\t").encode()):
        done = await town.ask("POST", path, raw=raw, who=town.gestor, **text)
        assert (done.status, done.body["added"], done.body["refused"]) == (201, 1, 0), done.raw
    cameras = (await town.ask("GET", f"{API}/cameras", who=town.gestor)).body["items"]
    assert [(one["name"], one["audio"]) for one in cameras] == [("Pátio", True)] * 3
    assert cameras[0]["location"] == {"lat": -23.5505, "lon": -46.6333}


async def test_a_service_url_that_is_none_is_refused_at_its_field(town: Town, net: OnvifNetwork) -> None:
    camera_id = await added(town, await net.add(OnvifDevice(login=("admin", PASSWORD))))
    for url in ("http://[x", "x", "ftp://127.0.0.2/", "http://127.0.0.2:0/"):
        asked = await town.ask("POST", f"{API}/cameras/{camera_id}/device", {"service_url": url}, who=town.gestor)
        assert (asked.status, asked.pointers) == (422, {"/service_url"}), url


async def test_a_clock_that_was_set_is_written_down_even_when_the_camera_starts_anew(
    town: Town, net: OnvifNetwork
) -> None:
    device = await net.add(OnvifDevice(login=("admin", PASSWORD)))
    camera_id = await added(town, device)
    truth = device._set_system_date_and_time

    def set_and_gone(body: str) -> str:
        device.lies["*"] = b"starting"
        return truth(body)

    device._set_system_date_and_time = set_and_gone  # type: ignore[method-assign]
    done = await town.ask("POST", f"{API}/cameras/{camera_id}/clock", who=town.gestor)
    assert (done.status, done.body["after"]) == (200, None)
    ((_, facts),) = await actions(town, "camera.clock_set")
    assert facts["after_ms"] is None


async def test_a_file_is_checked_row_by_row_and_then_added(town: Town) -> None:
    table = "name;source_url;group;lat;lon\nPátio;rtsp://127.0.0.2/live;Praça;-23,5;1\nCalçada;rtsp://127.0.0.2/b;;;\n;rtsp://x/;;;\n;;;;\n"
    path, text = f"{API}/cameras/import/file?format=csv", {"Content_Type": "text/plain"}
    checked = await town.ask("POST", f"{path}&dry_run=true", raw=table.encode("cp1252"), who=town.gestor, **text)
    assert (checked.status, checked.body["added"], checked.body["refused"]) == (200, 0, 1)
    assert [one["name"] for one in checked.body["items"]] == ["Pátio", "Calçada", None]
    assert (await town.ask("GET", f"{API}/cameras", who=town.gestor)).body["items"] == []
    done = await town.ask("POST", path, raw=table.encode(), who=town.gestor, **text)
    assert (done.body["added"], done.body["refused"]) == (2, 1)
    toml = b'[[camera]]\nname = "Torre"\nsource_url = "rtsp://127.0.0.2/c"\n'
    done = await town.ask("POST", f"{API}/cameras/import/file?format=toml", raw=toml, who=town.gestor, **text)
    assert (done.status, done.body["added"]) == (201, 1)
    for raw, status in ((b"", 400), (b"\0\1", 400), (b"name\nx,y\n", 400)):
        assert (await town.ask("POST", path, raw=raw, who=town.gestor, **text)).status == status
    assert (await town.ask("POST", path, raw=b"{}", who=town.gestor)).status == 415
    assert (await town.ask("POST", f"{API}/cameras/import/file", raw=b"x", who=town.gestor, **text)).status == 422
