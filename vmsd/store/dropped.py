"""What the audit log is told of recordings that go: one entry for each camera and reason, not one for each file."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from vmsd.clock import rfc3339
from vmsd.model.audit import Action, Entry, Subject
from vmsd.model.segment import PurgeReason, SegmentState
from vmsd.store.database import Row, Transaction
from vmsd.store.statements import SystemSql

DROPPED = SystemSql(
    f"""SELECT segment.city_id, camera.public_id AS camera, count(*) AS recordings, sum(segment.bytes) AS bytes,
    min(segment.start_us) AS first_us, max(segment.start_us) AS last_us,
    coalesce(:reason, segment.purge_reason, '{PurgeReason.SPACE}') AS why
    FROM json_each(:places) AS place
    CROSS JOIN segment ON segment.city_id = place.value ->> 0 AND segment.camera_id = place.value ->> 1
    AND segment.start_us = place.value ->> 2 AND (segment.state = {int(SegmentState.GARBAGE)}) = :garbage
    CROSS JOIN camera ON camera.city_id = segment.city_id AND camera.id = segment.camera_id
    GROUP BY segment.city_id, segment.camera_id, why"""
)


async def about_to_go(
    transaction: Transaction, places: Sequence[Mapping[str, Any]], reason: PurgeReason | None, *, garbage: bool
) -> Sequence[Entry]:
    """Before the rows are dropped; `reason` as in `System`: None for the one each was marked with."""
    listed = json.dumps([[place["city_id"], place["camera_id"], place["start_us"]] for place in places])
    question = {"places": listed, "reason": reason, "garbage": int(garbage)}
    return [_entry(row) for row in await transaction.fetch(DROPPED, question)]


def _entry(row: Row) -> Entry:
    return Entry(
        Action.RECORDING_VANISHED if row["why"] == PurgeReason.VANISHED else Action.RECORDING_PURGED,
        city_id=row["city_id"],
        subject=Subject("camera", row["camera"]),
        reason=row["why"],
        facts={
            "recordings": row["recordings"],
            "bytes": row["bytes"],
            "first": rfc3339(row["first_us"] // 1000),
            "last": rfc3339(row["last_us"] // 1000),
        },
    )
