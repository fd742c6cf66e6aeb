"""Each test of this folder runs on the stand-in and, wherever one is found, on the real MediaMTX."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.contract.contract_camera import Camera
from tests.contract.contract_server import Server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    MakeServer = Callable[..., Server]

_ROOT = Path(__file__).parents[2]
_VERSION = "v1.20.1"


def _candidates() -> list[str]:
    named = os.environ.get("MEDIAMTX_BINARY")
    installed = _ROOT / "mediamtx" / "bin" / "mediamtx"
    return [path for path in (named, str(installed), shutil.which("mediamtx")) if path and Path(path).is_file()]


@cache
def find_real() -> str | None:
    for path in _candidates():
        said = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=10, check=False)
        if said.stdout.strip() == _VERSION:
            return path
    return None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest tests, so that others run beside them."""
    items.sort(key=lambda item: not item.name.startswith("test_an_idle_session"))


@pytest.fixture(params=["standin", "real"])
def kind(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def command(kind: str) -> list[str]:
    if kind == "standin":
        return [sys.executable, str(_ROOT / "mediamtx" / "standin")]
    real = find_real()
    if real is None:
        pytest.skip(f"no MediaMTX {_VERSION} on PATH, in $MEDIAMTX_BINARY or in mediamtx/bin")
    return [real]


@pytest.fixture
def make_server(command: list[str], tmp_path: Path) -> Iterator[MakeServer]:
    """Make servers that are not started yet; all of them end with the test."""
    servers: list[Server] = []

    def make(paths: dict[str, Any], **settings: Any) -> Server:
        servers.append(Server(command, tmp_path, paths, **settings))
        return servers[-1]

    yield make
    for server in servers:
        server.close()


@pytest.fixture
def start_server(make_server: MakeServer) -> MakeServer:
    def start(paths: dict[str, Any], **settings: Any) -> Server:
        server = make_server(paths, **settings)
        server.start()
        return server

    return start


@pytest.fixture(scope="session")
def camera() -> Iterator[Camera]:
    """Give the camera all tests may watch and none may touch."""
    camera = Camera()
    yield camera
    camera.kill()


@pytest.fixture
def own_camera() -> Iterator[Camera]:
    """Give a camera the test may kill."""
    camera = Camera()
    yield camera
    camera.kill()
