"""Login sessions, found by the hash of what the browser holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from vmsd.model.person import Person
from vmsd.store.database import Database, Row, Transaction
from vmsd.store.people import PERSON, person_of
from vmsd.store.statements import SystemSql

SELECT = f"""SELECT {PERSON}, session.token_hash, session.public_id AS session_public_id,
    session.city_id AS session_city_id, session.address, session.created_ms, session.seen_ms, session.proved_ms
    FROM session JOIN person ON person.id = session.person_id"""
FIND = SystemSql(f"""{SELECT} WHERE session.token_hash = :token_hash""")
LIST = SystemSql(
    f"""{SELECT} WHERE session.person_id = :person_id
    ORDER BY session.created_ms DESC, session.public_id"""
)
ADD = SystemSql(
    """INSERT INTO session (token_hash, public_id, person_id, city_id, address, created_ms, seen_ms, proved_ms)
    VALUES (:token_hash, :public_id, :person_id, :city_id, :address, :now_ms, :now_ms, :now_ms)"""
)
TOUCH = SystemSql("UPDATE session SET seen_ms = :now_ms WHERE token_hash = :token_hash")
PROVE = SystemSql("UPDATE session SET proved_ms = :now_ms WHERE token_hash = :token_hash")
SHOW_CITY = SystemSql("UPDATE session SET city_id = :city_id WHERE token_hash = :token_hash")
END = SystemSql("DELETE FROM session WHERE token_hash = :token_hash")
END_ALL_OF = SystemSql("DELETE FROM session WHERE person_id = :person_id")
DROP_OLD = SystemSql("DELETE FROM session WHERE seen_ms < :idle_ms OR created_ms < :born_ms")


@dataclass(frozen=True)
class SessionRow:
    """`city_id` is the city a superadmin's pages show at the moment; `proved_ms` when the password was last given."""

    person: Person
    token_hash: bytes
    public_id: str
    city_id: int | None
    address: str
    created_ms: int
    seen_ms: int
    proved_ms: int


class Sessions:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, token_hash: bytes) -> SessionRow | None:
        rows = await self._database.read(FIND, {"token_hash": token_hash})
        return session_of(rows[0]) if rows else None

    async def list(self, person: Person) -> Sequence[SessionRow]:
        """Newest first."""
        return [session_of(row) for row in await self._database.read(LIST, {"person_id": person.id})]

    async def add(
        self, transaction: Transaction, token_hash: bytes, public_id: str, person: Person, address: str, now_ms: int
    ) -> None:
        params = {
            "token_hash": token_hash,
            "public_id": public_id,
            "person_id": person.id,
            "city_id": person.city_id,
            "address": address,
            "now_ms": now_ms,
        }
        await transaction.execute(ADD, params)

    async def touch(self, transaction: Transaction, token_hash: bytes, now_ms: int) -> None:
        await transaction.execute(TOUCH, {"token_hash": token_hash, "now_ms": now_ms})

    async def prove(self, transaction: Transaction, token_hash: bytes, now_ms: int) -> None:
        await transaction.execute(PROVE, {"token_hash": token_hash, "now_ms": now_ms})

    async def show_city(self, transaction: Transaction, token_hash: bytes, city_id: int) -> None:
        await transaction.execute(SHOW_CITY, {"token_hash": token_hash, "city_id": city_id})

    async def end(self, transaction: Transaction, token_hash: bytes) -> None:
        await transaction.execute(END, {"token_hash": token_hash})

    async def end_all_of(self, transaction: Transaction, person: Person) -> None:
        await transaction.execute(END_ALL_OF, {"person_id": person.id})

    async def drop_old(self, transaction: Transaction, *, idle_ms: int, born_ms: int) -> None:
        await transaction.execute(DROP_OLD, {"idle_ms": idle_ms, "born_ms": born_ms})


def session_of(row: Row) -> SessionRow:
    return SessionRow(
        person=person_of(row),
        token_hash=row["token_hash"],
        public_id=row["session_public_id"],
        city_id=row["session_city_id"],
        address=row["address"],
        created_ms=row["created_ms"],
        seen_ms=row["seen_ms"],
        proved_ms=row["proved_ms"],
    )
