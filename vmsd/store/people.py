"""Accounts, their sessions and their tokens: asked before any city is known, so these are the system's."""

from __future__ import annotations

from dataclasses import dataclass

from vmsd.model.person import Person, Role
from vmsd.store.database import Database, Row, Transaction
from vmsd.store.statements import SystemSql

PERSON = "person.id, person.public_id, person.city_id, person.name, person.role, person.password_hash"
BY_NAME = SystemSql(f"SELECT {PERSON} FROM person WHERE name = :name")
COUNT = SystemSql("SELECT count(*) AS people FROM person")
INSERT = SystemSql(
    """INSERT INTO person (public_id, city_id, name, role, password_hash, created_ms)
    VALUES (:public_id, :city_id, :name, :role, :password_hash, :created_ms)"""
)
SET_PASSWORD = SystemSql("UPDATE person SET password_hash = :password_hash WHERE id = :id")
SESSION = SystemSql(
    f"""SELECT {PERSON}, session.city_id AS session_city_id, session.created_ms, session.seen_ms
    FROM session JOIN person ON person.id = session.person_id WHERE session.token_hash = :token_hash"""
)
ADD_SESSION = SystemSql(
    """INSERT INTO session (token_hash, person_id, city_id, created_ms, seen_ms)
    VALUES (:token_hash, :person_id, :city_id, :now_ms, :now_ms)"""
)
TOUCH_SESSION = SystemSql("UPDATE session SET seen_ms = :now_ms WHERE token_hash = :token_hash")
SET_SESSION_CITY = SystemSql("UPDATE session SET city_id = :city_id WHERE token_hash = :token_hash")
END_SESSION = SystemSql("DELETE FROM session WHERE token_hash = :token_hash")
END_SESSIONS_OF = SystemSql("DELETE FROM session WHERE person_id = :person_id")
DROP_OLD_SESSIONS = SystemSql("DELETE FROM session WHERE seen_ms < :idle_ms OR created_ms < :born_ms")
TOKEN = SystemSql(
    f"""SELECT {PERSON}, token.expires_ms FROM token JOIN person ON person.id = token.person_id
    WHERE token.token_hash = :token_hash"""
)
ADD_TOKEN = SystemSql(
    """INSERT INTO token (token_hash, person_id, name, created_ms, expires_ms)
    VALUES (:token_hash, :person_id, :name, :created_ms, :expires_ms)"""
)


@dataclass(frozen=True)
class SessionRow:
    """`city_id` is the city a superadmin's pages show at the moment."""

    person: Person
    city_id: int | None
    created_ms: int
    seen_ms: int


class People:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def count(self) -> int:
        (row,) = await self._database.read(COUNT)
        return int(row["people"])

    async def find(self, name: str) -> Person | None:
        rows = await self._database.read(BY_NAME, {"name": name})
        return person_of(rows[0]) if rows else None

    async def add(self, transaction: Transaction, person: Person, now_ms: int) -> None:
        """Store a new account; raises `Conflict` when the name is taken."""
        params = {
            "public_id": person.public_id,
            "city_id": person.city_id,
            "name": person.name,
            "role": person.role,
            "password_hash": person.password_hash,
            "created_ms": now_ms,
        }
        await transaction.execute(INSERT, params)

    async def set_password(self, transaction: Transaction, person: Person, password_hash: str) -> None:
        """A new password ends every session of the account."""
        await transaction.execute(SET_PASSWORD, {"id": person.id, "password_hash": password_hash})
        await transaction.execute(END_SESSIONS_OF, {"person_id": person.id})

    async def find_session(self, token_hash: bytes) -> SessionRow | None:
        rows = await self._database.read(SESSION, {"token_hash": token_hash})
        if not rows:
            return None
        row = rows[0]
        return SessionRow(person_of(row), row["session_city_id"], row["created_ms"], row["seen_ms"])

    async def add_session(self, transaction: Transaction, token_hash: bytes, person: Person, now_ms: int) -> None:
        params = {
            "token_hash": token_hash,
            "person_id": person.id,
            "city_id": person.city_id,
            "now_ms": now_ms,
        }
        await transaction.execute(ADD_SESSION, params)

    async def touch_session(self, transaction: Transaction, token_hash: bytes, now_ms: int) -> None:
        await transaction.execute(TOUCH_SESSION, {"token_hash": token_hash, "now_ms": now_ms})

    async def set_session_city(self, transaction: Transaction, token_hash: bytes, city_id: int) -> None:
        await transaction.execute(SET_SESSION_CITY, {"token_hash": token_hash, "city_id": city_id})

    async def end_session(self, transaction: Transaction, token_hash: bytes) -> None:
        await transaction.execute(END_SESSION, {"token_hash": token_hash})

    async def drop_old_sessions(self, transaction: Transaction, *, idle_ms: int, born_ms: int) -> None:
        await transaction.execute(DROP_OLD_SESSIONS, {"idle_ms": idle_ms, "born_ms": born_ms})

    async def find_token(self, token_hash: bytes, now_ms: int) -> Person | None:
        """The token's owner, while the token has not expired."""
        rows = await self._database.read(TOKEN, {"token_hash": token_hash})
        return person_of(rows[0]) if rows and rows[0]["expires_ms"] > now_ms else None

    async def add_token(
        self,
        transaction: Transaction,
        token_hash: bytes,
        person: Person,
        *,
        name: str,
        now_ms: int,
        expires_ms: int,
    ) -> None:
        params = {
            "token_hash": token_hash,
            "person_id": person.id,
            "name": name,
            "created_ms": now_ms,
            "expires_ms": expires_ms,
        }
        await transaction.execute(ADD_TOKEN, params)


def person_of(row: Row) -> Person:
    return Person(
        id=row["id"],
        public_id=row["public_id"],
        city_id=row["city_id"],
        name=row["name"],
        role=Role(row["role"]),
        password_hash=row["password_hash"],
    )
