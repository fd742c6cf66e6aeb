"""A generated RTSP camera in a process of its own, so that it can die like one."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from urllib.parse import urlsplit


class Camera:
    def __init__(self, *options: str) -> None:
        self._options = ["--name", "Porta A", "--size", "320x240", "--fps", "10", "--gop-s", "1", *options]
        self._process: subprocess.Popen[str] | None = None
        self.url = ""
        self.start("0")

    def start(self, port: str) -> None:
        command = [
            sys.executable,
            "-m",
            "vmsd.demo.camera",
            "--port",
            port,
            "--name",
            "Porta A",
            *self._options,
        ]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout
        self.url = json.loads(self._process.stdout.readline())["url"]

    def restart(self) -> None:
        """Come back on the same port."""
        self.start(str(urlsplit(self.url).port))

    def freeze(self) -> None:
        """Stop sending without hanging up."""
        assert self._process
        self._process.send_signal(signal.SIGSTOP)

    def kill(self) -> None:
        if self._process:
            self._process.kill()
            self._process.wait(10)
            if self._process.stdout:
                self._process.stdout.close()
        self._process = None
