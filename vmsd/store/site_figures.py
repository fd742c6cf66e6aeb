"""What is counted over all cities for the box's own status and figures: recordings of a day, alerts, never a name."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from vmsd.model.segment import SegmentState
from vmsd.store.database import Database
from vmsd.store.segments import LOOK_BACK_US
from vmsd.store.statements import SystemSql

RECORDED = SystemSql(
    f"""SELECT camera.city_id, camera.id AS camera_id, recording_since_ms, (
        SELECT json_group_array(json_array(start_us, duration_ms, flags)) FROM (
            SELECT start_us, duration_ms, flags FROM segment
            WHERE segment.city_id = camera.city_id AND segment.camera_id = camera.id
            AND start_us >= :since_us - {LOOK_BACK_US} AND state <> {int(SegmentState.GARBAGE)} ORDER BY start_us
        )
    ) AS spans FROM camera WHERE removed_ms IS NULL AND recording_enabled"""
)
OPEN_ALERTS = SystemSql(
    """SELECT level, count(*) AS alerts FROM city
    CROSS JOIN alert ON alert.city_id = city.id AND alert.state <> 'closed' GROUP BY level"""
)


class RecordedCamera(NamedTuple):
    """One that is to be recorded since `since_ms`; `spans` are the start in µs, the length in ms and the flags."""

    key: tuple[int, int]
    since_ms: int
    spans: Sequence[tuple[int, int, int]]


class SiteCounts:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def recorded(self, since_ms: int) -> Sequence[RecordedCamera]:
        """What there is of every camera that is to be recorded, from a while before `since_ms` on."""
        rows = await self._database.read(RECORDED, {"since_us": since_ms * 1000})
        return [
            RecordedCamera((row["city_id"], row["camera_id"]), row["recording_since_ms"], json.loads(row["spans"]))
            for row in rows
        ]

    async def open_alerts(self) -> Mapping[str, int]:
        return {row["level"]: row["alerts"] for row in await self._database.read(OPEN_ALERTS)}
