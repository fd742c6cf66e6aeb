"""The cameras of one city: adding, changing, removing, and what each must look like."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from uuid import uuid4

import structlog

from vmsd.clock import Clock
from vmsd.model.camera import Camera, Location, Protocol, Secret
from vmsd.services.desired import DesiredState
from vmsd.services.sources import SourceRules
from vmsd.store.cameras import Cameras
from vmsd.store.scope import Scope

log = structlog.get_logger()

APPLY_WAIT_S = 4.0
"""How long a change waits to be seen in MediaMTX before it is answered as not applied yet."""


@dataclass(frozen=True)
class CameraFields:
    """What a person says of a camera. A source is either `source_url` or a vendor with a host.

    With vendor `generic` the `source_url` is a template. `substream` asks the vendor's builder for one.
    `password` None keeps the present one (or the one inside `source_url`).
    """

    name: str
    protocol: Protocol
    source_url: str = ""
    sub_source_url: str = ""
    substream: bool = False
    vendor: str = ""
    host: str = ""
    username: str = ""
    password: str | None = None
    channel: int = 1
    subtype: int = 0
    tunnel: str = ""
    tunnel_target: str = ""
    recording_enabled: bool = True
    retention_days: int | None = None
    location: Location | None = None
    audio: bool = False
    group: str = ""


class CityCameras:
    """Handed out for the one city a request is about."""

    def __init__(self, store: Cameras, scope: Scope, rules: SourceRules, desired: DesiredState, clock: Clock) -> None:
        self._store = store
        self._scope = scope
        self._rules = rules
        self._desired = desired
        self._clock = clock

    async def list(self, *, after: str | None = None, limit: int = 10_000) -> Sequence[Camera]:
        """In the order they were added; `after` is the public id the last page ended with."""
        number = 0 if after is None else (await self._store.get(after, removed_too=True)).id
        return await self._store.list(after=number, limit=limit)

    async def get(self, public_id: str, *, removed_too: bool = False) -> Camera:
        return await self._store.get(public_id, removed_too=removed_too)

    async def add(self, fields: CameraFields) -> Camera:
        """Checked, stored, and on its way into MediaMTX."""
        camera = await self.draft(fields)
        async with self._scope.write() as transaction:
            camera = await self._store.add(transaction, camera)
        self._desired.changed()
        log.info("camera.added", camera_id=camera.public_id, protocol=camera.protocol)
        return camera

    async def draft(self, fields: CameraFields, kept_password: str | None = None) -> Camera:
        """The camera `fields` would make, checked and not stored."""
        source = await self._rules.source_of(fields, kept_password)
        now_ms = self._clock.wall_ms()
        secret = Secret(source.password, secrets.token_urlsafe(24))
        return Camera(
            city_id=self._scope.city_id,
            id=0,
            public_id=str(uuid4()),
            name=fields.name,
            protocol=fields.protocol,
            source_url=source.url,
            sub_source_url=source.sub_url,
            vendor=fields.vendor,
            host=fields.host,
            channel=fields.channel,
            subtype=fields.subtype,
            username=source.username,
            secret=secret,
            tunnel=fields.tunnel,
            tunnel_target=fields.tunnel_target,
            recording_enabled=fields.recording_enabled,
            recording_since_ms=now_ms,
            retention_days=fields.retention_days,
            location=fields.location,
            audio=fields.audio,
            group=fields.group,
            created_ms=now_ms,
            changed_ms=now_ms,
        )

    async def change(self, camera: Camera, fields: CameraFields) -> Camera:
        """`camera` as `fields` describe it; what makes it the same camera (ids, publish key) stays.

        Raises `Conflict` when somebody else has changed the camera since it was read.
        """
        drafted = await self.draft(fields, kept_password=camera.secret.password)
        toggled = drafted.recording_enabled != camera.recording_enabled
        changed = replace(
            drafted,
            id=camera.id,
            public_id=camera.public_id,
            secret=replace(drafted.secret, publish_key=camera.secret.publish_key),
            recording_since_ms=drafted.recording_since_ms if toggled else camera.recording_since_ms,
            created_ms=camera.created_ms,
            changed_ms=max(drafted.changed_ms, camera.changed_ms + 1),
        )
        async with self._scope.write() as transaction:
            await self._store.change(transaction, changed, camera.changed_ms)
        self._note_change(changed)
        return changed

    async def set_recording(self, camera: Camera, *, enabled: bool) -> Camera:
        """The switch alone, whatever else of the camera is being changed at the same time."""
        async with self._scope.write() as transaction:
            switched = await self._store.set_recording(transaction, camera, self._clock.wall_ms(), enabled=enabled)
        changed = await self._store.get(camera.public_id)
        if switched:
            self._note_change(changed)
        return changed

    def _note_change(self, camera: Camera) -> None:
        self._desired.changed()
        log.info("camera.changed", camera_id=camera.public_id, recording=camera.recording_enabled)

    async def remove(self, camera: Camera) -> None:
        """Out of every list and out of MediaMTX; its recordings stay until they expire."""
        async with self._scope.write() as transaction:
            await self._store.remove(transaction, camera, self._clock.wall_ms())
        self._desired.changed()
        log.info("camera.removed", camera_id=camera.public_id)

    async def applied(self) -> bool:
        """Whether MediaMTX has everything asked of it so far, waiting a little for it."""
        return await self._desired.wait_applied(self._desired.version, APPLY_WAIT_S)
