"""The cameras of one city."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any
from typing import Protocol as Interface

from vmsd.errors import BadSetting, Conflict, NotFound
from vmsd.model.camera import Camera, Location, Secret
from vmsd.model.city import DAY_MS, PLAN_DAYS
from vmsd.store.database import Row
from vmsd.store.scope import CityStatements, CityTransaction, Scope
from vmsd.store.statements import CitySql

COLUMNS = """city_id, id, public_id, name, protocol, vendor, host, channel, subtype, username,
    secret, tunnel, tunnel_target, recording_enabled, recording_since_ms, retention_days, lat, lon,
    audio, group_id, created_ms, changed_ms, priority"""
SELECT = f"""SELECT {COLUMNS}, (
        SELECT camera_group.name FROM camera_group
        WHERE camera_group.city_id = :city_id AND camera_group.id = camera.group_id
    ) AS group_name FROM camera WHERE camera.city_id = :city_id"""

LIST = CitySql(
    f"""{SELECT} AND (:removed_too OR removed_ms IS NULL) AND id > :after
    AND (:groups IS NULL OR group_id IN (SELECT value FROM json_each(:groups)))
    AND (:only IS NULL OR id IN (SELECT value FROM json_each(:only))) ORDER BY id LIMIT :limit"""
)
BY_PUBLIC_ID = CitySql(f"{SELECT} AND public_id = :public_id AND removed_ms IS NULL")
WITH_REMOVED = CitySql(f"{SELECT} AND public_id = :public_id")
NEXT_ID = CitySql("SELECT coalesce(max(id), 0) + 1 AS id FROM camera WHERE city_id = :city_id")
INSERT = CitySql(
    f"""INSERT INTO camera ({COLUMNS}) VALUES (:city_id, :id, :public_id, :name, :protocol, :vendor, :host, :channel,
    :subtype, :username, :secret, :tunnel, :tunnel_target,
    :recording_enabled, :recording_since_ms, :retention_days, :lat, :lon, :audio, :group_id, :created_ms,
    :changed_ms, :priority)"""
)
UPDATE = CitySql(
    """UPDATE camera SET name = :name, protocol = :protocol, vendor = :vendor, host = :host, channel = :channel,
    subtype = :subtype, username = :username, secret = :secret, tunnel = :tunnel, tunnel_target = :tunnel_target,
    recording_enabled = :recording_enabled, recording_since_ms = :recording_since_ms,
    retention_days = :retention_days, lat = :lat, lon = :lon, audio = :audio, group_id = :group_id,
    changed_ms = :changed_ms, priority = :priority
    WHERE city_id = :city_id AND id = :id AND removed_ms IS NULL AND changed_ms = :seen_ms"""
)
CITY_DAYS = CitySql("SELECT plan, former_days, days_changed_ms FROM city WHERE id = :city_id")
FORMER = CitySql("SELECT former_days, days_changed_ms FROM camera WHERE city_id = :city_id AND id = :id")
NOTE_FEWER = CitySql(
    "UPDATE camera SET former_days = :days, days_changed_ms = :now_ms WHERE city_id = :city_id AND id = :id"
)
SET_RECORDING = CitySql(
    """UPDATE camera SET recording_enabled = :enabled, recording_since_ms = :now_ms,
    changed_ms = max(changed_ms + 1, :now_ms)
    WHERE city_id = :city_id AND id = :id AND removed_ms IS NULL AND recording_enabled <> :enabled"""
)
REMOVE = CitySql(
    """UPDATE camera SET removed_ms = :now_ms, secret = NULL
    WHERE city_id = :city_id AND id = :id AND removed_ms IS NULL"""
)


class Vault(Interface):
    """Encrypts what must not lie in the database in clear, bound to the row it belongs to."""

    def seal(self, clear: bytes, bound_to: str) -> bytes: ...

    def open(self, sealed: bytes, bound_to: str) -> bytes: ...


@dataclass(frozen=True)
class CameraRows:
    """Turns camera rows into cameras and back; holds the key for their secrets."""

    vault: Vault

    def camera(self, row: Row) -> Camera:
        sealed = self._open(row["secret"], row["public_id"])
        return Camera(
            city_id=row["city_id"],
            id=row["id"],
            public_id=row["public_id"],
            name=row["name"],
            protocol=row["protocol"],
            source_url=sealed.get("source_url", ""),
            sub_source_url=sealed.get("sub_source_url", ""),
            vendor=row["vendor"],
            host=row["host"],
            channel=row["channel"],
            subtype=row["subtype"],
            username=row["username"],
            secret=Secret(sealed.get("password"), sealed.get("publish_key"), sealed.get("readable", True)),
            tunnel=row["tunnel"],
            tunnel_target=row["tunnel_target"],
            recording_enabled=bool(row["recording_enabled"]),
            recording_since_ms=row["recording_since_ms"],
            retention_days=row["retention_days"],
            location=None if row["lat"] is None else Location(row["lat"], row["lon"]),
            audio=bool(row["audio"]),
            group_id=row["group_id"],
            group=row["group_name"] or "",
            created_ms=row["created_ms"],
            changed_ms=row["changed_ms"],
            priority=row["priority"],
        )

    def params(self, camera: Camera) -> dict[str, object]:
        return {
            "id": camera.id,
            "public_id": camera.public_id,
            "name": camera.name,
            "protocol": camera.protocol,
            "vendor": camera.vendor,
            "host": camera.host,
            "channel": camera.channel,
            "subtype": camera.subtype,
            "username": camera.username,
            "secret": self._seal(camera),
            "tunnel": camera.tunnel,
            "tunnel_target": camera.tunnel_target,
            "recording_enabled": int(camera.recording_enabled),
            "recording_since_ms": camera.recording_since_ms,
            "retention_days": camera.retention_days,
            "lat": camera.location and camera.location.lat,
            "lon": camera.location and camera.location.lon,
            "audio": int(camera.audio),
            "group_id": camera.group_id,
            "created_ms": camera.created_ms,
            "changed_ms": camera.changed_ms,
            "priority": camera.priority,
        }

    def _seal(self, camera: Camera) -> bytes:
        """Addresses too: many a camera wants its password in the query of its address."""
        content = {
            "source_url": camera.source_url,
            "sub_source_url": camera.sub_source_url,
            "password": camera.secret.password,
            "publish_key": camera.secret.publish_key,
        }
        return self.vault.seal(json.dumps(content).encode(), f"camera:secret:{camera.public_id}")

    def _open(self, sealed: bytes | None, public_id: str) -> dict[str, Any]:
        """Nothing for a removed camera, and of one whose secret was sealed with another key or is damaged."""
        if sealed is None:
            return {}
        try:
            opened = json.loads(self.vault.open(sealed, f"camera:secret:{public_id}"))
        except (BadSetting, ValueError):
            opened = None
        return opened if isinstance(opened, dict) else {"readable": False}


class Cameras:
    """Reads and writes inside one city's scope."""

    def __init__(self, scope: Scope, rows: CameraRows) -> None:
        self._scope = scope
        self._rows = rows

    async def list(
        self,
        *,
        after: int = 0,
        limit: int = 10_000,
        groups: Collection[int] | None = None,
        only: Collection[int] | None = None,
        removed_too: bool = False,
    ) -> Sequence[Camera]:
        """In the order they were added; those in `groups` and those in `only`, unless that is None."""
        params = {
            "after": after,
            "limit": limit,
            "groups": None if groups is None else json.dumps(sorted(groups)),
            "only": None if only is None else json.dumps(sorted(only)),
            "removed_too": int(removed_too),
        }
        rows = await self._scope.fetch(LIST, **params)
        return [self._rows.camera(row) for row in rows]

    async def get(self, public_id: str, *, removed_too: bool = False) -> Camera:
        """Raises `NotFound` for an unknown id and for another city's alike."""
        sql = WITH_REMOVED if removed_too else BY_PUBLIC_ID
        rows = await self._scope.fetch(sql, public_id=public_id)
        if not rows:
            raise NotFound("there is no such camera")
        return self._rows.camera(rows[0])

    async def add(self, transaction: CityTransaction, camera: Camera) -> Camera:
        """Store a new camera; its city and number are given here."""
        (row,) = await transaction.fetch(NEXT_ID)
        numbered = replace(camera, city_id=self._scope.city_id, id=row["id"])
        await transaction.execute(INSERT, **self._rows.params(numbered))
        return numbered

    async def change(self, transaction: CityTransaction, camera: Camera, seen_ms: int) -> None:
        """Write what was made from the camera as it was at `seen_ms`; `Conflict` when it is so no more."""
        params = self._rows.params(camera) | {"seen_ms": seen_ms}
        del params["public_id"], params["created_ms"]
        if await transaction.execute(UPDATE, **params) == 0:
            if not await transaction.fetch(BY_PUBLIC_ID, public_id=camera.public_id):
                raise NotFound("there is no such camera")
            raise Conflict("somebody else has just changed this camera; look at it again")

    async def note_fewer(self, transaction: CityTransaction, before: Camera, after: Camera, now_ms: int) -> None:
        """Where the change leaves a camera fewer days: the most it has had, as long as that can matter."""
        (city,) = await transaction.fetch(CITY_DAYS)
        (camera,) = await transaction.fetch(FORMER, id=before.id)
        plan_days, own_days = PLAN_DAYS[city["plan"]], before.retention_days
        days = min(plan_days, own_days or plan_days)
        if min(plan_days, after.retention_days or plan_days) >= days:
            return
        city_days = _former_days(city, now_ms)
        most = max(days, _former_days(camera, now_ms), min(city_days, own_days or city_days))
        await transaction.execute(NOTE_FEWER, id=before.id, days=most, now_ms=now_ms)

    async def set_recording(self, transaction: CityTransaction, camera: Camera, now_ms: int, *, enabled: bool) -> bool:
        """False when it was so already."""
        params = {"id": camera.id, "now_ms": now_ms, "enabled": int(enabled)}
        return await transaction.execute(SET_RECORDING, **params) > 0

    async def remove(self, transaction: CityTransaction, camera: Camera, now_ms: int) -> None:
        """The row stays, without its secret, for as long as recordings of the camera do."""
        if await transaction.execute(REMOVE, id=camera.id, now_ms=now_ms) == 0:
            raise NotFound("there is no such camera")


def get_in(statements: CityStatements, rows: CameraRows, public_id: str) -> Camera:
    """Raises `NotFound` as `Cameras.get` does."""
    found = statements.fetch(BY_PUBLIC_ID, public_id=public_id)
    if not found:
        raise NotFound("there is no such camera")
    return rows.camera(found[0])


def _former_days(row: Row, now_ms: int) -> int:
    """0 once nothing can be left of what was kept so long."""
    days: int = row["former_days"] or 0
    return days if days and now_ms - row["days_changed_ms"] < days * DAY_MS else 0
