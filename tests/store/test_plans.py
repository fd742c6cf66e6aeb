"""No statement walks through all segments: the time a question takes must not grow with what is recorded."""

from __future__ import annotations

import importlib
import pkgutil
import re
import sqlite3

import pytest

import vmsd.store
from tests.store.schema_dump import newest_schema
from vmsd.store.statements import CitySql, SystemSql

for module in pkgutil.iter_modules(vmsd.store.__path__):
    importlib.import_module(f"vmsd.store.{module.name}")
STATEMENTS = [sql for sql in (*CitySql.registered, *SystemSql.registered) if "segment" in sql or "purge" in sql]
FLAT = re.compile(r"SCAN (segment|purge)(?! USING INDEX segment_unhashed)")


def plan_of(connection: sqlite3.Connection, sql: str) -> str:
    names = set(re.findall(r":([a-z_0-9]+)", sql))
    rows = connection.execute(f"EXPLAIN QUERY PLAN {sql}", dict.fromkeys(names, 1)).fetchall()
    return "\n".join(row[3] for row in rows)


@pytest.fixture
async def connection(tmp_path):
    await newest_schema(tmp_path)
    opened = sqlite3.connect(tmp_path / "schema.db")
    yield opened
    opened.close()


@pytest.mark.parametrize("sql", STATEMENTS, ids=lambda sql: " ".join(sql.split())[:60])
def test_no_statement_walks_through_all_segments(connection, sql: str):
    plan = plan_of(connection, sql)
    assert not FLAT.search(plan), plan


def test_a_statement_that_would_is_found(connection):
    assert FLAT.search(plan_of(connection, "SELECT * FROM segment WHERE state = 2"))
