"""What the check of disk against database asks and marks, across cities, and the results of the checks themselves."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from vmsd.model.segment import Digest, SegmentFlag, SegmentState
from vmsd.store.database import Database, Row, Transaction
from vmsd.store.statements import SystemSql

_CLOSED, _GARBAGE = int(SegmentState.CLOSED), int(SegmentState.GARBAGE)
_ALTERED = int(SegmentFlag.ALTERED)
_KEY = "city_id = :city_id AND camera_id = :camera_id AND start_us = :start_us"

FOLDERS = SystemSql(
    """SELECT camera.city_id, camera.id AS camera_id, city.public_id AS city, camera.public_id AS camera
    FROM camera JOIN city ON city.id = camera.city_id ORDER BY camera.city_id, camera.id"""
)
ROWS = SystemSql(
    f"""SELECT start_us, CASE WHEN state = {_CLOSED} AND sha256 IS NOT NULL THEN bytes END AS hashed_bytes,
    state = {_CLOSED} AND bytes > 0 AS whole FROM segment
    WHERE city_id = :city_id AND camera_id = :camera_id AND state <> {_GARBAGE}"""
)
_HASHED = f"""SELECT segment.city_id, segment.camera_id, city.public_id AS city, camera.public_id AS camera,
    segment.start_us, segment.bytes, segment.sha256
    FROM segment
    CROSS JOIN camera ON camera.city_id = segment.city_id AND camera.id = segment.camera_id
    CROSS JOIN city ON city.id = segment.city_id
    WHERE segment.state = {_CLOSED} AND segment.sha256 IS NOT NULL"""
NEXT = SystemSql(
    f"""{_HASHED} AND (segment.city_id, segment.camera_id, segment.start_us) > (:city_id, :camera_id, :start_us)
    ORDER BY segment.city_id, segment.camera_id, segment.start_us LIMIT :limit"""
)
ONE = SystemSql(f"""{_HASHED} AND segment.city_id = :city_id AND segment.camera_id = :camera_id
    AND segment.start_us = :start_us""")
ALTER = SystemSql(
    f"""UPDATE segment SET flags = flags | {_ALTERED}
    WHERE {_KEY} AND state = {_CLOSED} AND sha256 = :sha256 AND flags & {_ALTERED} = 0"""
)
COUNT_ALTERED = SystemSql(f"SELECT count(*) AS altered FROM segment WHERE flags & {_ALTERED} AND city_id > 0")
"""In the words of the partial index `segment_altered`; every city's number is over 0."""
BEGIN = SystemSql(
    "INSERT INTO integrity_check (started_ms, person_name) VALUES (:started_ms, :person_name) RETURNING id"
)
SAVE = SystemSql("UPDATE integrity_check SET ended_ms = :ended_ms, result = :result WHERE id = :id")
NEWEST = SystemSql(
    """SELECT id, started_ms, ended_ms, person_name, result FROM integrity_check
    WHERE (:ended IS NULL OR (ended_ms IS NOT NULL) = :ended) AND (:nightly = 0 OR person_name IS NULL)
    ORDER BY id DESC LIMIT 1"""
)


class Cursor(NamedTuple):
    """How far recordings have been read again."""

    city_id: int = 0
    camera_id: int = 0
    start_us: int = 0


class CheckedFolder(NamedTuple):
    city_id: int
    camera_id: int
    city: str
    camera: str


@dataclass(frozen=True)
class HashedSegment:
    """A closed recording and the hash of its bytes as they were then."""

    city_id: int
    camera_id: int
    city: str
    camera: str
    start_us: int
    bytes: int
    sha256: Digest

    @property
    def place(self) -> Cursor:
        return Cursor(self.city_id, self.camera_id, self.start_us)


class RowFacts(NamedTuple):
    """`hashed_bytes` is the size a recording must have, None while that may change; `whole` ones must have a file."""

    hashed_bytes: int | None
    whole: bool


@dataclass(frozen=True)
class CheckRow:
    id: int
    started_ms: int
    ended_ms: int | None
    person_name: str | None
    result: Mapping[str, Any]


class IntegrityChecks:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def folders(self) -> Sequence[CheckedFolder]:
        return [CheckedFolder(*row) for row in await self._database.read(FOLDERS)]

    async def rows(self, folder: CheckedFolder) -> dict[int, RowFacts]:
        """All that is known of one camera's recordings, by their start."""
        params = {"city_id": folder.city_id, "camera_id": folder.camera_id}
        found = await self._database.read(ROWS, params)
        return {row["start_us"]: RowFacts(row["hashed_bytes"], bool(row["whole"])) for row in found}

    async def next(self, after: Cursor, limit: int) -> Sequence[HashedSegment]:
        """In the order of their keys."""
        rows = await self._database.read(NEXT, after._asdict() | {"limit": limit})
        return [HashedSegment(**dict(row)) for row in rows]

    async def find(self, place: Cursor) -> HashedSegment | None:
        rows = await self._database.read(ONE, place._asdict())
        return HashedSegment(**dict(rows[0])) if rows else None

    async def alter(self, transaction: Transaction, segment: HashedSegment) -> bool:
        """False when that was known, or the recording is not the one that was read any more."""
        return await transaction.execute(ALTER, segment.place._asdict() | {"sha256": segment.sha256}) > 0

    async def count_altered(self) -> int:
        (row,) = await self._database.read(COUNT_ALTERED)
        return int(row["altered"])

    async def begin(self, transaction: Transaction, started_ms: int, person_name: str | None) -> CheckRow:
        """A check that a person asked for, or a nightly one."""
        (row,) = await transaction.fetch(BEGIN, {"started_ms": started_ms, "person_name": person_name})
        return CheckRow(row["id"], started_ms, None, person_name, {})

    async def save(
        self, transaction: Transaction, check_id: int, result: Mapping[str, Any], ended_ms: int | None
    ) -> None:
        params = {"id": check_id, "result": json.dumps(dict(result)), "ended_ms": ended_ms}
        await transaction.execute(SAVE, params)

    async def newest(self, *, ended: bool | None = None, nightly: bool = False) -> CheckRow | None:
        """The newest check, or the newest that is over, or is not; with `nightly` of those nobody asked for."""
        params = {"ended": None if ended is None else int(ended), "nightly": int(nightly)}
        rows = await self._database.read(NEWEST, params)
        return _check_of(rows[0]) if rows else None


def _check_of(row: Row) -> CheckRow:
    result = json.loads(row["result"]) if row["result"] else {}
    return CheckRow(row["id"], row["started_ms"], row["ended_ms"], row["person_name"], result)
