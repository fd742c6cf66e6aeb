"""One SQLite file: a single writer that alone checkpoints, and read-only readers with a deadline."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

import aiosqlite

from vmsd.errors import Conflict, StorageFull, TooMany
from vmsd.store.ballast import Ballast
from vmsd.store.migrate import migrate

READERS = 3
READ_DEADLINE_S = 5.0
"""A reader that takes longer is interrupted: a stuck reader would let the WAL grow without end."""

T = TypeVar("T")
Row = sqlite3.Row
Params = Mapping[str, Any]


class Transaction:
    """One open write transaction; everything executed on it stands or falls together."""

    def __init__(self, connection: aiosqlite.Connection) -> None:
        self._connection = connection

    async def execute(self, sql: str, params: Params | None = None) -> int:
        """Run one statement; the number of rows it changed."""
        async with self._connection.execute(sql, params or {}) as cursor:
            return cursor.rowcount

    async def execute_many(self, sql: str, rows: Iterable[Params]) -> None:
        await self._connection.executemany(sql, rows)

    async def fetch(self, sql: str, params: Params | None = None) -> Sequence[Row]:
        return list(await self._connection.execute_fetchall(sql, params or {}))

    async def run(self, work: Callable[[Statements], T]) -> T:
        """`work` in the writer's own thread: with many statements, the way there and back is gone once for all.

        It must be short, and touch nothing else that others touch meanwhile.
        """
        connection = self._connection
        statements = Statements(connection._conn)  # noqa: SLF001 - there is no other way in
        answer: T = await connection._execute(work, statements)  # type: ignore[no-untyped-call]  # noqa: SLF001 - as above
        return answer


class Statements:
    """What `Transaction` does, within its `run`."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def execute(self, sql: str, params: Params | None = None) -> int:
        """Run one statement; the number of rows it changed."""
        return self._connection.execute(sql, params or {}).rowcount

    def fetch(self, sql: str, params: Params | None = None) -> Sequence[Row]:
        return self._connection.execute(sql, params or {}).fetchall()


class Database:
    """Opened by `open_database`; closed with it."""

    def __init__(self, path: Path, writer: aiosqlite.Connection, ballast: Ballast) -> None:
        self.path = path
        self._writer = writer
        self._ballast = ballast
        self._lock = asyncio.Lock()
        self._readers: asyncio.Queue[aiosqlite.Connection] = asyncio.Queue()
        self.times_full = 0
        """How often there was no room for a transaction: whoever keeps what can be spared looks at it."""

    def add_reader(self, reader: aiosqlite.Connection) -> None:
        self._readers.put_nowait(reader)

    async def read(self, sql: str, params: Params | None = None) -> Sequence[Row]:
        """All rows of one query; `TooMany` when it does not finish within its deadline."""
        try:
            async with asyncio.timeout(READ_DEADLINE_S), self._borrowed() as reader:
                return list(await reader.execute_fetchall(sql, params or {}))
        except TimeoutError as error:
            raise TooMany("the database is busy", retry_after_s=5) from error

    @asynccontextmanager
    async def _borrowed(self) -> AsyncIterator[aiosqlite.Connection]:
        """A reader of one's own; what it is doing when its user is cancelled is broken off."""
        reader = await self._readers.get()
        try:
            yield reader
        except asyncio.CancelledError:
            await asyncio.shield(reader.interrupt())
            raise
        finally:
            self._readers.put_nowait(reader)

    @asynccontextmanager
    async def write(self) -> AsyncIterator[Transaction]:
        """A write transaction: committed at the end of the block, rolled back on any way out of it.

        Raises `StorageFull` when the database's volume has no room (the ballast is released for the next
        try) and `Conflict` when a unique or foreign key refuses the row. No network call belongs inside.
        """
        async with self._lock:
            try:
                await self._writer.execute("BEGIN IMMEDIATE")
                yield Transaction(self._writer)
                await self._writer.execute("COMMIT")
            except BaseException as error:
                await asyncio.shield(self._roll_back())
                raise self._translate(error) from error

    async def _roll_back(self) -> None:
        """Statements run in the order they were given, so this comes after one that was cancelled half-way.

        Asking whether a transaction is open would be too early: its BEGIN may still be on its way.
        """
        with suppress(sqlite3.OperationalError):
            await self._writer.execute("ROLLBACK")

    def _translate(self, error: BaseException) -> BaseException:
        if isinstance(error, sqlite3.IntegrityError):
            return Conflict("something with this name or id exists already, or is still in use")
        if isinstance(error, sqlite3.OperationalError) and error.sqlite_errorcode == sqlite3.SQLITE_FULL:
            self._ballast.release()
            self.times_full += 1
            return StorageFull("the database's volume is full")
        return error

    async def checkpoint(self) -> None:
        """Fold the WAL into the file; only the writer may."""
        async with self._lock:
            await self._writer.execute_fetchall("PRAGMA wal_checkpoint(TRUNCATE)")

    async def back_up(self, target: Path) -> None:
        """A consistent copy at `target` by SQLite's backup API; the caller makes it durable.

        Read by a connection of its own: the writer would copy what it has not committed yet.
        """
        async with _reader(self.path) as reader, _connected(target) as copy:
            await reader.backup(copy)
            await copy.execute_fetchall("PRAGMA journal_mode = DELETE")

    async def refill_ballast(self) -> None:
        """Keep room aside again once there is some."""
        await asyncio.to_thread(self._ballast.fill)


@asynccontextmanager
async def open_database(path: Path, *, ballast_bytes: int = 0, checkpoints: bool = True) -> AsyncIterator[Database]:
    """Open (creating and migrating as needed) the database at `path`.

    A command that may run beside the daemon does not checkpoint: SQLite before 3.51.3 can corrupt a database
    that two connections checkpoint at once, so the daemon alone does.
    """
    async with AsyncExitStack() as stack:
        writer = await stack.enter_async_context(_connected(path, isolation_level=None))
        await _prepare_writer(writer)
        if not checkpoints:
            await writer.execute_fetchall("PRAGMA wal_autocheckpoint = 0")
        ballast = Ballast(path.with_name("ballast"), ballast_bytes)
        await asyncio.to_thread(ballast.fill)
        database = Database(path, writer, ballast)
        for _ in range(READERS):
            database.add_reader(await stack.enter_async_context(_reader(path)))
        yield database


@asynccontextmanager
async def _connected(path: Path | str, **options: Any) -> AsyncIterator[aiosqlite.Connection]:
    """A connection, closed at the end.

    aiosqlite does not wait for the thread of a connection that could not be opened: it would speak to a loop that
    may have ended by then.
    """
    connection = aiosqlite.connect(path, **options)
    try:
        await connection
    except BaseException:
        await asyncio.to_thread(connection._thread.join)  # noqa: SLF001 - see above
        raise
    try:
        yield connection
    finally:
        await connection.close()


async def _prepare_writer(writer: aiosqlite.Connection) -> None:
    writer.row_factory = sqlite3.Row
    await writer.execute_fetchall("PRAGMA journal_mode = WAL")
    await writer.execute_fetchall("PRAGMA synchronous = FULL")
    await writer.execute_fetchall("PRAGMA foreign_keys = ON")
    await writer.execute_fetchall("PRAGMA mmap_size = 0")
    await writer.execute_fetchall("PRAGMA busy_timeout = 5000")
    await migrate(writer)


@asynccontextmanager
async def _reader(path: Path) -> AsyncIterator[aiosqlite.Connection]:
    """Its PRAGMAs are read to their end: a statement left open would keep a broken-off reader broken off."""
    async with _connected(_read_only(path), uri=True) as reader:
        reader.row_factory = sqlite3.Row
        await reader.execute_fetchall("PRAGMA query_only = ON")
        await reader.execute_fetchall("PRAGMA mmap_size = 0")
        yield reader


def _read_only(path: Path) -> str:
    return f"{path.absolute().as_uri()}?mode=ro"
