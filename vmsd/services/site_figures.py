"""What the store knows of the box as a whole: how much there is of the last day, open alerts, the audit log's end."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from vmsd.clock import Clock
from vmsd.model.audit import Head
from vmsd.services.continuity import coverage_of
from vmsd.services.gaps import clip, holes, merge
from vmsd.services.live_states import CameraKey
from vmsd.services.timeline import CONNECTING_MS, UNSETTLED_MS
from vmsd.store.audit import Audit
from vmsd.store.database import Database
from vmsd.store.site_figures import RecordedCamera, SiteCounts

DAY_MS = 86_400_000
FRESH_S = 15.0
"""The recordings of a day of 64 cameras are read in some milliseconds; still, nobody needs them more often."""


@dataclass(frozen=True)
class Figures:
    """`coverage` is of the cameras that are to be recorded, since they are, and of the last 24 hours at most."""

    read_s: float
    coverage: Mapping[CameraKey, float]
    open_alerts: Mapping[str, int]
    audit_row: int
    audit_hash: bytes
    audit_head: Head | None


class SiteFigures:
    """Read at most once in `FRESH_S`, however many ask."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._counts = SiteCounts(database)
        self._audit = Audit(database)
        self._clock = clock
        self._turn = asyncio.Lock()
        self._last: Figures | None = None

    async def get(self) -> Figures:
        async with self._turn:
            if self._last is None or self._clock.monotonic() - self._last.read_s >= FRESH_S:
                self._last = await self._read()
            return self._last

    async def audit_hash_at(self, row: int) -> bytes | None:
        """Of the row with this number, as it is now; None when there is none."""
        rows = await self._audit.chunk(row, row, 1)
        return rows[0].hash if rows else None

    async def _read(self) -> Figures:
        """The signed head first: what is added meanwhile is then after it, as it should be."""
        now_ms = self._clock.wall_ms()
        head = await self._audit.last_head()
        row, row_hash = await self._audit.tip()
        recorded = await self._counts.recorded(now_ms - DAY_MS)
        coverage = await asyncio.to_thread(coverages, recorded, now_ms)
        return Figures(self._clock.monotonic(), coverage, await self._counts.open_alerts(), row, row_hash, head)


def coverages(cameras: Sequence[RecordedCamera], now_ms: int) -> Mapping[CameraKey, float]:
    """Without those that are to be recorded for so short a while that nobody can tell yet."""
    found = {camera.key: _coverage(camera, now_ms) for camera in cameras}
    return {key: value for key, value in found.items() if value is not None}


def _coverage(camera: RecordedCamera, now_ms: int) -> float | None:
    from_ms = max(now_ms - DAY_MS, camera.since_ms + CONNECTING_MS)
    footage = merge(camera.spans)
    last_ms = footage[-1].end_ms if footage else 0
    to_ms = last_ms if 0 <= now_ms - last_ms < UNSETTLED_MS else now_ms
    if to_ms <= from_ms:
        return None
    missing_ms = sum(hole.end_ms - hole.start_ms for hole in holes(clip(footage, from_ms, to_ms), from_ms, to_ms))
    return coverage_of(to_ms - from_ms - missing_ms, to_ms - from_ms)
