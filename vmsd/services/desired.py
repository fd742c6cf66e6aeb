"""The desired state of MediaMTX, made from the cameras in the store, and how far MediaMTX has come."""

from __future__ import annotations

import asyncio
import json
import shlex
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from vmsd.config import Settings
from vmsd.host.keys import Keys
from vmsd.mediamtx.config import Desired, DesiredPath, Server
from vmsd.mediamtx.names import PathName
from vmsd.model.camera import Camera
from vmsd.model.city import City
from vmsd.services.sources import full_sub_url, full_url
from vmsd.store.cameras import CameraRows, Cameras
from vmsd.store.cities import Cities
from vmsd.store.database import Database
from vmsd.store.scope import Scope
from vmsd.vendors.urls import parse


@dataclass(frozen=True)
class Relay:
    """What a relay process needs to bring a camera MediaMTX cannot read itself; kept in a file of its own."""

    file: Path
    content: str


@dataclass(frozen=True)
class Plan:
    """One complete desired state; `version` grows with every change of a camera."""

    version: int
    desired: Desired
    relays: Sequence[Relay]


def program() -> list[str]:
    """How to start this same program again: frozen or from Python."""
    return [sys.executable] if getattr(sys, "frozen", False) else [sys.executable, "-m", "vmsd"]


async def list_cameras(database: Database, rows: CameraRows) -> list[tuple[City, Camera]]:
    """Every camera of every city, suspended cities included: their people are out, their recording goes on."""
    found: list[tuple[City, Camera]] = []
    for city in await Cities(database).list():
        cameras = await Cameras(Scope(database, city.id), rows).list()
        found += [(city, camera) for camera in cameras]
    return found


class DesiredState:
    """Owned by the daemon; `vmsd render-mediamtx` makes one for itself.

    `record_allowed` is false while the circuit breaker is open. `changed` tells the reconciler to hurry.
    """

    def __init__(self, database: Database, rows: CameraRows, settings: Settings, keys: Keys) -> None:
        self._database = database
        self._rows = rows
        self._settings = settings
        self._keys = keys
        self._version = 1
        self._progress = asyncio.Condition()
        self.record_allowed = True
        self.applied_version = 0
        self.applied_paths: frozenset[str] = frozenset()
        self.on_change: Callable[[], None] = lambda: None

    @property
    def version(self) -> int:
        return self._version

    def changed(self) -> int:
        """Note that a camera changed; the version that contains it."""
        self._version += 1
        self.on_change()
        return self._version

    async def note_applied(self, version: int, paths: frozenset[str]) -> None:
        """MediaMTX was seen to have everything of `version`."""
        async with self._progress:
            self.applied_version, self.applied_paths = version, paths
            self._progress.notify_all()

    async def wait_applied(self, version: int, deadline_s: float) -> bool:
        """True once MediaMTX has `version`; False when it does not within the deadline."""
        try:
            async with asyncio.timeout(deadline_s), self._progress:
                await self._progress.wait_for(lambda: self.applied_version >= version)
        except TimeoutError:
            return False
        return True

    async def plan(self) -> Plan:
        version, record = self._version, self.record_allowed
        cameras = await list_cameras(self._database, self._rows)
        paths: list[DesiredPath] = []
        relays: list[Relay] = []
        for city, camera in cameras:
            paths += self._paths(city, camera)
            relays += self._relays(city, camera)
        return Plan(version, Desired(self._server(), record, paths), relays)

    def _server(self) -> Server:
        mtx = self._settings.mediamtx
        return Server(
            recordings_dir=self._settings.recordings_dir,
            api_port=mtx.api_port,
            metrics_port=mtx.metrics_port,
            hls_port=mtx.hls_port,
            rtsp_port=mtx.rtsp_port,
            rtmp_address=f"{mtx.rtmp_host}:{mtx.rtmp_port}",
            user=self._keys.mediamtx_user,
            password=self._keys.mediamtx_password,
            cdn_secret=self._keys.cdn_secret,
            segment_s=mtx.segment_s,
            hls_segment_s=mtx.hls_segment_s,
            hls_segments=mtx.hls_segments,
        )

    def _paths(self, city: City, camera: Camera) -> list[DesiredPath]:
        name = PathName(city.public_id, camera.public_id)
        paths: list[DesiredPath] = []
        if needs_relay(camera):
            paths.append(self._published(camera, str(name), run=self._relay_command(camera)))
        elif camera.pushes:
            paths.append(self._published(camera, str(name), run=""))
        elif camera.source_url:
            paths.append(DesiredPath(str(name), full_url(camera), camera.recording_enabled))
        if camera.sub_source_url:
            sub = PathName(city.public_id, camera.public_id, sub=True)
            paths.append(DesiredPath(str(sub), full_sub_url(camera), record=False))
        return paths

    def _published(self, camera: Camera, name: str, run: str) -> DesiredPath:
        return DesiredPath(
            name=name,
            source="publisher",
            record=camera.recording_enabled,
            publish_user=camera.public_id,
            publish_key=camera.secret.publish_key or "",
            run=run,
        )

    def _relay_file(self, camera: Camera) -> Path:
        return self._settings.runtime_dir / "relays" / f"{camera.public_id}.json"

    def _relay_command(self, camera: Camera) -> str:
        return shlex.join([*program(), "relay", str(self._relay_file(camera))])

    def _relays(self, city: City, camera: Camera) -> list[Relay]:
        if not needs_relay(camera):
            return []
        tunnel = self._settings.tunnels.get(camera.tunnel)
        here = f"rtsp://127.0.0.1:{self._settings.mediamtx.rtsp_port}/{city.public_id}/{camera.public_id}"
        publish = parse(here, "rtsp").with_credentials(camera.public_id, camera.secret.publish_key)
        content = {
            "source": full_url(camera) if camera.source_url else None,
            "command": [part.replace("{target}", camera.tunnel_target) for part in tunnel.command] if tunnel else None,
            "username": camera.username,
            "password": camera.secret.password,
            "publish": publish.join(),
        }
        return [Relay(self._relay_file(camera), json.dumps(content))]


def needs_relay(camera: Camera) -> bool:
    """True for what MediaMTX cannot pull by itself: tunnels, and HTTP sources that are not HLS."""
    if camera.protocol == "http":
        return not urlsplit(camera.source_url).path.endswith(".m3u8")
    return camera.protocol == "p2p"
