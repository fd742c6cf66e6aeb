"""Where the recordings of every camera end before a moment and go on after it; for the daemon's own tasks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from vmsd.model.segment import SegmentFlag, SegmentState
from vmsd.store.database import Database
from vmsd.store.statements import SystemSql

_DATED = f"""city_id = camera.city_id AND camera_id = camera.id AND state <> {int(SegmentState.GARBAGE)}
    AND flags & {int(SegmentFlag.CLOCK_UNTRUSTED)} = 0"""
"""Of a time somebody vouches for."""

AROUND = SystemSql(
    f"""SELECT last.start_us + last.duration_ms * 1000 AS ended_us, last.valid_bytes < last.bytes AS torn, (
        SELECT start_us FROM segment WHERE {_DATED} AND start_us >= :at_us ORDER BY start_us LIMIT 1
    ) AS began_us
    FROM camera LEFT JOIN segment AS last ON last.city_id = camera.city_id AND last.camera_id = camera.id
    AND last.start_us = (
        SELECT start_us FROM segment WHERE {_DATED} AND start_us < :at_us ORDER BY start_us DESC LIMIT 1
    )"""
)


@dataclass(frozen=True)
class Boundary:
    """Of one camera: when its last recording before the moment ends, whether that is torn, when the next one begins."""

    ended_ms: int | None
    torn: bool
    began_ms: int | None


class Boundaries:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def around(self, at_ms: int) -> Sequence[Boundary]:
        """Two index seeks for each camera; one that has nothing on either side is left out."""
        rows = await self._database.read(AROUND, {"at_us": at_ms * 1000})
        return [
            Boundary(_ms(row["ended_us"]), bool(row["torn"]), _ms(row["began_us"]))
            for row in rows
            if row["ended_us"] is not None or row["began_us"] is not None
        ]


def _ms(us: int | None) -> int | None:
    return None if us is None else us // 1000
