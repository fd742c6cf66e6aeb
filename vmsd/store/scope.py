"""One city's view of the database: every statement runs with that city's id bound, and with no other."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from vmsd.store.database import Database, Row, Statements, Transaction
from vmsd.store.statements import CitySql


class CityTransaction:
    """A write transaction that can only touch one city."""

    def __init__(self, transaction: Transaction, city_id: int) -> None:
        self._transaction = transaction
        self._city_id = city_id

    @property
    def city_id(self) -> int:
        return self._city_id

    async def execute(self, sql: CitySql, **params: Any) -> int:
        return await self._transaction.execute(sql, _bound(sql, self._city_id, params))

    async def fetch(self, sql: CitySql, **params: Any) -> Sequence[Row]:
        return await self._transaction.fetch(sql, _bound(sql, self._city_id, params))


class CityStatements:
    """As `CityTransaction`, within `Transaction.run`."""

    def __init__(self, statements: Statements, city_id: int) -> None:
        self._statements = statements
        self._city_id = city_id

    def execute(self, sql: CitySql, **params: Any) -> int:
        return self._statements.execute(sql, _bound(sql, self._city_id, params))

    def fetch(self, sql: CitySql, **params: Any) -> Sequence[Row]:
        return self._statements.fetch(sql, _bound(sql, self._city_id, params))


class Scope:
    """Handed out by the door for the one city a request is about."""

    def __init__(self, database: Database, city_id: int) -> None:
        self._database = database
        self.city_id = city_id

    async def fetch(self, sql: CitySql, **params: Any) -> Sequence[Row]:
        return await self._database.read(sql, _bound(sql, self.city_id, params))

    @asynccontextmanager
    async def write(self) -> AsyncIterator[CityTransaction]:
        async with self._database.write() as transaction:
            yield CityTransaction(transaction, self.city_id)


def _bound(sql: str, city_id: int, params: dict[str, Any]) -> dict[str, Any]:
    if not isinstance(sql, CitySql):
        raise TypeError("only a CitySql runs in a city's scope")
    if "city_id" in params:
        raise ValueError("the city is bound by the scope, not by its caller")
    return {**params, "city_id": city_id}
