"""Passwords: what may be one, and argon2id away from the event loop, at most two at a time.

Each takes 64 MiB and about 0.1 s.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import unicodedata
from base64 import b64encode
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress

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
NICENESS = 10
"""Of the threads that hash: everything else of the daemon goes first."""
ROWS = ("0123456789", "abcdefghijklmnopqrstuvwxyz", "qwertyuiopasdfghjklzxcvbnm")
"""What a hand or a tongue says by itself, forwards, backwards, and round again."""
LONGEST_UNIT = 4
"""A word as short as this, said again and again, is as good as said once."""
COMMON = frozenset(
    {"1q2w3e4r5t", "administrador", "mudar12345", "password12", "password123", "senha12345", "senha123456"}
)


class Passwords:
    """One for the whole process: the memory it may take is bounded by it."""

    def __init__(self) -> None:
        self._hasher = PasswordHasher(time_cost=TIME_COST, memory_cost=MEMORY_KIB, parallelism=LANES)
        self._threads = ThreadPoolExecutor(PARALLEL, "password", initializer=_step_back)
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

    async def hash(self, password: str, name: str = "") -> str:
        """Outside a `turn`. Raises `Invalid` for what may not be the password of the account `name`."""
        password = normal(password)
        problem = find_weakness(password, name)
        if problem:
            raise Invalid("the password was refused", FieldProblem("/password", problem))
        async with self.turn():
            return await asyncio.get_running_loop().run_in_executor(self._threads, self._hasher.hash, password)

    async def matches(self, password_hash: str | None, password: str) -> bool:
        """Inside a `turn`. Takes as long without an account (`password_hash` None) as with one."""
        loop, known = asyncio.get_running_loop(), password_hash or _nobodys_hash()
        right = await loop.run_in_executor(self._threads, self._verify, known, normal(password))
        return right and password_hash is not None

    def _verify(self, password_hash: str, password: str) -> bool:
        try:
            return self._hasher.verify(password_hash, password)
        except (VerificationError, InvalidHashError):
            return False


def _step_back() -> None:
    """Linux gives each thread a niceness of its own; the lanes of a hash inherit it. Never a reason not to hash."""
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, max(NICENESS, os.getpriority(os.PRIO_PROCESS, 0)))


def normal(password: str) -> str:
    """The same letters are the same password, on whatever keyboard they were typed."""
    return unicodedata.normalize("NFC", password)


def find_weakness(password: str, name: str) -> str | None:
    """What is wrong with a new password, for the one who chose it."""
    if not MIN_LENGTH <= len(password) <= MAX_LENGTH:
        return f"a password has {MIN_LENGTH} to {MAX_LENGTH} characters"
    plain = password.casefold()
    if plain == normal(name).casefold():
        return "the password must not be the name"
    if plain in COMMON or _is_pattern(plain):
        return "everybody would guess this password"
    return None


def _is_pattern(plain: str) -> bool:
    """One short thing again and again, or a piece of a row of keys, digits or letters."""
    units = (plain[:length] for length in range(1, LONGEST_UNIT + 1))
    if any((unit * len(plain))[: len(plain)] == plain for unit in units):
        return True
    rows = (row[::step] for row in ROWS for step in (1, -1))
    return any(plain in row * (2 + len(plain) // len(row)) for row in rows)


def _nobodys_hash() -> str:
    """A hash of the same cost that no password is known to have."""
    salt, digest = (b64encode(secrets.token_bytes(size)).decode().rstrip("=") for size in (16, 32))
    return f"$argon2id$v=19$m={MEMORY_KIB},t={TIME_COST},p={LANES}${salt}${digest}"
