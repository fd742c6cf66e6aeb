"""Tells what a power loss has cost, as soon as that can be known.

Reads: how the daemon before this one ended, the ends and beginnings of recordings around the boot. Writes: one outage,
one row of the audit log. Keeps true: every end without a word is explained once, after the first whole comparison of
disk and database and with a trusted clock.
"""

from __future__ import annotations

from typing import ClassVar

from vmsd.services.power_recovery import PowerRecovery


class PowerRecoveryTask:
    name: ClassVar[str] = "power_recovery"
    every_s: ClassVar[float] = 5.0
    deadline_s: ClassVar[float] = 30.0

    def __init__(self, recovery: PowerRecovery) -> None:
        self._recovery = recovery
        self._loaded = self._settled = False

    async def once(self) -> None:
        if not self._loaded:
            await self._recovery.load()
            self._loaded = True
        if not self._settled:
            self._settled = await self._recovery.settle()
