"""The desired state of MediaMTX, made from the cameras in the store, and how far MediaMTX has come."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import structlog

from vmsd.config import Settings
from vmsd.errors import Invalid, SourceFailed
from vmsd.host.keys import Keys
from vmsd.mediamtx.config import Desired, Server, WebRtcServer
from vmsd.mediamtx.names import PathName
from vmsd.mediamtx.rendered import pulled_paths
from vmsd.model.camera import Camera
from vmsd.model.city import City
from vmsd.model.state import Cause
from vmsd.services.camera_hosts import FILE, CameraHosts, networks_of
from vmsd.services.camera_paths import REFUSED, CameraPaths, Relay, Stream
from vmsd.services.live_states import CameraKey, key_of
from vmsd.services.rationing import remembered
from vmsd.services.sources import main_url, urls_of
from vmsd.store.cameras import CameraRows, Cameras
from vmsd.store.cities import Cities
from vmsd.store.database import Database
from vmsd.store.scope import Scope

log = structlog.get_logger()

UNREADABLE = Cause.SECRET_UNREADABLE
"""Its address and password cannot be opened: the key is another one, or the row is damaged."""


@dataclass(frozen=True)
class Plan:
    """One complete desired state; `version` grows with every change of a camera."""

    version: int
    desired: Desired
    relays: Sequence[Relay]


@dataclass(frozen=True)
class Withheld:
    """Why a camera is kept from MediaMTX, as it was changed last."""

    changed_ms: int
    cause: Cause


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
    `obstacles` are the cameras that the last plan had to leave out, or as they were, and why.
    """

    def __init__(self, database: Database, rows: CameraRows, settings: Settings, keys: Keys) -> None:
        self._database = database
        self._rows = rows
        self._settings = settings
        self._keys = keys
        self._version = 1
        self._progress = asyncio.Condition()
        self._kept: Mapping[CameraKey, Sequence[Stream]] = {}
        self._withheld: dict[CameraKey, Withheld] = {}
        self._rationed: frozenset[CameraKey] | None = None
        self.hosts = CameraHosts(partial(networks_of, settings), settings.data_dir / FILE)
        self.hosts.on_change = self.changed
        self._paths = CameraPaths(settings, self.hosts)
        self.record_allowed = True
        self.applied_version = 0
        self.applied_paths: frozenset[str] = frozenset()
        self.obstacles: Mapping[CameraKey, Cause] = {}
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
        """A camera that cannot be rendered now keeps nobody else out: see `obstacles`."""
        version, record = self._version, self.record_allowed
        if self._rationed is None:
            self._rationed = frozenset(await remembered(self._database))
        cameras = await list_cameras(self._database, self._rows)
        await self.hosts.follow([url for _, camera in cameras for url in urls_of(camera)])
        streams: dict[CameraKey, Sequence[Stream]] = {}
        obstacles: dict[CameraKey, Cause] = {}
        for city, camera in cameras:
            key = key_of(camera)
            streams[key], obstacle = await self._streams(city, self._allowed(camera))
            obstacles |= {key: obstacle} if obstacle else {}
        self._note(cameras, obstacles)
        self._kept = streams
        self._withheld = {key: held for key, held in self._withheld.items() if key in streams}
        every = [stream for key in streams for stream in streams[key]]
        desired = Desired(self._server(), record, [stream.path for stream in every])
        return Plan(version, desired, [stream.relay for stream in every if stream.relay])

    async def _streams(self, city: City, camera: Camera) -> tuple[Sequence[Stream], Cause | None]:
        """What can be rendered, and why that is not all; a camera that cannot be read any more stays as it was."""
        if not camera.secret.readable:
            kept = self._kept.get(key_of(camera))
            return (await self._rendered(city, camera) if kept is None else kept), UNREADABLE
        if self.is_withheld(camera):
            return (), self._withheld[key_of(camera)].cause
        try:
            streams = self._paths.of(city, camera)
        except SourceFailed as failed:
            return (), Cause(failed.cause)
        except Invalid:  # stored before today's rules, or damaged
            return (), UNREADABLE
        is_astray = camera.source_url and self.hosts.leads_astray(main_url(camera))
        return streams, REFUSED if is_astray else None

    async def _rendered(self, city: City, camera: Camera) -> Sequence[Stream]:
        """As MediaMTX has it since before this daemon started."""
        name = str(PathName(city.public_id, camera.public_id))
        file, record = self._settings.mediamtx_file, camera.recording_enabled
        return [Stream(path) for path in await asyncio.to_thread(pulled_paths, file, [name], record=record)]

    def withhold(self, camera: Camera, cause: Cause) -> None:
        """Keep MediaMTX away from a camera that does it harm, until it is released or changed."""
        if not self.is_withheld(camera):
            self._withheld[key_of(camera)] = Withheld(camera.changed_ms, cause)
            self.changed()

    def release(self, camera: Camera) -> None:
        if self._withheld.pop(key_of(camera), None):
            self.changed()

    def is_withheld(self, camera: Camera) -> bool:
        held = self._withheld.get(key_of(camera))
        return held is not None and held.changed_ms == camera.changed_ms

    @property
    def rationed(self) -> frozenset[CameraKey]:
        """Cameras that are to be recorded, and are not: there is no room that may be had."""
        return self._rationed or frozenset()

    def ration(self, keys: frozenset[CameraKey]) -> None:
        """From now on these and no others."""
        if keys != self._rationed:
            self._rationed = keys
            self.changed()

    def _allowed(self, camera: Camera) -> Camera:
        return replace(camera, recording_enabled=False) if key_of(camera) in self.rationed else camera

    def _note(self, cameras: Sequence[tuple[City, Camera]], obstacles: Mapping[CameraKey, Cause]) -> None:
        before, self.obstacles = self.obstacles, obstacles
        for _, camera in cameras:
            cause = obstacles.get(key_of(camera))
            if cause != before.get(key_of(camera)):
                log.warning("camera.obstacle", camera_id=camera.public_id, cause=cause)

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
            hls_part_ms=mtx.hls_part_ms,
            webrtc=self._webrtc(),
        )

    def _webrtc(self) -> WebRtcServer | None:
        rules = self._settings.webrtc
        if not rules.enabled:
            return None
        return WebRtcServer(
            self._settings.mediamtx.webrtc_port, rules.host, rules.port, hosts=rules.hosts, interfaces=rules.interfaces
        )
