"""Argon2id away from the event loop, at most two at a time: each takes 64 MiB and about 0.1 s."""

from __future__ import annotations

import asyncio
import secrets
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from vmsd.errors import FieldProblem, Invalid, TooMany

PARALLEL = 2
MOST_WAITING = 32
"""About two seconds' worth."""
MIN_LENGTH = 10
MAX_LENGTH = 256
TIME_COST, MEMORY_KIB, LANES = 3, 64 * 1024, 4
"""RFC 9106's second recommended setting."""


class Passwords:
    def __init__(self) -> None:
        self._hasher = PasswordHasher(time_cost=TIME_COST, memory_cost=MEMORY_KIB, parallelism=LANES)
        self._turn = asyncio.Semaphore(PARALLEL)
        self._waiting = 0

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait until one may count; `TooMany` when too many wait already."""
        if self._waiting >= MOST_WAITING:
            raise TooMany("too many people are logging in at once", retry_after_s=3)
        self._waiting += 1
        try:
            await self._turn.acquire()
        finally:
            self._waiting -= 1
        try:
            yield
        finally:
            self._turn.release()

    async def hash(self, password: str) -> str:
        """Raises `Invalid` for a password that is too short or too long."""
        if not MIN_LENGTH <= len(password) <= MAX_LENGTH:
            detail = f"a password has {MIN_LENGTH} to {MAX_LENGTH} characters"
            raise Invalid("the password was refused", FieldProblem("/password", detail))
        async with self.turn():
            return await asyncio.to_thread(self._hasher.hash, password)

    async def matches(self, password_hash: str | None, password: str) -> bool:
        """Inside a `turn`. Takes as long without an account (`password_hash` None) as with one."""
        right = await asyncio.to_thread(self._verify, password_hash or _nobodys_hash(), password[:MAX_LENGTH])
        return right and password_hash is not None

    def _verify(self, password_hash: str, password: str) -> bool:
        try:
            return self._hasher.verify(password_hash, password)
        except (VerificationError, InvalidHashError):
            return False


def _nobodys_hash() -> str:
    """A hash of the same cost that no password is known to have."""
    salt, digest = (b64encode(secrets.token_bytes(size)).decode().rstrip("=") for size in (16, 32))
    return f"$argon2id$v=19$m={MEMORY_KIB},t={TIME_COST},p={LANES}${salt}${digest}"
