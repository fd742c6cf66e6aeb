"""WebRTC: how an offer is answered, and how a session ends. The stand-in does not speak it."""

from __future__ import annotations

import re
import uuid
from typing import TYPE_CHECKING, Any

import pytest

from tests.contract.contract_offer import CANDIDATE, TRICKLE, offer
from tests.contract.contract_server import BASIC, request, wait_for

if TYPE_CHECKING:
    from tests.contract.conftest import MakeServer
    from tests.contract.contract_camera import Camera
    from tests.contract.contract_server import Answer, Server

_NAME = "0b6e2f5c-city/7f8e9d0c-camera"
_DARK = "0b6e2f5c-city/dark"
_UUID = "[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
_VP8 = ("a=rtpmap:102 VP8/90000",)
FRAGMENT = "application/trickle-ice-sdpfrag"


@pytest.fixture
def server(kind: str, make_server: MakeServer, camera: Camera) -> Server:
    if kind == "standin":
        pytest.skip("the stand-in does not speak WebRTC")
    server = make_server({_NAME: {"source": camera.url}, _DARK: {"source": "rtsp://127.0.0.1:1/none"}})
    media = f"127.0.0.1:{server.media_port}"
    server.config |= {"webrtc": True, "webrtcLocalUDPAddress": media, "webrtcLocalTCPAddress": media}
    server.config |= {"webrtcIPsFromInterfaces": False, "webrtcAdditionalHosts": ["127.0.0.1"]}
    server.start()
    server.wait_available(_NAME)
    return server


def _ask(server: Server, method: str, where: str, body: bytes = b"", **headers: str) -> Answer:
    sent = {"Authorization": BASIC} | {name.replace("_", "-"): value for name, value in headers.items()}
    return request(server.webrtc_port, where, method, body=body, headers=sent)


def _offer(server: Server, name: str = _NAME, body: bytes | None = None, media: str = "application/sdp") -> Answer:
    return _ask(server, "POST", f"/{name}/whep", offer() if body is None else body, Content_Type=media)


def _sessions(server: Server) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = server.api("/v3/webrtcsessions/list").json["items"]
    return items


def test_an_offer_is_answered_with_addresses_and_a_session(server: Server) -> None:
    answer = _offer(server)
    assert (answer.status, answer.headers["content-type"]) == (201, "application/sdp")
    assert re.fullmatch(f"/{_NAME}/whep/{_UUID}", answer.headers["location"])
    assert answer.headers["etag"] == "*"
    assert answer.headers["accept-patch"] == FRAGMENT
    assert "link" not in answer.headers
    for transport in ("udp", "tcp"):
        assert re.search(rf"a=candidate:\d+ 1 {transport} \d+ 127.0.0.1 {server.media_port} typ host", answer.text)
    assert "H264/90000" in answer.text
    (session,) = _sessions(server)
    told = {key: session[key] for key in ("id", "state", "path", "query", "user")}
    assert told == {"id": answer.headers["id"], "state": "read", "path": _NAME, "query": "", "user": "vmsd"}
    assert answer.headers["id"] not in answer.headers["location"]
    assert {"type": "webRTCSession", "id": session["id"]} in server.path(_NAME)["readers"]


def test_candidates_are_taken_and_new_credentials_begin_anew(server: Server) -> None:
    where = _offer(server).headers["location"]

    def patch(text: str) -> Answer:
        return _ask(server, "PATCH", where, text.encode(), Content_Type=FRAGMENT, If_Match="*")

    taken = patch(TRICKLE + CANDIDATE)
    assert (taken.status, taken.body) == (204, b"")
    anew = patch(TRICKLE.replace("abcd", "efgh") + CANDIDATE)
    assert (anew.status, anew.headers["content-type"]) == (200, FRAGMENT)
    assert anew.headers["etag"].startswith('"')
    assert "a=ice-ufrag:" in anew.text
    assert patch("garbage").status == 400
    assert patch(TRICKLE + "a=candidate:nonsense\r\n").status == 500


def test_a_session_ends_by_delete_or_by_a_kick_and_is_gone_at_once(server: Server) -> None:
    first, second = _offer(server), _offer(server)
    assert len(_sessions(server)) == 2
    assert _ask(server, "DELETE", first.headers["location"]).status == 200
    assert [session["id"] for session in _sessions(server)] == [second.headers["id"]]
    kicked = server.api(f"/v3/webrtcsessions/kick/{second.headers['id']}", "POST")
    assert (kicked.status, kicked.json) == (200, {"status": "ok"})
    assert _sessions(server) == []
    for answer in (first, second):
        assert _ask(server, "DELETE", answer.headers["location"]).status == 404
        trickle = _ask(server, "PATCH", answer.headers["location"], TRICKLE.encode(), Content_Type=FRAGMENT)
        assert trickle.json == {"status": "error", "error": "session not found"}
    assert server.api(f"/v3/webrtcsessions/kick/{uuid.uuid4()}", "POST").status == 404


def test_a_dark_camera_is_404_and_an_unknown_path_400(server: Server) -> None:
    dark, unknown = _offer(server, _DARK), _offer(server, "nowhere")
    assert (dark.status, dark.json["error"]) == (404, f"no stream is available on path '{_DARK}'")
    assert (unknown.status, unknown.json["error"]) == (400, "path 'nowhere' is not configured")
    assert _sessions(server) == []


def test_an_offer_that_cannot_be_answered_is_400(server: Server) -> None:
    assert _offer(server, body=b"garbage").status == 400
    assert _offer(server, body=b"").status == 400
    assert _offer(server, media="text/plain").status == 400
    assert _offer(server, body=offer(_VP8)).json["error"] == "codecs not supported by client"
    assert _sessions(server) == []


def test_nobody_watches_without_credentials(server: Server) -> None:
    answer = request(
        server.webrtc_port, f"/{_NAME}/whep", "POST", body=offer(), headers={"Content-Type": "application/sdp"}
    )
    assert (answer.status, answer.headers["www-authenticate"]) == (401, 'Basic realm="mediamtx"')
    assert _ask(server, "GET", f"/{_NAME}/whep").status == 405


def test_a_session_that_nobody_connects_to_is_given_up(server: Server) -> None:
    _offer(server)
    wait_for(lambda: _sessions(server) == [], 15, "the handshake is given up")


def test_the_sessions_of_a_camera_end_with_its_stream(kind: str, make_server: MakeServer, own_camera: Camera) -> None:
    if kind == "standin":
        pytest.skip("the stand-in does not speak WebRTC")
    server = make_server({_NAME: {"source": own_camera.url}}, webrtc=True)
    server.config |= {"webrtcLocalUDPAddress": f"127.0.0.1:{server.media_port}"}
    server.start()
    server.wait_available(_NAME)
    assert _offer(server).status == 201
    own_camera.kill()
    wait_for(lambda: _sessions(server) == [], 10, "the session ends")


def test_without_webrtc_nothing_listens_and_the_list_is_not_there(make_server: MakeServer) -> None:
    server = make_server({})
    server.start()
    assert server.api("/v3/webrtcsessions/list").status == 404
    with pytest.raises(OSError, match="refused"):
        _offer(server)
