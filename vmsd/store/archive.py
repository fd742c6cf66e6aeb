"""What goes to the S3-compatible store: what waits, how far it is, and what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from vmsd.model.audit import Head
from vmsd.store.database import Database, Row, Transaction
from vmsd.store.statements import SystemSql

_COLUMNS = """id, kind, source, object, sha256, size_bytes, sent_bytes, upload, tries, created_ms, done_ms,
    locked_until_ms, error"""
_WAITS = "done_ms IS NULL"
_ORDER = "CASE kind WHEN 'audit_head' THEN 0 WHEN 'snapshot' THEN 1 ELSE 2 END, created_ms, id"

NEXT = SystemSql(f"SELECT {_COLUMNS} FROM archive_item WHERE {_WAITS} ORDER BY tries, {_ORDER} LIMIT 1")
WAITING_OF = SystemSql(f"SELECT {_COLUMNS} FROM archive_item WHERE {_WAITS} AND kind = :kind ORDER BY id")
NEWEST = SystemSql(f"SELECT {_COLUMNS} FROM archive_item WHERE kind = :kind ORDER BY id DESC LIMIT 1")
LIST = SystemSql(f"SELECT {_COLUMNS} FROM archive_item ORDER BY done_ms IS NOT NULL, id DESC LIMIT :limit")
WEIGHT = SystemSql(
    f"""SELECT count(*) AS items, coalesce(sum(size_bytes - sent_bytes), 0) AS bytes, min(created_ms) AS oldest_ms
    FROM archive_item WHERE {_WAITS}"""
)
LAST_DONE = SystemSql("SELECT max(done_ms) AS at_ms FROM archive_item WHERE error IS NULL")
ADD = SystemSql(
    """INSERT INTO archive_item (kind, source, object, sha256, size_bytes, created_ms)
    VALUES (:kind, :source, :object, :sha256, :size_bytes, :now_ms)"""
)
NOTE_SENT = SystemSql(
    """UPDATE archive_item SET upload = :upload, sent_bytes = :sent_bytes, tries = 0, error = NULL
    WHERE id = :id AND done_ms IS NULL"""
)
NOTE_TRY = SystemSql("UPDATE archive_item SET tries = tries + 1, error = :error WHERE id = :id AND done_ms IS NULL")
END = SystemSql(
    """UPDATE archive_item SET done_ms = :now_ms, upload = NULL, locked_until_ms = :locked_until_ms, error = :error,
    sent_bytes = CASE WHEN :error IS NULL THEN size_bytes ELSE sent_bytes END
    WHERE id = :id AND done_ms IS NULL"""
)
REMOVE = SystemSql("DELETE FROM archive_item WHERE id = :id AND done_ms IS NULL AND upload IS NULL")
FORGET = SystemSql(
    """DELETE FROM archive_item WHERE kind <> 'package' AND done_ms < :before_ms
    AND id < (SELECT max(newest.id) FROM archive_item AS newest WHERE newest.kind = archive_item.kind)"""
)
_FILE = "json_extract(result, '$.file.name') AS name, json_extract(result, '$.file.bytes') AS size_bytes"
NEW_PACKAGES = SystemSql(
    f"""SELECT export.public_id, city.public_id AS city, json_extract(result, '$.file.sha256') AS sha256, {_FILE}
    FROM export JOIN city ON city.id = export.city_id
    WHERE format = 'package' AND state = 'done' AND removed_ms IS NULL AND NOT EXISTS (
        SELECT 1 FROM archive_item WHERE kind = 'package' AND source = export.public_id
    ) ORDER BY export.ended_ms LIMIT :limit"""
)
PACKAGE = SystemSql(f"SELECT city_id, removed_ms, {_FILE} FROM export WHERE public_id = :public_id")
HEADS = SystemSql(
    """SELECT seq, hash, at_ms, clock_trusted, public_key, signature FROM audit_head
    WHERE seq > :after AND seq <= :last ORDER BY seq LIMIT :limit"""
)


class Kind(StrEnum):
    PACKAGE = "package"
    SNAPSHOT = "snapshot"
    AUDIT_HEAD = "audit_head"


@dataclass(frozen=True)
class Item:
    id: int
    kind: Kind
    source: str
    object: str
    sha256: str
    size_bytes: int
    sent_bytes: int
    upload: str | None
    tries: int
    created_ms: int
    done_ms: int | None
    locked_until_ms: int | None
    error: str | None


@dataclass(frozen=True)
class NewPackage:
    """A sealed package nobody has sent yet; ids are public ones."""

    public_id: str
    city: str
    name: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True)
class PackageFile:
    """Where a package belongs, and under which name it lies; gone when it was removed."""

    city_id: int
    name: str
    gone: bool


@dataclass(frozen=True)
class Weight:
    """What waits; `last_done_ms` is when something arrived."""

    items: int
    bytes: int
    oldest_ms: int | None
    last_done_ms: int | None


class ArchiveItems:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def find_next(self) -> Item | None:
        """What has failed least often; the small things first, then in the order they came."""
        return _first(await self._database.read(NEXT))

    async def waiting(self, kind: Kind) -> Sequence[Item]:
        return [_item(row) for row in await self._database.read(WAITING_OF, {"kind": kind})]

    async def newest(self, kind: Kind) -> Item | None:
        return _first(await self._database.read(NEWEST, {"kind": kind}))

    async def list(self, limit: int) -> Sequence[Item]:
        """What waits, then what was done, newest first."""
        return [_item(row) for row in await self._database.read(LIST, {"limit": limit})]

    async def weigh(self) -> Weight:
        (row,), (last,) = await self._database.read(WEIGHT), await self._database.read(LAST_DONE)
        return Weight(row["items"], row["bytes"], row["oldest_ms"], last["at_ms"])

    async def add(self, kind: Kind, source: str, name: str, sha256: str, size_bytes: int, now_ms: int) -> None:
        params = {"kind": kind, "source": source, "object": name, "sha256": sha256, "size_bytes": size_bytes}
        async with self._database.write() as transaction:
            await transaction.execute(ADD, {**params, "now_ms": now_ms})

    async def note_sent(self, item: Item, upload: str | None, sent_bytes: int) -> None:
        await self._write(NOTE_SENT, id=item.id, upload=upload, sent_bytes=sent_bytes)

    async def note_try(self, item: Item, error: str) -> None:
        await self._write(NOTE_TRY, id=item.id, error=error)

    async def remove(self, item: Item) -> None:
        """One nothing was sent of."""
        await self._write(REMOVE, id=item.id)

    async def forget(self, before_ms: int) -> None:
        """What was sent long ago, but for packages, and the newest of each kind."""
        await self._write(FORGET, before_ms=before_ms)

    async def _write(self, sql: SystemSql, **params: int | str | None) -> None:
        async with self._database.write() as transaction:
            await transaction.execute(sql, params)

    async def new_packages(self, limit: int) -> Sequence[NewPackage]:
        return [NewPackage(**dict(row)) for row in await self._database.read(NEW_PACKAGES, {"limit": limit})]

    async def find_package(self, public_id: str) -> PackageFile | None:
        rows = await self._database.read(PACKAGE, {"public_id": public_id})
        return PackageFile(rows[0]["city_id"], rows[0]["name"], rows[0]["removed_ms"] is not None) if rows else None

    async def heads(self, after: int, last: int, limit: int) -> Sequence[Head]:
        """Those of the rows behind `after`, up to `last`."""
        rows = await self._database.read(HEADS, {"after": after, "last": last, "limit": limit})
        return [Head(**{**dict(row), "clock_trusted": bool(row["clock_trusted"])}) for row in rows]


async def end(
    transaction: Transaction, item: Item, now_ms: int, locked_until_ms: int | None, error: str | None = None
) -> bool:
    """It arrived, or with an `error` it was given up; False when it had ended before."""
    params = {"id": item.id, "now_ms": now_ms, "locked_until_ms": locked_until_ms, "error": error}
    return await transaction.execute(END, params) > 0


def _first(rows: Sequence[Row]) -> Item | None:
    return _item(rows[0]) if rows else None


def _item(row: Row) -> Item:
    return Item(**{**dict(row), "kind": Kind(row["kind"])})
