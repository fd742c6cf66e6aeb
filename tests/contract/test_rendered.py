"""The file vmsd writes, as the server reads it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tests.contract.contract_server import PASSWORD, SECRET, USER, wait_for
from vmsd.mediamtx.config import Desired, DesiredPath, Server, WebRtcServer, render

if TYPE_CHECKING:
    from tests.contract import contract_server
    from tests.contract.conftest import MakeServer

_TEMPLATE = Path(__file__).parents[2] / "mediamtx" / "mediamtx.yml.j2"
_CITY = "0b6e2f5c-1d3a-4e5f-8a7b-9c0d1e2f3a4b"
_PATHS = (
    DesiredPath(f"{_CITY}/pulled", "rtsp://us%40er:p%2Fw:x@127.0.0.1:1/live?a=1&b=%20", record=True),
    DesiredPath(f"{_CITY}/live-only", "rtsp://127.0.0.1:1/live", record=False),
    DesiredPath(f"{_CITY}/pushed", "publisher", record=True, publish_user="cam", publish_key="key"),
)


def _render(
    server: contract_server.Server,
    paths: tuple[DesiredPath, ...],
    *,
    record: bool,
    webrtc: WebRtcServer | None = None,
) -> str:
    settings = Server(
        recordings_dir=server.recordings,
        api_port=server.api_port,
        metrics_port=server.metrics_port,
        hls_port=server.hls_port,
        rtsp_port=server.rtsp_port,
        rtmp_address=f"127.0.0.1:{server.rtmp_port}",
        user=USER,
        password=PASSWORD,
        cdn_secret=SECRET,
        segment_s=1800,
        hls_segment_s=2,
        hls_segments=5,
        webrtc=webrtc,
    )
    return render(_TEMPLATE, Desired(settings, record, list(paths)))


def test_what_vmsd_renders_is_taken_and_told_back(make_server: MakeServer) -> None:
    server = make_server({})
    server.launch_with(_render(server, _PATHS, record=True))
    wait_for(server.answers)
    items = server.api("/v3/config/paths/list").json["items"]
    told = {item["name"]: (item["source"], item["record"]) for item in items}
    assert told == {path.name: (path.source, path.record) for path in _PATHS}
    assert {item["recordSegmentDuration"] for item in items} == {"30m0s"}
    assert {item["recordDeleteAfter"] for item in items} == {""}


def test_the_breaker_in_the_file_stops_every_recording(make_server: MakeServer) -> None:
    server = make_server({})
    server.launch_with(_render(server, _PATHS, record=False))
    wait_for(server.answers)
    items = server.api("/v3/config/paths/list").json["items"]
    assert len(items) == len(_PATHS)
    assert not any(item["record"] for item in items)


def test_a_site_without_cameras_starts(make_server: MakeServer) -> None:
    server = make_server({})
    server.launch_with(_render(server, (), record=True))
    wait_for(server.answers)
    assert server.api("/v3/paths/list").json["itemCount"] == 0


def test_low_latency_gets_the_segments_it_takes(make_server: MakeServer) -> None:
    server = make_server({})
    server.launch_with(_render(server, (), record=True))
    wait_for(server.answers)
    told = server.api("/v3/config/global/get").json
    assert (told["hlsVariant"], told["hlsSegmentCount"], told["hlsPartDuration"]) == ("lowLatency", 7, "200ms")
    assert told["webrtc"] is False


def test_pictures_over_webrtc_are_told_of_one_address_or_of_all(make_server: MakeServer) -> None:
    server = make_server({})
    one = WebRtcServer(server.webrtc_port, "127.0.0.1", server.media_port, hosts=("camera.example", "192.0.2.1"))
    server.launch_with(_render(server, (), record=True, webrtc=one))
    wait_for(server.answers)
    told = server.api("/v3/config/global/get").json
    assert told["webrtcAddress"] == f"127.0.0.1:{server.webrtc_port}"
    assert told["webrtcLocalUDPAddress"] == told["webrtcLocalTCPAddress"] == f"127.0.0.1:{server.media_port}"
    assert (told["webrtcIPsFromInterfaces"], told["webrtcIPsFromInterfacesList"]) == (False, [])
    assert told["webrtcAdditionalHosts"] == ["127.0.0.1", "camera.example", "192.0.2.1"]
    assert told["webrtcAllowOrigins"] == []
    every = WebRtcServer(server.webrtc_port, "", server.media_port, interfaces=("lo",))
    wait_for(lambda: server.age_s > 2, 3)
    server.write_text(_render(server, (), record=True, webrtc=every))
    wait_for(lambda: server.api("/v3/config/global/get").json["webrtcIPsFromInterfaces"])
    told = server.api("/v3/config/global/get").json
    assert told["webrtcLocalUDPAddress"] == f":{server.media_port}"
    assert (told["webrtcIPsFromInterfacesList"], told["webrtcAdditionalHosts"]) == (["lo"], [])
