"""People: logging in, staying logged in, and the tokens programs use."""

from __future__ import annotations

import hashlib
import re
import secrets
import unicodedata
from contextlib import suppress
from dataclasses import dataclass
from uuid import uuid4

import structlog

from vmsd.clock import Clock
from vmsd.errors import FieldProblem, Invalid, NotAllowed, NotFound, NotLoggedIn, StorageFull
from vmsd.model.person import Caller, Person, Role
from vmsd.services.lockout import Lockout
from vmsd.services.passwords import Passwords
from vmsd.store.cities import Cities
from vmsd.store.database import Database
from vmsd.store.people import People, SessionRow

log = structlog.get_logger()

TOKEN_PREFIX = "vmsd_"  # noqa: S105 - marks tokens as ours, for scanners that look for leaked ones
TOUCH_EVERY_MS = 60_000
"""A session's `seen_ms` is written at most this often, not at every request."""
_NAME = re.compile(r"[^\x00-\x1f\x7f]{1,100}")


def hash_token(token: str) -> bytes:
    """What is stored of a token: with 256 random bits a plain SHA-256 is enough.

    Whatever bytes a caller sends as a token have a hash; nobody has any but those of a token.
    """
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


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
        self._cities = Cities(database)
        self._passwords = passwords
        self._lockout = Lockout(clock)
        self._clock = clock
        self._rules = rules

    async def log_in(self, name: str, password: str, address: str) -> LoggedIn:
        """A new session for somebody who calls from `address`.

        `NotLoggedIn` says the same for a wrong name and a wrong password, `TooMany` after too many of them;
        `NotAllowed` when it was right and the person's city is suspended.
        """
        name = unicodedata.normalize("NFC", name)
        person = await self._people.find(name)
        await self._prove(name, address, person, password)
        if person is None:
            raise NotLoggedIn("wrong name or password")
        await self._refuse_suspended(person)
        return LoggedIn(person, await self._open_session(person))

    async def _prove(self, name: str, address: str, person: Person | None, password: str) -> None:
        """Failures count before the next one in line is tried: a thousand guesses at once are no way around."""
        account, caller = f"name:{name.casefold()}", f"address:{address}"
        self._lockout.check((account, caller))
        async with self._passwords.turn():
            self._lockout.check((account, caller))
            if await self._passwords.matches(person.password_hash if person else None, password):
                self._lockout.forgive(account)
                return
            self._lockout.note_failure((account, caller))
        log.warning("login.refused", address=address)
        raise NotLoggedIn("wrong name or password")

    async def _refuse_suspended(self, person: Person) -> None:
        if person.city_id is not None and (await self._cities.get_by_id(person.city_id)).status == "suspended":
            raise NotAllowed("this city is suspended")

    async def _open_session(self, person: Person) -> str:
        """A full disk keeps nobody out: the first failure has released the ballast, and there is room now."""
        token = secrets.token_urlsafe(32)
        try:
            await self._add_session(person, token)
        except StorageFull:
            await self._add_session(person, token)
        log.info("login.done", person_id=person.public_id)
        return token

    async def _add_session(self, person: Person, token: str) -> None:
        now_ms = self._clock.wall_ms()
        async with self._database.write() as transaction:
            await self._people.drop_old_sessions(
                transaction,
                idle_ms=now_ms - self._rules.idle_s * 1000,
                born_ms=now_ms - self._rules.absolute_s * 1000,
            )
            await self._people.add_session(transaction, hash_token(token), person, now_ms)

    async def log_out(self, caller: Caller) -> None:
        if caller.session_hash is not None:
            async with self._database.write() as transaction:
                await self._people.end_session(transaction, caller.session_hash)

    async def caller_of_session(self, token: str) -> Caller:
        """Raises `NotLoggedIn` for a session that is unknown, idle too long or too old."""
        token_hash = hash_token(token)
        session = await self._living_session(token_hash)
        now_ms = self._clock.wall_ms()
        if now_ms - session.seen_ms > TOUCH_EVERY_MS:
            with suppress(StorageFull):
                async with self._database.write() as transaction:
                    await self._people.touch_session(transaction, token_hash, now_ms)
        return Caller(session.person, "session", session_hash=token_hash, shown_city_id=session.city_id)

    async def _living_session(self, token_hash: bytes) -> SessionRow:
        session = await self._people.find_session(token_hash)
        if session is None or not self._alive(session.created_ms, session.seen_ms, self._clock.wall_ms()):
            raise NotLoggedIn("this session has ended")
        return session

    def _alive(self, created_ms: int, seen_ms: int, now_ms: int) -> bool:
        idle = now_ms - seen_ms <= self._rules.idle_s * 1000
        return idle and now_ms - created_ms <= self._rules.absolute_s * 1000

    async def check_still_valid(self, caller: Caller) -> None:
        """Raises `NotLoggedIn` when the session or token the caller came with counts no more."""
        if caller.session_hash is not None:
            await self._living_session(caller.session_hash)
        elif caller.token_hash is not None:
            await self._token_owner(caller.token_hash)

    async def show_city(self, caller: Caller, city_id: int) -> None:
        """The city a superadmin's pages show from now on."""
        if caller.session_hash is not None:
            async with self._database.write() as transaction:
                await self._people.set_session_city(transaction, caller.session_hash, city_id)

    async def caller_of_token(self, token: str) -> Caller:
        token_hash = hash_token(token)
        return Caller(await self._token_owner(token_hash), "token", token_hash=token_hash)

    async def _token_owner(self, token_hash: bytes) -> Person:
        person = await self._people.find_token(token_hash, self._clock.wall_ms())
        if person is None:
            raise NotLoggedIn("this token is not valid")
        return person

    async def add_person(self, name: str, password: str, role: Role, city_id: int | None) -> Person:
        """Raises `Conflict` when the name is taken, `Invalid` when it or the password is refused."""
        name = unicodedata.normalize("NFC", name).strip()
        if not _NAME.fullmatch(name):
            detail = "a name has 1 to 100 characters, all of them printable"
            raise Invalid("the name was refused", FieldProblem("/name", detail))
        person = Person(0, str(uuid4()), city_id, name, role, await self._passwords.hash(password))
        async with self._database.write() as transaction:
            await self._people.add(transaction, person, self._clock.wall_ms())
        return await self.get(name)

    async def get(self, name: str) -> Person:
        person = await self._people.find(unicodedata.normalize("NFC", name).strip())
        if person is None:
            raise NotFound("there is no such person")
        return person

    async def set_password(self, name: str, password: str) -> None:
        person = await self.get(name)
        password_hash = await self._passwords.hash(password)
        async with self._database.write() as transaction:
            await self._people.set_password(transaction, person, password_hash)

    async def change_password(self, caller: Caller, present: str, new: str, address: str) -> None:
        """The caller's own password, proved with the present one; ends all the account's sessions.

        Raises `Invalid` for a wrong present password and for a new one that is refused.
        """
        try:
            await self._prove(caller.name, address, caller.person, present)
        except NotLoggedIn:
            problem = FieldProblem("/password", "the present password is wrong")
            raise Invalid("the password was not changed", problem) from None
        try:
            await self.set_password(caller.name, new)
        except Invalid as error:
            problems = [FieldProblem("/new_password", one.detail) for one in error.problems]
            raise Invalid("the password was not changed", *problems) from None

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
