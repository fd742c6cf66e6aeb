"""Hot reload of the configuration file: what it touches, what it leaves alone, and what ends the process."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.contract.contract_server import holds_for, wait_for

if TYPE_CHECKING:
    from tests.contract.conftest import MakeServer
    from tests.contract.contract_camera import Camera

_PATCH = "/v3/config/pathdefaults/patch"


def test_a_bad_file_ends_the_running_process_with_0(start_server: MakeServer) -> None:
    server = start_server({})
    wait_for(lambda: server.age_s > 2, 3)
    server.write_text("paths: {a: {nope: 1}}\n")
    assert server.ended() == 0
    assert server.said("nope")


def test_a_path_is_added_and_another_removed_without_a_restart(start_server: MakeServer, camera: Camera) -> None:
    server = start_server({"stays": {"source": camera.url}, "goes": {"source": camera.url}})
    before = server.wait_available("stays")
    server.wait_available("goes")
    started = server.api("/v3/info").json["started"]
    del server.config["paths"]["goes"]
    server.config["paths"]["comes"] = {"source": camera.url}
    server.reload()
    server.wait_available("comes")
    assert server.api("/v3/paths/get/goes").status == 404
    assert server.path("stays")["availableTime"] == before["availableTime"]
    assert server.api("/v3/info").json["started"] == started


def test_the_same_content_again_changes_nothing(start_server: MakeServer, camera: Camera) -> None:
    server = start_server({"cam": {"source": camera.url, "record": True}})
    before = server.wait_available("cam")
    files = server.wait_files("cam", 1)
    server.reload()
    wait_for(lambda: server.said("reloading configuration"))
    assert holds_for(lambda: server.path("cam")["availableTime"] == before["availableTime"], 1)
    assert server.files("cam") == files


def test_recording_is_switched_without_touching_the_camera(start_server: MakeServer, camera: Camera) -> None:
    server = start_server({"cam": {"source": camera.url}})
    before = server.wait_available("cam")
    assert server.files("cam") == []
    server.config["paths"]["cam"]["record"] = True
    server.reload()
    server.wait_files("cam", 1)
    server.config["paths"]["cam"]["record"] = False
    server.reload()
    wait_for(lambda: server.said("recording stopped"))
    assert server.path("cam")["availableTime"] == before["availableTime"]
    assert len(server.files("cam")) == 1


def test_another_key_dials_the_camera_again(start_server: MakeServer, camera: Camera) -> None:
    server = start_server({"cam": {"source": camera.url}})
    before = server.wait_available("cam")
    server.config["paths"]["cam"]["sourceOnDemandStartTimeout"] = "11s"
    server.reload()
    wait_for(lambda: (server.path("cam").get("availableTime") or "") > before["availableTime"])


def test_one_patch_stops_every_recording_and_touches_no_camera(start_server: MakeServer, camera: Camera) -> None:
    names = ("one", "two", "three")
    server = start_server({name: {"source": camera.url} for name in names})
    server.config["pathDefaults"]["record"] = True
    server.reload()
    for name in names:
        server.wait_files(name, 1)
    before = {name: server.path(name)["availableTime"] for name in names}
    assert server.api(_PATCH, "PATCH", {"record": False}).status == 200
    wait_for(lambda: sum("recording stopped" in line for line in server.lines) == len(names), 5)
    assert {name: server.path(name)["availableTime"] for name in names} == before

    def sizes() -> list[int]:
        return [file.stat().st_size for name in names for file in server.files(name)]

    def has_ended() -> bool:
        """The last part is written after the line in the log."""
        last = sizes()
        return holds_for(lambda: sizes() == last, 1.5)

    wait_for(has_ended, 6)
    assert server.api("/v3/config/paths/get/one").json["record"] is False


def test_a_path_that_says_so_itself_is_not_moved_by_a_patch(start_server: MakeServer) -> None:
    server = start_server({"own": {"record": True}, "inherits": {}})
    server.api(_PATCH, "PATCH", {"record": False})
    server.api(_PATCH, "PATCH", {"recordPartDuration": "2s"})
    wait_for(lambda: server.api("/v3/config/paths/get/own").json["recordPartDuration"] == "2s")
    assert server.api("/v3/config/paths/get/own").json["record"] is True
    assert server.api("/v3/config/paths/get/inherits").json["record"] is False


def test_the_next_reload_wipes_a_patch(start_server: MakeServer) -> None:
    server = start_server({"cam": {}})
    server.api(_PATCH, "PATCH", {"record": True})
    assert server.api("/v3/config/paths/get/cam").json["record"] is True
    server.reload()
    wait_for(lambda: server.api("/v3/config/paths/get/cam").json["record"] is False)


def test_a_write_within_a_second_after_a_reload_is_missed(start_server: MakeServer) -> None:
    server = start_server({})
    server.config["paths"] = {"first": {}}
    server.reload()
    wait_for(lambda: server.path("first"))
    server.config["paths"] = {"second": {}}
    server.write()
    assert holds_for(lambda: not server.path("second"), 1.5)
    server.reload()
    wait_for(lambda: server.path("second"))


def test_a_change_of_hls_keys_leaves_cameras_and_recordings_alone(start_server: MakeServer, camera: Camera) -> None:
    server = start_server({"cam": {"source": camera.url, "record": True}})
    before = server.wait_available("cam")
    server.wait_files("cam", 1)
    server.config["hlsSegmentCount"] = 4
    server.reload()
    wait_for(lambda: server.api("/v3/config/global/get").json["hlsSegmentCount"] == 4)
    wait_for(lambda: server.api("/v3/hlsmuxers/list").json["itemCount"] == 1)
    assert server.path("cam")["availableTime"] == before["availableTime"]
    assert not server.said("recording stopped")
