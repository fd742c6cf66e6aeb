"""Live: the CDN secret and sessions before, playlists and segments behind."""

from __future__ import annotations

import io
import re
import time
from typing import TYPE_CHECKING

import av

from tests.contract.contract_server import BASIC, CDN, holds_for, wait_for

if TYPE_CHECKING:
    from tests.contract.conftest import MakeServer
    from tests.contract.contract_camera import Camera
    from tests.contract.contract_server import Server

_NAME = "0b6e2f5c-city/7f8e9d0c-camera"
_INIT = re.compile(r'#EXT-X-MAP:URI="([0-9a-f]{12}_video1_init\.mp4)"')
_SEGMENT = re.compile(r"^[0-9a-f]{12}_video1_seg\d+\.mp4$", re.MULTILINE)


def _playlist(server: Server) -> str:
    """The muxer comes a moment after the path is available; until then it is said to be waited for, with 500."""
    wait_for(lambda: server.hls(f"/{_NAME}/index.m3u8", CDN).status == 200, what="a playlist")
    answer = server.hls(f"/{_NAME}/video1_stream.m3u8", CDN)
    assert answer.status == 200
    return answer.text


def test_the_secret_opens_playlists_and_segments(start_server: MakeServer, camera: Camera) -> None:
    server = start_server({_NAME: {"source": camera.url}})
    server.wait_available(_NAME)
    index = server.hls(f"/{_NAME}/index.m3u8", CDN)
    assert index.headers["cache-control"] == "public, max-age=30"
    assert index.headers["content-type"] == "application/vnd.apple.mpegurl"
    lines = index.text.splitlines()
    assert lines[:3] == ["#EXTM3U", "#EXT-X-VERSION:10", "#EXT-X-INDEPENDENT-SEGMENTS"]
    assert lines[-1] == "video1_stream.m3u8"
    for piece in (
        "BANDWIDTH=",
        "AVERAGE-BANDWIDTH=",
        'CODECS="avc1.',
        "RESOLUTION=320x240",
        "FRAME-RATE=10.000",
    ):
        assert piece in lines[-2]
    text = _playlist(server)
    head = server.hls(f"/{_NAME}/{_INIT.findall(text)[0]}", CDN)
    body = server.hls(f"/{_NAME}/{_SEGMENT.findall(text)[-1]}", CDN)
    for answer in (head, body):
        assert (answer.status, answer.headers["cache-control"]) == (200, "public, max-age=3600")
        assert answer.headers["content-type"] == "video/mp4"
    with av.open(io.BytesIO(head.body + body.body)) as container:
        frames = list(container.decode(video=0))
    assert len(frames) >= 10
    assert frames[0].key_frame


def test_the_media_playlist_is_a_sliding_window_with_dates(start_server: MakeServer, camera: Camera) -> None:
    server = start_server({_NAME: {"source": camera.url}})
    server.wait_available(_NAME)
    text = wait_for(lambda: seen if "SEQUENCE:0" not in (seen := _playlist(server)) else "")
    assert len(_SEGMENT.findall(text)) == 3
    assert len(re.findall(r"^#EXT-X-PROGRAM-DATE-TIME:\S+Z$", text, re.MULTILINE)) == 2
    assert "#EXT-X-TARGETDURATION:1\n" in text
    assert len(re.findall(r"^#EXTINF:1\.\d{5},$", text, re.MULTILINE)) == 3
    first = _SEGMENT.findall(text)[0]
    (number,) = re.findall(r"SEQUENCE:(\d+)", text)
    assert first.endswith(f"_seg{number}.mp4")
    wait_for(lambda: first not in _playlist(server))
    assert server.hls(f"/{_NAME}/{first}", CDN).status == 404
    age = server.hls(f"/{_NAME}/video1_stream.m3u8", CDN).headers["cache-control"]
    assert age == "public, max-age=1"


def test_children_are_refused_until_the_index_was_fetched(start_server: MakeServer, camera: Camera) -> None:
    server = start_server({_NAME: {"source": camera.url}})
    server.wait_available(_NAME)
    refused = server.hls(f"/{_NAME}/video1_stream.m3u8", CDN)
    assert (refused.status, refused.json["error"]) == (401, "authentication error")
    assert "www-authenticate" not in refused.headers
    server.hls(f"/{_NAME}/index.m3u8", CDN)
    assert server.hls(f"/{_NAME}/video1_stream.m3u8", CDN).status == 200


def test_an_idle_session_ends_after_30_seconds(start_server: MakeServer, camera: Camera) -> None:
    server = start_server({_NAME: {"source": camera.url}})
    server.wait_available(_NAME)
    _playlist(server)
    idle_since = time.monotonic()
    wait_for(lambda: server.api("/v3/hlssessions/list").json["itemCount"] == 0, 45)
    assert time.monotonic() - idle_since > 25
    assert server.hls(f"/{_NAME}/video1_stream.m3u8", CDN).status == 401
    assert _playlist(server)


def test_one_session_serves_all_requests_with_the_secret(start_server: MakeServer, camera: Camera) -> None:
    server = start_server({_NAME: {"source": camera.url}})
    server.wait_available(_NAME)
    for _ in range(3):
        _playlist(server)
    (session,) = server.api("/v3/hlssessions/list").json["items"]
    assert (session["path"], session["isCDN"], session["user"]) == (_NAME, True, "")
    assert session["outboundBytes"] > 0
    assert server.path(_NAME)["readers"] == [{"type": "hlsSession", "id": session["id"]}]
    (muxer,) = server.api("/v3/hlsmuxers/list").json["items"]
    assert muxer["path"] == _NAME
    assert server.api(f"/v3/hlssessions/kick/{session['id']}", "POST").json == {"status": "ok"}
    assert server.path(_NAME)["readers"] == []
    assert server.hls(f"/{_NAME}/video1_stream.m3u8", CDN).status == 401


def test_a_viewer_without_the_secret_gets_a_session_of_its_own(start_server: MakeServer, camera: Camera) -> None:
    server = start_server({_NAME: {"source": camera.url}})
    server.wait_available(_NAME)
    sent = server.hls(f"/{_NAME}/index.m3u8")
    assert (sent.status, sent.headers["location"]) == (302, f"/{_NAME}/index.m3u8?cookieCheck=1")
    assert server.hls(sent.headers["location"]).status == 401
    index = server.hls(sent.headers["location"], {"Authorization": BASIC})
    assert (index.status, index.headers["cache-control"]) == (200, "private, no-cache")
    child = index.text.splitlines()[-1]
    assert child.startswith("video1_stream.m3u8?session=")
    media = server.hls(f"/{_NAME}/{child}")
    assert (media.status, media.headers["cache-control"]) == (200, "private, no-cache")
    assert server.hls(f"/{_NAME}/video1_stream.m3u8").status == 401
    cookie = {"Authorization": BASIC, "Cookie": "cookieCheck=1"}
    assert server.hls(sent.headers["location"], cookie).headers["set-cookie"].startswith("hlsSession=")


def test_a_wrong_secret_is_no_secret(start_server: MakeServer, camera: Camera) -> None:
    server = start_server({_NAME: {"source": camera.url}})
    server.wait_available(_NAME)
    assert server.hls(f"/{_NAME}/index.m3u8", {"Authorization": "Bearer wrong"}).status == 302


def test_absent_streams_say_why(start_server: MakeServer) -> None:
    server = start_server({"dead": {"source": "rtsp://127.0.0.1:1/x"}, "push": {}})
    for name in ("dead", "push"):
        answer = server.hls(f"/{name}/index.m3u8", CDN)
        assert answer.status == 404
        assert answer.json == {"status": "error", "error": f"no stream is available on path '{name}'"}
    unknown = server.hls("/nope/index.m3u8", CDN)
    assert (unknown.status, unknown.json["error"]) == (500, "path 'nope' is not configured")
    assert server.hls("/dead/video1_stream.m3u8", CDN).status == 401
    assert server.hls("/dead/index.m3u8", CDN, method="HEAD").status == 404


def test_a_returned_camera_has_new_segment_names(start_server: MakeServer, own_camera: Camera) -> None:
    server = start_server({_NAME: {"source": own_camera.url}})
    server.wait_available(_NAME)
    before = _INIT.findall(_playlist(server))
    own_camera.kill()
    wait_for(lambda: server.hls(f"/{_NAME}/index.m3u8", CDN).status == 404)
    assert server.hls(f"/{_NAME}/video1_stream.m3u8", CDN).status == 401
    own_camera.restart()
    server.wait_available(_NAME, 12)
    assert _INIT.findall(_playlist(server)) != before


def test_an_unknown_file_of_a_live_session_is_not_found(start_server: MakeServer, camera: Camera) -> None:
    server = start_server({_NAME: {"source": camera.url}})
    server.wait_available(_NAME)
    _playlist(server)
    assert server.hls(f"/{_NAME}/0123456789ab_video1_seg0.mp4", CDN).status == 404


def test_a_query_is_copied_into_the_playlist_without_hls_words(start_server: MakeServer, camera: Camera) -> None:
    server = start_server({_NAME: {"source": camera.url}})
    server.wait_available(_NAME)
    _playlist(server)
    text = server.hls(f"/{_NAME}/video1_stream.m3u8?a=1&_HLS_msn=1", CDN).text
    assert "_init.mp4?a=1" in text
    assert "_HLS_" not in text


def test_an_on_demand_camera_is_dialled_for_a_viewer_and_let_go_after(start_server: MakeServer, camera: Camera) -> None:
    on_demand = {"source": camera.url, "sourceOnDemand": True, "sourceOnDemandCloseAfter": "1s"}
    server = start_server({_NAME: on_demand}, hlsMuxerCloseAfter="5s")
    assert holds_for(lambda: not server.path(_NAME)["available"], 1)
    assert server.hls(f"/{_NAME}/index.m3u8", CDN).status == 200
    assert server.path(_NAME)["available"]
    wait_for(lambda: not server.path(_NAME)["available"], 20)
