"""API tokens, found by their hash; while one is being rotated, by that of its previous secret too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from vmsd.errors import Conflict, NotFound
from vmsd.model.person import Person, ScopeWord, Verb
from vmsd.store.database import Database, Row, Transaction
from vmsd.store.people import PERSON, person_of
from vmsd.store.statements import SystemSql

SELECT = f"""SELECT {PERSON}, api_token.id AS token_id, api_token.public_id AS token_public_id,
    api_token.name AS token_name, api_token.scope, api_token.prefix, api_token.token_hash,
    api_token.previous_until_ms, api_token.created_ms, api_token.expires_ms, api_token.last_used_ms
    FROM api_token JOIN person ON person.id = api_token.person_id"""
FIND = SystemSql(
    f"""{SELECT} WHERE api_token.expires_ms > :now_ms AND api_token.id = coalesce(
        (SELECT id FROM api_token WHERE token_hash = :token_hash),
        (SELECT id FROM api_token WHERE previous_hash = :token_hash AND previous_until_ms > :now_ms)
    )"""
)
BY_PUBLIC_ID = SystemSql(f"{SELECT} WHERE api_token.public_id = :public_id")
LIST = SystemSql(
    f"""{SELECT} WHERE api_token.id > :after AND (:person_id IS NULL OR api_token.person_id = :person_id)
    AND (:city_id IS NULL OR person.city_id = :city_id) ORDER BY api_token.id LIMIT :limit"""
)
ADD = SystemSql(
    """INSERT INTO api_token (public_id, person_id, name, scope, prefix, token_hash, created_ms, expires_ms)
    VALUES (:public_id, :person_id, :name, :scope, :prefix, :token_hash, :created_ms, :expires_ms)"""
)
ROTATE = SystemSql(
    """UPDATE api_token SET previous_hash = token_hash, previous_until_ms = :until_ms, token_hash = :token_hash,
    prefix = :prefix WHERE id = :id AND token_hash = :seen_hash"""
)
TOUCH = SystemSql("UPDATE api_token SET last_used_ms = :now_ms WHERE id = :id")
REMOVE = SystemSql("DELETE FROM api_token WHERE id = :id")
REMOVE_ALL_OF = SystemSql("DELETE FROM api_token WHERE person_id = :person_id")
COUNT_OF = SystemSql("SELECT count(*) AS tokens FROM api_token WHERE person_id = :person_id")


@dataclass(frozen=True)
class ApiToken:
    """`prefix` is the readable beginning, by which people tell tokens apart; the rest is known by its hash alone.

    One for the `status_only` has no verb in its scope.
    """

    id: int
    public_id: str
    person: Person
    name: str
    scope: frozenset[Verb]
    prefix: str
    token_hash: bytes
    previous_until_ms: int | None
    created_ms: int
    expires_ms: int
    last_used_ms: int | None
    status_only: bool = False

    @property
    def words(self) -> Sequence[ScopeWord]:
        """What it is for, as it is kept and shown."""
        return [ScopeWord.STATUS_READ] if self.status_only else [ScopeWord(verb) for verb in sorted(self.scope)]


class Tokens:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, token_hash: bytes, now_ms: int) -> ApiToken | None:
        """The token, while it has not expired; by its previous secret too while that still counts."""
        rows = await self._database.read(FIND, {"token_hash": token_hash, "now_ms": now_ms})
        return token_of(rows[0]) if rows else None

    async def get(self, public_id: str) -> ApiToken:
        rows = await self._database.read(BY_PUBLIC_ID, {"public_id": public_id})
        if not rows:
            raise NotFound("there is no such token")
        return token_of(rows[0])

    async def list(
        self, *, person_id: int | None = None, city_id: int | None = None, after: int = 0, limit: int = 10_000
    ) -> Sequence[ApiToken]:
        """In the order they were made; of one person, of one city's people, or of everybody."""
        params = {"person_id": person_id, "city_id": city_id, "after": after, "limit": limit}
        return [token_of(row) for row in await self._database.read(LIST, params)]

    async def add(self, transaction: Transaction, token: ApiToken) -> None:
        params = {
            "public_id": token.public_id,
            "person_id": token.person.id,
            "name": token.name,
            "scope": " ".join(token.words),
            "prefix": token.prefix,
            "token_hash": token.token_hash,
            "created_ms": token.created_ms,
            "expires_ms": token.expires_ms,
        }
        await transaction.execute(ADD, params)

    async def rotate(
        self, transaction: Transaction, token: ApiToken, token_hash: bytes, prefix: str, until_ms: int
    ) -> None:
        """A new secret; the present one counts until `until_ms`, any older one no more.

        Raises `Conflict` when somebody has rotated or revoked the token since it was read.
        """
        params = {
            "id": token.id,
            "token_hash": token_hash,
            "prefix": prefix,
            "until_ms": until_ms,
            "seen_hash": token.token_hash,
        }
        if await transaction.execute(ROTATE, params) == 0:
            raise Conflict("somebody else has just rotated or revoked this token; look at it again")

    async def touch(self, transaction: Transaction, token: ApiToken, now_ms: int) -> None:
        await transaction.execute(TOUCH, {"id": token.id, "now_ms": now_ms})

    async def count_of(self, transaction: Transaction, person: Person) -> int:
        (row,) = await transaction.fetch(COUNT_OF, {"person_id": person.id})
        return int(row["tokens"])

    async def remove_all_of(self, transaction: Transaction, person: Person) -> None:
        await transaction.execute(REMOVE_ALL_OF, {"person_id": person.id})

    async def remove(self, transaction: Transaction, token: ApiToken) -> None:
        if await transaction.execute(REMOVE, {"id": token.id}) == 0:
            raise NotFound("there is no such token")


def token_of(row: Row) -> ApiToken:
    words = frozenset(row["scope"].split())
    return ApiToken(
        id=row["token_id"],
        public_id=row["token_public_id"],
        person=person_of(row),
        name=row["token_name"],
        scope=frozenset(Verb(word) for word in words - {ScopeWord.STATUS_READ}),
        prefix=row["prefix"],
        token_hash=row["token_hash"],
        previous_until_ms=row["previous_until_ms"],
        created_ms=row["created_ms"],
        expires_ms=row["expires_ms"],
        last_used_ms=row["last_used_ms"],
        status_only=ScopeWord.STATUS_READ in words,
    )
