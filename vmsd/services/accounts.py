"""People: logging in, staying logged in, and the tokens programs use."""

from __future__ import annotations

import hashlib
import secrets
import unicodedata
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import structlog

from vmsd.clock import Clock
from vmsd.errors import Conflict, FieldProblem, Invalid, NotAllowed, NotLoggedIn, StorageFull
from vmsd.model.audit import Action, Entry
from vmsd.model.person import Caller, Person
from vmsd.services.audit import AuditLog
from vmsd.services.first_login import FirstLogin
from vmsd.services.lockout import Attempt, Lockout
from vmsd.services.login_audit import LoginAudit, of_person
from vmsd.services.login_sessions import TOUCH_EVERY_MS, LoginSessions, session_of
from vmsd.services.passwords import Passwords, normal
from vmsd.services.second_factor import SecondFactor
from vmsd.services.tries import Tries
from vmsd.services.wall_keys import WallKeys
from vmsd.store.cities import Cities
from vmsd.store.database import Database, Transaction
from vmsd.store.people import People
from vmsd.store.sessions import SessionRow, Sessions
from vmsd.store.tokens import ApiToken, Tokens

log = structlog.get_logger()

TOKEN_PREFIX = "vmsd_"  # noqa: S105 - marks tokens as ours, for scanners that look for leaked ones
WRONG = "wrong name or password"


def hash_token(token: str) -> bytes:
    """What is stored of a token: with 256 random bits a plain SHA-256 is enough.

    Whatever bytes a caller sends as a token have a hash; nobody has any but those of a token.
    """
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


@dataclass(frozen=True)
class LoggedIn:
    """`token` is what the browser keeps, for `lasts_s` at most."""

    caller: Caller
    token: str = field(repr=False)
    lasts_s: int


class Accounts:
    """What somebody must show to be let in, and who the one is who shows it."""

    def __init__(
        self,
        database: Database,
        passwords: Passwords,
        clock: Clock,
        sessions: LoginSessions,
        second_factor: SecondFactor,
        first_login: FirstLogin,
        audit: AuditLog,
    ) -> None:
        self._database = database
        self._people = People(database)
        self._session_rows = Sessions(database)
        self._tokens = Tokens(database)
        self._cities = Cities(database)
        self._passwords = passwords
        self._lockout = Lockout(clock)
        self._clock = clock
        self._sessions = sessions
        self._first_login = first_login
        self._audit = audit
        self.walls = WallKeys(database, clock)
        self.second_factor = second_factor
        self.attempts = LoginAudit(audit, self._people, clock)
        self._tries = Tries(self._lockout, passwords, self.attempts)

    @property
    def alarm(self) -> bool:
        """Whether so many passwords are being tried that somebody should look into it."""
        return self._lockout.alarm

    def refused_within(self, seconds: float) -> int:
        """How many attempts to log in failed, or were made to wait, in the last so many seconds."""
        return self._lockout.refused_within(seconds)

    async def log_in(self, name: str, password: str, address: str, code: str | None = None) -> LoggedIn:
        """A new session for somebody who calls from `address`.

        `NotLoggedIn` says the same, after the same time, for a name nobody has, a wrong password, an account that is
        disabled and a first secret that was used or has expired; with a cause it is the second factor's code that is
        missing or wrong. `TooMany` after too many failures; `NotAllowed` when all was right and the city is suspended.
        """
        attempt = Attempt(unicodedata.normalize("NFC", name), address)
        async with self._tries.trying(attempt):
            person = await self._with_password(await self._people.find(attempt.name), password)
            if not self._may_log_in(person):
                raise NotLoggedIn(WRONG)
            await self._refuse_suspended(person)
            caller, token = await self._open_session(person, address, code)
            self._lockout.note_success(attempt)
        return LoggedIn(caller, token, self._sessions.rules.of(person.role).absolute_s)

    async def _with_password(self, person: Person | None, password: str) -> Person:
        """Takes as long without a person as with one."""
        right = await self._passwords.matches(person.password_hash if person else None, password)
        if person is None or not right:
            raise NotLoggedIn(WRONG)
        return person

    def _may_log_in(self, person: Person) -> bool:
        in_time = person.secret_until_ms is None or person.secret_until_ms > self._clock.wall_ms()
        return in_time and person.status == "active"

    async def _refuse_suspended(self, person: Person) -> None:
        if person.city_id is not None and (await self._cities.get_by_id(person.city_id)).status == "suspended":
            raise NotAllowed("this city is suspended")

    async def _open_session(self, person: Person, address: str, code: str | None) -> tuple[Caller, str]:
        """A full disk keeps nobody out: the first failure has released the ballast, and there is room now."""
        token = secrets.token_urlsafe(32)
        try:
            now_ms = await self._add_session(person, token, address, code)
        except StorageFull:
            now_ms = await self._add_session(person, token, address, code)
        log.info("login.done", person_id=person.public_id)
        caller = Caller(person, "session", address, session_hash=hash_token(token), proved_ms=now_ms)
        return caller, token

    async def _add_session(self, person: Person, token: str, address: str, code: str | None) -> int:
        """What counts once is used up in the transaction that opens the session."""
        now_ms = self._clock.wall_ms()
        async with self._database.write() as transaction:
            await self.second_factor.use(transaction, person, code)
            if not await self._people.note_login(transaction, person, now_ms):
                raise NotLoggedIn(WRONG)
            await self._sessions.add(transaction, hash_token(token), person, address, now_ms)
            entry = of_person(Action.LOGIN_DONE, Caller(person, "session", address), second_factor=bool(person.totp))
            await self._audit.append(transaction, entry, now_ms)
        return now_ms

    async def log_out(self, caller: Caller) -> None:
        if caller.session_hash is not None:
            async with self._database.write() as transaction:
                await self._session_rows.end(transaction, caller.session_hash)
                await self._tell(transaction, of_person(Action.LOGOUT_DONE, caller))

    async def _tell(self, transaction: Transaction, entry: Entry) -> None:
        await self._audit.append(transaction, entry, self._clock.wall_ms())

    async def caller_of_session(self, token: str, address: str = "") -> Caller:
        """Raises `NotLoggedIn` for a session that is unknown, idle too long or too old."""
        session = await self._living_session(hash_token(token))
        await self._sessions.note_use(session)
        return self._of_session(session, address)

    def _of_session(self, session: SessionRow, address: str) -> Caller:
        return Caller(
            session.person,
            "session",
            address,
            session_hash=session.token_hash,
            proved_ms=self._sessions.proved_ms(session),
            shown_city_id=session.city_id,
        )

    async def _living_session(self, token_hash: bytes) -> SessionRow:
        session = await self._sessions.get_living(token_hash)
        _refuse_disabled(session.person)
        return session

    async def check_still_valid(self, caller: Caller) -> Caller:
        """The caller as they are now; `NotLoggedIn` when the session, token or key they came with counts no more."""
        if caller.seat is not None:
            return await self.walls.check_still_valid(caller.seat, caller.address)
        if caller.session_hash is not None:
            return self._of_session(await self._living_session(caller.session_hash), caller.address)
        if caller.token_hash is not None:
            return _of_token(await self._living_token(caller.token_hash), caller.token_hash, caller.address)
        raise NotLoggedIn("log in first")

    async def session_ends_ms(self, caller: Caller) -> int | None:
        """When the caller's session ends if it is not used again; None for a token."""
        if caller.session_hash is None:
            return None
        return self._sessions.ends_ms(await self._living_session(caller.session_hash))

    async def list_sessions(self, caller: Caller) -> Sequence[SessionRow]:
        """The caller's own, those of other browsers too; newest first."""
        session_of(caller)
        return await self._sessions.list_living(caller.person)

    async def end_session(self, caller: Caller, public_id: str) -> Caller:
        """End one of the caller's own; returns whom it was opened for, who is nobody any more."""
        session_of(caller)
        session = await self._sessions.find_living(caller.person, public_id)
        async with self._database.write() as transaction:
            await self._session_rows.end(transaction, session.token_hash)
            await self._tell(transaction, of_person(Action.SESSION_ENDED, caller, session=session.public_id))
        log.info("session.ended", person_id=caller.person.public_id)
        return self._of_session(session, session.address)

    async def show_city(self, caller: Caller, city_id: int) -> None:
        """The city a superadmin's pages show from now on."""
        if caller.session_hash is not None:
            async with self._database.write() as transaction:
                await self._session_rows.show_city(transaction, caller.session_hash, city_id)

    async def caller_of_token(self, secret: str, address: str = "") -> Caller:
        token_hash = hash_token(secret)
        token = await self._living_token(token_hash)
        await self._note_use(token)
        return _of_token(token, token_hash, address)

    async def _note_use(self, token: ApiToken) -> None:
        """Written at most once a minute, not at every request; a disk that is full keeps nobody out."""
        now_ms, last_ms = self._clock.wall_ms(), token.last_used_ms
        if last_ms is None or abs(now_ms - last_ms) >= TOUCH_EVERY_MS:
            with suppress(StorageFull):
                async with self._database.write() as transaction:
                    await self._tokens.touch(transaction, token, now_ms)

    async def _living_token(self, token_hash: bytes) -> ApiToken:
        token = await self._tokens.find(token_hash, self._clock.wall_ms())
        if token is None:
            raise NotLoggedIn("this token is not valid")
        _refuse_disabled(token.person)
        return token

    async def reauthenticate(self, caller: Caller, password: str, code: str | None = None) -> None:
        """Proves that the one at this session is still its owner; never of use to a token.

        Raises `Invalid` for a wrong password or code, which count like those of a login.
        """
        session_hash = session_of(caller)
        async with self._proved(caller, password, code) as (transaction, _, now_ms):
            await self._session_rows.prove(transaction, session_hash, now_ms)
            await self._tell(transaction, of_person(Action.REAUTHENTICATED, caller))

    async def drop_second_factor(self, caller: Caller, password: str, code: str | None) -> None:
        """Raises `Invalid` as `reauthenticate` does, `Conflict` when there is none."""
        session_of(caller)
        if caller.person.totp is None:
            raise Conflict("the second factor is off already")
        async with self._proved(caller, password, code) as (transaction, person, now_ms):
            await self._people.set_totp(transaction, person, None, now_ms)
            await self._tell(transaction, of_person(Action.TOTP_DISABLED, caller))
        log.info("second_factor.off", person_id=caller.person.public_id)

    @asynccontextmanager
    async def _proved(
        self, caller: Caller, password: str, code: str | None
    ) -> AsyncIterator[tuple[Transaction, Person, int]]:
        """A transaction for what needs it, in which the code is used up; the caller as they are now, and the time."""
        attempt = _attempt_of(caller)
        try:
            async with self._tries.trying(attempt):
                person = await self._with_password(await self._people.get(caller.person.public_id), password)
                async with self._database.write() as transaction:
                    await self.second_factor.use(transaction, person, code)
                    yield transaction, person, self._clock.wall_ms()
                self._lockout.note_success(attempt)
        except NotLoggedIn as error:
            problem = FieldProblem("/code" if error.cause else "/password", str(error))
            raise Invalid("this was not proved", problem) from None

    async def change_password(self, caller: Caller, present: str, new: str) -> None:
        """The caller's own password, proved with the present one; ends all the account's sessions.

        Raises `Invalid` for a wrong present password and for a new one that is refused.
        """
        try:
            async with self._tries.trying(_attempt_of(caller)):
                person = await self._with_password(await self._people.get(caller.person.public_id), present)
        except NotLoggedIn:
            problem = FieldProblem("/password", "the present password is wrong")
            raise Invalid("the password was not changed", problem) from None
        password_hash = await self._hash_new(person, present, new)
        async with self._database.write() as transaction:
            await self._people.set_password(transaction, person, password_hash, self._clock.wall_ms())
            await self._session_rows.end_all_of(transaction, person)
            await self._tell(transaction, of_person(Action.PASSWORD_CHANGED, caller))
        log.info("password.changed", person_id=person.public_id)
        if person.secret_until_ms is not None:
            await self._first_login.forget()

    async def _hash_new(self, person: Person, present: str, new: str) -> str:
        if normal(present) == normal(new):
            problem = FieldProblem("/new_password", "it must be another than the present one")
            raise Invalid("the password was not changed", problem)
        try:
            return await self._passwords.hash(new, person.name)
        except Invalid as error:
            problems = [FieldProblem("/new_password", one.detail) for one in error.problems]
            raise Invalid("the password was not changed", *problems) from None


def _attempt_of(caller: Caller) -> Attempt:
    return Attempt(caller.name, caller.address, caller.session_hash.hex() if caller.session_hash else "")


def _of_token(token: ApiToken, token_hash: bytes, address: str) -> Caller:
    return Caller(
        token.person, "token", address, token_hash=token_hash, scope=token.scope, status_only=token.status_only
    )


def _refuse_disabled(person: Person) -> None:
    if person.status == "disabled":
        raise NotLoggedIn("this account is disabled")
