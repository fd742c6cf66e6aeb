"""A MediaMTX of either kind under test: started, asked, reconfigured and ended like the appliance does it."""

from __future__ import annotations

import base64
import http.client
import json
import os
import signal
import socket
import subprocess
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import yaml

from tests.contract.contract_boxes import Segment

_T = TypeVar("_T")

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SECRET = "cdn-secret-of-the-tests-0123456789abcdef"
USER, PASSWORD = "vmsd", "service-password"
BASIC = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
CDN = {"Authorization": f"Bearer {SECRET}"}


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(ask: Callable[[], _T], within_s: float = 10, what: str = "") -> _T:
    """Ask again and again until the answer is true, and return it."""
    deadline = time.monotonic() + within_s
    while not (answer := ask()):
        if time.monotonic() > deadline:
            raise AssertionError(f"did not happen in {within_s} s: {what or ask}; last answer {answer!r}")
        time.sleep(0.05)
    return answer


def holds_for(ask: Callable[[], object], for_s: float) -> bool:
    """Whether the answer stays true for as long."""
    deadline = time.monotonic() + for_s
    while time.monotonic() < deadline:
        if not ask():
            return False
        time.sleep(0.1)
    return True


def request(
    port: int,
    path: str,
    method: str = "GET",
    *,
    body: bytes | None = None,
    headers: dict[str, str] | None = None,
    within_s: float = 15,
) -> Answer:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=within_s)
    try:
        connection.request(method, path, body=body, headers=headers or {})
        response = connection.getresponse()
        found = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, found, response.read())
    finally:
        connection.close()


class Server:
    """One process with its own ports, folder and configuration."""

    def __init__(self, command: list[str], folder: Path, paths: dict[str, Any], **settings: Any) -> None:
        self.folder = folder
        self.recordings = folder / "recordings"
        self.api_port, self.hls_port = free_port(), free_port()
        self.rtsp_port, self.rtmp_port, self.metrics_port = free_port(), free_port(), free_port()
        self.webrtc_port, self.media_port = free_port(), free_port()
        self.config = self._config(paths, settings)
        self.lines: list[str] = []
        self._command = command
        self._process: subprocess.Popen[str] | None = None
        self._reader: threading.Thread | None = None
        self._changed_s = -2.0

    @property
    def file(self) -> Path:
        return self.folder / "mediamtx.yml"

    @property
    def pid(self) -> int:
        assert self._process
        return self._process.pid

    def start(self) -> None:
        self.launch()
        wait_for(self.answers, what="the API answers")

    def launch(self) -> None:
        self.write()
        self._launch()

    def launch_with(self, text: str) -> None:
        self.write_text(text)
        self._launch()

    def _launch(self) -> None:
        self.close()
        environment = {**os.environ, "TZ": "UTC"}
        process = subprocess.Popen(
            [*self._command, str(self.file)],
            cwd=self.folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._process = process
        self._reader = threading.Thread(target=self._drain, args=(process,), daemon=True)
        self._reader.start()

    def answers(self) -> bool:
        if self._process and self._process.poll() is not None:
            raise AssertionError("ended: " + "".join(self.lines))
        try:
            return self.api("/v3/info").status == 200
        except OSError:
            return False

    def api(self, path: str, method: str = "GET", body: object = None, authorization: str = BASIC) -> Answer:
        headers = {"Authorization": authorization} if authorization else {}
        content = None if body is None else json.dumps(body).encode()
        return request(self.api_port, path, method, body=content, headers=headers)

    def path(self, name: str) -> dict[str, Any]:
        answer = self.api(f"/v3/paths/get/{name}")
        return answer.json if answer.status == 200 else {}

    def wait_available(self, name: str, within_s: float = 10) -> dict[str, Any]:
        return wait_for(
            lambda: item if (item := self.path(name)).get("available") else None,
            within_s,
            f"{name} available",
        )

    def hls(self, path: str, headers: dict[str, str] | None = None, method: str = "GET") -> Answer:
        return request(self.hls_port, path, method, headers=headers)

    def write(self) -> None:
        """Put the configuration in place as the appliance does: beside it, then renamed over it."""
        self.write_text(yaml.safe_dump(self.config, sort_keys=False))

    def write_text(self, text: str) -> None:
        temporary = self.folder / ".mediamtx.yml.new"
        temporary.write_text(text)
        temporary.rename(self.file)
        self._changed_s = time.monotonic()

    @property
    def age_s(self) -> float:
        """How long ago the configuration was last written."""
        return time.monotonic() - self._changed_s

    def reload(self) -> None:
        """Write the configuration once the last change is old enough not to swallow this one."""
        wait_for(lambda: self.age_s > 2, 3)
        self.write()

    def said(self, text: str) -> bool:
        return any(text in line for line in self.lines)

    def files(self, name: str) -> list[Path]:
        """Recorded segments of a path, oldest first."""
        return sorted((self.recordings / name).glob("*.mp4"))

    def wait_files(self, name: str, count: int, within_s: float = 15) -> list[Path]:
        """Segments whose header is on disk: for a moment after it was made, a file has none."""
        return wait_for(
            lambda: (
                files if len(files := [one for one in self.files(name) if Segment(one).has_header]) >= count else None
            ),
            within_s,
            f"{count} of {name}",
        )

    def ended(self, within_s: float = 10) -> int:
        """Wait for the process's own end and return its exit code."""
        assert self._process
        assert self._reader
        code = self._process.wait(within_s)
        self._reader.join(within_s)
        return code

    def stop(self) -> int:
        assert self._process
        self._process.send_signal(signal.SIGTERM)
        return self.ended()

    def kill(self) -> None:
        assert self._process
        self._process.kill()
        self.ended()

    def close(self) -> None:
        if self._process and self._process.poll() is None:
            self.kill()
        if self._process and self._process.stdout:
            self._process.stdout.close()

    def _drain(self, process: subprocess.Popen[str]) -> None:
        if process.stdout:
            self.lines.extend(process.stdout)

    def _config(self, paths: dict[str, Any], settings: dict[str, Any]) -> dict[str, Any]:
        return {
            "logLevel": "info",
            "logStructured": True,
            "logDestinations": ["stdout"],
            "readTimeout": "10s",
            "writeTimeout": "20s",
            "writeQueueSize": 1024,
            "authMethod": "internal",
            "authInternalUsers": [
                {"user": USER, "pass": PASSWORD, "permissions": [{"action": "api"}, {"action": "read"}]}
            ],
            "api": True,
            "apiAddress": f"127.0.0.1:{self.api_port}",
            "apiAllowOrigins": [],
            "metricsAddress": f"127.0.0.1:{self.metrics_port}",
            "rtsp": False,
            "rtspTransports": ["tcp"],
            "rtspAddress": f"127.0.0.1:{self.rtsp_port}",
            "rtmp": False,
            "rtmpAddress": f"127.0.0.1:{self.rtmp_port}",
            "webrtc": False,
            "webrtcAddress": f"127.0.0.1:{self.webrtc_port}",
            "srt": False,
            "moq": False,
            "hls": True,
            "hlsAddress": f"127.0.0.1:{self.hls_port}",
            "hlsVariant": "fmp4",
            "hlsAlwaysRemux": True,
            "hlsSegmentDuration": "1s",
            "hlsSegmentCount": 3,
            "hlsCDNSecret": SECRET,
            "pathDefaults": {
                "rtspTransport": "tcp",
                "record": False,
                "recordPath": f"{self.recordings}/%path/%Y-%m-%d_%H-%M-%S-%f",
                "recordFormat": "fmp4",
                "recordPartDuration": "1s",
                "recordSegmentDuration": "30m",
                "recordDeleteAfter": "0s",
            },
            "paths": paths,
            **settings,
        }
