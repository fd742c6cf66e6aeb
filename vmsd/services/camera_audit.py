"""What the audit log is told of a camera: which of its fields changed, and never what a secret one holds."""

from __future__ import annotations

from collections.abc import Iterator

from vmsd.model.audit import Action, Entry, Fact, Subject, Who
from vmsd.model.camera import Camera

NAMED = (
    "name",
    "protocol",
    "source_url",
    "sub_source_url",
    "vendor",
    "host",
    "channel",
    "subtype",
    "username",
    "tunnel",
    "tunnel_target",
    "location",
    "audio",
    "priority",
)
"""Fields whose change is told by their name alone: addresses may hold passwords. The rest has actions of its own."""


def added(camera: Camera, by: Who) -> Entry:
    facts: dict[str, Fact] = {
        "name": camera.name,
        "protocol": camera.protocol,
        "group": camera.group,
        "recording": camera.recording_enabled,
        "retention_days": camera.retention_days,
    }
    return _entry(Action.CAMERA_ADDED, camera, by, facts)


def changed(before: Camera, after: Camera, by: Who) -> Iterator[Entry]:
    """Nothing when nothing is different."""
    fields: list[str] = [name for name in NAMED if getattr(before, name) != getattr(after, name)]
    if before.secret.password != after.secret.password:
        fields.append("password")
    if fields:
        yield _entry(Action.CAMERA_CHANGED, after, by, {"name": after.name, "fields": fields})
    if before.group != after.group:
        yield _entry(Action.CAMERA_REGROUPED, after, by, {"from": before.group, "to": after.group})
    if before.retention_days != after.retention_days:
        days: dict[str, Fact] = {"from": before.retention_days, "to": after.retention_days}
        yield _entry(Action.RETENTION_CHANGED, after, by, days)
    if before.recording_enabled != after.recording_enabled:
        yield switched(after, by)


def switched(camera: Camera, by: Who) -> Entry:
    action = Action.RECORDING_ENABLED if camera.recording_enabled else Action.RECORDING_DISABLED
    return _entry(action, camera, by, {"name": camera.name})


def removed(camera: Camera, by: Who) -> Entry:
    return _entry(Action.CAMERA_REMOVED, camera, by, {"name": camera.name})


def _entry(action: Action, camera: Camera, by: Who, facts: dict[str, Fact]) -> Entry:
    return Entry(action, by, subject=Subject("camera", camera.public_id), facts=facts)
