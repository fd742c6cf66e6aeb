"""Accounts: asked for before any city is known, so these statements are the system's."""

from __future__ import annotations

from collections.abc import Sequence
from types import MappingProxyType

from vmsd.errors import Conflict, NotFound
from vmsd.model.person import ALL_RIGHTS, Person, Rights, Role, Verb
from vmsd.store.database import Database, Row, Transaction
from vmsd.store.statements import SystemSql

PERSON = """person.id, person.public_id, person.city_id, person.name, person.role, person.password_hash, person.status,
    person.must_change, person.secret_until_ms, person.totp, person.totp_step, person.created_ms AS person_created_ms,
    person.changed_ms, person.last_login_ms, (
        SELECT group_concat(group_id || ':' || verbs, ',') FROM person_right
        WHERE person_right.city_id = person.city_id AND person_right.person_id = person.id
    ) AS rights"""
BY_NAME = SystemSql(f"SELECT {PERSON} FROM person WHERE name = :name")
BY_PUBLIC_ID = SystemSql(f"SELECT {PERSON} FROM person WHERE public_id = :public_id")
LIST = SystemSql(
    f"""SELECT {PERSON} FROM person WHERE id > :after AND (:city_id IS NULL OR city_id = :city_id)
    ORDER BY id LIMIT :limit"""
)
COUNT = SystemSql("SELECT count(*) AS people FROM person")
SUPERADMINS = SystemSql("SELECT count(*) AS people FROM person WHERE role = 'SUPERADMIN' AND status = 'active'")
INSERT = SystemSql(
    """INSERT INTO person (public_id, city_id, name, role, password_hash, status, must_change, secret_until_ms,
    created_ms, changed_ms)
    VALUES (:public_id, :city_id, :name, :role, :password_hash, :status, :must_change, :secret_until_ms,
    :created_ms, :created_ms) RETURNING id"""
)
UPDATE = SystemSql(
    """UPDATE person SET city_id = :city_id, name = :name, role = :role, status = :status, must_change = :must_change,
    changed_ms = max(changed_ms + 1, :now_ms) WHERE id = :id AND changed_ms = :seen_ms"""
)
SET_PASSWORD = SystemSql(
    """UPDATE person SET password_hash = :password_hash, must_change = :must_change, secret_until_ms = :until_ms,
    changed_ms = max(changed_ms + 1, :now_ms) WHERE id = :id"""
)
SET_TOTP = SystemSql(
    """UPDATE person SET totp = :totp, totp_step = :step, changed_ms = max(changed_ms + 1, :now_ms) WHERE id = :id"""
)
USE_TOTP = SystemSql("UPDATE person SET totp_step = :step WHERE id = :id AND totp_step < :step")
NOTE_LOGIN = SystemSql(
    """UPDATE person SET last_login_ms = :now_ms,
    secret_until_ms = CASE WHEN secret_until_ms IS NULL THEN NULL ELSE :now_ms END
    WHERE id = :id AND status = 'active' AND password_hash = :password_hash
    AND (secret_until_ms IS NULL OR secret_until_ms > :now_ms)"""
)
REMOVE = SystemSql("DELETE FROM person WHERE id = :id AND changed_ms = :seen_ms")
REMOVE_MOSAICS = SystemSql("DELETE FROM mosaic WHERE owner_id = :id")
ADD_CODE = SystemSql("INSERT INTO recovery_code (person_id, code_hash) VALUES (:person_id, :code_hash)")
USE_CODE = SystemSql("DELETE FROM recovery_code WHERE person_id = :person_id AND code_hash = :code_hash")
DROP_CODES = SystemSql("DELETE FROM recovery_code WHERE person_id = :person_id")
COUNT_CODES = SystemSql("SELECT count(*) AS codes FROM recovery_code WHERE person_id = :person_id")

CHANGED_MEANWHILE = "somebody else has just changed this account; look at it again"


class People:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def count(self) -> int:
        (row,) = await self._database.read(COUNT)
        return int(row["people"])

    async def count_superadmins(self, transaction: Transaction) -> int:
        """Those that can log in."""
        (row,) = await transaction.fetch(SUPERADMINS)
        return int(row["people"])

    async def find(self, name: str) -> Person | None:
        rows = await self._database.read(BY_NAME, {"name": name})
        return person_of(rows[0]) if rows else None

    async def get(self, public_id: str) -> Person:
        rows = await self._database.read(BY_PUBLIC_ID, {"public_id": public_id})
        if not rows:
            raise NotFound("there is no such person")
        return person_of(rows[0])

    async def list(self, city_id: int | None, *, after: int = 0, limit: int = 10_000) -> Sequence[Person]:
        """In the order they were added; of one city, or with None of the whole box."""
        rows = await self._database.read(LIST, {"city_id": city_id, "after": after, "limit": limit})
        return [person_of(row) for row in rows]

    async def add(self, transaction: Transaction, person: Person, now_ms: int) -> int:
        """Store a new account and return its number; raises `Conflict` when the name is taken."""
        params = {
            "public_id": person.public_id,
            "city_id": person.city_id,
            "name": person.name,
            "role": person.role,
            "password_hash": person.password_hash,
            "status": person.status,
            "must_change": int(person.must_change),
            "secret_until_ms": person.secret_until_ms,
            "created_ms": now_ms,
        }
        (row,) = await transaction.fetch(INSERT, params)
        return int(row["id"])

    async def change(self, transaction: Transaction, person: Person, now_ms: int) -> None:
        """City, name, role, status and whether they must choose a password; the rest has its own ways.

        Write what was made from the account as it was at its `changed_ms`; `Conflict` when it is so no more.
        """
        params = {
            "id": person.id,
            "city_id": person.city_id,
            "name": person.name,
            "role": person.role,
            "status": person.status,
            "must_change": int(person.must_change),
            "seen_ms": person.changed_ms,
            "now_ms": now_ms,
        }
        if await transaction.execute(UPDATE, params) == 0:
            raise Conflict(CHANGED_MEANWHILE)

    async def remove(self, transaction: Transaction, person: Person) -> None:
        """With their sessions, tokens, rights and mosaics, unless changed meanwhile; the audit log keeps its rows."""
        if await transaction.execute(REMOVE, {"id": person.id, "seen_ms": person.changed_ms}) == 0:
            raise Conflict(CHANGED_MEANWHILE)
        await transaction.execute(REMOVE_MOSAICS, {"id": person.id})

    async def set_password(
        self,
        transaction: Transaction,
        person: Person,
        password_hash: str,
        now_ms: int,
        *,
        must_change: bool = False,
        until_ms: int | None = None,
    ) -> None:
        """`until_ms` is when it stops counting. Ending the sessions is the caller's."""
        params = {
            "id": person.id,
            "password_hash": password_hash,
            "must_change": int(must_change),
            "until_ms": until_ms,
            "now_ms": now_ms,
        }
        await transaction.execute(SET_PASSWORD, params)

    async def note_login(self, transaction: Transaction, person: Person, now_ms: int) -> bool:
        """False when the password that was right a moment ago counts no more, or the account does not.

        A password that counts only for a time counts for one login.
        """
        params = {"id": person.id, "password_hash": person.password_hash, "now_ms": now_ms}
        return await transaction.execute(NOTE_LOGIN, params) > 0

    async def set_totp(self, transaction: Transaction, person: Person, totp: bytes | None, now_ms: int) -> None:
        """A new second factor (its recovery codes come with `add_codes`), or None for none; old codes go."""
        await transaction.execute(SET_TOTP, {"id": person.id, "totp": totp, "step": 0, "now_ms": now_ms})
        await transaction.execute(DROP_CODES, {"person_id": person.id})

    async def use_totp(self, transaction: Transaction, person: Person, step: int) -> bool:
        """False when a code of this time step, or a later one, was used before."""
        return await transaction.execute(USE_TOTP, {"id": person.id, "step": step}) > 0

    async def add_codes(self, transaction: Transaction, person: Person, hashes: Sequence[bytes]) -> None:
        for code_hash in hashes:
            await transaction.execute(ADD_CODE, {"person_id": person.id, "code_hash": code_hash})

    async def use_code(self, transaction: Transaction, person: Person, code_hash: bytes) -> bool:
        """False when there is no such recovery code, or no longer."""
        return await transaction.execute(USE_CODE, {"person_id": person.id, "code_hash": code_hash}) > 0

    async def count_codes(self, person: Person) -> int:
        (row,) = await self._database.read(COUNT_CODES, {"person_id": person.id})
        return int(row["codes"])


def person_of(row: Row) -> Person:
    role = Role(row["role"])
    return Person(
        id=row["id"],
        public_id=row["public_id"],
        city_id=row["city_id"],
        name=row["name"],
        role=role,
        password_hash=row["password_hash"],
        status=row["status"],
        rights=rights_of(row["rights"]) if role is Role.USER else ALL_RIGHTS,
        must_change=bool(row["must_change"]),
        secret_until_ms=row["secret_until_ms"],
        totp=row["totp"],
        totp_step=row["totp_step"],
        created_ms=row["person_created_ms"],
        changed_ms=row["changed_ms"],
        last_login_ms=row["last_login_ms"],
    )


def rights_of(text: str | None) -> Rights:
    """From `group:verb verb,...`, as the query above puts the rows of `person_right` together."""
    held: dict[int, frozenset[Verb]] = {}
    for right in text.split(",") if text else ():
        group, _, verbs = right.partition(":")
        held[int(group)] = frozenset(Verb(verb) for verb in verbs.split())
    everywhere = held.pop(0, frozenset())
    return Rights(everywhere, MappingProxyType(held))
