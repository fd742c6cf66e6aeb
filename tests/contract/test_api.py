"""The control API: who may ask, what it answers, and how it says no."""

from __future__ import annotations

import base64
import hashlib
import re
import uuid
from typing import TYPE_CHECKING

import pytest

from tests.contract.contract_server import BASIC, PASSWORD, USER, request, wait_for

if TYPE_CHECKING:
    from tests.contract.conftest import MakeServer

_STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)")
_DEAD = {"source": "rtsp://127.0.0.1:1/none"}
_IDLE_PATH = {
    "ready": False,
    "readyTime": None,
    "available": False,
    "availableTime": None,
    "tracks": [],
    "tracks2": [],
    "readers": [],
    "inboundBytes": 0,
    "outboundBytes": 0,
    "inboundFramesInError": 0,
    "bytesReceived": 0,
    "bytesSent": 0,
}


def _basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def test_info_tells_version_and_start_and_a_stand_in_says_so(start_server: MakeServer, kind: str) -> None:
    answer = start_server({}).api("/v3/info")
    assert answer.json["version"] == {"standin": "v1.20.1-standin", "real": "v1.20.1"}[kind]
    assert _STAMP.fullmatch(answer.json["started"])
    assert answer.headers["content-type"].startswith("application/json")


def test_the_api_asks_for_credentials_and_refuses_wrong_ones(start_server: MakeServer) -> None:
    server = start_server({})
    asked = server.api("/v3/info", authorization="")
    assert (asked.status, asked.headers["www-authenticate"]) == (401, 'Basic realm="mediamtx"')
    assert asked.json == {"status": "error", "error": "authentication error"}
    refused = server.api("/v3/info", authorization=_basic(USER, "wrong"))
    assert refused.status == 401
    assert "www-authenticate" not in refused.headers
    assert server.api("/v3/info", authorization=f"Bearer {USER}:{PASSWORD}").status == 200


def test_users_are_hashed_limited_to_actions_and_exchanged_live(start_server: MakeServer) -> None:
    digest = base64.b64encode(hashlib.sha256(b"new").digest()).decode()
    server = start_server({})
    server.config["authInternalUsers"] = [
        {"user": "other", "pass": f"sha256:{digest}", "permissions": [{"action": "api"}]},
        {"user": "reader", "pass": "r", "permissions": [{"action": "read"}]},
    ]
    server.reload()
    new = _basic("other", "new")
    wait_for(lambda: server.api("/v3/info", authorization=new).status == 200, 20)
    assert server.api("/v3/info", authorization=_basic("reader", "r")).status == 401


def test_a_publisher_path_without_publisher_is_offline(start_server: MakeServer) -> None:
    item = start_server({"push": {}}).path("push")
    idle = {"name": "push", "confName": "push", "online": False, "onlineTime": None, "source": None}
    assert item == {**_IDLE_PATH, **idle}


def test_a_dead_pulled_camera_is_online_and_not_available(start_server: MakeServer) -> None:
    item = start_server({"dead": _DEAD}).path("dead")
    assert item == {
        **_IDLE_PATH,
        "name": "dead",
        "confName": "dead",
        "online": True,
        "onlineTime": "0001-01-01T00:00:00Z",
        "source": {"type": "rtspSource", "id": ""},
    }


def test_lists_come_in_pages_sorted_by_name(start_server: MakeServer) -> None:
    server = start_server({name: {} for name in ("e", "b/2", "a", "d", "b/1")})
    for url in ("/v3/paths/list", "/v3/config/paths/list"):
        whole = server.api(url).json
        assert (whole["itemCount"], whole["pageCount"]) == (5, 1)
        assert [item["name"] for item in whole["items"]] == ["a", "b/1", "b/2", "d", "e"]
        page = server.api(f"{url}?itemsPerPage=2&page=1").json
        assert (page["itemCount"], page["pageCount"]) == (5, 3)
        assert [item["name"] for item in page["items"]] == ["b/2", "d"]
        assert server.api(f"{url}?itemsPerPage=2&page=9").json["items"] == []


def test_an_empty_list_has_no_pages(start_server: MakeServer) -> None:
    server = start_server({})
    for url in ("/v3/paths/list", "/v3/hlsmuxers/list", "/v3/hlssessions/list"):
        assert server.api(url).json == {"itemCount": 0, "pageCount": 0, "items": []}


@pytest.mark.parametrize("query", ["itemsPerPage=0", "itemsPerPage=x", "page=-1"])
def test_a_bad_page_is_a_bad_request(start_server: MakeServer, query: str) -> None:
    answer = start_server({}).api(f"/v3/paths/list?{query}")
    assert (answer.status, answer.json["status"]) == (400, "error")


def test_what_is_not_there_is_not_found(start_server: MakeServer) -> None:
    server = start_server({})
    assert server.api("/v3/paths/get/nope").json == {"status": "error", "error": "path not found"}
    for url in ("/v3/paths/get/nope", "/v3/config/paths/get/nope", "/v3/nothing", "/v3/hlsmuxers/get/nope"):
        assert server.api(url).status == 404
    assert server.api(f"/v3/hlssessions/kick/{uuid.uuid4()}", "POST").status == 404
    assert server.api("/v3/hlssessions/kick/x", "POST").status == 400


def test_configuration_is_told_merged_with_passwords_redacted(start_server: MakeServer) -> None:
    server = start_server({"dead": {**_DEAD, "record": True}})
    conf = server.api("/v3/config/paths/get/dead").json
    assert (conf["name"], conf["source"], conf["record"]) == ("dead", _DEAD["source"], True)
    assert (conf["recordSegmentDuration"], conf["recordPartDuration"]) == ("30m0s", "1s")
    assert conf["recordDeleteAfter"] == ""
    defaults = server.api("/v3/config/pathdefaults/get").json
    assert (defaults["name"], defaults["source"], defaults["record"]) == ("", "publisher", False)
    assert set(defaults) == set(conf)
    values = server.api("/v3/config/global/get").json
    assert values["authInternalUsers"][0]["pass"] == "<redacted>"
    assert values["hlsSegmentDuration"] == "1s"
    assert "paths" not in values


@pytest.mark.parametrize(
    "patch",
    [{"record": "yes"}, {"nope": 1}, [], {"recordPath": "no codes"}, {"recordSegmentDuration": "soon"}],
)
def test_a_bad_patch_is_refused_and_changes_nothing(start_server: MakeServer, patch: object) -> None:
    server = start_server({"cam": {}})
    before = server.api("/v3/config/pathdefaults/get").json
    answer = server.api("/v3/config/pathdefaults/patch", "PATCH", patch)
    assert (answer.status, answer.json["status"]) == (400, "error")
    assert server.api("/v3/config/pathdefaults/get").json == before


def test_metrics_tell_state_and_bytes_of_each_path(start_server: MakeServer) -> None:
    users = [{"user": USER, "pass": PASSWORD, "permissions": [{"action": "api"}, {"action": "metrics"}]}]
    server = start_server({"city/dead": _DEAD}, metrics=True, authInternalUsers=users)
    assert request(server.metrics_port, "/metrics").status == 401
    answer = request(server.metrics_port, "/metrics", headers={"Authorization": BASIC})
    assert answer.status == 200
    lines = answer.text.splitlines()
    assert 'paths{name="city/dead",state="notReady"} 1' in lines
    assert 'paths_inbound_bytes{name="city/dead",state="notReady"} 0' in lines


def test_a_good_patch_is_answered_ok(start_server: MakeServer) -> None:
    server = start_server({})
    answer = server.api("/v3/config/pathdefaults/patch", "PATCH", {"recordSegmentDuration": "90s"})
    assert (answer.status, answer.json) == (200, {"status": "ok"})
    assert server.api("/v3/config/pathdefaults/get").json["recordSegmentDuration"] == "1m30s"
