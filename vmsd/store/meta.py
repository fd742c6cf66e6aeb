"""A handful of facts about the database itself."""

from __future__ import annotations

from vmsd.store.database import Database, Transaction
from vmsd.store.statements import SystemSql

GET = SystemSql("SELECT value FROM meta WHERE key = :key")
SET = SystemSql(
    "INSERT INTO meta (key, value) VALUES (:key, :value) ON CONFLICT (key) DO UPDATE SET value = excluded.value"
)


async def put(transaction: Transaction, key: str, value: str) -> None:
    """Keep a fact that becomes true with the rest of the transaction."""
    await transaction.execute(SET, {"key": key, "value": value})


class Meta:
    """Each part that keeps a fact here owns its key."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, key: str) -> str | None:
        rows = await self._database.read(GET, {"key": key})
        return rows[0]["value"] if rows else None

    async def set(self, key: str, value: str) -> None:
        async with self._database.write() as transaction:
            await put(transaction, key, value)
