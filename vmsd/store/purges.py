"""What was deleted of one city's recordings, when and why; written by the sweeper, never changed.

The lines of one city and reason that were written at one moment have one row in the audit log, which carries
`ledger_digest` of them: whoever changes the ledger has to change the log too.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from vmsd.model.segment import PurgeReason
from vmsd.store.database import Row
from vmsd.store.scope import Scope
from vmsd.store.statements import CitySql

_COLUMNS = "camera.public_id, start_us, purged_ms, duration_ms, bytes, sha256, reason"
_FROM = "FROM purge CROSS JOIN camera ON camera.city_id = purge.city_id AND camera.id = purge.camera_id"
_PERIOD = "purge.city_id = :city_id AND purged_ms >= :start_ms AND purged_ms < :end_ms"

LIST = CitySql(
    f"""SELECT {_COLUMNS} {_FROM}
    WHERE purge.city_id = :city_id AND purge.camera_id = :camera_id AND start_us > :after_us
    ORDER BY start_us, purged_ms LIMIT :limit"""
)
LINES = CitySql(
    f"""SELECT {_COLUMNS}, purge.camera_id {_FROM} WHERE {_PERIOD}
    AND (purged_ms, purge.camera_id, start_us) > (:after_ms, :after_camera, :after_us)
    ORDER BY purged_ms, purge.camera_id, start_us LIMIT :limit"""
)
TOTALS = CitySql(
    f"""SELECT camera.public_id, camera.name, reason, count(*) AS recordings, sum(bytes) AS bytes,
    min(start_us) AS oldest_us, max(start_us) AS newest_us
    {_FROM} WHERE {_PERIOD} GROUP BY purge.camera_id, reason"""
)


@dataclass(frozen=True)
class Purge:
    camera_public_id: str
    start_us: int
    purged_ms: int
    duration_ms: int
    size_bytes: int
    sha256: bytes | None
    reason: PurgeReason


@dataclass(frozen=True)
class PurgeTotal:
    """What went of one camera for one reason; `oldest_us` and `newest_us` are starts."""

    camera_public_id: str
    camera_name: str
    reason: PurgeReason
    recordings: int
    bytes: int
    oldest_us: int
    newest_us: int


Place = tuple[int, int, int]
"""Where a line stands in a period: when it was purged, its camera's number, its start."""
BEFORE_ALL: Place = (-(1 << 62), 0, 0)


class Purges:
    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    async def list(self, camera_id: int, *, after_us: int = -1, limit: int = 500) -> Sequence[Purge]:
        """Of one camera, in the order of what was recorded."""
        rows = await self._scope.fetch(LIST, camera_id=camera_id, after_us=after_us, limit=limit)
        return [purge_of(row) for row in rows]

    async def lines(
        self, start_ms: int, end_ms: int, *, after: Place = BEFORE_ALL, limit: int
    ) -> Sequence[tuple[Place, Purge]]:
        """What was purged in `[start_ms, end_ms)`, in that order, from behind the place `after` on."""
        rows = await self._scope.fetch(
            LINES,
            start_ms=max(start_ms, after[0]),
            end_ms=end_ms,
            after_ms=after[0],
            after_camera=after[1],
            after_us=after[2],
            limit=limit,
        )
        return [((row["purged_ms"], row["camera_id"], row["start_us"]), purge_of(row)) for row in rows]

    async def totals(self, start_ms: int, end_ms: int) -> Sequence[PurgeTotal]:
        """Of what was purged in `[start_ms, end_ms)`; a day at a time: a year of them is more than one question."""
        rows = await self._scope.fetch(TOTALS, start_ms=start_ms, end_ms=end_ms)
        return [_total(row) for row in rows]


def ledger_line(purge: Purge) -> bytes:
    """A JSON array without blanks: camera, start, time of the purge, duration, size, SHA-256 (hex or null), reason."""
    digest = purge.sha256.hex() if purge.sha256 else None
    fields = (
        purge.camera_public_id,
        purge.start_us,
        purge.purged_ms,
        purge.duration_ms,
        purge.size_bytes,
        digest,
        str(purge.reason),
    )
    return json.dumps(fields, separators=(",", ":")).encode() + b"\n"


def ledger_digest(purges: Iterable[Purge]) -> str:
    """SHA-256, in hex, over the lines in the order of camera and start."""
    ordered = sorted(purges, key=lambda one: (one.camera_public_id, one.start_us))
    return hashlib.sha256(b"".join(map(ledger_line, ordered))).hexdigest()


def purge_of(row: Row) -> Purge:
    return Purge(
        camera_public_id=row["public_id"],
        start_us=row["start_us"],
        purged_ms=row["purged_ms"],
        duration_ms=row["duration_ms"],
        size_bytes=row["bytes"],
        sha256=row["sha256"],
        reason=PurgeReason(row["reason"]),
    )


def _total(row: Row) -> PurgeTotal:
    return PurgeTotal(
        camera_public_id=row["public_id"],
        camera_name=row["name"],
        reason=PurgeReason(row["reason"]),
        recordings=row["recordings"],
        bytes=row["bytes"],
        oldest_us=row["oldest_us"],
        newest_us=row["newest_us"],
    )
