"""The daemon's starts and stops in the audit log: an end it could not tell of is told by the next start."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from contextlib import suppress
from enum import StrEnum

import structlog

from vmsd.clock import Clock
from vmsd.errors import VmsdError
from vmsd.model.audit import Action, Entry, Fact
from vmsd.services.audit import AuditLog
from vmsd.store.boundaries import Boundaries
from vmsd.store.database import Database
from vmsd.store.meta import Meta

log = structlog.get_logger()

RUNNING = "running_since_boot"
"""The boot in which a daemon that has not stopped yet was started; empty after a stop."""
UNEXPLAINED = "unexplained_stop"
"""An end without a word whose cost nobody has measured yet, as JSON; empty when there is none."""
UNKNOWN = "unknown"
"""For a boot the kernel would not name."""
STOP_S = 3.0
"""What saying good-bye may take at most."""


class LastStop(StrEnum):
    """How the daemon before this one ended."""

    NEVER_RAN = "never_ran"
    CLEAN = "clean"
    CRASH = "crash"
    """It ended without a word while the machine went on."""
    POWER_LOSS = "power_loss"
    """The machine went down without stopping it."""


class Lifetime:
    def __init__(
        self,
        database: Database,
        audit: AuditLog,
        clock: Clock,
        *,
        boot_id: str,
        version: str,
        last_row_ms: int | None,
        last_known_ms: int | None = None,
    ) -> None:
        """`last_row_ms` is when something was written down last before this program began to.

        `last_known_ms` is the newest time a daemon before this one has trusted.
        """
        self._meta = Meta(database)
        self._boundaries = Boundaries(database)
        self._last_known_ms = last_known_ms
        self._audit = audit
        self._clock = clock
        self._boot_id = boot_id or UNKNOWN
        self._version = version
        self._last_row_ms = last_row_ms
        self._began_s: float | None = None

    async def begin(self) -> None:
        """`silent_s` is how long nothing was written down; a wall clock that was set in between counts in it."""
        self._began_s, silent_s = self._clock.monotonic(), None
        if self._last_row_ms is not None:
            silent_s = round((self._clock.wall_ms() - self._last_row_ms) / 1000)
        facts: dict[str, Fact] = {"version": self._version, "silent_s": silent_s}
        remembered = {RUNNING: self._boot_id}
        try:
            stop = facts["last_stop"] = await self._last_stop()
            if stop in (LastStop.CRASH, LastStop.POWER_LOSS):
                remembered[UNEXPLAINED] = json.dumps(await self._unexplained(stop))
        except (VmsdError, sqlite3.Error) as error:
            log.warning("audit.not_read", error=str(error))
        await self._audit.note(Entry(Action.DAEMON_STARTED, facts=facts), remembered)

    async def _unexplained(self, stop: LastStop) -> dict[str, Fact]:
        """With the last sign of life: the newest time that was trusted, or that a recording reached."""
        now_ms = self._clock.wall_ms()
        ends = [min(one.ended_ms, now_ms) for one in await self._boundaries.around(now_ms) if one.ended_ms is not None]
        signs = [*ends, *([] if self._last_known_ms is None else [self._last_known_ms])]
        return {"stop": stop, "last_sign_ms": max(signs, default=None), "began_ms": now_ms}

    async def _last_stop(self) -> LastStop:
        running = await self._meta.find(RUNNING)
        if not running:
            return LastStop.NEVER_RAN if running is None else LastStop.CLEAN
        return LastStop.CRASH if running == self._boot_id else LastStop.POWER_LOSS

    async def end(self) -> None:
        """At a stop that was asked for; whatever goes wrong, it holds nobody up for longer than `STOP_S`."""
        if self._began_s is None:
            return
        ran_s = round(self._clock.monotonic() - self._began_s)
        with suppress(TimeoutError):
            async with asyncio.timeout(STOP_S):
                await self._audit.note(Entry(Action.DAEMON_STOPPED, facts={"ran_s": ran_s}), {RUNNING: ""})
                await self._sign()

    async def _sign(self) -> None:
        try:
            await self._audit.sign_head()
        except (VmsdError, sqlite3.Error) as error:
            log.warning("audit.not_signed", error=str(error))
