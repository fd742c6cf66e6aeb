"""Writes into the audit log how many more logins were refused than it has rows for.

Reads: what was counted in minutes that are over. Writes: a row for each address that went on and on. Keeps true:
no attempt is left out of the log for long, and no attacker fills the disk with it.
"""

from __future__ import annotations

from typing import ClassVar

from vmsd.services.login_audit import LoginAudit


class Refusals:
    name: ClassVar[str] = "refusals"
    every_s: ClassVar[float] = 15.0
    deadline_s: ClassVar[float] = 60.0

    def __init__(self, attempts: LoginAudit) -> None:
        self._attempts = attempts

    async def once(self) -> None:
        await self._attempts.count_up()
