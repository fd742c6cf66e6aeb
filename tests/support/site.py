"""A whole site for a test: cameras, a media server and the daemon, each a process of its own."""

from __future__ import annotations

import json
import os
import secrets
import signal
import sqlite3
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import aiohttp

from tests.support.ports import free_port, site_ports
from tests.support.processes import Process, until
from vmsd import console
from vmsd.assets import mediamtx_dir
from vmsd.config import load_settings
from vmsd.demo.media_server import MediaServer, find_media_server
from vmsd.demo.plan import Ports
from vmsd.model.person import Role

VMSD = (sys.executable, "-m", "vmsd")
SMALL = ("--size", "320x240", "--fps", "10", "--gop-s", "1", "--bitrate-k", "200")


def media_server() -> MediaServer:
    """The real MediaMTX where there is one; `VMSD_TEST_MEDIAMTX=standin` asks for the stand-in."""
    return standin() if os.environ.get("VMSD_TEST_MEDIAMTX") == "standin" else find_media_server()


def standin() -> MediaServer:
    return MediaServer("standin", (sys.executable, str(mediamtx_dir() / "standin")))


@dataclass
class TestCamera:
    """One generated RTSP camera; killed and started again on the same port."""

    __test__ = False

    name: str
    folder: Path
    arguments: tuple[str, ...]
    port: int = field(default_factory=free_port)
    process: Process | None = None
    facts: dict[str, Any] = field(default_factory=dict)

    async def start(self) -> Self:
        log = self.folder / f"camera-{secrets.token_hex(4)}.log"
        command = (sys.executable, "-m", "vmsd.demo.camera", "--port", self.port, "--name", self.name)
        process = self.process = await Process.start(*command, *self.arguments, log=log)

        async def ready() -> str:
            assert process.running, process.output()
            return process.output() if "}\n" in process.output() else ""

        self.facts = json.loads((await until(ready, 20, "the camera starts")).splitlines()[0])
        return self

    @property
    def url(self) -> str:
        return str(self.facts["url"])

    async def kill(self) -> None:
        assert self.process is not None
        await self.process.end(signal.SIGKILL)


class Site:
    """Start it with `async with`; everything it started is gone afterwards."""

    def __init__(self, folder: Path, *, server: MediaServer | None = None, **settings: dict[str, Any]) -> None:
        """`settings` are sections of the configuration file, laid over those of a test."""
        self.folder = folder
        self.ports: Ports = site_ports()
        self.recordings = folder / "recordings"
        self.config = folder / "vmsd.toml"
        self.server = server or media_server()
        self.vmsd: Process | None = None
        self.mediamtx: Process | None = None
        self.token = ""
        self.city_id = ""
        self.env: dict[str, str] = {}
        """Of the daemon and its commands; MediaMTX has its own."""
        self.mediamtx_env = {"TZ": "UTC"}
        self._settings = settings
        self._stack = AsyncExitStack()
        self._http: aiohttp.ClientSession | None = None
        self._cameras: list[TestCamera] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.ports.http}"

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[Self]:
        """As `async with` the site itself, but its data and its settings are there already."""
        self._http = await self._stack.enter_async_context(aiohttp.ClientSession())
        try:
            yield self
        finally:
            await self.__aexit__()

    async def __aenter__(self) -> Self:
        self.recordings.mkdir(exist_ok=True)
        self.write_config()
        settings = load_settings(self.config)
        self.city_id = await console.add_city(settings, "Cidade de Teste", "pro")
        await console.add_person(settings, "admin", "uma senha de teste", Role.SUPERADMIN, None)
        self.token = await console.add_token(settings, "admin", "test", 90)
        self._http = await self._stack.enter_async_context(aiohttp.ClientSession())
        return self

    async def __aexit__(self, *_: object) -> None:
        for process in (self.vmsd, self.mediamtx, *(camera.process for camera in self._cameras)):
            if process is not None and process.running:
                await process.end(signal.SIGKILL)
        await self._stack.aclose()

    def write_config(self) -> None:
        sections: dict[str, dict[str, Any]] = {
            "http": {"port": self.ports.http},
            "https": {"enabled": False},
            "mdns": {"enabled": False},
            "mediamtx": {
                "api_port": self.ports.api,
                "metrics_port": self.ports.metrics,
                "hls_port": self.ports.hls,
                "rtsp_port": self.ports.rtsp,
                "rtmp_port": self.ports.rtmp,
                "rtmp_host": "127.0.0.1",
                "webrtc_port": self.ports.webrtc,
                "segment_s": 10,
                "hls_segment_s": 1,
            },
            "backup": {"may_share_disk": True},
            "webrtc": {"host": "127.0.0.1", "port": self.ports.media},
            "cameras": {"networks": ["127.0.0.0/8"], "interfaces": ["lo"], "search_s": 0.5},
            "disk": {"ballast_bytes": 0, "headroom_bytes": 0, "headroom_hours": 0, "breaker_used": 0.99,
                     "breaker_closes_used": 0.98, "sweep_used": 0.98, "sweep_every_s": 5},
        }  # fmt: skip
        for name, values in self._settings.items():
            sections.setdefault(name, {}).update(values)
        lines = [
            f'data_dir = "{self.folder}/data"',
            f'recordings_dir = "{self.recordings}"',
            f'runtime_dir = "{self.folder}/run"',
        ]
        for name, values in sections.items():
            lines += ["", f"[{name}]", *(f"{key} = {json.dumps(value)}" for key, value in values.items())]
        self.config.write_text("\n".join(lines), "utf-8")

    async def command(self, *words: str, expect: int = 0) -> str:
        """Run a `vmsd` command to its end; its last line of output."""
        log = self.folder / f"command-{secrets.token_hex(4)}.log"
        process = await Process.start(*VMSD, *words, "--config", self.config, log=log, env=self.env)
        code = await process.wait(30)
        assert code == expect, f"vmsd {' '.join(words)} ended with {code}: {process.output()}"
        return (process.output().strip().splitlines() or [""])[-1]

    @property
    def mediamtx_file(self) -> Path:
        return self.folder / "run" / "mediamtx.yml"

    @property
    def database(self) -> Path:
        return self.folder / "data" / "vmsd.db"

    async def start(self, *, healthy: bool = True) -> Self:
        """MediaMTX and the daemon, until the site says it is healthy."""
        await console.render_mediamtx(load_settings(self.config), self.mediamtx_file)
        await self.start_mediamtx()
        await self.start_vmsd(healthy=healthy)
        return self

    async def start_mediamtx(self, file: Path | None = None) -> None:
        self.mediamtx = await Process.start(
            *self.server.command, file or self.mediamtx_file, log=self.folder / "mediamtx.log", env=self.mediamtx_env
        )

    async def start_vmsd(self, *, healthy: bool = True) -> None:
        command = (*VMSD, "run", "--config", self.config)
        self.vmsd = await Process.start(*command, log=self.folder / "vmsd.log", env=self.env)
        await until(self.answers, 20, "vmsd answers")
        if healthy:
            await until(self.is_healthy, 30, "the site is healthy")

    async def stop_vmsd(self, number: int = signal.SIGTERM) -> int:
        assert self.vmsd is not None
        return await self.vmsd.end(number)

    async def kill_mediamtx(self) -> None:
        assert self.mediamtx is not None
        await self.mediamtx.end(signal.SIGKILL)

    async def answers(self) -> bool:
        assert self.vmsd is not None
        assert self.vmsd.running, self.vmsd.output()
        return await self.health() is not None

    async def is_healthy(self) -> bool:
        health = await self.health()
        return health is not None and health["status"] == "healthy"

    async def health(self) -> dict[str, Any] | None:
        try:
            status, body = await self.ask("GET", "/health", token="")
        except aiohttp.ClientError:
            return None
        return body if status == 200 else None

    async def ask(
        self, method: str, path: str, body: Any = None, *, token: str | None = None, **headers: str
    ) -> tuple[int, Any]:
        """Status and decoded body; `token` "" asks without one."""
        assert self._http is not None
        token = self.token if token is None else token
        sent = {"X-City-ID": self.city_id} | ({"Authorization": f"Bearer {token}"} if token else {})
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        timeout = aiohttp.ClientTimeout(total=20)
        async with self._http.request(method, self.url + path, json=body, headers=sent, timeout=timeout) as answer:
            raw = await answer.read()
            is_json = "json" in answer.content_type
            return answer.status, json.loads(raw) if is_json and raw else raw

    async def get(self, path: str) -> Any:
        """The body of an answer that must be 200."""
        status, body = await self.ask("GET", path)
        assert status == 200, (path, status, body)
        return body

    async def camera(self, name: str, *arguments: str) -> TestCamera:
        """A running generated camera, not yet known to the site."""
        camera = TestCamera(name, self.folder, arguments or SMALL)
        self._cameras.append(camera)
        return await camera.start()

    async def add_camera(self, name: str, url: str, **fields: Any) -> str:
        """Tell the site of a camera; its id."""
        status, body = await self.ask("POST", "/api/v1/cameras", {"name": name, "source_url": url} | fields)
        assert status == 201, body
        return str(body["id"])

    async def add_cameras(self, *cameras: TestCamera) -> list[str]:
        return [await self.add_camera(camera.name, camera.url) for camera in cameras]

    async def system(self) -> dict[str, Any]:
        answer: dict[str, Any] = await self.get("/api/v1/system")
        return answer

    async def notices(self) -> set[str]:
        """Codes of what everybody must see now."""
        return {notice["code"] for notice in (await self.system())["notices"]}

    async def until_notice(self, code: str, within_s: float) -> None:
        async def there() -> bool:
            return code in await self.notices()

        await until(there, within_s, f"everybody is told {code}")

    async def history(self, camera_id: str) -> list[dict[str, Any]]:
        """Lines of the last hour and what came before, oldest first; times by this process's clock."""
        period = "start=2020-01-01T00:00:00Z&end=2120-01-01T00:00:00Z"
        items: list[dict[str, Any]] = (await self.get(f"/api/v1/cameras/{camera_id}/states?{period}"))["items"]
        return items

    async def indexed(self, camera_id: str) -> list[dict[str, Any]]:
        """Every recording of the camera the index shows."""
        period = "start=2020-01-01T00:00:00Z&end=2120-01-01T00:00:00Z&limit=500"
        page = await self.get(f"/api/v1/recordings?camera_id={camera_id}&{period}")
        items: list[dict[str, Any]] = page["items"]
        return items

    def sql(self, statement: str, **values: Any) -> list[tuple[Any, ...]]:
        """Straight into the database: for reading at any time, for writing while the daemon is stopped."""
        with closing(sqlite3.connect(self.database, timeout=10)) as connection, connection:
            return connection.execute(statement, values).fetchall()

    async def status(self, camera_id: str) -> dict[str, Any]:
        answer: dict[str, Any] = await self.get(f"/api/v1/cameras/{camera_id}/status")
        return answer

    async def until_state(self, camera_id: str, state: str, within_s: float) -> dict[str, Any]:
        async def reached() -> dict[str, Any] | None:
            status = await self.status(camera_id)
            return status if status["state"] == state else None

        answer: dict[str, Any] = await until(reached, within_s, f"the camera is {state}")
        return answer

    async def until_recording(self, camera_id: str, within_s: float = 30) -> dict[str, Any]:
        async def recording() -> dict[str, Any] | None:
            status = await self.status(camera_id)
            return status if status["recording"] else None

        answer: dict[str, Any] = await until(recording, within_s, "bytes reach the disk")
        return answer

    def files(self, camera_id: str) -> list[Path]:
        """The camera's segment files, oldest first."""
        return sorted((self.recordings / self.city_id / camera_id).glob("*.mp4"))
