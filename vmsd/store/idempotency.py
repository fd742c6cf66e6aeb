"""Answers that may have to be given once more: kept for a day, sealed, and only so many of each person."""

from __future__ import annotations

import sqlite3
import zlib
from dataclasses import dataclass, replace
from typing import Protocol as Interface

from vmsd.errors import BadSetting, StorageFull
from vmsd.store.database import Database
from vmsd.store.statements import SystemSql

KEPT_MS = 24 * 3600 * 1000
HASH_BYTES = 32
MOST_EACH = 1000
MOST_EACH_BYTES = 16 * 1024 * 1024
"""Of one person, as they are stored; the oldest go first."""

FIND = SystemSql(
    """SELECT sealed FROM idempotency
    WHERE person_id = :person_id AND key_hash = :key_hash AND created_ms > :since_ms"""
)
KEEP = SystemSql(
    """INSERT INTO idempotency (person_id, key_hash, created_ms, sealed)
    VALUES (:person_id, :key_hash, :now_ms, :sealed)
    ON CONFLICT DO UPDATE SET created_ms = excluded.created_ms, sealed = excluded.sealed"""
)
DROP_OLD = SystemSql("DELETE FROM idempotency WHERE created_ms <= :since_ms")
DROP_TOO_MANY = SystemSql(
    """DELETE FROM idempotency WHERE person_id = :person_id AND key_hash IN (
        SELECT key_hash FROM (
            SELECT key_hash, count(*) OVER newest AS place, sum(length(sealed)) OVER newest AS bytes
            FROM idempotency WHERE person_id = :person_id
            WINDOW newest AS (ORDER BY created_ms DESC, key_hash ROWS UNBOUNDED PRECEDING)
        ) WHERE place > :most OR bytes > :most_bytes
    )"""
)


class Vault(Interface):
    """Encrypts what must not lie in the database in clear, bound to the row it belongs to."""

    def seal(self, clear: bytes, bound_to: str) -> bytes: ...

    def open(self, sealed: bytes, bound_to: str) -> bytes: ...


@dataclass(frozen=True)
class Claim:
    """One person's key, and the request they used it for, both as SHA-256.

    A password in a request could be guessed from its hash, so that is sealed like the answer.
    """

    person_id: int
    key_hash: bytes
    request_hash: bytes

    @property
    def place(self) -> str:
        """What the sealed is bound to."""
        return f"idempotency/{self.person_id}/{self.key_hash.hex()}"


@dataclass(frozen=True)
class KeptAnswer:
    claim: Claim
    answer: bytes


class KeptAnswers:
    """Whatever the answers are made of: here they are bytes."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self._database = database
        self._vault = vault

    async def find(self, claim: Claim, now_ms: int) -> KeptAnswer | None:
        """What this key was answered, be it for this request or another; None for what the vault cannot open."""
        rows = await self._database.read(
            FIND, {"person_id": claim.person_id, "key_hash": claim.key_hash, "since_ms": now_ms - KEPT_MS}
        )
        if not rows:
            return None
        try:
            clear = self._vault.open(rows[0]["sealed"], claim.place)
        except BadSetting:
            return None
        request_hash, packed = clear[:HASH_BYTES], clear[HASH_BYTES:]
        return KeptAnswer(replace(claim, request_hash=request_hash), zlib.decompress(packed))

    async def keep(self, claim: Claim, answer: bytes, now_ms: int) -> None:
        """Raises `StorageFull` when it cannot be written, `Conflict` when the person is gone."""
        sealed = self._vault.seal(claim.request_hash + zlib.compress(answer, 1), claim.place)
        most = {"most": MOST_EACH, "most_bytes": MOST_EACH_BYTES}
        row = {"person_id": claim.person_id, "key_hash": claim.key_hash, "sealed": sealed, "now_ms": now_ms}
        try:
            async with self._database.write() as transaction:
                await transaction.execute(DROP_OLD, {"since_ms": now_ms - KEPT_MS})
                await transaction.execute(KEEP, row)
                await transaction.execute(DROP_TOO_MANY, {"person_id": claim.person_id} | most)
        except sqlite3.Error as error:
            raise StorageFull("the answer could not be kept") from error
