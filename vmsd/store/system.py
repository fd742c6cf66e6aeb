"""What the daemon itself asks of all cities at once: for its own tasks alone."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vmsd.model.audit import Action, Entry, Subject
from vmsd.model.city import PLAN_DAYS, Former, Plan
from vmsd.model.segment import PurgeReason, Segment, SegmentFlag, SegmentState
from vmsd.store.database import Database, Row
from vmsd.store.deletable import (
    FREE,
    HEADS,
    KEPT_PERIODS,
    MARK,
    OVERDUE,
    Key,
    Stretch,
    as_json,
    kept_spans,
    places_json,
)
from vmsd.store.dropped import Note, drop
from vmsd.store.protected import Protected
from vmsd.store.segment_clocks import SegmentClocks
from vmsd.store.segments import COLUMNS, segment_of
from vmsd.store.statements import SystemSql

_KEY = "city_id = :city_id AND camera_id = :camera_id"
_ROW = f"{_KEY} AND start_us = :start_us"
_RUNNING = int(SegmentState.RUNNING)
_CLOSED = int(SegmentState.CLOSED)
_GARBAGE = int(SegmentState.GARBAGE)
_UNSETTLED = f"state <> {_CLOSED}"
"""Said word for word as in the partial index: SQLite does not conclude it from `state = 2`."""

FOLDERS = SystemSql(
    """SELECT camera.city_id, camera.id AS camera_id, city.public_id AS city, camera.public_id AS camera,
    camera.retention_days, city.plan, camera.removed_ms, camera.former_days, camera.days_changed_ms,
    city.former_days AS city_former_days, city.days_changed_ms AS city_days_changed_ms
    FROM camera JOIN city ON city.id = camera.city_id WHERE NOT :removed OR camera.removed_ms IS NOT NULL
    ORDER BY camera.city_id, camera.id"""
)
RUNNING = SystemSql(f"SELECT {COLUMNS} FROM segment WHERE {_UNSETTLED} AND state = {_RUNNING}")
CLOSED_STARTS = SystemSql(f"SELECT start_us FROM segment WHERE {_KEY} AND state = {_CLOSED} ORDER BY start_us DESC")
NEWEST_CLOSED = SystemSql(
    f"""SELECT camera.city_id, camera.id AS camera_id, (
        SELECT start_us FROM segment
        WHERE segment.city_id = camera.city_id AND segment.camera_id = camera.id AND state = {_CLOSED}
        ORDER BY start_us DESC LIMIT 1
    ) AS start_us FROM camera"""
)
STARTS = SystemSql(f"SELECT start_us FROM segment WHERE {_KEY} AND start_us >= :since_us AND state <> {_GARBAGE}")
FIND = SystemSql(f"SELECT {COLUMNS} FROM segment WHERE {_ROW}")
COUNT = SystemSql("SELECT coalesce(sum(segments), 0) AS segments FROM camera_day")
PUT = SystemSql(
    f"""INSERT INTO segment ({COLUMNS})
    VALUES (:city_id, :camera_id, :start_us, :duration_ms, :bytes, :valid_bytes, :state, :flags, NULL,
    :purge_reason)
    ON CONFLICT DO UPDATE SET duration_ms = excluded.duration_ms, bytes = excluded.bytes,
    valid_bytes = excluded.valid_bytes, state = excluded.state, sha256 = NULL,
    purge_reason = excluded.purge_reason, flags = (flags & ~{int(SegmentFlag.DAMAGED)}) | excluded.flags
    WHERE state <> {_GARBAGE}"""
)
PUT_NEW = SystemSql(
    f"""INSERT INTO segment ({COLUMNS})
    VALUES (:city_id, :camera_id, :start_us, :duration_ms, :bytes, :valid_bytes, :state, :flags, NULL,
    :purge_reason) ON CONFLICT DO NOTHING"""
)
UNHASHED = SystemSql(f"SELECT {COLUMNS} FROM segment WHERE state = {_CLOSED} AND sha256 IS NULL LIMIT :limit")
SET_HASH = SystemSql(
    f"""UPDATE segment SET sha256 = :sha256, duration_ms = :duration_ms, valid_bytes = :valid_bytes,
    flags = flags | :flags WHERE {_ROW} AND state = {_CLOSED} AND bytes = :bytes AND sha256 IS NULL"""
)
GARBAGE = SystemSql(f"SELECT {COLUMNS} FROM segment WHERE {_UNSETTLED} AND state = {_GARBAGE} LIMIT :limit")
DAYS = SystemSql(
    """SELECT city_id, camera_id, min(day) AS first_day, sum(bytes) AS bytes,
    sum(CASE WHEN day = :today THEN bytes ELSE 0 END) AS today_bytes,
    sum(CASE WHEN day = :today - 1 THEN bytes ELSE 0 END) AS yesterday_bytes
    FROM camera_day GROUP BY city_id, camera_id"""
)
PURGED_SINCE = SystemSql(
    """SELECT count(*) AS recordings FROM city CROSS JOIN purge ON purge.city_id = city.id
    AND purged_ms >= :since_ms WHERE reason IN (SELECT value FROM json_each(:reasons))"""
)
CITY_ID = SystemSql("SELECT id FROM city WHERE public_id = :public_id")
HAS_CAMERA = SystemSql("SELECT id FROM camera WHERE public_id = :public_id")
ADD_CITY = SystemSql(
    """INSERT INTO city (public_id, name, status, plan, created_ms, changed_ms)
    VALUES (:public_id, :name, 'active', :plan, :now_ms, :now_ms) RETURNING id"""
)
ADD_CAMERA = SystemSql(
    """INSERT INTO camera (city_id, id, public_id, name, protocol, vendor, host, channel, subtype, username,
    secret, tunnel, tunnel_target, recording_enabled, recording_since_ms, retention_days, lat, lon, audio,
    created_ms, changed_ms)
    SELECT :city_id, (SELECT coalesce(max(id), 0) + 1 FROM camera WHERE city_id = :city_id), :public_id,
    :name, 'rtsp', '', '', 1, 0, '', NULL, '', '', 0, :now_ms, NULL, NULL, NULL, 0, :now_ms, :now_ms"""
)


@dataclass(frozen=True)
class CameraFolder:
    """A camera, removed ones too, as the tasks that work on its files see it."""

    city_id: int
    camera_id: int
    city: str
    camera: str
    plan_days: int
    own_days: int | None
    removed: bool
    formers: Sequence[Former] = ()

    @property
    def key(self) -> tuple[int, int]:
        return (self.city_id, self.camera_id)

    @property
    def kept_days(self) -> int:
        return min(self.plan_days, self.own_days or self.plan_days)

    def reason(self, segment: Segment, now_ms: int) -> PurgeReason:
        """Why a recording older than `kept_days` goes."""
        if any(former.covers(segment.start_ms, segment.end_ms, now_ms) for former in self.formers):
            return PurgeReason.PLAN_CHANGED
        shorter = self.own_days is not None and self.own_days < self.plan_days
        return PurgeReason.RETENTION_CAMERA if shorter else PurgeReason.RETENTION_PLAN


@dataclass(frozen=True)
class CameraDays:
    """What a camera has on the disk, and how much of it is of today and of yesterday, both in UTC."""

    key: tuple[int, int]
    first_day: int
    bytes: int
    today_bytes: int
    yesterday_bytes: int


class System:
    def __init__(self, database: Database, note: Note) -> None:
        self._database = database
        self._note = note
        self.clocks = SegmentClocks(database)
        self.protected = Protected(database)
        self.purged: Counter[PurgeReason] = Counter()
        """Recordings that were deleted since the start."""

    async def folders(self, *, removed: bool = False) -> Sequence[CameraFolder]:
        """Of all cameras, or of those alone that were removed."""
        return [_folder(row) for row in await self._database.read(FOLDERS, {"removed": int(removed)})]

    async def running(self) -> Sequence[Segment]:
        return [segment_of(row) for row in await self._database.read(RUNNING)]

    async def closed_starts(self, key: tuple[int, int]) -> Sequence[int]:
        """Of a camera's closed segments, newest first."""
        rows = await self._database.read(CLOSED_STARTS, {"city_id": key[0], "camera_id": key[1]})
        return [row["start_us"] for row in rows]

    async def newest_closed(self) -> Mapping[tuple[int, int], int | None]:
        """Per camera the start of its newest closed segment: one index seek each."""
        rows = await self._database.read(NEWEST_CLOSED)
        return {(row["city_id"], row["camera_id"]): row["start_us"] for row in rows}

    async def starts(self, key: tuple[int, int], since_us: int = 0) -> set[int]:
        """Which segments the database knows of a camera, garbage left out."""
        params = {"city_id": key[0], "camera_id": key[1], "since_us": since_us}
        return {row["start_us"] for row in await self._database.read(STARTS, params)}

    async def find(self, key: tuple[int, int], start_us: int) -> Segment | None:
        params = {"city_id": key[0], "camera_id": key[1], "start_us": start_us}
        rows = await self._database.read(FIND, params)
        return segment_of(rows[0]) if rows else None

    async def count_segments(self) -> int:
        (row,) = await self._database.read(COUNT)
        return int(row["segments"])

    async def put(self, segments: Sequence[Segment]) -> None:
        """Write rows as the files are now, in one transaction; what people decided about them stays."""
        await self._put(PUT, segments)

    async def put_new(self, segments: Sequence[Segment]) -> None:
        """Write rows that are not there yet, in one transaction; those that are stay as they are."""
        await self._put(PUT_NEW, segments)

    async def _put(self, sql: SystemSql, segments: Sequence[Segment]) -> None:
        if segments:
            async with self._database.write() as transaction:
                await transaction.execute_many(sql, [_params(segment) for segment in segments])

    async def unhashed(self, limit: int) -> Sequence[Segment]:
        return [segment_of(row) for row in await self._database.read(UNHASHED, {"limit": limit})]

    async def set_hashes(self, segments: Sequence[Segment]) -> None:
        """Keep hashes and what the whole files have told, where the row has not changed since it was read."""
        if segments:
            async with self._database.write() as transaction:
                rows = [{**_params(segment), "sha256": segment.sha256} for segment in segments]
                await transaction.execute_many(SET_HASH, rows)

    async def kept(self) -> Mapping[Key, Sequence[tuple[int, int]]]:
        """What somebody keeps of each camera, in microseconds, in order and without overlaps."""
        return kept_spans(await self._database.read(KEPT_PERIODS))

    async def overdue(self, now_ms: int) -> Sequence[Key]:
        """Cameras with a segment older than they keep any, kept by somebody or not: one index seek each."""
        params = {"now_us": now_ms * 1000, "days": json.dumps(PLAN_DAYS)}
        return [(row["city_id"], row["camera_id"]) for row in await self._database.read(OVERDUE, params)]

    async def heads(self, stretches: Sequence[Stretch]) -> Sequence[tuple[int, Stretch]]:
        """The start of the first segment of each that may be deleted, where there is one: one index seek each."""
        rows = await self._database.read(HEADS, {"stretches": as_json(stretches)})
        return [(row["start_us"], stretches[row["number"]]) for row in rows if row["start_us"] is not None]

    async def free(self, stretch: Stretch, limit: int) -> Sequence[Segment]:
        """The oldest segments of a stretch that may be deleted."""
        params = {"city_id": stretch.key[0], "camera_id": stretch.key[1], "limit": limit}
        params |= {"from_us": stretch.from_us, "to_us": stretch.to_us, "aged_us": stretch.aged_us}
        return [segment_of(row) for row in await self._database.read(FREE, params)]

    async def mark(self, segments: Iterable[Segment], reason: PurgeReason) -> list[Segment]:
        """Make garbage of those that may still be deleted when it happens, and say which were."""
        asked = {(one.city_id, one.camera_id, one.start_us): one for one in segments}
        async with self._database.write() as transaction:
            rows = await transaction.fetch(MARK, {"places": places_json(asked.values()), "reason": reason})
        return [asked[row["city_id"], row["camera_id"], row["start_us"]] for row in rows]

    async def purged_since(self, since_ms: int, reasons: Iterable[PurgeReason]) -> int:
        """How many recordings have gone for these reasons since then."""
        params = {"since_ms": since_ms, "reasons": json.dumps(list(reasons))}
        (row,) = await self._database.read(PURGED_SINCE, params)
        return int(row["recordings"])

    async def garbage(self, limit: int) -> Sequence[Segment]:
        return [segment_of(row) for row in await self._database.read(GARBAGE, {"limit": limit})]

    async def drop_garbage(self, segments: Iterable[Segment], now_ms: int) -> None:
        """The end of a deletion: the file is gone, its row becomes a line in the list of purges."""
        places = [(one.city_id, one.camera_id, one.start_us) for one in segments]
        async with self._database.write() as transaction:
            gone = await drop(transaction, self._note, places, now_ms)
        self.purged.update(gone)

    async def drop_vanished(self, places: Iterable[tuple[Key, int]], now_ms: int) -> None:
        """Rows whose file somebody else has deleted; each given as camera and start."""
        async with self._database.write() as transaction:
            rows = [(*key, start) for key, start in places]
            gone = await drop(transaction, self._note, rows, now_ms, vanished=True)
        self.purged.update(gone)

    async def days(self, today: int) -> Sequence[CameraDays]:
        rows = await self._database.read(DAYS, {"today": today})
        return [
            CameraDays(
                (row["city_id"], row["camera_id"]),
                row["first_day"],
                row["bytes"],
                row["today_bytes"],
                row["yesterday_bytes"],
            )
            for row in rows
        ]

    async def recover(self, city: str, camera: str, plan: Plan, now_ms: int) -> bool:
        """Give a city and a camera found only on the disk their rows back, with nothing but their ids.

        False for a camera that exists already, in whatever city: then nothing changes.
        """
        async with self._database.write() as transaction:
            if await transaction.fetch(HAS_CAMERA, {"public_id": camera}):
                return False
            rows = await transaction.fetch(CITY_ID, {"public_id": city})
            if not rows:
                new = {"public_id": city, "name": f"Recuperada {city[:8]}", "plan": plan, "now_ms": now_ms}
                rows = await transaction.fetch(ADD_CITY, new)
                await self._note(transaction, _recovered(Action.CITY_ADDED, rows[0]["id"], "city", city), now_ms)
            params = {"city_id": rows[0]["id"], "public_id": camera, "name": f"Câmera {camera[:8]}"}
            await transaction.execute(ADD_CAMERA, {**params, "now_ms": now_ms})
            await self._note(transaction, _recovered(Action.CAMERA_ADDED, rows[0]["id"], "camera", camera), now_ms)
            return True


def _recovered(action: Action, city_id: int, kind: str, public_id: str) -> Entry:
    return Entry(action, city_id=city_id, subject=Subject(kind, public_id), facts={"recovered": True})


def _folder(row: Row) -> CameraFolder:
    return CameraFolder(
        city_id=row["city_id"],
        camera_id=row["camera_id"],
        city=row["city"],
        camera=row["camera"],
        plan_days=PLAN_DAYS[row["plan"]],
        own_days=row["retention_days"],
        removed=row["removed_ms"] is not None,
        formers=_formers(row),
    )


def _formers(row: Row) -> Sequence[Former]:
    """Of the camera and of its city; the city's never meant more days than the camera has of its own."""
    formers = []
    if row["former_days"] is not None:
        formers.append(Former(row["former_days"], row["days_changed_ms"]))
    if row["city_former_days"] is not None:
        days = min(row["city_former_days"], row["retention_days"] or row["city_former_days"])
        formers.append(Former(days, row["city_days_changed_ms"]))
    return formers


def _row(segment: Segment) -> dict[str, Any]:
    return {"city_id": segment.city_id, "camera_id": segment.camera_id, "start_us": segment.start_us}


def _params(segment: Segment) -> dict[str, Any]:
    return {
        **_row(segment),
        "duration_ms": segment.duration_ms,
        "bytes": segment.bytes,
        "valid_bytes": segment.valid_bytes,
        "state": int(segment.state),
        "flags": int(segment.flags),
        "purge_reason": segment.purge_reason,
    }
