"""Gives recordings made under a wrong clock their true names.

Reads: segments whose clock was not trusted, the clock's trust. Writes: names of their files, their rows, the audit
log. Keeps true: within a minute of the clock being trusted again, what was recorded since the boot stands where it
belongs; what was recorded in another boot stays marked, with the last time at which it can have been made.
"""

from __future__ import annotations

from typing import ClassVar

from vmsd.services.clock_corrections import ClockCorrections
from vmsd.services.clock_trust import Timekeeper
from vmsd.services.storage import DiskWatch


class ClockCorrectionsTask:
    name: ClassVar[str] = "clock_corrections"
    every_s: ClassVar[float] = 10.0
    deadline_s: ClassVar[float] = 120.0

    def __init__(self, corrections: ClockCorrections, keeper: Timekeeper, watch: DiskWatch) -> None:
        self._corrections = corrections
        self._keeper = keeper
        self._watch = watch

    async def once(self) -> None:
        if self._watch.volume.ok and self._keeper.begun:
            await self._corrections.finish()
            await self._corrections.correct()
