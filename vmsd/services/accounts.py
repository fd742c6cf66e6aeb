"""People: logging in, staying logged in, and the tokens programs use."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from uuid import uuid4

import structlog

from vmsd.clock import Clock
from vmsd.errors import NotFound, NotLoggedIn
from vmsd.model.person import Caller, Person, Role
from vmsd.services.passwords import Passwords
from vmsd.store.database import Database
from vmsd.store.people import People

log = structlog.get_logger()

TOKEN_PREFIX = "vmsd_"  # noqa: S105 - marks tokens as ours, for scanners that look for leaked ones
TOUCH_EVERY_MS = 60_000
"""A session's `seen_ms` is written at most this often, not at every request."""


def hash_token(token: str) -> bytes:
    """What is stored of a token: with 256 random bits a plain SHA-256 is enough."""
    return hashlib.sha256(token.encode()).digest()


@dataclass(frozen=True)
class LoggedIn:
    person: Person
    token: str


@dataclass(frozen=True)
class SessionRules:
    idle_s: int
    absolute_s: int


class Accounts:
    def __init__(self, database: Database, passwords: Passwords, clock: Clock, rules: SessionRules) -> None:
        self._database = database
        self._people = People(database)
        self._passwords = passwords
        self._clock = clock
        self._rules = rules

    async def log_in(self, name: str, password: str) -> LoggedIn:
        """A new session; `NotLoggedIn` says the same for a wrong name and a wrong password."""
        person = await self._people.find(name)
        if (
            not await self._passwords.matches(person.password_hash if person else None, password)
            or person is None
        ):
            log.warning("login.refused")
            raise NotLoggedIn("wrong name or password")
        token = secrets.token_urlsafe(32)
        now_ms = self._clock.wall_ms()
        async with self._database.write() as transaction:
            await self._people.drop_old_sessions(
                transaction,
                idle_ms=now_ms - self._rules.idle_s * 1000,
                born_ms=now_ms - self._rules.absolute_s * 1000,
            )
            await self._people.add_session(transaction, hash_token(token), person, now_ms)
        log.info("login.done", person_id=person.public_id)
        return LoggedIn(person, token)

    async def log_out(self, caller: Caller) -> None:
        if caller.session_hash is not None:
            async with self._database.write() as transaction:
                await self._people.end_session(transaction, caller.session_hash)

    async def caller_of_session(self, token: str) -> Caller:
        """Raises `NotLoggedIn` for a session that is unknown, idle too long or too old."""
        token_hash = hash_token(token)
        session = await self._people.find_session(token_hash)
        now_ms = self._clock.wall_ms()
        if session is None or not self._alive(session.created_ms, session.seen_ms, now_ms):
            raise NotLoggedIn("this session has ended")
        if now_ms - session.seen_ms > TOUCH_EVERY_MS:
            async with self._database.write() as transaction:
                await self._people.touch_session(transaction, token_hash, now_ms)
        return Caller(session.person, "session", session_hash=token_hash, shown_city_id=session.city_id)

    def _alive(self, created_ms: int, seen_ms: int, now_ms: int) -> bool:
        idle = now_ms - seen_ms <= self._rules.idle_s * 1000
        return idle and now_ms - created_ms <= self._rules.absolute_s * 1000

    async def show_city(self, caller: Caller, city_id: int) -> None:
        """The city a superadmin's pages show from now on."""
        if caller.session_hash is not None:
            async with self._database.write() as transaction:
                await self._people.set_session_city(transaction, caller.session_hash, city_id)

    async def caller_of_token(self, token: str) -> Caller:
        person = await self._people.find_token(hash_token(token), self._clock.wall_ms())
        if person is None:
            raise NotLoggedIn("this token is not valid")
        return Caller(person, "token")

    async def add_person(self, name: str, password: str, role: Role, city_id: int | None) -> Person:
        """Raises `Conflict` when the name is taken, `Invalid` when the password is refused."""
        person = Person(0, str(uuid4()), city_id, name, role, await self._passwords.hash(password))
        async with self._database.write() as transaction:
            await self._people.add(transaction, person, self._clock.wall_ms())
        return await self.get(name)

    async def get(self, name: str) -> Person:
        person = await self._people.find(name)
        if person is None:
            raise NotFound("there is no such person")
        return person

    async def set_password(self, name: str, password: str) -> None:
        person = await self.get(name)
        password_hash = await self._passwords.hash(password)
        async with self._database.write() as transaction:
            await self._people.set_password(transaction, person, password_hash)

    async def change_password(self, caller: Caller, present: str, new: str) -> None:
        """The caller's own password, proved with the present one; ends all the account's sessions."""
        if not await self._passwords.matches(caller.person.password_hash, present):
            raise NotLoggedIn("the present password is wrong")
        await self.set_password(caller.person.name, new)

    async def add_token(self, person: Person, name: str, days: int) -> str:
        """A new API token with all the person's rights; this answer is the only time it is seen."""
        token = TOKEN_PREFIX + secrets.token_urlsafe(32)
        now_ms = self._clock.wall_ms()
        async with self._database.write() as transaction:
            await self._people.add_token(
                transaction,
                hash_token(token),
                person,
                name=name,
                now_ms=now_ms,
                expires_ms=now_ms + days * 86_400_000,
            )
        return token

    async def is_empty(self) -> bool:
        return await self._people.count() == 0
