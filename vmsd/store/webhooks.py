"""What programs sign with, the secret addresses of cameras, and what has been received already."""

from __future__ import annotations

import json
from collections.abc import Sequence
from ipaddress import ip_network
from typing import Protocol as Interface
from uuid import uuid4

from vmsd.errors import BadSetting, Conflict, NotFound
from vmsd.model.detection import Network, PlateReader, Vendor, WebhookKey
from vmsd.store.database import Database, Row, Statements
from vmsd.store.scope import CityStatements, CityTransaction, Scope
from vmsd.store.statements import CitySql, SystemSql

KEY = "city_id, id, public_id, name, secret, created_ms, used_ms"
_READER = """SELECT plate_reader.city_id, plate_reader.camera_id, camera.public_id AS camera_public_id,
    plate_reader.vendor, plate_reader.key_hash, plate_reader.networks, plate_reader.created_ms, plate_reader.used_ms
    FROM plate_reader JOIN camera ON camera.city_id = plate_reader.city_id AND camera.id = plate_reader.camera_id"""

ALL_KEYS = SystemSql(f"SELECT {KEY} FROM webhook_key ORDER BY city_id, id")
KEYS = CitySql(f"SELECT {KEY} FROM webhook_key WHERE city_id = :city_id ORDER BY id")
ADD_KEY = CitySql(
    """INSERT INTO webhook_key (city_id, id, public_id, name, secret, created_ms)
    VALUES (:city_id, (SELECT coalesce(max(id), 0) + 1 FROM webhook_key WHERE city_id = :city_id), :public_id, :name,
    :secret, :now_ms)"""
)
REMOVE_KEY = CitySql("DELETE FROM webhook_key WHERE city_id = :city_id AND public_id = :public_id")
TOUCH_KEY = CitySql("UPDATE webhook_key SET used_ms = :now_ms WHERE city_id = :city_id AND id = :id")

ALL_READERS = SystemSql(_READER)
READER = CitySql(
    f"{_READER} AND camera.city_id = :city_id WHERE plate_reader.city_id = :city_id AND camera_id = :camera_id"
)
PUT_READER = CitySql(
    """INSERT INTO plate_reader (city_id, camera_id, vendor, key_hash, networks, created_ms)
    VALUES (:city_id, :camera_id, :vendor, :key_hash, :networks, :now_ms)
    ON CONFLICT (city_id, camera_id) DO UPDATE SET vendor = excluded.vendor, key_hash = excluded.key_hash,
    networks = excluded.networks, created_ms = excluded.created_ms, used_ms = NULL"""
)
REMOVE_READER = CitySql("DELETE FROM plate_reader WHERE city_id = :city_id AND camera_id = :camera_id")
TOUCH_READER = CitySql("UPDATE plate_reader SET used_ms = :now_ms WHERE city_id = :city_id AND camera_id = :camera_id")

ADD_NONCE = SystemSql(
    "INSERT INTO webhook_nonce (nonce, until_ms) VALUES (:nonce, :until_ms) ON CONFLICT (nonce) DO NOTHING"
)
DROP_NONCES = SystemSql(
    """DELETE FROM webhook_nonce WHERE nonce IN (
        SELECT nonce FROM webhook_nonce WHERE until_ms < :now_ms ORDER BY until_ms LIMIT :limit
    )"""
)
DROP_NONCES_OVER = SystemSql(
    """DELETE FROM webhook_nonce WHERE nonce IN (
        SELECT nonce FROM webhook_nonce ORDER BY until_ms DESC LIMIT :limit OFFSET :most
    )"""
)


class Vault(Interface):
    """Encrypts what must not lie in the database in clear, bound to the row it belongs to."""

    def seal(self, clear: bytes, bound_to: str) -> bytes: ...

    def open(self, sealed: bytes, bound_to: str) -> bytes: ...


class WebhookKeys:
    def __init__(self, database: Database, vault: Vault) -> None:
        self._database = database
        self._vault = vault

    async def list_all(self) -> Sequence[WebhookKey]:
        """Of every city: who signed a report is found out by trying."""
        return [self._key(row) for row in await self._database.read(ALL_KEYS)]

    async def list(self, scope: Scope | CityTransaction) -> Sequence[WebhookKey]:
        """In the order they were made."""
        return [self._key(row) for row in await scope.fetch(KEYS)]

    async def add(self, transaction: CityTransaction, name: str, secret: str, now_ms: int) -> str:
        """Its public id."""
        public_id = str(uuid4())
        sealed = self._vault.seal(secret.encode(), _place(public_id))
        await transaction.execute(ADD_KEY, public_id=public_id, name=name, secret=sealed, now_ms=now_ms)
        return public_id

    async def remove(self, transaction: CityTransaction, public_id: str) -> None:
        if await transaction.execute(REMOVE_KEY, public_id=public_id) == 0:
            raise NotFound("there is no such key")

    def _key(self, row: Row) -> WebhookKey:
        try:
            secret = self._vault.open(row["secret"], _place(row["public_id"])).decode()
        except BadSetting:
            secret = None
        return WebhookKey(
            city_id=row["city_id"],
            id=row["id"],
            public_id=row["public_id"],
            name=row["name"],
            secret=secret,
            created_ms=row["created_ms"],
            used_ms=row["used_ms"],
        )


def _place(public_id: str) -> str:
    """What the sealed is bound to."""
    return f"webhook_key:secret:{public_id}"


class PlateReaders:
    """The secret in a camera's address is known by its hash alone."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def list_all(self) -> Sequence[PlateReader]:
        return [_reader(row) for row in await self._database.read(ALL_READERS)]

    async def get(self, scope: Scope | CityTransaction, camera_id: int) -> PlateReader:
        rows = await scope.fetch(READER, camera_id=camera_id)
        if not rows:
            raise NotFound("this camera reports no plates by itself")
        return _reader(rows[0])

    async def put(
        self,
        transaction: CityTransaction,
        camera_id: int,
        vendor: Vendor,
        key_hash: bytes,
        networks: Sequence[Network],
        now_ms: int,
    ) -> None:
        told = json.dumps([str(network) for network in networks])
        params = {"camera_id": camera_id, "vendor": vendor, "key_hash": key_hash, "networks": told}
        await transaction.execute(PUT_READER, now_ms=now_ms, **params)

    async def remove(self, transaction: CityTransaction, camera_id: int) -> None:
        if await transaction.execute(REMOVE_READER, camera_id=camera_id) == 0:
            raise NotFound("this camera reports no plates by itself")


def _reader(row: Row) -> PlateReader:
    return PlateReader(
        city_id=row["city_id"],
        camera_id=row["camera_id"],
        camera_public_id=row["camera_public_id"],
        vendor=row["vendor"],
        key_hash=row["key_hash"],
        networks=tuple(ip_network(network) for network in json.loads(row["networks"])),
        created_ms=row["created_ms"],
        used_ms=row["used_ms"],
    )


def touch_key(statements: CityStatements, key_id: int, now_ms: int) -> None:
    statements.execute(TOUCH_KEY, id=key_id, now_ms=now_ms)


def touch_reader(statements: CityStatements, camera_id: int, now_ms: int) -> None:
    statements.execute(TOUCH_READER, camera_id=camera_id, now_ms=now_ms)


def add_nonce(statements: Statements, nonce: bytes, until_ms: int) -> None:
    """Raises `Conflict` for one that was received before."""
    if statements.execute(ADD_NONCE, {"nonce": nonce, "until_ms": until_ms}) == 0:
        raise Conflict("this very report was received before")


def drop_nonces(statements: Statements, now_ms: int, limit: int) -> int:
    """Those that nobody could use any more: how many."""
    return statements.execute(DROP_NONCES, {"now_ms": now_ms, "limit": limit})


def drop_nonces_over(statements: Statements, most: int, limit: int) -> int:
    """The oldest, while there are more than `most`: how many."""
    return statements.execute(DROP_NONCES_OVER, {"most": most, "limit": limit})
