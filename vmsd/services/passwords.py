"""Argon2id away from the event loop, at most two at a time: each takes 64 MiB and about 0.1 s."""

from __future__ import annotations

import asyncio
import secrets

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from vmsd.errors import FieldProblem, Invalid

PARALLEL = 2
MIN_LENGTH = 10
MAX_LENGTH = 256


class Passwords:
    """RFC 9106's second recommended setting: 64 MiB, 3 passes, 4 lanes."""

    def __init__(self) -> None:
        self._hasher = PasswordHasher(time_cost=3, memory_cost=64 * 1024, parallelism=4)
        self._turn = asyncio.Semaphore(PARALLEL)
        self._nobody = self._hasher.hash(secrets.token_urlsafe(16))

    async def hash(self, password: str) -> str:
        """Raises `Invalid` for a password that is too short or too long."""
        if not MIN_LENGTH <= len(password) <= MAX_LENGTH:
            detail = f"a password has {MIN_LENGTH} to {MAX_LENGTH} characters"
            raise Invalid("the password was refused", FieldProblem("/password", detail))
        async with self._turn:
            return await asyncio.to_thread(self._hasher.hash, password)

    async def matches(self, password_hash: str | None, password: str) -> bool:
        """Takes as long for an account that does not exist (`password_hash` None) as for one that does."""
        async with self._turn:
            right = await asyncio.to_thread(
                self._verify, password_hash or self._nobody, password[:MAX_LENGTH]
            )
        return right and password_hash is not None

    def _verify(self, password_hash: str, password: str) -> bool:
        try:
            return self._hasher.verify(password_hash, password)
        except (VerificationError, InvalidHashError):
            return False
