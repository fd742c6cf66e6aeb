"""What was deleted of one city's recordings, when and why; written by the sweeper, never changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from vmsd.model.segment import PurgeReason
from vmsd.store.database import Row
from vmsd.store.scope import Scope
from vmsd.store.statements import CitySql

LIST = CitySql(
    """SELECT camera.public_id, start_us, purged_ms, duration_ms, bytes, sha256, reason
    FROM purge JOIN camera ON camera.city_id = purge.city_id AND camera.id = purge.camera_id
    WHERE purge.city_id = :city_id AND purge.camera_id = :camera_id AND start_us > :after_us
    ORDER BY start_us, purged_ms LIMIT :limit"""
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


class Purges:
    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    async def list(self, camera_id: int, *, after_us: int = -1, limit: int = 500) -> Sequence[Purge]:
        """Of one camera, in the order of what was recorded."""
        rows = await self._scope.fetch(LIST, camera_id=camera_id, after_us=after_us, limit=limit)
        return [purge_of(row) for row in rows]


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
