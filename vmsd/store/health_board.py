"""What a city's history says of each of its cameras: its usual frame rate, and how often its signal went."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping

from vmsd.store.scope import Scope
from vmsd.store.statements import CitySql

USUAL_FPS = CitySql(
    """SELECT id, (
        SELECT CASE WHEN count(fps) >= :points THEN avg(fps) END FROM stream_fact
        WHERE stream_fact.city_id = :city_id AND camera_id = camera.id AND at_ms >= :start_ms AND at_ms < :end_ms
    ) AS fps FROM camera WHERE camera.city_id = :city_id AND removed_ms IS NULL"""
)
DROPS = CitySql(
    """SELECT id, (
        SELECT count(*) FROM state_change WHERE state_change.city_id = :city_id AND camera_id = camera.id
        AND at_ms >= :start_ms AND state IN ('offline', 'stalled')
    ) AS drops FROM camera WHERE camera.city_id = :city_id AND removed_ms IS NULL"""
)
DETECTIONS = CitySql(
    """SELECT count(*) AS found FROM detection WHERE city_id = :city_id AND at_ms >= :start_ms
    AND camera_id IN (SELECT value FROM json_each(:cameras))"""
)


class CameraHistory:
    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    async def usual_fps(self, start_ms: int, end_ms: int, points: int) -> Mapping[int, float]:
        """By camera number; without those that were measured fewer than `points` times."""
        rows = await self._scope.fetch(USUAL_FPS, start_ms=start_ms, end_ms=end_ms, points=points)
        return {row["id"]: row["fps"] for row in rows if row["fps"] is not None}

    async def drops(self, start_ms: int) -> Mapping[int, int]:
        """How often each camera lost its signal since then, by its number."""
        return {row["id"]: row["drops"] for row in await self._scope.fetch(DROPS, start_ms=start_ms)}

    async def detections(self, start_ms: int, cameras: Collection[int]) -> int:
        """Plates these cameras have read since then."""
        rows = await self._scope.fetch(DETECTIONS, start_ms=start_ms, cameras=json.dumps(sorted(cameras)))
        return int(rows[0]["found"])
