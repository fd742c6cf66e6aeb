"""The cameras of one city: adding, changing, removing, and what each must look like."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from uuid import uuid4

import structlog

from vmsd.clock import Clock
from vmsd.errors import FieldProblem, Invalid, NotAllowed, NotFound
from vmsd.model.audit import Entry, Who
from vmsd.model.camera import Camera, Location, Protocol, Secret
from vmsd.model.person import ALL_RIGHTS, ALL_VERBS, EVERY_CAMERA, Needed, Rights, Verb, allows
from vmsd.services import camera_audit
from vmsd.services.audit import AuditLog
from vmsd.services.desired import DesiredState
from vmsd.services.groups import ensure_group
from vmsd.services.names import clean_name
from vmsd.services.sources import SourceRules
from vmsd.store.cameras import Cameras
from vmsd.store.groups import Groups
from vmsd.store.mosaics import Mosaics
from vmsd.store.scope import CityTransaction, Scope
from vmsd.store.switches import Switches

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
    priority: int = 2


class CityCameras:
    """Handed out for the one city a request is about, and for one caller: `rights` are theirs, `by` is who they are.

    A camera on which the caller may do nothing does not exist for them.
    """

    def __init__(
        self,
        store: Cameras,
        scope: Scope,
        rules: SourceRules,
        desired: DesiredState,
        audit: AuditLog,
        clock: Clock,
        *,
        rights: Rights = ALL_RIGHTS,
        by: Who = Who(),  # noqa: B008 - frozen
    ) -> None:
        self._store = store
        self._scope = scope
        self._groups = Groups(scope)
        self._switches = Switches(scope)
        self._mosaics = Mosaics(scope)
        self._rules = rules
        self._desired = desired
        self._audit = audit
        self._clock = clock
        self._rights = rights
        self._by = by

    async def list(
        self,
        *,
        after: str | None = None,
        limit: int = 10_000,
        verbs: frozenset[Verb] = ALL_VERBS,
        removed_too: bool = False,
    ) -> Sequence[Camera]:
        """In the order they were added, those with which the caller may do one of `verbs`.

        `after` is the public id the last page ended with.
        """
        number = 0 if after is None else (await self._store.get(after, removed_too=True)).id
        only = self._rights.cameras
        if only is not None:
            only = frozenset() if self._rights.anywhere.isdisjoint(verbs) else only
        groups = self._rights.groups_with(verbs) if only is None else None
        return await self._store.list(after=number, limit=limit, groups=groups, only=only, removed_too=removed_too)

    async def get(self, public_id: str, verb: Needed = None, *, removed_too: bool = False) -> Camera:
        """Raises `NotAllowed` for a camera the caller knows of and with which they may not do `verb`."""
        camera = await self._store.get(public_id, removed_too=removed_too)
        held = self._rights.on(camera.group_id, camera.id)
        if not held:
            raise NotFound("there is no such camera")
        if not allows(held, verb):
            raise NotAllowed("your account may not do this with this camera")
        return camera

    def held(self, camera: Camera) -> frozenset[Verb]:
        """What the caller may do with the camera."""
        return self._rights.on(camera.group_id, camera.id)

    async def add(self, fields: CameraFields) -> Camera:
        """Checked, stored, and on its way into MediaMTX."""
        camera = await self.draft(fields)
        async with self._scope.write() as transaction:
            camera = await self._store.add(transaction, await self._grouped(transaction, camera))
            await self._note_switch(transaction, camera)
            await self._tell(transaction, camera_audit.added(camera, self._by))
        self._desired.changed()
        log.info("camera.added", camera_id=camera.public_id, protocol=camera.protocol)
        return camera

    async def draft(self, fields: CameraFields, kept: Camera | None = None) -> Camera:
        """The camera `fields` would make, checked and not stored; `kept` is the camera as it was."""
        group = clean_name(fields.group, "/group") if fields.group else ""
        await self._check_group(group)
        source = await self._rules.source_of(fields, kept)
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
            group_id=None,
            group=group,
            created_ms=now_ms,
            changed_ms=now_ms,
            priority=fields.priority,
        )

    async def change(self, camera: Camera, fields: CameraFields) -> Camera:
        """`camera` as `fields` describe it; what makes it the same camera (ids, publish key) stays.

        Raises `Conflict` when somebody else has changed the camera since it was read.
        """
        if fields.retention_days != camera.retention_days and Verb.MANAGE not in self.held(camera):
            raise NotAllowed("your account may not say how long this camera's recordings are kept")
        if fields.priority != camera.priority and Verb.MANAGE not in self.held(camera):
            raise NotAllowed("your account may not say which camera stops recording first")
        drafted = await self.draft(fields, kept=camera)
        toggled = drafted.recording_enabled != camera.recording_enabled
        changed = replace(
            drafted,
            id=camera.id,
            public_id=camera.public_id,
            secret=replace(drafted.secret, publish_key=camera.secret.publish_key or drafted.secret.publish_key),
            recording_since_ms=drafted.recording_since_ms if toggled else camera.recording_since_ms,
            created_ms=camera.created_ms,
            changed_ms=max(drafted.changed_ms, camera.changed_ms + 1),
        )
        async with self._scope.write() as transaction:
            changed = await self._grouped(transaction, changed)
            await self._store.change(transaction, changed, camera.changed_ms)
            await self._store.note_fewer(transaction, camera, changed, self._clock.wall_ms())
            if toggled:
                await self._note_switch(transaction, changed)
            await self._tell(transaction, *camera_audit.changed(camera, changed, self._by))
        self._note_change(changed)
        return changed

    async def set_recording(self, camera: Camera, *, enabled: bool) -> Camera:
        """The switch alone, whatever else of the camera is being changed at the same time."""
        async with self._scope.write() as transaction:
            now_ms = self._clock.wall_ms()
            switched = await self._store.set_recording(transaction, camera, now_ms, enabled=enabled)
            if switched:
                now = replace(camera, recording_enabled=enabled, recording_since_ms=now_ms)
                await self._note_switch(transaction, now)
                await self._tell(transaction, camera_audit.switched(now, self._by))
        changed = await self._store.get(camera.public_id)
        if switched:
            self._note_change(changed)
        return changed

    async def _note_switch(self, transaction: CityTransaction, camera: Camera) -> None:
        """So that a timeline can tell what nobody wanted recorded from what was lost."""
        at_ms, enabled = camera.recording_since_ms, camera.recording_enabled
        await self._switches.add(transaction, camera.id, at_ms, enabled=enabled)

    def _note_change(self, camera: Camera) -> None:
        self._desired.changed()
        log.info("camera.changed", camera_id=camera.public_id, recording=camera.recording_enabled)

    async def remove(self, camera: Camera) -> None:
        """Out of every list, every mosaic and MediaMTX; its recordings stay until they expire."""
        async with self._scope.write() as transaction:
            await self._store.remove(transaction, camera, self._clock.wall_ms())
            await self._mosaics.leave(transaction, camera.id)
            await self._tell(transaction, camera_audit.removed(camera, self._by))
        self._desired.changed()
        log.info("camera.removed", camera_id=camera.public_id)

    async def _check_group(self, name: str) -> None:
        """Nobody puts a camera where they may not set cameras up; with that, nobody widens their own rights."""
        if name == EVERY_CAMERA:
            raise Invalid("the group was refused", FieldProblem("/group", "this name stands for every camera"))
        allowed = self._rights.groups_with({Verb.CONFIGURE})
        if allowed is not None and (not name or await self._groups.find_id(name) not in allowed):
            raise NotAllowed("your account may not set up cameras in this group")

    async def _grouped(self, transaction: CityTransaction, camera: Camera) -> Camera:
        """With the number of the group it names, which comes into being when it is first named."""
        if not camera.group:
            return replace(camera, group_id=None)
        now_ms = self._clock.wall_ms()
        number = await ensure_group(transaction, self._groups, self._audit, camera.group, self._by, now_ms)
        return replace(camera, group_id=number)

    async def _tell(self, transaction: CityTransaction, *entries: Entry) -> None:
        for entry in entries:
            await self._audit.append(transaction, entry, self._clock.wall_ms())

    async def applied(self) -> bool:
        """Whether MediaMTX has everything asked of it so far, waiting a little for it."""
        return await self._desired.wait_applied(self._desired.version, APPLY_WAIT_S)
