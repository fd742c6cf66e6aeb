"""Who may report plates: programs that sign with a key, cameras with a secret address of their own."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network

import structlog

from vmsd.clock import Clock
from vmsd.errors import Conflict, FieldProblem, Invalid, NotFound
from vmsd.model.audit import Action, Entry, Fact, Subject, Who
from vmsd.model.camera import Camera
from vmsd.model.detection import Network, PlateReader, Vendor, WebhookKey
from vmsd.services.audit import AuditLog
from vmsd.services.names import clean_name
from vmsd.services.webhook_signatures import new_secret
from vmsd.store.database import Database
from vmsd.store.scope import CityTransaction, Scope
from vmsd.store.webhooks import PlateReaders, Vault, WebhookKeys
from vmsd.vendors.addresses import plain

log = structlog.get_logger()

MOST_KEYS = 10
"""Of one city: each of a few senders has its own, and a second one while they change."""
MOST_NETWORKS = 16
KNOWN_S, SAID_S = 5.0, 60.0
NONE_SUCH = "there is nothing at this address"


@dataclass(frozen=True)
class IssuedKey:
    """The only time the secret is known."""

    key: WebhookKey
    secret: str = field(repr=False)


@dataclass(frozen=True)
class IssuedReader:
    reader: PlateReader
    secret: str = field(repr=False)


class Reporters:
    """Of all cities, kept in memory for a moment, or until they are changed: asked at every report."""

    def __init__(self, database: Database, vault: Vault, clock: Clock) -> None:
        self.keys = WebhookKeys(database, vault)
        self.readers = PlateReaders(database)
        self._clock = clock
        self._known_s = float("-inf")
        self._changes = 0
        self._said_s: dict[str, float] = {}
        self._known_keys: Sequence[WebhookKey] | None = None
        self._known_readers: Mapping[bytes, PlateReader] | None = None

    def forget(self) -> None:
        """Something was changed, and is committed; what is being read just now may be from before that."""
        self._changes += 1
        self._known_keys = self._known_readers = None

    def _forget_old(self) -> None:
        """A city that is removed takes its own with it, and says so to nobody."""
        if self._clock.monotonic() - self._known_s > KNOWN_S:
            self.forget()
            self._known_s = self._clock.monotonic()

    async def all_keys(self) -> Sequence[WebhookKey]:
        self._forget_old()
        if self._known_keys is not None:
            return self._known_keys
        changes, keys = self._changes, await self.keys.list_all()
        if changes == self._changes:
            self._known_keys = keys
        return keys

    async def _all_readers(self) -> Mapping[bytes, PlateReader]:
        self._forget_old()
        if self._known_readers is not None:
            return self._known_readers
        changes, readers = self._changes, {one.key_hash: one for one in await self.readers.list_all()}
        if changes == self._changes:
            self._known_readers = readers
        return readers

    async def reader(self, vendor: Vendor, secret: str, address: str) -> PlateReader:
        """By the secret in its address; `NotFound`, whatever is wrong, for every other caller."""
        reader = (await self._all_readers()).get(hash_secret(secret))
        if reader is None or reader.vendor != vendor:
            raise NotFound(NONE_SUCH)
        if not _is_in(address, reader.networks):
            self._say_elsewhere(reader, address)
            raise NotFound(NONE_SUCH)
        return reader

    def _say_elsewhere(self, reader: PlateReader, address: str) -> None:
        """Whoever set it up may have forgotten a network; the caller is told nothing."""
        now_s, camera = self._clock.monotonic(), reader.camera_public_id
        if now_s - self._said_s.get(camera, float("-inf")) > SAID_S:
            self._said_s[camera] = now_s
            log.warning("plate_reader.elsewhere", camera_id=camera, address=address)


def hash_secret(secret: str) -> bytes:
    """With 256 random bits a plain SHA-256 is enough; looked up by it, no comparison tells how much was right."""
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).digest()


def _is_in(address: str, networks: Sequence[Network]) -> bool:
    try:
        caller = plain(ip_address(address.partition("%")[0]))
    except ValueError:
        return False
    return any(caller in network for network in networks)


class CityWebhookKeys:
    """`by` is who asks, for the record."""

    def __init__(self, reporters: Reporters, scope: Scope, audit: AuditLog, clock: Clock, *, by: Who) -> None:
        self._reporters = reporters
        self._store = reporters.keys
        self._scope = scope
        self._audit = audit
        self._clock = clock
        self._by = by

    async def list(self) -> Sequence[WebhookKey]:
        return await self._store.list(self._scope)

    async def add(self, name: str) -> IssuedKey:
        """Raises `Conflict` when the city has too many."""
        name, secret, now_ms = clean_name(name), new_secret(), self._clock.wall_ms()
        async with self._scope.write() as transaction:
            if len(await self._store.list(transaction)) >= MOST_KEYS:
                raise Conflict(f"a city has at most {MOST_KEYS} keys; remove one that is not used any more")
            public_id = await self._store.add(transaction, name, secret, now_ms)
            key = next(one for one in await self._store.list(transaction) if one.public_id == public_id)
            await self._tell(transaction, Action.WEBHOOK_KEY_ADDED, key)
        self._reporters.forget()
        return IssuedKey(key, secret)

    async def remove(self, public_id: str) -> None:
        """At once: what it signs from now on is refused."""
        async with self._scope.write() as transaction:
            key = next((one for one in await self._store.list(transaction) if one.public_id == public_id), None)
            if key is None:
                raise NotFound("there is no such key")
            await self._store.remove(transaction, public_id)
            await self._tell(transaction, Action.WEBHOOK_KEY_REMOVED, key)
        self._reporters.forget()

    async def _tell(self, transaction: CityTransaction, action: Action, key: WebhookKey) -> None:
        entry = Entry(action, self._by, subject=Subject("webhook_key", key.public_id), facts={"name": key.name})
        await self._audit.append(transaction, entry, self._clock.wall_ms())


class CityPlateReaders:
    """`by` is who asks, for the record."""

    def __init__(self, reporters: Reporters, scope: Scope, audit: AuditLog, clock: Clock, *, by: Who) -> None:
        self._reporters = reporters
        self._store = reporters.readers
        self._scope = scope
        self._audit = audit
        self._clock = clock
        self._by = by

    async def get(self, camera: Camera) -> PlateReader:
        return await self._store.get(self._scope, camera.id)

    async def put(self, camera: Camera, vendor: Vendor, networks: Sequence[Network]) -> IssuedReader:
        """A new secret address every time; the one before counts no more."""
        networks = networks or _own_network(camera)
        secret, now_ms = secrets.token_urlsafe(32), self._clock.wall_ms()
        facts: dict[str, Fact] = {"vendor": vendor, "networks": [str(network) for network in networks]}
        async with self._scope.write() as transaction:
            await self._store.put(transaction, camera.id, vendor, hash_secret(secret), networks, now_ms)
            await self._tell(transaction, Action.PLATE_READER_SET, camera, facts)
        self._reporters.forget()
        return IssuedReader(await self.get(camera), secret)

    async def remove(self, camera: Camera) -> None:
        async with self._scope.write() as transaction:
            await self._store.remove(transaction, camera.id)
            await self._tell(transaction, Action.PLATE_READER_REMOVED, camera, {})
        self._reporters.forget()

    async def _tell(
        self, transaction: CityTransaction, action: Action, camera: Camera, facts: Mapping[str, Fact]
    ) -> None:
        entry = Entry(
            action, self._by, subject=Subject("camera", camera.public_id), facts={"name": camera.name, **facts}
        )
        await self._audit.append(transaction, entry, self._clock.wall_ms())


def _own_network(camera: Camera) -> Sequence[Network]:
    """Of nobody but the camera itself, where its address is known."""
    host = camera.host or camera.source_url.rpartition("//")[2].partition("/")[0].rpartition("@")[2]
    try:
        return (_network_of(host),)
    except ValueError:
        detail = "say from which addresses it may report: the camera's own is not known"
        raise Invalid("the networks were refused", FieldProblem("/networks", detail)) from None


def _network_of(host: str) -> Network:
    """ValueError for what is no address; a port behind it does not count."""
    bare = host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]
    return ip_network(bare)
