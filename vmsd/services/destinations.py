"""The destinations of one city: where its news goes to, who set that up, and whether it arrives."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from uuid import uuid4

import structlog

from vmsd.clock import Clock
from vmsd.config import OutboxRules
from vmsd.errors import Conflict, NotAllowed, NotFound
from vmsd.host.keys import Vault
from vmsd.model.audit import Action, Entry, Fact, Subject, Who
from vmsd.model.city import City
from vmsd.model.destination import ALERT_TOPICS, PLATE_READ, TEST, Attempt, Chosen, Destination, Item, Kind
from vmsd.model.person import Rights, Verb
from vmsd.services.audit import AuditLog
from vmsd.services.destination_addresses import check_address, shown_address
from vmsd.services.letters import new_secret
from vmsd.services.names import clean_name
from vmsd.services.outbox import Outbox
from vmsd.services.outgoing_places import OutgoingPlaces
from vmsd.services.senders import Sender, address_key, opened, secret_key
from vmsd.store.destinations import Destinations, new_public_id
from vmsd.store.scope import CityTransaction, Scope

log = structlog.get_logger()

WITH_PLATES = {PLATE_READ, *ALERT_TOPICS}
"""Topics whose items may hold number plates."""
THE_BOXS = "this one is set in the box's own configuration"


@dataclass(frozen=True)
class DestinationParts:
    """What is the same for every city."""

    outbox: Outbox
    senders: Mapping[Kind, Sender]
    places: OutgoingPlaces
    vault: Vault
    rules: OutboxRules


@dataclass(frozen=True)
class Fields:
    """What a manager says of one; `address` None leaves it as it is."""

    name: str
    topics: frozenset[str]
    enabled: bool = True
    address: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Known:
    """A destination as it is shown: `waiting` items have not arrived there yet."""

    destination: Destination
    address: str
    waiting: int
    last: Attempt | None


@dataclass(frozen=True)
class Issued:
    """The only time the secret is known; a broker has none."""

    known: Known
    secret: str | None = field(repr=False)


class CityDestinations:
    """For one caller, who is `by`."""

    def __init__(
        self,
        parts: DestinationParts,
        scope: Scope,
        city: City,
        audit: AuditLog,
        clock: Clock,
        *,
        rights: Rights,
        by: Who,
    ) -> None:
        self._parts = parts
        self._scope = scope
        self._city = city
        self._store = Destinations(scope)
        self._audit = audit
        self._clock = clock
        self._rights = rights
        self._by = by

    async def list(self, *, after: str | None = None, limit: int = 50) -> Sequence[Known]:
        """In the order they were added."""
        number = 0 if after is None else (await self._get(after)).id
        return [await self._known(one) for one in await self._store.list(after=number, limit=limit)]

    async def get(self, public_id: str) -> Known:
        return await self._known(await self._get(public_id))

    async def _get(self, public_id: str) -> Destination:
        """People's own browsers are nobody else's business."""
        found = await self._store.get(public_id)
        if found.kind == "push":
            raise NotFound("there is no such destination")
        return found

    async def _known(self, destination: Destination) -> Known:
        address = shown_address(opened(self._parts.vault, destination, self._city.public_id).address)
        waiting = await self._store.waiting(destination) if destination.enabled else 0
        attempts = await self._store.attempts(destination, 1)
        return Known(destination, address, waiting, attempts[0] if attempts else None)

    async def add(self, kind: Chosen, fields: Fields) -> Issued:
        """Raises `Invalid` for an address that is refused, `Conflict` when there are too many."""
        self._refuse_plates(fields.topics)
        address, public_id = fields.address or "", new_public_id()
        await check_address(kind, address, self._parts.places)
        secret = new_secret() if kind == "webhook" else None
        sealed = self._seal_address(public_id, address)
        name, now_ms = clean_name(fields.name), self._clock.wall_ms()
        async with self._scope.write() as transaction:
            if await self._store.count(transaction, push=False) >= self._parts.rules.destinations:
                raise Conflict(f"a city has at most {self._parts.rules.destinations} destinations")
            self._parts.outbox.forget(self._scope.city_id)
            new = await self._store.add(
                transaction,
                kind,
                name,
                fields.topics,
                public_id=public_id,
                address=sealed,
                secret=self._seal_secret(public_id, secret),
                now_ms=now_ms,
            )
            if not fields.enabled:
                await self._store.disable(transaction, new)
            facts: dict[str, Fact] = {"kind": kind, "topics": sorted(fields.topics)}
            await self._tell(transaction, Action.DESTINATION_ADDED, new, facts)
        self._parts.outbox.nudge()
        return Issued(await self.get(public_id), secret)

    async def change(self, known: Known, fields: Fields) -> Known:
        """Raises as `add` does, and `Conflict` when somebody else has changed it since it was read."""
        before = _not_the_boxs(known.destination)
        self._refuse_plates(fields.topics)
        after = replace(before, name=clean_name(fields.name), topics=fields.topics)
        if fields.address is not None:
            await check_address("webhook" if before.kind == "webhook" else "amqp", fields.address, self._parts.places)
            after = replace(after, address=self._seal_address(before.public_id, fields.address))
        changed = [name for name in ("name", "topics") if getattr(before, name) != getattr(after, name)]
        changed += ["url"] if fields.address is not None else []
        changed += ["enabled"] if fields.enabled != before.enabled else []
        if not changed:
            return known
        async with self._scope.write() as transaction:
            self._parts.outbox.forget(self._scope.city_id)
            await self._store.change(transaction, after, before.changed_ms, self._clock.wall_ms())
            if "enabled" in changed:
                await (self._store.enable if fields.enabled else self._store.disable)(transaction, before)
            if "url" in changed:
                await self._store.retry_now(transaction, before)
            await self._tell(transaction, Action.DESTINATION_CHANGED, after, {"fields": changed})
        self._parts.outbox.nudge()
        return await self.get(before.public_id)

    async def renew_secret(self, known: Known) -> Issued:
        """Of a webhook; what is sent from now on is signed with the new one alone."""
        before = _not_the_boxs(known.destination)
        if before.kind != "webhook":
            raise Conflict("only what goes to a webhook is signed")
        secret = new_secret()
        after = replace(before, secret=self._seal_secret(before.public_id, secret))
        async with self._scope.write() as transaction:
            await self._store.change(transaction, after, before.changed_ms, self._clock.wall_ms())
            await self._tell(transaction, Action.DESTINATION_CHANGED, after, {"fields": ["secret"]})
        return Issued(await self.get(before.public_id), secret)

    async def remove(self, known: Known) -> None:
        """What waits for it alone is dropped."""
        destination = _not_the_boxs(known.destination)
        async with self._scope.write() as transaction:
            self._parts.outbox.forget(self._scope.city_id)
            await self._store.remove(transaction, destination)
            await self._tell(transaction, Action.DESTINATION_REMOVED, destination, {})
        self._parts.outbox.nudge()

    async def attempts(self, known: Known, limit: int) -> Sequence[Attempt]:
        """The newest first."""
        return await self._store.attempts(known.destination, limit)

    async def test(self, known: Known) -> Attempt:
        """Send one item of its own now, past all that waits; what came of it. If it arrived, what waits follows."""
        destination = known.destination
        target, now_ms = opened(self._parts.vault, destination, self._city.public_id), self._clock.wall_ms()
        body = json.dumps({"destination": destination.public_id})
        item = Item(0, str(uuid4()), TEST, 2, now_ms, body)
        started_s = self._clock.monotonic()
        outcome = await self._parts.senders[destination.kind].send(target, [item])
        took_ms = round((self._clock.monotonic() - started_s) * 1000)
        attempt = Attempt(now_ms, TEST, item.public_id, outcome.arrived, outcome.status, outcome.error, took_ms)
        async with self._scope.write() as transaction:
            await self._store.note(transaction, destination.id, [attempt])
            if outcome.arrived:
                await self._store.retry_now(transaction, destination)
        self._parts.outbox.nudge()
        return attempt

    def _refuse_plates(self, topics: frozenset[str]) -> None:
        """Nobody has plates sent out who may not see them."""
        if not topics.isdisjoint(WITH_PLATES) and Verb.PLATES not in self._rights.everywhere:
            raise NotAllowed("these topics hold number plates, which you may not see of every camera")

    def _seal_address(self, public_id: str, address: str) -> bytes:
        return self._parts.vault.seal(address.encode(), address_key(public_id))

    def _seal_secret(self, public_id: str, secret: str | None) -> bytes | None:
        return None if secret is None else self._parts.vault.seal(secret.encode(), secret_key(public_id))

    async def _tell(
        self, transaction: CityTransaction, action: Action, destination: Destination, facts: Mapping[str, Fact]
    ) -> None:
        subject, told = Subject("destination", destination.public_id), {"name": destination.name, **facts}
        await self._audit.append(
            transaction, Entry(action, self._by, subject=subject, facts=told), self._clock.wall_ms()
        )
        log.info(action.value, destination_id=destination.public_id, by=self._by.person)


def _not_the_boxs(destination: Destination) -> Destination:
    if destination.kind == "central":
        raise Conflict(THE_BOXS)
    return destination
