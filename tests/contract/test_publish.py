"""Cameras that push over RTMP, each with a key of its own."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from tests.contract import contract_pusher
from tests.contract.contract_boxes import Segment
from tests.contract.contract_pusher import Pusher
from tests.contract.contract_server import BASIC, CDN, PASSWORD, USER, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.contract.conftest import MakeServer
    from tests.contract.contract_server import Server

_NAME = "city/push"
_USERS = [
    {"user": USER, "pass": PASSWORD, "permissions": [{"action": "api"}, {"action": "read"}]},
    {"user": "cam", "pass": "key", "permissions": [{"action": "publish", "path": _NAME}]},
]


@pytest.fixture
def server(start_server: MakeServer) -> Iterator[Server]:
    return start_server({_NAME: {"record": True}}, rtmp=True, rtsp=True, authInternalUsers=_USERS)


def _push(server: Server, name: str, query: str) -> Pusher:
    pusher = Pusher(f"rtmp://127.0.0.1:{server.rtmp_port}/{name}?{query}")
    pusher.start()
    return pusher


def _rtsp(server: Server, user: str = "cam", key: str = "key", name: str = _NAME) -> str:
    return f"rtsp://{user}:{key}@127.0.0.1:{server.rtsp_port}/{name}"


def test_a_pushed_stream_is_available_recorded_and_live(server: Server) -> None:
    pusher = _push(server, _NAME, "user=cam&pass=key")
    try:
        item = server.wait_available(_NAME)
        assert item["online"] is True
        assert item["source"]["type"] == "rtmpConn"
        assert item["source"]["id"]
        assert item["tracks2"][0]["codecProps"]["width"] == 320
        server.wait_files(_NAME, 1)
        assert server.hls(f"/{_NAME}/index.m3u8", CDN).status == 200
    finally:
        pusher.stop()
    gone = wait_for(lambda: item if not (item := server.path(_NAME))["available"] else None, 5)
    assert (gone["online"], gone["source"]) == (False, None)


@pytest.mark.parametrize("query", ["user=cam&pass=wrong", "user=other&pass=key", ""])
def test_a_wrong_key_is_thrown_out(server: Server, query: str) -> None:
    pusher = _push(server, _NAME, query)
    try:
        wait_for(lambda: server.said("failed to authenticate"))
        assert not server.path(_NAME)["available"]
    finally:
        pusher.stop()
    assert pusher.error


def test_a_path_that_is_not_configured_takes_nobody(server: Server) -> None:
    pusher = _push(server, "city/other", "user=cam&pass=key")
    try:
        wait_for(lambda: server.said("path 'city/other' is not configured"))
        assert server.api("/v3/paths/get/city/other", authorization=BASIC).status == 404
    finally:
        pusher.stop()


def test_a_second_publisher_takes_over(server: Server) -> None:
    first = _push(server, _NAME, "user=cam&pass=key")
    try:
        before = server.wait_available(_NAME)["source"]["id"]
        second = _push(server, _NAME, "user=cam&pass=key")
        try:
            wait_for(lambda: (server.path(_NAME)["source"] or {"id": before})["id"] != before, 15)
            server.wait_available(_NAME)
        finally:
            second.stop()
    finally:
        first.stop()


def test_a_removed_path_throws_its_publisher_out(server: Server) -> None:
    pusher = _push(server, _NAME, "user=cam&pass=key")
    try:
        server.wait_available(_NAME)
        server.config["paths"] = {}
        server.reload()
        wait_for(lambda: server.api(f"/v3/paths/get/{_NAME}").status == 404)
        wait_for(lambda: pusher.error is not None, what="the connection ends")
    finally:
        pusher.stop()


def test_a_stream_pushed_over_rtsp_is_available_and_recorded(server: Server) -> None:
    pusher = Pusher(_rtsp(server))
    pusher.start()
    try:
        item = server.wait_available(_NAME)
        assert item["source"]["type"] == "rtspSession"
        assert item["tracks2"][0]["codecProps"]["width"] == 320
        (file,) = server.wait_files(_NAME, 1)
        wait_for(lambda: len(Segment(file).parts) > 1)
    finally:
        pusher.stop()
    wait_for(lambda: server.path(_NAME)["source"] is None, 5)
    assert Segment(file).duration_ms > 1000


def test_a_wrong_key_over_rtsp_is_refused(server: Server) -> None:
    pusher = Pusher(_rtsp(server, key="wrong"))
    pusher.start()
    try:
        wait_for(lambda: pusher.error is not None, 15)
        assert not server.path(_NAME)["available"]
    finally:
        pusher.stop()


def test_the_command_of_a_path_runs_as_long_as_the_path_exists(start_server: MakeServer) -> None:
    server = start_server({}, rtsp=True, authInternalUsers=_USERS)
    command = f"{sys.executable} {contract_pusher.__file__} rtsp://cam:key@127.0.0.1:$RTSP_PORT/$MTX_PATH"
    server.config["paths"] = {_NAME: {"runOnInit": command, "runOnInitRestart": True}}
    server.reload()
    item = server.wait_available(_NAME)
    assert item["source"]["type"] == "rtspSession"
    server.config["paths"] = {}
    server.reload()
    wait_for(lambda: server.said("runOnInit command stopped"))
    assert server.stop() == 0
