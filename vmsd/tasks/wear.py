"""Asks the disk of the recordings how worn it is.

Reads: what `/sys` and the disk's own SMART say. Writes: nothing. Keeps true: what the health board shows of the
disk's wear is some hours old at most.
"""

from __future__ import annotations

from typing import ClassVar

from vmsd.services.disk_wear import DiskWear


class WearWatch:
    name: ClassVar[str] = "wear"
    every_s: ClassVar[float] = 6 * 3600.0
    deadline_s: ClassVar[float] = 60.0

    def __init__(self, wear: DiskWear) -> None:
        self._wear = wear

    async def once(self) -> None:
        await self._wear.look()
