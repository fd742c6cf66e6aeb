"""What the daemon itself asks of all cities at once: for its own tasks alone."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vmsd.model.audit import Action, Entry, Subject
from vmsd.model.city import PLAN_DAYS, Plan
from vmsd.model.segment import PurgeReason, Segment, SegmentFlag, SegmentState
from vmsd.store.database import Database, Row, Transaction
from vmsd.store.dropped import about_to_go
from vmsd.store.segments import COLUMNS, segment_of
from vmsd.store.statements import SystemSql

US_PER_DAY = 86_400_000_000
_KEY = "city_id = :city_id AND camera_id = :camera_id"
_ROW = f"{_KEY} AND start_us = :start_us"
_RUNNING = int(SegmentState.RUNNING)
_CLOSED = int(SegmentState.CLOSED)
_GARBAGE = int(SegmentState.GARBAGE)
_UNSETTLED = f"state <> {_CLOSED}"
"""Said word for word as in the partial index: SQLite does not conclude it from `state = 2`."""
_KEPT = """EXISTS (
    SELECT 1 FROM kept_period
    WHERE kept_period.city_id = segment.city_id AND kept_period.camera_id = segment.camera_id
        AND released_ms IS NULL AND end_ms * 1000 > segment.start_us
        AND start_ms * 1000 < segment.start_us + coalesce(nullif(segment.duration_ms, 0), 86400000) * 1000
)"""
"""Said as the trigger `segment_kept` says it, which has the last word."""
_FREE = f"state = {_CLOSED} AND NOT {_KEPT}"
"""A segment that may be deleted by itself: closed, and nobody has asked to keep it."""

FOLDERS = SystemSql(
    """SELECT camera.city_id, camera.id AS camera_id, city.public_id AS city, camera.public_id AS camera,
    camera.retention_days, city.plan, camera.removed_ms
    FROM camera JOIN city ON city.id = camera.city_id ORDER BY camera.city_id, camera.id"""
)
RUNNING = SystemSql(f"SELECT {COLUMNS} FROM segment WHERE {_UNSETTLED} AND state = {_RUNNING}")
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
OLDEST = SystemSql(
    f"""SELECT camera.city_id, camera.id AS camera_id, (
        SELECT start_us FROM segment
        WHERE segment.city_id = camera.city_id AND segment.camera_id = camera.id AND {_FREE}
        ORDER BY start_us LIMIT 1
    ) AS start_us FROM camera"""
)
FREE = SystemSql(
    f"""SELECT {COLUMNS} FROM segment WHERE {_KEY} AND {_FREE} AND start_us >= :from_us
    ORDER BY start_us LIMIT :limit"""
)
MARK = SystemSql(f"UPDATE segment SET state = {_GARBAGE}, purge_reason = :purge_reason WHERE {_ROW} AND {_FREE}")
GARBAGE = SystemSql(f"SELECT {COLUMNS} FROM segment WHERE {_UNSETTLED} AND state = {_GARBAGE} LIMIT :limit")
NOTE_PURGE = SystemSql(
    f"""INSERT OR IGNORE INTO purge
    (city_id, camera_id, start_us, purged_ms, duration_ms, bytes, sha256, reason)
    SELECT city_id, camera_id, start_us, :now_ms, duration_ms, bytes, sha256,
    coalesce(:reason, purge_reason, '{PurgeReason.SPACE}')
    FROM segment WHERE {_ROW} AND (state = {_GARBAGE}) = :garbage"""
)
DROP = SystemSql(f"DELETE FROM segment WHERE {_ROW} AND (state = {_GARBAGE}) = :garbage")
DAYS = SystemSql(
    """SELECT city_id, camera_id, min(day) AS first_day, sum(bytes) AS bytes,
    sum(CASE WHEN day = :today THEN bytes ELSE 0 END) AS today_bytes,
    sum(CASE WHEN day = :today - 1 THEN bytes ELSE 0 END) AS yesterday_bytes
    FROM camera_day GROUP BY city_id, camera_id"""
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

    @property
    def key(self) -> tuple[int, int]:
        return (self.city_id, self.camera_id)

    @property
    def kept_days(self) -> int:
        return min(self.plan_days, self.own_days or self.plan_days)

    @property
    def reason(self) -> PurgeReason:
        """Why a recording older than `kept_days` goes."""
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


Note = Callable[[Transaction, Entry, int], Awaitable[None]]
"""Appends to the audit log, in a transaction and at a time."""


class System:
    def __init__(self, database: Database, note: Note) -> None:
        self._database = database
        self._note = note

    async def folders(self) -> Sequence[CameraFolder]:
        return [_folder(row) for row in await self._database.read(FOLDERS)]

    async def running(self) -> Sequence[Segment]:
        return [segment_of(row) for row in await self._database.read(RUNNING)]

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

    async def oldest(self) -> Mapping[tuple[int, int], int]:
        """Per camera the start of its oldest segment that may be deleted: one index seek each."""
        rows = await self._database.read(OLDEST)
        return {(row["city_id"], row["camera_id"]): row["start_us"] for row in rows if row["start_us"] is not None}

    async def free(self, key: tuple[int, int], from_us: int, limit: int) -> Sequence[Segment]:
        """The oldest segments of a camera that may be deleted."""
        params = {"city_id": key[0], "camera_id": key[1], "from_us": from_us, "limit": limit}
        return [segment_of(row) for row in await self._database.read(FREE, params)]

    async def mark(self, segments: Iterable[Segment], reason: PurgeReason) -> None:
        """Make garbage, in one transaction, of those that may still be deleted when it happens."""
        async with self._database.write() as transaction:
            rows = [{**_row(segment), "purge_reason": reason} for segment in segments]
            await transaction.execute_many(MARK, rows)

    async def garbage(self, limit: int) -> Sequence[Segment]:
        return [segment_of(row) for row in await self._database.read(GARBAGE, {"limit": limit})]

    async def drop_garbage(self, segments: Iterable[Segment], now_ms: int) -> None:
        """The end of a deletion: the file is gone, its row becomes a line in the list of purges."""
        await self._drop([_row(segment) for segment in segments], None, now_ms, garbage=True)

    async def drop_vanished(self, places: Iterable[tuple[tuple[int, int], int]], now_ms: int) -> None:
        """Rows whose file somebody else has deleted; each given as camera and start."""
        rows = [{"city_id": key[0], "camera_id": key[1], "start_us": start_us} for key, start_us in places]
        await self._drop(rows, PurgeReason.VANISHED, now_ms, garbage=False)

    async def _drop(
        self, rows: Iterable[dict[str, Any]], reason: PurgeReason | None, now_ms: int, *, garbage: bool
    ) -> None:
        params = [{**row, "now_ms": now_ms, "reason": reason, "garbage": int(garbage)} for row in rows]
        async with self._database.write() as transaction:
            for entry in await about_to_go(transaction, params, reason, garbage=garbage):
                await self._note(transaction, entry, now_ms)
            await transaction.execute_many(NOTE_PURGE, params)
            await transaction.execute_many(DROP, params)

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
    )


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
