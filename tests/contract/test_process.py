"""The process: versions, starts, ends, and what it says."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.contract.conftest import MakeServer
    from tests.contract.contract_camera import Camera


def test_the_version_is_the_pinned_one(command: list[str], kind: str) -> None:
    said = subprocess.run([*command, "--version"], capture_output=True, text=True, timeout=10, check=True)
    assert said.stdout.strip() == {"standin": "v1.20.1-standin", "real": "v1.20.1"}[kind]


@pytest.mark.parametrize(
    "text",
    [
        "nope: 1\n",
        "paths: {a: {nope: 1}}\n",
        "paths: [\n",
        "api: maybe\n",
        "paths: {'a b': {}}\n",
        "paths: {a: {source: 'rtsp://user@127.0.0.1/x'}}\n",
        "paths: {a: {source: ftp://x}}\n",
        "writeQueueSize: 1000\n",
        "{pathDefaults: {recordPath: nowhere}, paths: {a: {}}}\n",
        "readTimeout: 10\n",
        "api: true\napi: false\n",
    ],
)
def test_a_file_that_does_not_load_ends_the_start_with_1(make_server: MakeServer, text: str) -> None:
    server = make_server({})
    server.launch_with(text)
    assert server.ended() == 1
    assert server.said("ERR")


def test_a_missing_file_ends_the_start_with_1(command: list[str], tmp_path) -> None:
    said = subprocess.run([*command, str(tmp_path / "none.yml")], capture_output=True, timeout=10, check=False)
    assert said.returncode == 1


def test_a_signal_ends_it_gracefully_with_0(start_server: MakeServer, camera: Camera) -> None:
    server = start_server({"cam": {"source": camera.url, "record": True}})
    server.wait_available("cam")
    assert server.stop() == 0
    assert server.said("shutting down gracefully")
    assert server.said("recording stopped")


def test_log_lines_are_json_and_say_what_happens(start_server: MakeServer, camera: Camera, kind: str) -> None:
    server = start_server(
        {"city/cam": {"source": camera.url, "record": True}, "dead": {"source": "rtsp://127.0.0.1:1/x"}}
    )
    server.wait_available("city/cam")
    server.stop()
    lines = [json.loads(line) for line in server.lines]
    assert all(set(line) == {"timestamp", "level", "message"} for line in lines)
    assert {line["level"] for line in lines} <= {"DEB", "INF", "WAR", "ERR"}
    assert server.said("[path city/cam] stream is available and online, 1 track (H264)")
    assert server.said("[path city/cam] [recorder] recording 1 track (H264)")
    assert any(line["level"] == "ERR" and "[path dead] [RTSP source]" in line["message"] for line in lines)
    assert ("STAND-IN" in lines[0]["message"]) == (kind == "standin")
