"""What cameras' streams were measured at, a row per camera and five minutes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from vmsd.store.database import Database
from vmsd.store.scope import Scope
from vmsd.store.statements import CitySql, SystemSql

OF_CAMERA = CitySql(
    """SELECT city_id, camera_id, at_ms, bitrate, fps, latency_ms, viewers, online_ratio FROM stream_fact
    WHERE city_id = :city_id AND camera_id = :camera_id AND at_ms >= :start_ms ORDER BY at_ms LIMIT :limit"""
)
PUT = SystemSql(
    """INSERT OR REPLACE INTO stream_fact (city_id, camera_id, at_ms, bitrate, fps, latency_ms, viewers, online_ratio)
    VALUES (:city_id, :camera_id, :at_ms, :bitrate, :fps, :latency_ms, :viewers, :online_ratio)"""
)
FORGET = SystemSql("DELETE FROM stream_fact WHERE at_ms < :before_ms")
MOST_POINTS = 5000


@dataclass(frozen=True)
class StreamFactRow:
    """Means of what was measured within five minutes from `at_ms` on, None where nothing was; `viewers` are the most.

    `online_ratio` is how much of that time the camera had a signal.
    """

    city_id: int
    camera_id: int
    at_ms: int
    bitrate: int | None
    fps: float | None
    latency_ms: int | None
    viewers: int
    online_ratio: float


class StreamFactRows:
    """Of one city."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    async def list(self, camera_id: int, start_ms: int) -> Sequence[StreamFactRow]:
        """In the order of time."""
        rows = await self._scope.fetch(OF_CAMERA, camera_id=camera_id, start_ms=start_ms, limit=MOST_POINTS)
        return [StreamFactRow(**dict(row)) for row in rows]


async def put_stream_facts(database: Database, rows: Sequence[StreamFactRow], before_ms: int) -> None:
    """Of all cities, in one transaction, in which those older than `before_ms` are forgotten."""
    async with database.write() as transaction:
        await transaction.execute_many(PUT, [asdict(row) for row in rows])
        await transaction.execute(FORGET, {"before_ms": before_ms})
