"""SQL texts that know whether they look at one city or at all of them."""

from __future__ import annotations

from typing import ClassVar, Self


class CitySql(str):
    """A statement about one city: refused unless it names `:city_id`, which only a `Scope` can bind.

    Every such statement is registered, so that a test can ask SQLite itself which columns it reads.
    """

    __slots__ = ()
    registered: ClassVar[list[CitySql]] = []

    def __new__(cls, text: str) -> Self:
        if ":city_id" not in text:
            raise ValueError(f"a city's statement must be bound to :city_id, this one is not: {text}")
        statement = super().__new__(cls, text)
        cls.registered.append(statement)
        return statement


class SystemSql(str):
    """A statement of the daemon itself, across cities: its tasks, its accounts, its figures."""

    __slots__ = ()
    registered: ClassVar[list[SystemSql]] = []

    def __new__(cls, text: str) -> Self:
        statement = super().__new__(cls, text)
        cls.registered.append(statement)
        return statement
