"""An outbox with everything that empties it, on a clock that is moved by hand."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.unit.tasks.recording_box import Box
from vmsd.config import OutboxRules
from vmsd.host.keys import Vault
from vmsd.model.city import City
from vmsd.model.destination import Destination, Item, Kind, Outcome
from vmsd.services.courier import Courier
from vmsd.services.outbox import Outbox, OutboxItem
from vmsd.services.outbox_bounds import OutboxBounds
from vmsd.services.senders import Target, address_key, secret_key
from vmsd.store.cities import Cities
from vmsd.store.destinations import Destinations, new_public_id
from vmsd.store.scope import Scope
from vmsd.tasks.outbox import OutboxLane

TOPIC = "alertas.novo"
SECRET = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
PASSES = 10_000


@dataclass
class Slot:
    """A way out that notes what it is given, and takes it or not, as `answer` says."""

    at_once: int = 1
    taken: list[tuple[str, Item]] = field(default_factory=list)
    tried: list[tuple[str, str]] = field(default_factory=list)
    down: set[str] = field(default_factory=set)
    before: dict[str, Callable[[], Awaitable[None]]] = field(default_factory=dict)
    outcome: Outcome = field(default_factory=lambda: Outcome(0, 500, "it failed"))

    async def send(self, target: Target, items: Sequence[Item]) -> Outcome:
        name = target.destination.name
        self.tried.append((name, items[0].public_id))
        if name in self.before:
            await self.before[name]()
        if name in self.down:
            return self.outcome
        self.taken += [(name, item) for item in items]
        return Outcome(len(items), 200)

    def numbers(self, name: str) -> list[int]:
        """What has arrived at a destination, in its order."""
        return [number_of(item) for at, item in self.taken if at == name]


def number_of(item: Item) -> int:
    return int(item.body.split('"number":')[1].split("}")[0])


class PostBox:
    def __init__(self, box: Box, **rules: Any) -> None:
        self.box, self.database, self.clock = box, box.database, box.clock
        self.rules = OutboxRules(**rules)
        self.outbox = Outbox(self.database)
        self.vault = Vault(bytes(32))
        self.slot = Slot()
        self.senders: dict[Kind, Any] = {"webhook": self.slot, "amqp": self.slot}
        self.bounds = OutboxBounds(self.database, self.rules)
        self.restart()

    def restart(self) -> None:
        """As after a kill: what was only remembered is forgotten."""
        self.courier = Courier(self.database, self.vault, self.senders, self.box.audit, self.clock, self.rules)
        self.lane = OutboxLane(self.courier, 1)

    async def city(self, name: str = "Aqui") -> City:
        async with self.database.write() as transaction:
            return await Cities(self.database).add(
                transaction, name=name, status="active", plan="basic", now_ms=self.clock.wall
            )

    async def add(
        self, city: City, name: str, *topics: str, kind: Kind = "webhook", url: str = "http://127.0.0.1:1/"
    ) -> Destination:
        scope, public_id = Scope(self.database, city.id), new_public_id()
        async with scope.write() as transaction:
            self.outbox.forget(city.id)
            return await Destinations(scope).add(
                transaction,
                kind,
                name,
                frozenset(topics or {TOPIC}),
                public_id=public_id,
                address=self.vault.seal(url.encode(), address_key(public_id)),
                secret=self.vault.seal(SECRET.encode(), secret_key(public_id)),
                now_ms=self.clock.wall,
            )

    async def get(self, city: City, destination: Destination) -> Destination:
        return await Destinations(Scope(self.database, city.id)).get(destination.public_id)

    async def put(self, city: City, *numbers: int, topic: str = TOPIC, priority: int = 2, padding: str = "") -> None:
        async with Scope(self.database, city.id).write() as transaction:
            for number in numbers:
                body = {"padding": padding, "number": number}
                await self.outbox.put(transaction, OutboxItem(topic, body, priority), self.clock.wall)
        self.courier.expect()

    async def work(self, passes: int = PASSES, *, for_s: float = 1e9) -> float:
        """Pass after pass until nothing is left to be done, moving the clock; how long that took."""
        began = self.clock.monotonic_s
        for _ in range(passes):
            await self.lane.once()
            idle = not any(one.waits for one in self.courier._served.values())
            if (idle and not self.courier._news) or self.clock.monotonic_s - began >= for_s:
                break
            self.clock.pass_s(max(self.lane.every_s, 0.001))
        return self.clock.monotonic_s - began

    async def rows(self, city: City) -> list[Any]:
        return list(await self.database.read("SELECT * FROM outbox WHERE city_id = :id ORDER BY id", {"id": city.id}))

    async def database_spoil(self, destination: Destination) -> None:
        async with self.database.write() as transaction:
            await transaction.execute(
                "UPDATE destination SET address = :address WHERE public_id = :id",
                {"address": b"\x01" + bytes(60), "id": destination.public_id},
            )
