"""By which clock a segment got its name, while that clock was not trusted; and the journal of names set right.

For the daemon's own tasks, across cities. A row goes with its segment (trigger `segment_clock_dropped`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from vmsd.model.segment import SegmentFlag, SegmentState
from vmsd.store.database import Database, Row, Transaction
from vmsd.store.segments import COLUMNS
from vmsd.store.statements import SystemSql

NO_BOOT = ""
"""In the place of a boot when nobody knows which clock it was."""
_KEY = "city_id = :city_id AND camera_id = :camera_id AND start_us = :start_us"
_UNTRUSTED, _CORRECTED = int(SegmentFlag.CLOCK_UNTRUSTED), int(SegmentFlag.CLOCK_CORRECTED)
_CLOSED, _GARBAGE = int(SegmentState.CLOSED), int(SegmentState.GARBAGE)
_PENDING = "not_after_ms IS NULL AND boot_id >= ''"
"""As SQLite needs it to see that the partial index has all of them."""
_MOVING = f"{_PENDING} AND corrected_us <> segment_clock.start_us"
_LENGTH_US = "coalesce(nullif(segment.duration_ms, 0), 86400000) * 1000"
"""As the trigger `segment_kept` counts: a file that does not say how long it plays may play for a day."""

NOTE = SystemSql(
    """INSERT INTO segment_clock (city_id, camera_id, start_us, boot_id, offset_ms)
    VALUES (:city_id, :camera_id, :start_us, :boot_id, :offset_ms)
    ON CONFLICT DO UPDATE SET boot_id = excluded.boot_id, offset_ms = excluded.offset_ms WHERE boot_id = ''"""
)
_DOUBTED = """SELECT segment_clock.city_id, segment_clock.camera_id, city.public_id AS city,
    camera.public_id AS camera, segment_clock.start_us, segment_clock.offset_ms, segment_clock.corrected_us
    FROM segment_clock
    {segment}
    CROSS JOIN camera ON camera.city_id = segment_clock.city_id AND camera.id = segment_clock.camera_id
    CROSS JOIN city ON city.id = segment_clock.city_id"""
PENDING = SystemSql(
    _DOUBTED.format(
        segment=f"""CROSS JOIN segment ON segment.city_id = segment_clock.city_id
    AND segment.camera_id = segment_clock.camera_id AND segment.start_us = segment_clock.start_us
    AND segment.state = {_CLOSED}"""
    )
    + """ WHERE not_after_ms IS NULL AND boot_id = :boot_id AND corrected_us IS NULL AND boot_id <> ''
    ORDER BY segment_clock.city_id, segment_clock.camera_id, segment_clock.start_us LIMIT :limit"""
)
MOVING = SystemSql(_DOUBTED.format(segment="") + f" WHERE {_MOVING} LIMIT :limit")
MOVES = SystemSql(
    f"""SELECT start_us, corrected_us FROM segment_clock
    WHERE {_MOVING} AND city_id = :city_id AND camera_id = :camera_id"""
)
SETTLE_OTHERS = SystemSql(
    f"UPDATE segment_clock SET not_after_ms = :now_ms WHERE {_PENDING} AND boot_id <> :boot_id AND corrected_us IS NULL"
)
TAKEN = SystemSql(
    """SELECT 1 FROM segment WHERE city_id = :city_id AND camera_id = :camera_id AND start_us = :start_us
    UNION ALL SELECT 1 FROM segment_clock WHERE city_id = :city_id AND camera_id = :camera_id
    AND not_after_ms IS NULL AND corrected_us = :start_us"""
)
BEGIN_MOVE = SystemSql(
    f"""UPDATE segment_clock SET corrected_us = :corrected_us WHERE {_KEY} AND EXISTS (
        SELECT 1 FROM segment WHERE {_KEY} AND segment.state = {_CLOSED}
    )"""
)
FORGET_MOVE = SystemSql(
    f"""UPDATE segment_clock SET corrected_us = NULL, not_after_ms = :now_ms
    WHERE {_KEY} AND corrected_us = :corrected_us"""
)
TRUST = SystemSql(f"UPDATE segment SET flags = flags & ~{_UNTRUSTED} WHERE {_KEY} AND state = {_CLOSED}")
DROP_CLOCK = SystemSql(f"DELETE FROM segment_clock WHERE {_KEY}")
KEPT_COPIES = SystemSql(
    f"""SELECT kept.city_id, kept.camera_id, kept.incident_id, kept.hold_id, kept.export_id, kept.reason, kept.person,
    kept.person_name, kept.created_ms,
    max(kept.start_ms + :shift_ms, min(:offset_ms + :shift_ms, :corrected_us / 1000)) AS start_ms,
    min(kept.end_ms + :shift_ms, max(:now_ms, (:corrected_us + {_LENGTH_US}) / 1000)) AS end_ms
    FROM kept_period AS kept
    CROSS JOIN segment ON segment.city_id = kept.city_id AND segment.camera_id = kept.camera_id
        AND segment.start_us = :start_us
    WHERE kept.city_id = :city_id AND kept.camera_id = :camera_id AND kept.released_ms IS NULL
        AND kept.end_ms * 1000 > :start_us AND kept.start_ms * 1000 < :start_us + {_LENGTH_US}
        AND NOT EXISTS (
            SELECT 1 FROM kept_period AS there
            WHERE there.city_id = kept.city_id AND there.camera_id = kept.camera_id AND there.released_ms IS NULL
                AND there.incident_id IS kept.incident_id AND there.hold_id IS kept.hold_id
                AND there.export_id IS kept.export_id AND there.reason = kept.reason
                AND there.created_ms = kept.created_ms AND there.end_ms * 1000 > :corrected_us
                AND there.start_ms * 1000 < :corrected_us + {_LENGTH_US}
        )"""
)
"""What is kept of a segment, moved with it: no further back than the clock that named it had run, nor beyond now."""
KEEP = SystemSql(
    """INSERT INTO kept_period (city_id, id, public_id, camera_id, start_ms, end_ms, incident_id, hold_id, export_id,
    reason, person, person_name, created_ms, released_ms)
    SELECT :city_id, coalesce(max(id), 0) + 1, :public_id, :camera_id, :start_ms, :end_ms, :incident_id, :hold_id,
    :export_id, :reason, :person, :person_name, :created_ms, NULL FROM kept_period WHERE city_id = :city_id"""
)
MOVE = SystemSql(
    f"""INSERT INTO segment ({COLUMNS})
    SELECT city_id, camera_id, :corrected_us, duration_ms, bytes, valid_bytes, state,
    (flags & ~{_UNTRUSTED}) | {_CORRECTED}, sha256, purge_reason
    FROM segment WHERE {_KEY} AND state <> {_GARBAGE} ON CONFLICT DO NOTHING"""
)
MOVE_CLOCK = SystemSql(
    f"""INSERT INTO segment_clock (city_id, camera_id, start_us, boot_id, offset_ms, not_after_ms, corrected_us)
    SELECT city_id, camera_id, :corrected_us, boot_id, offset_ms, :now_ms, :corrected_us
    FROM segment_clock WHERE {_KEY} ON CONFLICT DO NOTHING"""
)
DROP_OLD = SystemSql(f"DELETE FROM segment WHERE {_KEY} AND state <> {_GARBAGE}")


@dataclass(frozen=True)
class SegmentClock:
    """`offset_ms` is how far the wall clock that named it was from the machine's monotonic clock."""

    key: tuple[int, int]
    start_us: int
    boot_id: str
    offset_ms: int


@dataclass(frozen=True)
class Doubted:
    """A segment whose name may be wrong; `corrected_us` once it is being renamed."""

    city_id: int
    camera_id: int
    city: str
    camera: str
    start_us: int
    offset_ms: int
    corrected_us: int | None

    @property
    def shift_ms(self) -> int:
        return 0 if self.corrected_us is None else (self.corrected_us - self.start_us) // 1000


class SegmentClocks:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def note(self, clocks: Iterable[SegmentClock]) -> None:
        """Before the rows of the segments are written; what is known of the boot of one is not changed any more."""
        rows = [_place(one.key, one.start_us) | {"boot_id": one.boot_id, "offset_ms": one.offset_ms} for one in clocks]
        if rows:
            async with self._database.write() as transaction:
                await transaction.execute_many(NOTE, rows)

    async def moves(self, key: tuple[int, int]) -> Mapping[int, int]:
        """Old and new start of what is being renamed in a folder: neither name has vanished, none is new.

        Whoever compares names with rows asks after it has listed the names.
        """
        rows = await self._database.read(MOVES, {"city_id": key[0], "camera_id": key[1]})
        return {row["start_us"]: row["corrected_us"] for row in rows}

    async def pending(self, boot_id: str, limit: int) -> Sequence[Doubted]:
        """Closed segments of this boot that wait to be judged."""
        return [_doubted(row) for row in await self._database.read(PENDING, {"boot_id": boot_id, "limit": limit})]

    async def moving(self, limit: int) -> Sequence[Doubted]:
        """What is being renamed, or was when the daemon ended."""
        return [_doubted(row) for row in await self._database.read(MOVING, {"limit": limit})]

    async def settle_others(self, boot_id: str, now_ms: int) -> None:
        """Segments of other boots, whose time nobody can tell: they are older than now, that is all."""
        async with self._database.write() as transaction:
            await transaction.execute(SETTLE_OTHERS, {"boot_id": boot_id, "now_ms": now_ms})

    async def trust(self, segments: Sequence[Doubted]) -> None:
        """Their names were right."""
        if segments:
            rows = [_key(one) for one in segments]
            async with self._database.write() as transaction:
                await transaction.execute_many(TRUST, rows)
                await transaction.execute_many(DROP_CLOCK, rows)

    async def is_taken(self, segment: Doubted, start_us: int) -> bool:
        """Whether there is, or is going to be, another segment of this name."""
        return bool(await self._database.read(TAKEN, _key(segment) | {"start_us": start_us}))

    async def begin_moves(self, segments: Sequence[Doubted]) -> None:
        """The journal: from now on each is known by both its names, and is not deleted."""
        async with self._database.write() as transaction:
            await transaction.execute_many(BEGIN_MOVE, [_key(one) for one in segments])

    async def forget_moves(self, segments: Sequence[Doubted], now_ms: int | None = None) -> None:
        """Files that could not be renamed keep their name and their row; with a time nobody tries again."""
        if segments:
            async with self._database.write() as transaction:
                await transaction.execute_many(FORGET_MOVE, [_key(one) | {"now_ms": now_ms} for one in segments])

    async def move(self, transaction: Transaction, segment: Doubted, now_ms: int) -> None:
        """The row follows its file; what somebody keeps of it is kept under the new time too."""
        key = _key(segment) | {"now_ms": now_ms}
        shift = {"shift_ms": segment.shift_ms, "offset_ms": segment.offset_ms}
        for row in await transaction.fetch(KEPT_COPIES, key | shift):
            await transaction.execute(KEEP, dict(row) | {"public_id": str(uuid4())})
        for sql in (MOVE, MOVE_CLOCK, DROP_OLD, DROP_CLOCK):
            await transaction.execute(sql, key)


def _place(key: tuple[int, int], start_us: int) -> dict[str, Any]:
    return {"city_id": key[0], "camera_id": key[1], "start_us": start_us}


def _key(segment: Doubted) -> dict[str, Any]:
    place = _place((segment.city_id, segment.camera_id), segment.start_us)
    return place | {"corrected_us": segment.corrected_us}


def _doubted(row: Row) -> Doubted:
    return Doubted(**dict(row))
