"""Somebody tries to show who they are: in turn, counted when it fails, and written down."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog

from vmsd.errors import NotAllowed, NotLoggedIn, TooMany
from vmsd.services.lockout import Attempt, Lockout
from vmsd.services.login_audit import LoginAudit
from vmsd.services.passwords import Passwords

log = structlog.get_logger()

CODE_TO_COME = "code_required"
"""The password was right and the code is still missing: that is no failure."""


class Tries:
    def __init__(self, lockout: Lockout, passwords: Passwords, audit: LoginAudit) -> None:
        self._lockout = lockout
        self._passwords = passwords
        self._audit = audit

    @asynccontextmanager
    async def trying(self, attempt: Attempt) -> AsyncIterator[None]:
        """For what raises `NotLoggedIn` when it is not them, `NotAllowed` when it is them and they may not come in.

        `TooMany` while they have to wait.
        """
        try:
            async with self._counted(attempt):
                yield
        except NotLoggedIn as error:
            log.warning("login.refused", address=attempt.address, cause=error.cause)
            if error.cause != CODE_TO_COME:
                await self._audit.refused(attempt, error.cause)
            raise
        except NotAllowed:
            await self._audit.refused(attempt, "suspended")
            raise

    @asynccontextmanager
    async def _counted(self, attempt: Attempt) -> AsyncIterator[None]:
        """Failures count before the next one in line is tried: a thousand guesses at once are no way around."""
        await self._check(attempt)
        async with self._passwords.turn():
            await self._check(attempt)
            try:
                yield
            except NotLoggedIn as error:
                if error.cause != CODE_TO_COME:
                    self._lockout.note_failure(attempt)
                raise

    async def _check(self, attempt: Attempt) -> None:
        try:
            self._lockout.check(attempt)
        except TooMany as error:
            await self._audit.locked(attempt, error.retry_after_s)
            raise
