"""Browsers that show a person's alerts while no page of the box is open: each person's own, in one city."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from uuid import UUID

from yarl import URL

from vmsd.clock import Clock
from vmsd.config import Push as Rules
from vmsd.errors import Conflict, FieldProblem, Invalid, NotFound
from vmsd.host.keys import Vault
from vmsd.host.web_push import PushKey, Subscription
from vmsd.model.audit import Action, Entry, Subject
from vmsd.model.destination import Destination
from vmsd.model.person import Caller
from vmsd.services.audit import AuditLog
from vmsd.services.names import clean_name
from vmsd.services.outbox import Outbox
from vmsd.services.push_sender import subscription_text
from vmsd.services.senders import address_key
from vmsd.store.database import Database
from vmsd.store.destinations import Destinations
from vmsd.store.push_facts import forget_subscription
from vmsd.store.scope import CityTransaction, Scope

TOPICS = frozenset({"alertas.novo"})
"""What is taken or over is no news for somebody who is away."""


@dataclass(frozen=True)
class PushParts:
    """`key` is None where the site does not allow it."""

    database: Database
    rules: Rules
    key: PushKey | None
    vault: Vault
    outbox: Outbox


class CityPush:
    """For one caller: whoever else has subscriptions is not their business."""

    def __init__(self, parts: PushParts, scope: Scope, audit: AuditLog, clock: Clock, caller: Caller) -> None:
        self._parts = parts
        self._scope = scope
        self._store = Destinations(scope)
        self._audit = audit
        self._clock = clock
        self._caller = caller

    @property
    def public_key(self) -> str | None:
        return self._parts.key.public_text if self._parts.key else None

    async def list(self) -> Sequence[Destination]:
        return await self._store.of_person(self._caller.person.id)

    async def subscribe(self, name: str, subscription: Subscription) -> Destination:
        """A browser belongs to who last subscribed with it; doing so again changes nothing else."""
        self._check(subscription.endpoint)
        if self._caller.person.city_id is None:
            raise Conflict("a superadmin belongs to no city whose alerts could be sent to them")
        public_id = id_of(subscription.endpoint)
        sealed = self._parts.vault.seal(subscription_text(subscription).encode(), address_key(public_id))
        name, person, now_ms = clean_name(name), self._caller.person, self._clock.wall_ms()
        await forget_subscription(self._parts.database, public_id)
        async with self._scope.write() as transaction:
            if len(await self._store.of_person(person.id)) >= self._parts.rules.each:
                raise Conflict(f"a person has at most {self._parts.rules.each} browsers that show alerts")
            self._parts.outbox.forget(self._scope.city_id)
            new = await self._store.add(
                transaction,
                "push",
                name,
                TOPICS,
                public_id=public_id,
                address=sealed,
                secret=None,
                now_ms=now_ms,
                person_id=person.id,
            )
            await self._tell(transaction, Action.DESTINATION_ADDED, new, now_ms)
        return new

    def _check(self, endpoint: str) -> None:
        if self._parts.key is None:
            raise Conflict("this site does not send alerts to browsers")
        try:
            url = URL(endpoint)
            known = any(_is_of(url.host or "", service) for service in self._parts.rules.services)
        except ValueError:
            known = False
        if not known or url.scheme != "https" or url.user is not None or url.explicit_port not in (None, 443):
            problem = FieldProblem("/endpoint", "is not at a push service this site uses")
            raise Invalid("the subscription was refused", problem)

    async def unsubscribe(self, public_id: str) -> None:
        found = await self._store.get(public_id)
        if found.kind != "push" or found.person_id != self._caller.person.id:
            raise NotFound("there is no such subscription")
        async with self._scope.write() as transaction:
            self._parts.outbox.forget(self._scope.city_id)
            await self._store.remove(transaction, found)
            await self._tell(transaction, Action.DESTINATION_REMOVED, found, self._clock.wall_ms())

    async def _tell(self, transaction: CityTransaction, action: Action, one: Destination, now_ms: int) -> None:
        subject = Subject("destination", one.public_id)
        entry = Entry(action, self._caller.who, subject=subject, facts={"name": one.name, "kind": "push"})
        await self._audit.append(transaction, entry, now_ms)


def id_of(endpoint: str) -> str:
    """One for each browser, whoever uses it."""
    return str(UUID(bytes=sha256(endpoint.encode()).digest()[:16], version=4))


def _is_of(host: str, service: str) -> bool:
    return host.endswith(service[1:]) if service.startswith("*.") else host == service
