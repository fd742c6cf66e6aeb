"""The end of a deletion: rows become lines of the ledger, and the audit log is told of each city's, once per reason."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import replace
from itertools import groupby

from vmsd.clock import rfc3339
from vmsd.model.audit import Action, Entry, Fact, Subject
from vmsd.model.segment import PurgeReason, SegmentState
from vmsd.store.database import Transaction
from vmsd.store.purges import Purge, ledger_digest, purge_of
from vmsd.store.statements import SystemSql

Note = Callable[[Transaction, Entry, int], Awaitable[None]]
"""Appends to the audit log, in a transaction and at a time."""

_IN_QUESTION = f"(segment.state = {int(SegmentState.GARBAGE)}) = :garbage"
_PLACES = f"""json_each(:places) AS place
    CROSS JOIN segment ON segment.city_id = place.value ->> 0 AND segment.camera_id = place.value ->> 1
    AND segment.start_us = place.value ->> 2 AND {_IN_QUESTION}"""
_WHY = f"coalesce(:reason, segment.purge_reason, '{PurgeReason.SPACE}')"

ABOUT_TO_GO = SystemSql(
    f"""SELECT segment.city_id, city.public_id AS city, camera.public_id, start_us, 0 AS purged_ms, duration_ms,
    bytes, sha256, {_WHY} AS reason FROM {_PLACES}
    CROSS JOIN camera ON camera.city_id = segment.city_id AND camera.id = segment.camera_id
    CROSS JOIN city ON city.id = segment.city_id
    ORDER BY segment.city_id, reason, camera.public_id, start_us"""
)
TAKEN = SystemSql("SELECT 1 FROM purge WHERE city_id = :city_id AND purged_ms = :at_ms LIMIT 1")
NOTE_PURGE = SystemSql(
    f"""INSERT INTO purge (city_id, camera_id, start_us, purged_ms, duration_ms, bytes, sha256, reason)
    SELECT segment.city_id, segment.camera_id, start_us, :at_ms, duration_ms, bytes, sha256, {_WHY}
    FROM {_PLACES} WHERE segment.city_id = :city_id"""
)
DROP = SystemSql(
    f"""DELETE FROM segment WHERE (city_id, camera_id, start_us) IN (
        SELECT value ->> 0, value ->> 1, value ->> 2 FROM json_each(:places)
    ) AND {_IN_QUESTION}"""
)


async def drop(
    transaction: Transaction,
    note: Note,
    places: Iterable[tuple[int, int, int]],
    now_ms: int,
    *,
    vanished: bool = False,
) -> Counter[PurgeReason]:
    """Of rows named by city, camera and start: garbage, or what somebody else has deleted (`vanished`).

    Any other row stays as it is. Says how many have gone, and why.
    """
    reason = PurgeReason.VANISHED if vanished else None
    params = {"places": json.dumps(list(places)), "reason": reason, "garbage": int(not vanished)}
    rows = await transaction.fetch(ABOUT_TO_GO, params)
    gone: Counter[PurgeReason] = Counter()
    for (city_id, city), of_city in groupby(rows, key=lambda row: (row["city_id"], row["city"])):
        at_ms = await _free_moment(transaction, city_id, now_ms)
        lines = [replace(purge_of(row), purged_ms=at_ms) for row in of_city]
        gone.update(line.reason for line in lines)
        for why, of_reason in groupby(lines, key=lambda line: line.reason):
            await note(transaction, _entry(city_id, city, why, list(of_reason)), at_ms)
        await transaction.execute(NOTE_PURGE, {**params, "city_id": city_id, "at_ms": at_ms})
    await transaction.execute(DROP, params)
    return gone


async def _free_moment(transaction: Transaction, city_id: int, now_ms: int) -> int:
    """Now, or the next millisecond: what was written at one moment is what one digest is over."""
    while await transaction.fetch(TAKEN, {"city_id": city_id, "at_ms": now_ms}):
        now_ms += 1
    return now_ms


def _entry(city_id: int, city: str, why: PurgeReason, lines: Sequence[Purge]) -> Entry:
    cameras = sorted({line.camera_public_id for line in lines})
    facts: dict[str, Fact] = {
        "recordings": len(lines),
        "bytes": sum(line.size_bytes for line in lines),
        "cameras": len(cameras),
        "first": rfc3339(min(line.start_us for line in lines) // 1000),
        "last": rfc3339(max(line.start_us for line in lines) // 1000),
        "ledger_sha256": ledger_digest(lines),
    }
    subject = Subject("camera", cameras[0]) if len(cameras) == 1 else Subject("city", city)
    action = Action.RECORDING_VANISHED if why is PurgeReason.VANISHED else Action.RECORDING_PURGED
    return Entry(action, city_id=city_id, subject=subject, reason=why, facts=facts)
