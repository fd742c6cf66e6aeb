"""API tokens: made, rotated and revoked; a secret is shown once, and only its hash is kept."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from uuid import uuid4

import structlog

from vmsd.clock import Clock, rfc3339
from vmsd.errors import Conflict, FieldProblem, Invalid
from vmsd.model.audit import Action, Entry, Fact, Subject, Who
from vmsd.model.person import Person, Role, ScopeWord, Verb
from vmsd.services.accounts import TOKEN_PREFIX, hash_token
from vmsd.services.audit import AuditLog
from vmsd.services.names import clean_name
from vmsd.store.database import Database, Transaction
from vmsd.store.tokens import ApiToken, Tokens

log = structlog.get_logger()

PREFIX_CHARS = len(TOKEN_PREFIX) + 6
"""As much of a token as is shown later: 36 of its 256 random bits."""
DAY_MS = 86_400_000
LONGEST_DAYS = 366
"""A year, a leap year too."""
USUAL_DAYS = 90
LONGEST_STATUS_DAYS = 3653
"""Ten years: nobody visits a box to renew what can only read how it is doing."""
GIVEN_PATTERN = rf"^{TOKEN_PREFIX}[A-Za-z0-9_-]{{43,128}}$"
"""A secret made elsewhere is as long as one of ours: 256 bits in base64 without padding."""
LEAST_DIFFERENT = 16
"""Characters of a given secret: of 43 drawn at random fewer than that are different once in 10**9 times."""
MOST_EACH = 50
"""Tokens of one person, those that have expired too until they are revoked."""


@dataclass(frozen=True)
class IssuedToken:
    """The only time the secret is known."""

    token: ApiToken
    secret: str = field(repr=False)


class TokenList:
    """Knows nothing of who may do what: that is `services.privileges`. `by` is who does it, for the record."""

    def __init__(self, database: Database, audit: AuditLog, clock: Clock) -> None:
        self._database = database
        self._audit = audit
        self._store = Tokens(database)
        self._clock = clock

    async def list(
        self,
        *,
        person_id: int | None = None,
        city_id: int | None = None,
        after: ApiToken | None = None,
        limit: int = 10_000,
    ) -> Sequence[ApiToken]:
        """Of one person, of one city's people, or of everybody; `after` is the one the last page ended with."""
        return await self._store.list(person_id=person_id, city_id=city_id, after=after.id if after else 0, limit=limit)

    async def get(self, public_id: str) -> ApiToken:
        return await self._store.get(public_id)

    async def find(self, token_hash: bytes) -> ApiToken | None:
        """By the hash of its secret, or while it is being rotated of the previous one; None once it has expired."""
        return await self._store.find(token_hash, self._clock.wall_ms())

    async def add(
        self,
        person: Person,
        name: str,
        scope: frozenset[Verb],
        by: Who,
        *,
        expires_ms: int | None = None,
        latest_ms: int | None = None,
        status_only: bool = False,
    ) -> IssuedToken:
        """Raises `Conflict` when the person has too many, `Invalid` for a name or an end that is refused.

        It ends in `USUAL_DAYS`, or at `expires_ms`; at `latest_ms` in any case. One for the `status_only` has no
        scope besides, and is a SUPERADMIN's.
        """
        now_ms = self._clock.wall_ms()
        longest_days = LONGEST_STATUS_DAYS if status_only else LONGEST_DAYS
        end_ms = _end(expires_ms, latest_ms, now_ms, longest_days)
        secret = new_secret()
        if status_only:
            token = _status_token(person, name, secret, now_ms, end_ms)
        else:
            token = _token(person, name, secret, now_ms, end_ms, scope)
        return await self._issue(token, secret, by)

    async def add_given(self, person: Person, name: str, secret: str, by: Who) -> ApiToken:
        """A central office's token that was made elsewhere: for the status alone, for ten years, of a SUPERADMIN.

        The same one given again is the one there is. Raises `Invalid` for a secret that could be guessed, or that is
        another token's already.
        """
        _refuse_weak(secret)
        known = await self.find(hash_token(secret))
        if known is not None:
            if known.status_only and known.person.id == person.id:
                return known
            raise Invalid("the token was refused", FieldProblem("/token", "this is another token's secret"))
        now_ms = self._clock.wall_ms()
        token = _status_token(person, name, secret, now_ms, now_ms + LONGEST_STATUS_DAYS * DAY_MS)
        await self._issue(token, secret, by)
        return await self._store.get(token.public_id)

    async def _issue(self, token: ApiToken, secret: str, by: Who) -> IssuedToken:
        person = token.person
        async with self._database.write() as transaction:
            if await self._store.count_of(transaction, person) >= MOST_EACH:
                raise Conflict(f"a person has at most {MOST_EACH} tokens; revoke one that is not needed any more")
            await self._store.add(transaction, token)
            facts: dict[str, Fact] = {"scope": list(token.words), "expires": rfc3339(token.expires_ms)}
            await self._tell(transaction, Action.TOKEN_ADDED, token, by, facts)
        log.info("token.added", token_id=token.public_id, person_id=person.public_id, by=by.person)
        return IssuedToken(token, secret)

    async def rotate(self, token: ApiToken, overlap_ms: int, by: Who) -> IssuedToken:
        """A new secret with the same scope and the same end; the present one counts for `overlap_ms` more.

        Raises `Conflict` for a token that has expired, and for one that somebody was faster with.
        """
        secret, now_ms = new_secret(), self._clock.wall_ms()
        if token.expires_ms <= now_ms:
            raise Conflict("this token has expired; make another")
        until_ms = now_ms + overlap_ms
        async with self._database.write() as transaction:
            await self._store.rotate(transaction, token, hash_token(secret), secret[:PREFIX_CHARS], until_ms)
            await self._tell(transaction, Action.TOKEN_ROTATED, token, by, {"previous_until": rfc3339(until_ms)})
        log.info("token.rotated", token_id=token.public_id, by=by.person)
        return IssuedToken(await self._store.get(token.public_id), secret)

    async def revoke(self, token: ApiToken, by: Who) -> None:
        """Both its secrets, at once."""
        async with self._database.write() as transaction:
            await self._store.remove(transaction, token)
            await self._tell(transaction, Action.TOKEN_REVOKED, token, by, {})
        log.info("token.revoked", token_id=token.public_id, by=by.person)

    async def _tell(
        self, transaction: Transaction, action: Action, token: ApiToken, by: Who, facts: Mapping[str, Fact]
    ) -> None:
        """In the city of its owner."""
        subject, told = Subject("token", token.public_id), {"name": token.name, "owner": token.person.name, **facts}
        entry = Entry(action, by, token.person.city_id, subject, facts=told)
        await self._audit.append(transaction, entry, self._clock.wall_ms())


def new_secret() -> str:
    return TOKEN_PREFIX + secrets.token_urlsafe(32)


def _token(
    person: Person, name: str, secret: str, now_ms: int, end_ms: int, scope: frozenset[Verb] = frozenset()
) -> ApiToken:
    return ApiToken(
        id=0,
        public_id=str(uuid4()),
        person=person,
        name=clean_name(name),
        scope=scope,
        prefix=secret[:PREFIX_CHARS],
        token_hash=hash_token(secret),
        previous_until_ms=None,
        created_ms=now_ms,
        expires_ms=end_ms,
        last_used_ms=None,
    )


def _status_token(person: Person, name: str, secret: str, now_ms: int, end_ms: int) -> ApiToken:
    if person.role is not Role.SUPERADMIN:
        detail = f"{ScopeWord.STATUS_READ} is about the whole box, so its owner is a SUPERADMIN"
        raise Invalid("the token was refused", FieldProblem("/scope", detail))
    return replace(_token(person, name, secret, now_ms, end_ms), status_only=True)


def _refuse_weak(secret: str) -> None:
    if not re.fullmatch(GIVEN_PATTERN, secret) or len(frozenset(secret)) < LEAST_DIFFERENT:
        detail = f"must be {TOKEN_PREFIX} and at least 43 random letters and digits, as vmsd fleet token makes it"
        raise Invalid("the token was refused", FieldProblem("/token", detail))


def _end(expires_ms: int | None, latest_ms: int | None, now_ms: int, longest_days: int) -> int:
    end_ms = now_ms + longest_days * DAY_MS
    latest_ms = end_ms if latest_ms is None else min(latest_ms, end_ms)
    if expires_ms is None:
        return min(latest_ms, now_ms + USUAL_DAYS * DAY_MS)
    if not now_ms < expires_ms <= latest_ms:
        within = "a year" if longest_days == LONGEST_DAYS else "ten years"
        detail = f"must be in the future, within {within}, and not after the end of a token it is made with"
        raise Invalid("the end was refused", FieldProblem("/expires_at", detail))
    return expires_ms
