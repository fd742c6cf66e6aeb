"""Cameras that push over RTMP, each with a key of its own."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import av
import pytest
from contract_server import BASIC, CDN, PASSWORD, USER, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conftest import MakeServer
    from contract_server import Server

_NAME = "city/push"
_USERS = [
    {"user": USER, "pass": PASSWORD, "permissions": [{"action": "api"}, {"action": "read"}]},
    {"user": "cam", "pass": "key", "permissions": [{"action": "publish", "path": _NAME}]},
]
_FPS = 10


class Pusher:
    """Pushes generated H.264 until told to stop, or until it is thrown out."""

    def __init__(self, url: str) -> None:
        self.error: OSError | None = None
        self._url = url
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join(10)

    def _run(self) -> None:
        try:
            with av.open(self._url, "w", format="flv", timeout=5) as container:
                self._push(container)
        except OSError as error:
            self.error = error

    def _push(self, container: av.container.OutputContainer) -> None:
        stream = container.add_stream("libx264", rate=_FPS, options={"preset": "ultrafast", "g": str(_FPS)})
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        number = 0
        while not self._stopped.wait(1 / _FPS):
            frame = av.VideoFrame(320, 240, "yuv420p")
            for plane in frame.planes:
                plane.update(
                    bytes((number * 7 + at) & 0xFF for at in range(256)) * (plane.buffer_size // 256)
                )
            frame.pts, number = number, number + 1
            container.mux(stream.encode(frame))


@pytest.fixture
def server(start_server: MakeServer) -> Iterator[Server]:
    return start_server({_NAME: {"record": True}}, rtmp=True, authInternalUsers=_USERS)


def _push(server: Server, name: str, query: str) -> Pusher:
    return Pusher(f"rtmp://127.0.0.1:{server.rtmp_port}/{name}?{query}")


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
