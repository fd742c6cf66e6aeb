"""The audit log's rows and signed heads: added to and read, nothing else."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from vmsd.errors import NotFound
from vmsd.model.audit import GENESIS, VERSION, AuditSearch, Entry, Head, Record, canonical_facts, hash_of
from vmsd.store.database import Database, Row, Transaction
from vmsd.store.scope import CityTransaction, Scope
from vmsd.store.statements import CitySql, SystemSql

FIRST = -(2**63)
"""The smallest number a row can have: somebody else's rows may begin there."""
_BLOBS = (
    "city",
    "person",
    "person_name",
    "role",
    "address",
    "action",
    "subject_kind",
    "subject",
    "reason",
    "facts",
    "previous",
    "hash",
)
"""Read as the bytes they are: a text somebody has damaged must still be readable, so that it can be named."""
COLUMNS = ", ".join(f"CAST({name} AS BLOB) AS {name}" if name in _BLOBS else name for name in Record._fields)
TIP = SystemSql(
    """SELECT (SELECT seq FROM audit ORDER BY seq DESC LIMIT 1) AS seq,
    (SELECT hash FROM audit ORDER BY seq DESC LIMIT 1) AS hash,
    (SELECT public_id FROM city WHERE id = :city_id) AS city"""
)
INSERT = SystemSql(
    f"INSERT INTO audit ({', '.join(Record._fields)}) VALUES ({', '.join(f':{name}' for name in Record._fields)})"
)
COUNT = SystemSql("SELECT count(*) AS length FROM audit")
CHUNK = SystemSql(f"SELECT {COLUMNS} FROM audit WHERE seq BETWEEN :first AND :last ORDER BY seq LIMIT :limit")
HEADS = SystemSql(
    """SELECT seq, hash, at_ms, clock_trusted, public_key, signature FROM audit_head
    WHERE seq BETWEEN :first AND :last ORDER BY seq"""
)
LAST_HEAD = SystemSql(
    """SELECT seq, hash, at_ms, clock_trusted, public_key, signature FROM audit_head
    ORDER BY seq DESC LIMIT 1"""
)
ADD_HEAD = SystemSql(
    """INSERT INTO audit_head (seq, hash, at_ms, clock_trusted, public_key, signature)
    SELECT :seq, :hash, :at_ms, :clock_trusted, :public_key, :signature
    WHERE NOT EXISTS (SELECT 1 FROM audit_head WHERE seq >= :seq)"""
)
_TEXTS = " || char(10) || ".join(
    f"coalesce({name}, '')"
    for name in ("person_name", "address", "action", "subject_kind", "subject", "reason", "facts", "person", "role")
)
_FOUND = f"""(:action IS NULL OR substr(action, 1, length(:action)) = :action)
    AND (:person IS NULL OR person = :person) AND (:subject IS NULL OR subject = :subject)
    AND (:start_ms IS NULL OR at_ms >= :start_ms) AND (:end_ms IS NULL OR at_ms < :end_ms)
    AND (:text IS NULL OR {_TEXTS} LIKE :text ESCAPE '\\')"""
_CITY = "city_id = :city_id AND city = (SELECT public_id FROM city WHERE city.id = :city_id)"
"""By the public id too: the number of a city that was removed may be another's by now."""
_LAST_FIRST = "ORDER BY seq DESC LIMIT :limit"
CITY_LIST = CitySql(f"SELECT {COLUMNS} FROM audit WHERE {_CITY} AND seq < :before AND {_FOUND} {_LAST_FIRST}")
CITY_ABOUT = CitySql(
    f"""SELECT {COLUMNS} FROM json_each(:subjects) AS wanted CROSS JOIN audit INDEXED BY audit_subject
    WHERE {_CITY} AND subject = wanted.value ->> 0 AND at_ms >= wanted.value ->> 1 {_LAST_FIRST}"""
)
CITY_PLACE = CitySql(f"SELECT seq FROM audit INDEXED BY audit_hash WHERE hash = :hash AND {_CITY}")
LIST = SystemSql(f"SELECT {COLUMNS} FROM audit WHERE seq < :before AND {_FOUND} {_LAST_FIRST}")
PLACE = SystemSql("SELECT seq FROM audit WHERE hash = :hash")
END = 2**63 - 1


async def append(
    transaction: Transaction | CityTransaction, entry: Entry, now_ms: int, *, clock_trusted: bool
) -> Record:
    """One more row, in the transaction that makes it true; there is one writer, so nobody comes between.

    In a city's transaction the row is that city's. Raises `NotFound` for a city that is not there.
    """
    whole, city_id = _unwrap(transaction, entry.city_id)
    (tip,) = await whole.fetch(TIP, {"city_id": city_id})
    if city_id is not None and tip["city"] is None:
        raise NotFound("there is no such city")
    record = Record(
        version=VERSION,
        seq=(tip["seq"] or 0) + 1,
        city_id=city_id,
        city=tip["city"],
        at_ms=now_ms,
        clock_trusted=int(clock_trusted),
        person=entry.who.person,
        person_name=entry.who.name,
        role=entry.who.role,
        address=entry.who.address,
        action=str(entry.action),
        subject_kind=entry.subject.kind if entry.subject else None,
        subject=entry.subject.id if entry.subject else None,
        reason=entry.reason,
        facts=canonical_facts(entry.facts),
        previous=tip["hash"] or GENESIS,
    )
    record = record._replace(hash=hash_of(record))
    await whole.execute(INSERT, record._asdict())
    return record


def _unwrap(transaction: Transaction | CityTransaction, city_id: int | None) -> tuple[Transaction, int | None]:
    """The chain runs through all cities: its end is asked of the transaction beneath a city's."""
    if isinstance(transaction, Transaction):
        return transaction, city_id
    if city_id not in (None, transaction._city_id):  # noqa: SLF001 - the log is part of the fence
        raise ValueError("a city's transaction writes of that city alone")
    return transaction._transaction, transaction._city_id  # noqa: SLF001 - as above


class Audit:
    """The whole log: for the verifier, and for those who may see every city."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def tip(self) -> tuple[int, bytes]:
        """The number and the hash of the last row."""
        (row,) = await self._database.read(TIP, {"city_id": None})
        return (0, GENESIS) if row["seq"] is None else (row["seq"], row["hash"])

    async def count(self) -> int:
        (row,) = await self._database.read(COUNT)
        return int(row["length"])

    async def chunk(self, first: int, last: int, limit: int) -> Sequence[Record]:
        """Rows as they are now, damaged or not, in the order of their numbers."""
        rows = await self._database.read(CHUNK, {"first": first, "last": last, "limit": limit})
        return [record_of(row) for row in rows]

    async def heads(self, first: int, last: int) -> Sequence[Head]:
        return [head_of(row) for row in await self._database.read(HEADS, {"first": first, "last": last})]

    async def last_head(self) -> Head | None:
        rows = await self._database.read(LAST_HEAD)
        return head_of(rows[0]) if rows else None

    async def add_head(self, head: Head) -> None:
        """Keep a signed head; nothing happens when this row, or a later one, is signed already."""
        async with self._database.write() as transaction:
            await transaction.execute(ADD_HEAD, asdict(head))

    async def list(self, search: AuditSearch, *, before: int = END, limit: int) -> Sequence[Record]:
        """Newest first."""
        rows = await self._database.read(LIST, {**_params(search), "before": before, "limit": limit})
        return [record_of(row) for row in rows]

    async def find_place(self, row_hash: bytes) -> int | None:
        rows = await self._database.read(PLACE, {"hash": row_hash})
        return rows[0]["seq"] if rows else None


class CityAudit:
    """What happened in one city."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    async def list(self, search: AuditSearch, *, before: int = END, limit: int) -> Sequence[Record]:
        """Newest first."""
        rows = await self._scope.fetch(CITY_LIST, **_params(search), before=before, limit=limit)
        return [record_of(row) for row in rows]

    async def about(self, subjects: Mapping[str, int], *, limit: int) -> Sequence[Record]:
        """The newest rows about any of these, each since its own moment; newest first."""
        rows = await self._scope.fetch(CITY_ABOUT, subjects=json.dumps(list(subjects.items())), limit=limit)
        return [record_of(row) for row in rows]

    async def find_place(self, row_hash: bytes) -> int | None:
        rows = await self._scope.fetch(CITY_PLACE, hash=row_hash)
        return rows[0]["seq"] if rows else None


def _params(search: AuditSearch) -> dict[str, Any]:
    text = search.text
    if text is not None:
        for special in "\\%_":
            text = text.replace(special, f"\\{special}")
        text = f"%{text}%"
    return {**asdict(search), "text": text}


def record_of(row: Row) -> Record:
    texts = [_text(value) for value in row[:-2]]
    return Record._make((*texts, row["previous"] or b"", row["hash"] or b""))


def _text(value: Any) -> Any:
    """Bytes that are no UTF-8 come through as they are, to be hashed as they are."""
    return value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else value


def head_of(row: Row) -> Head:
    return Head(**{**dict(row), "clock_trusted": bool(row["clock_trusted"])})
