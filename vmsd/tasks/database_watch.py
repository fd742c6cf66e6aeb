"""Knows whether the database answers, and how big it is.

Reads: one row, the sizes of its files. Writes: nothing but the WAL back into the file when it has grown.
Keeps true: `ok` is at most a few seconds old; the WAL stays under `WAL_BYTES` whenever no reader holds it.
"""

from __future__ import annotations

import asyncio
from typing import ClassVar

from vmsd.store.cities import Cities
from vmsd.store.database import Database

WAL_BYTES = 32 * 1024 * 1024


class DatabaseWatch:
    name: ClassVar[str] = "database"
    every_s: ClassVar[float] = 5.0
    deadline_s: ClassVar[float] = 15.0

    def __init__(self, database: Database) -> None:
        self._database = database
        self.ok = True
        self.bytes = 0

    async def once(self) -> None:
        answered = False
        try:
            await Cities(self._database).list(limit=1)
            answered = True
        finally:
            self.ok = answered
        file_bytes, wal_bytes = await asyncio.to_thread(self._sizes)
        self.bytes = file_bytes + wal_bytes
        if wal_bytes > WAL_BYTES:
            await self._database.checkpoint()

    def _sizes(self) -> tuple[int, int]:
        wal = self._database.path.with_name(f"{self._database.path.name}-wal")
        return self._database.path.stat().st_size, wal.stat().st_size if wal.exists() else 0
