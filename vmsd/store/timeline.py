"""What tells why a camera of one city was not recorded, and how long it has been there at all."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from vmsd.errors import NotFound
from vmsd.model.segment import PurgeReason, SegmentFlag, SegmentState
from vmsd.model.state import Cause, State, StateChange
from vmsd.store.scope import Scope
from vmsd.store.segments import LOOK_BACK_US
from vmsd.store.statements import CitySql
from vmsd.store.states import change_of

_RUNNING, _GARBAGE = int(SegmentState.RUNNING), int(SegmentState.GARBAGE)
_CAMERA = "city_id = :city_id AND camera_id = :camera_id"
FLAGS = {
    "damaged": SegmentFlag.DAMAGED,
    "altered": SegmentFlag.ALTERED,
    "clock_untrusted": SegmentFlag.CLOCK_UNTRUSTED,
    "clock_corrected": SegmentFlag.CLOCK_CORRECTED,
}


def _overlapping(table: str) -> str:
    """What of a period is in `table`; see `LOOK_BACK_US`."""
    return f"""{_CAMERA} AND start_us < :end_us AND start_us + duration_ms * 1000 > :start_us
    AND start_us >= min(:start_us - {LOOK_BACK_US}, coalesce((
        SELECT max(start_us) FROM {table} WHERE {_CAMERA} AND start_us <= :start_us
    ), :start_us))"""


SPANS = CitySql(
    f"""SELECT json_group_array(start_us) AS starts_us, json_group_array(duration_ms) AS durations_ms,
    json_group_array(flags) AS flags FROM (
        SELECT start_us, duration_ms, flags FROM segment
        WHERE {_overlapping("segment")} AND state <> {_GARBAGE} ORDER BY start_us LIMIT :limit
    )"""
)
"""One row for thousands: each row more would cost a step into SQLite and out of it again."""
LIFE = CitySql(
    f"""SELECT removed_ms, (
        SELECT start_us FROM segment WHERE {_CAMERA} AND state <> {_GARBAGE}
            AND flags & {int(SegmentFlag.CLOCK_UNTRUSTED)} = 0 ORDER BY start_us LIMIT 1
    ) AS recorded_us, (SELECT start_us FROM purge WHERE {_CAMERA} ORDER BY start_us LIMIT 1) AS purged_us
    FROM camera WHERE city_id = :city_id AND id = :camera_id"""
)
UNSETTLED = CitySql(
    f"""SELECT start_us, duration_ms, state, purge_reason FROM segment INDEXED BY segment_unsettled
    WHERE {_CAMERA} AND state <> {int(SegmentState.CLOSED)} AND state IN ({_RUNNING}, {_GARBAGE})
    ORDER BY start_us"""
)
PURGED = CitySql(
    f"""SELECT start_us, duration_ms, reason, purged_ms FROM purge
    WHERE {_overlapping("purge")} ORDER BY start_us, purged_ms LIMIT :limit"""
)
FILES = CitySql(
    f"""SELECT count(*) AS count, total(bytes) AS bytes, count(sha256) AS hashed, total(state = {_RUNNING}) AS running,
    {", ".join(f"total(flags & {int(flag)} <> 0) AS {name}" for name, flag in FLAGS.items())}
    FROM segment WHERE {_overlapping("segment")} AND state <> {_GARBAGE}"""
)
UNREACHABLE = (Cause.HOST_UNREACHABLE, Cause.TIMEOUT)
"""What a camera looks like behind a network that is down; alone it may as well be the camera itself."""
UNREACHABLE_ELSEWHERE = CitySql(
    f"""SELECT at_ms, (
        SELECT min(later.at_ms) FROM state_change AS later WHERE later.city_id = :city_id
        AND later.camera_id = state_change.camera_id AND later.at_ms > state_change.at_ms
    ) AS until_ms
    FROM camera CROSS JOIN state_change ON state_change.city_id = camera.city_id
        AND state_change.camera_id = camera.id AND at_ms < :end_ms AND at_ms >= coalesce((
            SELECT max(at_ms) FROM state_change AS before WHERE before.city_id = :city_id
            AND before.camera_id = camera.id AND before.at_ms <= :start_ms
        ), :start_ms)
    WHERE camera.city_id = :city_id AND camera.id <> :camera_id AND state = '{State.OFFLINE}'
        AND cause IN ({", ".join(f"'{cause}'" for cause in UNREACHABLE)})
    LIMIT :limit"""
)
NEXT_STATE = CitySql(
    f"""SELECT at_ms, state, cause FROM state_change WHERE {_CAMERA} AND at_ms >= :from_ms
    ORDER BY at_ms LIMIT 1"""
)
MOST = 100_000


@dataclass(frozen=True)
class Life:
    """`first_ms` is the start of the oldest recording that is known of, purged ones too.

    A clock that nobody trusts may have named one of a time long before there was a camera: that says nothing.
    """

    first_ms: int | None
    removed_ms: int | None


class Purged(NamedTuple):
    """`purged_ms` is None while the deletion is under way."""

    start_us: int
    duration_ms: int
    reason: PurgeReason
    purged_ms: int | None


@dataclass(frozen=True)
class Unsettled:
    """The starts of the segments that are still being written, and what is being deleted."""

    running_us: Sequence[int]
    going: Sequence[Purged]


@dataclass(frozen=True)
class FileFacts:
    """The files that have something of a period: how many there are, and of how many something is true."""

    count: int
    bytes: int
    hashed: int
    running: int
    damaged: int
    altered: int
    clock_untrusted: int
    clock_corrected: int


class CameraFacts:
    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    async def life(self, camera_id: int) -> Life:
        rows = await self._scope.fetch(LIFE, camera_id=camera_id)
        if not rows:
            raise NotFound("there is no such camera")
        known = [us // 1000 for us in (rows[0]["recorded_us"], rows[0]["purged_us"]) if us is not None]
        return Life(min(known, default=None), rows[0]["removed_ms"])

    async def spans(self, camera_id: int, start_ms: int, end_ms: int, *, limit: int) -> Sequence[tuple[int, int, int]]:
        """The recordings of the period by their start: `start_us`, `duration_ms`, and their flags as bare bits."""
        period = {"start_us": start_ms * 1000, "end_us": end_ms * 1000}
        (row,) = await self._scope.fetch(SPANS, camera_id=camera_id, **period, limit=limit)
        columns = (json.loads(row[name]) for name in ("starts_us", "durations_ms", "flags"))
        return list(zip(*columns, strict=True))

    async def unsettled(self, camera_id: int) -> Unsettled:
        rows = await self._scope.fetch(UNSETTLED, camera_id=camera_id)
        running = [row["start_us"] for row in rows if row["state"] == _RUNNING]
        going = [
            Purged(row["start_us"], row["duration_ms"], PurgeReason(row["purge_reason"] or PurgeReason.SPACE), None)
            for row in rows
            if row["state"] == _GARBAGE
        ]
        return Unsettled(running, going)

    async def purged(self, camera_id: int, start_ms: int, end_ms: int) -> Sequence[Purged]:
        """What of the period was recorded once and is there no more."""
        period = {"start_us": start_ms * 1000, "end_us": end_ms * 1000}
        rows = await self._scope.fetch(PURGED, camera_id=camera_id, **period, limit=MOST)
        return [Purged(us, length_ms, PurgeReason(reason), at_ms) for us, length_ms, reason, at_ms in rows]

    async def unreachable_elsewhere(self, camera_id: int, start_ms: int, end_ms: int) -> Sequence[tuple[int, int]]:
        """When the box could not reach some other camera of the city; begun and not over yet counts to `end_ms`."""
        period = {"start_ms": start_ms, "end_ms": end_ms}
        rows = await self._scope.fetch(UNREACHABLE_ELSEWHERE, camera_id=camera_id, **period, limit=MOST)
        return [(row["at_ms"], end_ms if row["until_ms"] is None else row["until_ms"]) for row in rows]

    async def next_state(self, camera_id: int, from_ms: int) -> StateChange | None:
        """The first line of the camera's history that is not older."""
        rows = await self._scope.fetch(NEXT_STATE, camera_id=camera_id, from_ms=from_ms)
        return change_of(rows[0]) if rows else None

    async def files(self, camera_id: int, start_ms: int, end_ms: int) -> FileFacts:
        period = {"start_us": start_ms * 1000, "end_us": end_ms * 1000}
        (row,) = await self._scope.fetch(FILES, camera_id=camera_id, **period)
        return FileFacts(**{name: int(row[name]) for name in row.keys()})  # noqa: SIM118 - a row iterates its values
