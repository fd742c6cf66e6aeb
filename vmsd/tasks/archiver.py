"""Sends what must outlive the box to the archive.

Reads: finished sealed packages, the newest snapshot, the signed heads of the audit log. Writes: what waits and how far
it is; encrypted snapshots until they have arrived; the store. Keeps true: everything of these kinds is in the store
too, some time; what was sent of it before a restart is not sent again; nothing is sent while the clock is not trusted,
since by it the store is told how long to keep what it gets.
"""

from __future__ import annotations

from typing import ClassVar

from vmsd.clock import Clock
from vmsd.services.archive import Archive
from vmsd.services.clock_trust import Timekeeper

COLLECT_S = 60.0
SHORTEST_S = 0.01


class Archiver:
    name: ClassVar[str] = "archiver"
    deadline_s: ClassVar[float] = 1800.0
    """Longer than the longest step."""

    def __init__(self, archive: Archive, keeper: Timekeeper, clock: Clock) -> None:
        self._archive = archive
        self._keeper = keeper
        self._clock = clock
        self._collected_s: float | None = None
        self._busy = False

    @property
    def every_s(self) -> float:
        """Next to nothing while there is more to send."""
        return SHORTEST_S if self._busy else min(COLLECT_S, self._archive.pause_s or COLLECT_S)

    async def once(self) -> None:
        self._busy = False
        if self._keeper.trusted_ms() is None:
            return
        now_s = self._clock.monotonic()
        if self._collected_s is None or now_s - self._collected_s >= COLLECT_S:
            self._collected_s = now_s  # before it: what cannot be found now keeps nothing else from being sent
            await self._archive.collect()
        self._busy = await self._archive.step() and not self._archive.pause_s
