"""How much of the volume is kept by somebody, and which cameras may have to stop recording for it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from vmsd.model.segment import SegmentState
from vmsd.store.database import Database
from vmsd.store.deletable import Key
from vmsd.store.segments import LOOK_BACK_US
from vmsd.store.statements import SystemSql

DAY_US = 86_400_000_000
_SEGMENT = f"""json_each(:spans) AS span CROSS JOIN segment
    ON segment.city_id = span.value ->> 0 AND segment.camera_id = span.value ->> 1
    AND segment.state <> {int(SegmentState.GARBAGE)}"""
_WHOSE = "span.value ->> 0 AS city_id, span.value ->> 1 AS camera_id"

BYTES = SystemSql(
    f"""SELECT {_WHOSE}, start_us / {DAY_US} AS day, sum(bytes) AS bytes FROM {_SEGMENT}
    WHERE start_us < span.value ->> 5 AND start_us + duration_ms * 1000 > span.value ->> 2
    AND start_us >= max(span.value ->> 4, min((span.value ->> 2) - {LOOK_BACK_US}, coalesce((
        SELECT max(start_us) FROM segment AS last WHERE last.city_id = span.value ->> 0
            AND last.camera_id = span.value ->> 1 AND last.start_us <= span.value ->> 2
    ), span.value ->> 2))) GROUP BY 1, 2, 3
    UNION ALL
    SELECT {_WHOSE}, day, bytes FROM json_each(:spans) AS span CROSS JOIN camera_day
    ON camera_day.city_id = span.value ->> 0 AND camera_day.camera_id = span.value ->> 1
    AND day >= (span.value ->> 5) / {DAY_US} AND day < (span.value ->> 6) / {DAY_US}
    UNION ALL
    SELECT {_WHOSE}, start_us / {DAY_US} AS day, sum(bytes) FROM {_SEGMENT}
    WHERE start_us >= span.value ->> 6 AND start_us < span.value ->> 3 GROUP BY 1, 2, 3"""
)
"""Whole days come from their totals: a hold of a month is thirty rows, however many files it is."""
CANDIDATES = SystemSql(
    """SELECT city_id, id AS camera_id, public_id, priority FROM camera
    WHERE removed_ms IS NULL AND recording_enabled ORDER BY priority DESC, created_ms, city_id, id"""
)


@dataclass(frozen=True)
class Candidate:
    """A camera that is to be recorded."""

    key: Key
    public_id: str
    priority: int


class Protected:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def bytes(self, kept: Mapping[Key, Sequence[tuple[int, int]]]) -> Mapping[Key, Mapping[int, int]]:
        """By camera and UTC day, of the segments that have something of these spans; each counts once."""
        listed = json.dumps(list(_parts(kept)))
        found: dict[Key, dict[int, int]] = {}
        for row in await self._database.read(BYTES, {"spans": listed}):
            days = found.setdefault((row["city_id"], row["camera_id"]), {})
            days[row["day"]] = days.get(row["day"], 0) + row["bytes"]
        return found

    async def candidates(self) -> Sequence[Candidate]:
        """The one that stops last comes first: the highest priority, and of those the oldest camera."""
        rows = await self._database.read(CANDIDATES)
        return [Candidate((row["city_id"], row["camera_id"]), row["public_id"], row["priority"]) for row in rows]


def _parts(kept: Mapping[Key, Sequence[tuple[int, int]]]) -> Iterator[list[int]]:
    """Each span with the end of the one before, which has counted what reaches into both, and its whole days.

    The first day is left to the segments: what began the day before may have something of it.
    """
    for key, spans in kept.items():
        before_us = -1
        for start_us, end_us in spans:
            first_us = -(-start_us // DAY_US) * DAY_US
            last_us = end_us // DAY_US * DAY_US
            if first_us >= last_us:
                first_us = last_us = end_us
            yield [*key, start_us, end_us, before_us, first_us, last_us]
            before_us = end_us
