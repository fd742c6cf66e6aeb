"""Numbered SQL files, each applied once, whole or not at all."""

from __future__ import annotations

import asyncio
from pathlib import Path

import aiosqlite

from vmsd.errors import BadSetting

MIGRATIONS = Path(__file__).parent / "migrations"


def migration_files() -> list[Path]:
    """In the order of their numbers; file N takes the schema from version N-1 to N."""
    return sorted(MIGRATIONS.glob("[0-9][0-9][0-9][0-9]_*.sql"))


async def migrate(writer: aiosqlite.Connection) -> None:
    """Bring the open database to the newest schema; `BadSetting` when it is newer than this program."""
    version = await schema_version(writer)
    files = migration_files()
    if version > len(files):
        raise BadSetting(f"the database has schema {version}, this version of vmsd knows only {len(files)}")
    for number, file in enumerate(files[version:], version + 1):
        await _apply(writer, number, await asyncio.to_thread(file.read_text, "utf-8"))


async def schema_version(connection: aiosqlite.Connection) -> int:
    (row,) = await connection.execute_fetchall("PRAGMA user_version")
    return int(row[0])


async def _apply(writer: aiosqlite.Connection, number: int, script: str) -> None:
    try:
        await writer.executescript(f"BEGIN IMMEDIATE;\n{script}\nPRAGMA user_version = {number};\nCOMMIT;")
    except BaseException:
        if writer.in_transaction:
            await asyncio.shield(writer.execute("ROLLBACK"))
        raise
