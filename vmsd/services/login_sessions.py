"""Login sessions: how long one lasts, which are alive, and what of them is kept up to date.

Whatever a browser asks keeps its session awake, and that includes what an open page asks by itself: whoever watches
the dashboard is there. The absolute limit ends it all the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from uuid import uuid4

from vmsd.clock import Clock
from vmsd.errors import NotAllowed, NotFound, NotLoggedIn, StorageFull
from vmsd.model.person import Caller, Person, Role
from vmsd.store.database import Database, Transaction
from vmsd.store.sessions import SessionRow, Sessions

TOUCH_EVERY_MS = 60_000
"""A session's `seen_ms` is written at most this often, not at every request."""
TOLERATED_MS = 300_000
"""A session may be this much newer than the wall clock, which is set back a little now and then; no more."""
MOST_EACH = 50
"""Of one person; with more, their oldest ends."""


@dataclass(frozen=True)
class Limits:
    """How long a session lasts without any request, and at all."""

    idle_s: int
    absolute_s: int


@dataclass(frozen=True)
class SessionRules:
    """A guard's lasts a shift; that of somebody who may change things does not outlive a coffee break."""

    guards: Limits
    admins: Limits

    def of(self, role: Role) -> Limits:
        return self.guards if role is Role.USER else self.admins

    @property
    def longest(self) -> Limits:
        idle_s, absolute_s = zip(*((one.idle_s, one.absolute_s) for one in (self.guards, self.admins)), strict=True)
        return Limits(max(idle_s), max(absolute_s))


class LoginSessions:
    """Known by the hash of what the browser holds."""

    def __init__(self, database: Database, clock: Clock, rules: SessionRules) -> None:
        self._database = database
        self._sessions = Sessions(database)
        self._clock = clock
        self.rules = rules

    async def add(self, transaction: Transaction, token_hash: bytes, person: Person, address: str, now_ms: int) -> None:
        longest = self.rules.longest
        idle_ms, born_ms = now_ms - longest.idle_s * 1000, now_ms - longest.absolute_s * 1000
        await self._sessions.drop_old(transaction, idle_ms=idle_ms, born_ms=born_ms)
        for old in (await self._sessions.list(person))[MOST_EACH - 1 :]:
            await self._sessions.end(transaction, old.token_hash)
        await self._sessions.add(transaction, token_hash, str(uuid4()), person, address, now_ms)

    async def get_living(self, token_hash: bytes) -> SessionRow:
        """Raises `NotLoggedIn` for one that is unknown, idle too long or too old."""
        session = await self._sessions.find(token_hash)
        if session is None or not self._alive(session):
            raise NotLoggedIn("this session has ended")
        return session

    async def list_living(self, person: Person) -> Sequence[SessionRow]:
        """Newest first."""
        return [session for session in await self._sessions.list(person) if self._alive(session)]

    async def find_living(self, person: Person, public_id: str) -> SessionRow:
        for session in await self.list_living(person):
            if session.public_id == public_id:
                return session
        raise NotFound("there is no such session")

    async def note_use(self, session: SessionRow) -> None:
        """A full disk puts nobody out."""
        now_ms = self._clock.wall_ms()
        if abs(now_ms - session.seen_ms) > TOUCH_EVERY_MS:
            with suppress(StorageFull):
                async with self._database.write() as transaction:
                    await self._sessions.touch(transaction, session.token_hash, now_ms)

    def ends_ms(self, session: SessionRow) -> int:
        """When it ends if nobody uses it any more."""
        limits = self.rules.of(session.person.role)
        return min(session.seen_ms + limits.idle_s * 1000, session.created_ms + limits.absolute_s * 1000)

    def proved_ms(self, session: SessionRow) -> int:
        """When the password was last given in it; never, as far as one can tell, when the clock says it is to come."""
        return session.proved_ms if session.proved_ms <= self._clock.wall_ms() + TOLERATED_MS else 0

    def _alive(self, session: SessionRow) -> bool:
        now_ms = self._clock.wall_ms()
        return session.created_ms - TOLERATED_MS <= now_ms <= self.ends_ms(session)


def session_of(caller: Caller) -> bytes:
    """The hash of the caller's login session; `NotAllowed` for a token, which no password was given for."""
    if caller.means != "session" or caller.session_hash is None:
        raise NotAllowed("log in with your password for this; a token is not enough")
    return caller.session_hash
