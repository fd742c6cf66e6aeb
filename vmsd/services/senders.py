"""The ways out of the box, each made alike: hand over some items in their order, and say how many have arrived."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Protocol

from vmsd import __version__
from vmsd.clock import Clock
from vmsd.host.amqp import Broker, Message
from vmsd.host.keys import Vault
from vmsd.host.outgoing import HttpSender, tls_context
from vmsd.model.destination import Destination, Item, Outcome
from vmsd.services.letters import envelope, exchange_of, signed_headers
from vmsd.services.outgoing_places import OutgoingPlaces

OK = range(200, 300)
GONE = 410
HTTP_TEXTS = {3: "it sent us elsewhere, which is not followed", 4: "it refused the message", 5: "it failed"}
BROKER_BATCH = 200
UNROUTED = "the broker took it, and no queue wanted it"


@dataclass(frozen=True)
class Target:
    """A destination, unsealed; `city` is the public id of whose news these are."""

    destination: Destination
    city: str
    address: str = field(repr=False)
    secret: str | None = field(default=None, repr=False)


def address_key(public_id: str) -> str:
    """What a destination's address is sealed under."""
    return f"destination:address:{public_id}"


def secret_key(public_id: str) -> str:
    return f"destination:secret:{public_id}"


def opened(vault: Vault, destination: Destination, city: str) -> Target:
    """Raises `BadSetting` when it was sealed with another key."""
    address = vault.open(destination.address, address_key(destination.public_id)).decode()
    secret = None
    if destination.secret is not None:
        secret = vault.open(destination.secret, secret_key(destination.public_id)).decode()
    return Target(destination, city, address, secret)


class Sender(Protocol):
    @property
    def at_once(self) -> int:
        """How many items are handed over in one go."""
        ...

    async def send(self, target: Target, items: Sequence[Item]) -> Outcome:
        """Never raises but for cancellation."""
        ...


class WebhookSender:
    """One signed POST per item."""

    at_once = 1

    def __init__(self, http: HttpSender, clock: Clock) -> None:
        self._http = http
        self._clock = clock

    async def send(self, target: Target, items: Sequence[Item]) -> Outcome:
        (item,) = items
        body = envelope(item, target.city)
        headers = {
            "Content-Type": "application/json",
            "User-Agent": f"vmsd/{__version__}",
            **signed_headers(item.public_id, self._clock.wall_ms() // 1000, body, target.secret or ""),
        }
        answer = await self._http.post(target.address, body, headers)
        if answer.status is None:
            return Outcome(0, None, answer.error)
        if answer.status in OK:
            return Outcome(1, answer.status)
        text = HTTP_TEXTS.get(answer.status // 100, "it answered nonsense")
        return Outcome(0, answer.status, text, answer.retry_after_s, gone=answer.status == GONE)


class BrokerSender:
    """Publishes to AMQP brokers, each over one connection that stays open."""

    at_once = BROKER_BATCH

    def __init__(self, places: OutgoingPlaces, deadline_s: float, make_context: Callable[[], ssl.SSLContext]) -> None:
        self._places = places
        self._deadline_s = deadline_s
        self._make_context = make_context
        self._brokers: dict[str, Broker] = {}

    async def send(self, target: Target, items: Sequence[Item]) -> Outcome:
        broker = await self._broker(target)
        published = await broker.publish([_message(item, target.city) for item in items])
        error = published.error or (UNROUTED if published.unrouted else None)
        return Outcome(published.confirmed, None, error)

    async def _broker(self, target: Target) -> Broker:
        key = key_of(target.destination)
        known = self._brokers.get(key)
        if known is not None and known.url == target.address:
            return known
        if known is not None:
            await known.close()
        find = partial(self._places.find, encrypted=target.address.startswith("amqps:"))
        broker = self._brokers[key] = Broker(target.address, find, self._deadline_s, self._make_context)
        return broker

    async def keep(self, destinations: Collection[Destination]) -> None:
        """Close the connections to all others."""
        for key in self._brokers.keys() - set(map(key_of, destinations)):
            await self._brokers.pop(key).close()


def key_of(destination: Destination) -> str:
    """The box's own broker is one, however many cities' news it gets."""
    return "central" if destination.kind == "central" else destination.public_id


def _message(item: Item, city: str) -> Message:
    return Message(exchange_of(item.topic), item.topic, item.public_id, item.at_ms, envelope(item, city))


def context_maker(ca_file: Path | None) -> Callable[[], ssl.SSLContext]:
    return partial(tls_context, ca_file)
