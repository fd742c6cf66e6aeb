"""The recorded segments of one city, for reading: their rows are written by the daemon's own tasks."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from vmsd.errors import NotFound
from vmsd.model.segment import Segment, SegmentFlag, SegmentState
from vmsd.store.database import Row
from vmsd.store.scope import CityTransaction, Scope
from vmsd.store.statements import CitySql

COLUMNS = "city_id, camera_id, start_us, duration_ms, bytes, valid_bytes, state, flags, sha256, purge_reason"
LOOK_BACK_US = 2 * 3600 * 1_000_000
"""What overlaps a moment began before it: the last one that did and, since clocks are put back, whatever
began in these two hours."""
_SHOWN = f"state <> {int(SegmentState.GARBAGE)}"
_OVERLAPPING = f"""city_id = :city_id AND camera_id = :camera_id AND {_SHOWN}
    AND start_us < :end_us AND start_us + duration_ms * 1000 > :start_us
    AND start_us >= min(:start_us - {LOOK_BACK_US}, coalesce((
        SELECT max(start_us) FROM segment
        WHERE city_id = :city_id AND camera_id = :camera_id AND start_us <= :start_us
    ), :start_us))"""

LIST = CitySql(
    f"""SELECT {COLUMNS} FROM segment WHERE {_OVERLAPPING} AND start_us > :after_us
    ORDER BY start_us LIMIT :limit"""
)
GET = CitySql(
    f"""SELECT {COLUMNS} FROM segment
    WHERE city_id = :city_id AND camera_id = :camera_id AND start_us = :start_us AND {_SHOWN}"""
)
SIZES = CitySql(
    f"""SELECT wanted.key AS place, sum(segment.bytes) AS bytes
    FROM json_each(:wanted) AS wanted CROSS JOIN segment
    WHERE segment.city_id = :city_id AND segment.camera_id = wanted.value ->> 0 AND {_SHOWN}
    AND start_us < wanted.value ->> 2 AND start_us + duration_ms * 1000 > wanted.value ->> 1
    AND start_us >= max(wanted.value ->> 3, min((wanted.value ->> 1) - {LOOK_BACK_US}, coalesce((
        SELECT max(start_us) FROM segment AS last
        WHERE last.city_id = :city_id AND last.camera_id = wanted.value ->> 0 AND last.start_us <= wanted.value ->> 1
    ), wanted.value ->> 1))) GROUP BY wanted.key"""
)
_EXPIRING = f"""state = {int(SegmentState.CLOSED)} AND (flags & {int(SegmentFlag.CLOCK_UNTRUSTED)}) = 0 AND NOT EXISTS (
        SELECT 1 FROM kept_period
        WHERE kept_period.city_id = :city_id AND kept_period.camera_id = segment.camera_id AND released_ms IS NULL
            AND end_ms > segment.start_us / 1000
            AND start_ms * 1000 < segment.start_us + coalesce(nullif(segment.duration_ms, 0), 86400000) * 1000
    )"""
"""What goes by age, once it is old enough: closed, not kept, and with a time to go by."""
EXPIRING = CitySql(
    f"""SELECT {COLUMNS} FROM segment WHERE city_id = :city_id AND camera_id = :camera_id AND start_us > :after_us
    AND start_us < :limit_us AND start_us + duration_ms * 1000 < :limit_us AND {_EXPIRING}
    ORDER BY start_us LIMIT :limit"""
)
EXPIRING_TOTALS = CitySql(
    f"""SELECT wanted.key AS place, count(*) AS segments, sum(segment.bytes) AS bytes,
    min(start_us + duration_ms * 1000) AS first_end_us FROM json_each(:wanted) AS wanted CROSS JOIN segment
    WHERE segment.city_id = :city_id AND segment.camera_id = wanted.value ->> 0 AND start_us < wanted.value ->> 1
    AND start_us + duration_ms * 1000 < wanted.value ->> 1 AND {_EXPIRING} GROUP BY wanted.key"""
)
CAMERA = CitySql("SELECT public_id FROM camera WHERE city_id = :city_id AND id = :camera_id")
CAMERA_IDS = CitySql("SELECT id, public_id FROM camera WHERE city_id = :city_id")
DAYS = CitySql(
    """SELECT day, segments, bytes, duration_ms FROM camera_day
    WHERE city_id = :city_id AND camera_id = :camera_id AND day >= :from_day AND day <= :to_day
    ORDER BY day"""
)
TOTALS = CitySql(
    """SELECT camera.id, camera.public_id, camera.group_id, camera.name, camera.retention_days, camera.removed_ms,
    coalesce(sum(segments), 0) AS segments, coalesce(sum(bytes), 0) AS bytes,
    coalesce(sum(duration_ms), 0) AS duration_ms, min(day) AS first_day
    FROM camera LEFT JOIN camera_day
        ON camera_day.city_id = camera.city_id AND camera_day.camera_id = camera.id
    WHERE camera.city_id = :city_id GROUP BY camera.id
    HAVING camera.removed_ms IS NULL OR sum(segments) > 0 ORDER BY camera.id"""
)


@dataclass(frozen=True)
class Day:
    """What a camera recorded on one UTC day; `day` counts from 1970."""

    day: int
    segments: int
    bytes: int
    duration_ms: int


class Place(NamedTuple):
    """A stretch of one camera in which sizes are asked for; segments that begin before `after_us` do not count."""

    camera_id: int
    start_us: int
    end_us: int
    after_us: int = -1


@dataclass(frozen=True)
class ExpiringTotal:
    """What of a camera goes by age; `first_end_us` is the end of the segment that goes first."""

    camera_id: int
    segments: int
    bytes: int
    first_end_us: int


@dataclass(frozen=True)
class CameraTotal:
    """What a camera has on the disk; a removed one is listed while it has something."""

    camera_id: int
    camera_public_id: str
    group_id: int | None
    name: str
    retention_days: int | None
    removed: bool
    segments: int
    bytes: int
    duration_ms: int
    first_day: int | None


class Segments:
    """Reads inside one city's scope; garbage is not shown."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    async def list(
        self, camera_id: int, start_us: int, end_us: int, *, after_us: int = -1, limit: int
    ) -> Sequence[Segment]:
        """Segments that have something of the period, oldest first, those up to `after_us` left out."""
        rows = await self._scope.fetch(
            LIST, camera_id=camera_id, start_us=start_us, end_us=end_us, after_us=after_us, limit=limit
        )
        return [segment_of(row) for row in rows]

    async def get(self, camera_id: int, start_us: int, transaction: CityTransaction | None = None) -> Segment:
        rows = await (transaction or self._scope).fetch(GET, camera_id=camera_id, start_us=start_us)
        if not rows:
            raise NotFound("there is no such recording")
        return segment_of(rows[0])

    async def sizes(self, wanted: Sequence[Place]) -> Sequence[int]:
        """The bytes of the segments that have something of each place, whole."""
        rows = await self._scope.fetch(SIZES, wanted=json.dumps(wanted))
        found = {row["place"]: row["bytes"] for row in rows}
        return [found.get(number, 0) for number in range(len(wanted))]

    async def expiring(self, camera_id: int, limit_us: int, *, after_us: int, limit: int) -> Sequence[Segment]:
        """What nobody keeps and ended before `limit_us`, oldest first, those up to `after_us` left out."""
        params = {"camera_id": camera_id, "limit_us": limit_us, "after_us": after_us, "limit": limit}
        return [segment_of(row) for row in await self._scope.fetch(EXPIRING, **params)]

    async def expiring_totals(self, limits: Mapping[int, int]) -> Sequence[ExpiringTotal]:
        """As `expiring`, of cameras by their number, each with its limit; those with nothing are left out."""
        wanted = list(limits.items())
        rows = await self._scope.fetch(EXPIRING_TOTALS, wanted=json.dumps(wanted))
        return [
            ExpiringTotal(wanted[row["place"]][0], row["segments"], row["bytes"], row["first_end_us"]) for row in rows
        ]

    async def camera_public_id(self, camera_id: int) -> str:
        """Of a removed camera too."""
        rows = await self._scope.fetch(CAMERA, camera_id=camera_id)
        if not rows:
            raise NotFound("there is no such camera")
        return str(rows[0]["public_id"])

    async def camera_ids(self) -> Mapping[int, str]:
        """Public ids by number, of removed cameras too."""
        return {row["id"]: str(row["public_id"]) for row in await self._scope.fetch(CAMERA_IDS)}

    async def days(self, camera_id: int, from_day: int, to_day: int) -> Sequence[Day]:
        rows = await self._scope.fetch(DAYS, camera_id=camera_id, from_day=from_day, to_day=to_day)
        return [Day(*row) for row in rows]

    async def totals(self) -> Sequence[CameraTotal]:
        return [total_of(row) for row in await self._scope.fetch(TOTALS)]


def segment_of(row: Row) -> Segment:
    return Segment(
        city_id=row["city_id"],
        camera_id=row["camera_id"],
        start_us=row["start_us"],
        duration_ms=row["duration_ms"],
        bytes=row["bytes"],
        valid_bytes=row["valid_bytes"],
        state=SegmentState(row["state"]),
        flags=SegmentFlag(row["flags"]),
        sha256=row["sha256"],
        purge_reason=row["purge_reason"],
    )


def total_of(row: Row) -> CameraTotal:
    return CameraTotal(
        camera_id=row["id"],
        camera_public_id=row["public_id"],
        group_id=row["group_id"],
        name=row["name"],
        retention_days=row["retention_days"],
        removed=row["removed_ms"] is not None,
        segments=row["segments"],
        bytes=row["bytes"],
        duration_ms=row["duration_ms"],
        first_day=row["first_day"],
    )
