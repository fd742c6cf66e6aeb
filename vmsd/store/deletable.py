"""What may be deleted: closed segments in stretches of time that nobody keeps; and how it is marked."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from vmsd.model.segment import Segment, SegmentFlag, SegmentState
from vmsd.store.database import Row
from vmsd.store.segments import COLUMNS
from vmsd.store.statements import SystemSql

Key = tuple[int, int]

END_US = 1 << 62
"""After everything; and, as an age, what says that age does not matter."""
_CLOSED, _GARBAGE = int(SegmentState.CLOSED), int(SegmentState.GARBAGE)
_UNTRUSTED = int(SegmentFlag.CLOCK_UNTRUSTED)
_MAY_BE_LONG = "coalesce(nullif(segment.duration_ms, 0), 86400000) * 1000"
"""A file that does not say how long it plays may play for a day."""
_CLOCK = "segment_clock.city_id = segment.city_id AND segment_clock.camera_id = segment.camera_id"
_SETTLED = f"""state = {_CLOSED} AND (flags & {_UNTRUSTED} = 0 OR NOT EXISTS (
    SELECT 1 FROM segment_clock WHERE {_CLOCK} AND segment_clock.start_us = segment.start_us
        AND corrected_us IS NOT NULL
))"""
"""Closed, and its file is not just getting the name of another time."""
_KEPT = f"""EXISTS (
    SELECT 1 FROM kept_period
    WHERE kept_period.city_id = segment.city_id AND kept_period.camera_id = segment.camera_id
        AND released_ms IS NULL AND end_ms * 1000 > segment.start_us
        AND start_ms * 1000 < segment.start_us + {_MAY_BE_LONG}
)"""
"""Said as the trigger `segment_kept` says it, which has the last word."""


def _within(from_us: str, to_us: str, aged_us: str) -> str:
    """In a stretch of `segment`, and older than its age limit for certain."""
    return f"""segment.start_us >= {from_us} AND segment.start_us < min({to_us}, {aged_us})
    AND segment.start_us + {_MAY_BE_LONG} <= {to_us}
    AND segment.start_us + segment.duration_ms * 1000 < {aged_us} AND {_SETTLED}
    AND ({aged_us} = {END_US} OR flags & {_UNTRUSTED} = 0 OR EXISTS (
        SELECT 1 FROM segment_clock WHERE {_CLOCK} AND segment_clock.start_us = segment.start_us
            AND not_after_ms * 1000 < {aged_us}
    ))"""


KEPT_PERIODS = SystemSql(
    """SELECT city_id, camera_id, start_ms, end_ms FROM kept_period WHERE released_ms IS NULL
    ORDER BY city_id, camera_id, start_ms"""
)
OVERDUE = SystemSql(
    f"""SELECT camera.city_id, camera.id AS camera_id FROM camera JOIN city ON city.id = camera.city_id
    WHERE EXISTS (
        SELECT 1 FROM segment WHERE segment.city_id = camera.city_id AND segment.camera_id = camera.id
            AND state = {_CLOSED} AND start_us < :now_us - 86400000000 *
                min(:days ->> city.plan, coalesce(camera.retention_days, :days ->> city.plan))
    )"""
)
HEADS = SystemSql(
    f"""WITH stretch AS MATERIALIZED (
        SELECT key AS number, value ->> 0 AS city_id, value ->> 1 AS camera_id, value ->> 2 AS from_us,
            value ->> 3 AS to_us, value ->> 4 AS aged_us FROM json_each(:stretches)
    )
    SELECT number, (
        SELECT start_us FROM segment
        WHERE segment.city_id = stretch.city_id AND segment.camera_id = stretch.camera_id
            AND {_within("stretch.from_us", "stretch.to_us", "stretch.aged_us")}
        ORDER BY start_us LIMIT 1
    ) AS start_us FROM stretch"""
)
FREE = SystemSql(
    f"""SELECT {COLUMNS} FROM segment WHERE city_id = :city_id AND camera_id = :camera_id
    AND {_within(":from_us", ":to_us", ":aged_us")} ORDER BY start_us LIMIT :limit"""
)
MARK = SystemSql(
    f"""UPDATE segment SET state = {_GARBAGE}, purge_reason = :reason
    WHERE (city_id, camera_id, start_us) IN (
        SELECT value ->> 0, value ->> 1, value ->> 2 FROM json_each(:places)
    ) AND {_SETTLED} AND NOT {_KEPT} RETURNING city_id, camera_id, start_us"""
)


@dataclass(frozen=True)
class Stretch:
    """A part of a camera's time that nobody keeps; what ended before `aged_us` is meant, if anything is to age."""

    key: Key
    from_us: int
    to_us: int
    aged_us: int = END_US


def kept_spans(rows: Iterable[Row]) -> dict[Key, list[tuple[int, int]]]:
    """Of each camera what is kept, in microseconds, in order and without overlaps."""
    spans: dict[Key, list[tuple[int, int]]] = {}
    for key, of_camera in groupby(rows, key=lambda row: (row["city_id"], row["camera_id"])):
        merged = spans[key] = []
        for row in of_camera:
            start_us, end_us = row["start_ms"] * 1000, row["end_ms"] * 1000
            if merged and start_us <= merged[-1][1]:
                merged[-1] = (merged[-1][0], max(end_us, merged[-1][1]))
            else:
                merged.append((start_us, end_us))
    return spans


def free_stretches(
    kept: Mapping[Key, Sequence[tuple[int, int]]], aged_us: Mapping[Key, int | None]
) -> Iterator[Stretch]:
    """What lies between, of the cameras in `aged_us`, each up to the age given with it; None for whatever age."""
    for key, limit_us in aged_us.items():
        aged, from_us = END_US if limit_us is None else limit_us, -END_US
        for start_us, end_us in (*kept.get(key, ()), (END_US, END_US)):
            if start_us > from_us:
                yield Stretch(key, from_us, start_us, aged)
            from_us = max(from_us, end_us)
            if from_us >= aged:
                break


def as_json(stretches: Iterable[Stretch]) -> str:
    return json.dumps([[*one.key, one.from_us, one.to_us, one.aged_us] for one in stretches])


def places_json(segments: Iterable[Segment]) -> str:
    return json.dumps([[one.city_id, one.camera_id, one.start_us] for one in segments])
