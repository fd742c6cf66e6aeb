"""The marks on the timelines of one city's cameras."""

from __future__ import annotations

import json
from collections.abc import Sequence

from vmsd.model.mark import MOST_MS, Box, Mark
from vmsd.store.database import Row
from vmsd.store.scope import CityTransaction, Scope
from vmsd.store.statements import CitySql

COLUMNS = "id, public_id, camera_id, type, start_ms, end_ms, score, box, text, source"
_OVERLAPPING = f"""city_id = :city_id AND camera_id = :camera_id AND start_ms < :end_ms
    AND start_ms >= :start_ms - {MOST_MS} AND end_ms >= :start_ms AND (:type IS NULL OR type = :type)"""

BETWEEN = CitySql(
    f"""SELECT {COLUMNS} FROM (
        SELECT {COLUMNS} FROM mark WHERE {_OVERLAPPING} ORDER BY coalesce(score, 1) DESC, start_ms LIMIT :limit
    ) ORDER BY start_ms, id"""
)
NEXT_ID = CitySql("SELECT coalesce(max(id), 0) + 1 AS id FROM mark WHERE city_id = :city_id")
INSERT = CitySql(
    f"""INSERT INTO mark (city_id, {COLUMNS}, created_ms) VALUES (:city_id, :id, :public_id, :camera_id, :type,
    :start_ms, :end_ms, :score, :box, :text, :source, :now_ms)"""
)
EXTEND = CitySql(
    """UPDATE mark SET end_ms = max(end_ms, :end_ms), score = max(coalesce(score, 0), :score)
    WHERE city_id = :city_id AND id = :id"""
)
DROP = CitySql(
    """DELETE FROM mark WHERE city_id = :city_id AND id IN (
        SELECT id FROM mark WHERE city_id = :city_id AND camera_id = :camera_id AND start_ms < :before_ms
        AND end_ms < :before_ms AND NOT EXISTS (
            SELECT 1 FROM kept_period WHERE kept_period.city_id = :city_id
            AND kept_period.camera_id = mark.camera_id AND kept_period.released_ms IS NULL
            AND kept_period.end_ms > mark.start_ms AND kept_period.start_ms <= mark.end_ms
        ) ORDER BY start_ms LIMIT :limit
    )"""
)


class Marks:
    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    async def between(
        self, camera_id: int, start_ms: int, end_ms: int, *, limit: int, type_: str | None = None
    ) -> Sequence[Mark]:
        """Those that touch `[start_ms, end_ms)`, by their start; the strongest where there are more than `limit`."""
        params = {"camera_id": camera_id, "start_ms": start_ms, "end_ms": end_ms, "type": type_}
        return [mark_of(row) for row in await self._scope.fetch(BETWEEN, **params, limit=limit)]

    async def next_id(self, transaction: CityTransaction) -> int:
        (row,) = await transaction.fetch(NEXT_ID)
        return int(row["id"])

    async def add(self, transaction: CityTransaction, mark: Mark, now_ms: int) -> None:
        await transaction.execute(
            INSERT,
            id=mark.id,
            public_id=mark.public_id,
            camera_id=mark.camera_id,
            type=mark.type,
            start_ms=mark.start_ms,
            end_ms=mark.end_ms,
            score=mark.score,
            box=None if mark.box is None else json.dumps(mark.box),
            text=mark.text,
            source=mark.source,
            now_ms=now_ms,
        )

    async def extend(self, transaction: CityTransaction, mark_id: int, end_ms: int, score: float) -> None:
        """It goes on, and was this strong meanwhile."""
        await transaction.execute(EXTEND, id=mark_id, end_ms=end_ms, score=score)

    async def drop(self, transaction: CityTransaction, camera_id: int, before_ms: int, limit: int) -> int:
        """Those of video that is gone by age, the oldest first; what somebody keeps keeps its marks."""
        return await transaction.execute(DROP, camera_id=camera_id, before_ms=before_ms, limit=limit)


def mark_of(row: Row) -> Mark:
    box = None if row["box"] is None else Box(*json.loads(row["box"]))
    names = ("id", "public_id", "camera_id", "type", "start_ms", "end_ms", "score", "text", "source")
    return Mark(box=box, **{name: row[name] for name in names})
