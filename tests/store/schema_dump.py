"""The schema all migrations add up to; `python -m tests.store.schema_dump` prints it for `vmsd/store/schema.sql`."""

from __future__ import annotations

import asyncio
import sqlite3
import tempfile
from pathlib import Path

from vmsd.store.database import open_database

HEAD = "-- What the migrations add up to: made by `python -m tests.store.schema_dump`, kept true by a test.\n"


def dump(path: Path) -> str:
    with sqlite3.connect(path) as connection:
        rows = connection.execute(
            "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY type <> 'table', tbl_name, type, name"
        ).fetchall()
    return HEAD + "".join(f"\n{sql};\n" for (sql,) in rows)


async def newest_schema(folder: Path) -> str:
    async with open_database(folder / "schema.db"):
        pass
    return dump(folder / "schema.db")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        print(asyncio.run(newest_schema(Path(folder))), end="")
