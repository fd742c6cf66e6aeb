"""What carries news out of the box is made of: the ways out, who carries, and what keeps the queue small."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from vmsd.base import Base
from vmsd.host.outgoing import HttpSender, tls_context
from vmsd.host.web_push import PushKey, load_push_key
from vmsd.model.destination import Kind
from vmsd.services.central_broker import CentralBroker, central_url
from vmsd.services.courier import Courier
from vmsd.services.destinations import DestinationParts
from vmsd.services.outbox import Outbox
from vmsd.services.outbox_bounds import OutboxBounds
from vmsd.services.outgoing_places import outgoing_places
from vmsd.services.push import PushParts
from vmsd.services.push_sender import PushSender
from vmsd.services.senders import BrokerSender, Sender, WebhookSender
from vmsd.tasks.base import Task
from vmsd.tasks.outbox import LANES, Bell, OutboxKeeper, OutboxLane


class NewsOut:
    """Built by the guards' room, whose `outbox` it empties; `push_key` is None where browsers are not told."""

    def __init__(self, base: Base, outbox: Outbox) -> None:
        settings = base.settings
        rules = settings.outbox
        self.places = outgoing_places(settings)
        self.push_key: PushKey | None = load_push_key(settings.data_dir) if settings.push.enabled else None
        self._base, self._outbox = base, outbox
        self._http = HttpSender(self.places.find, rules.deadline_s, rules.ca_file)
        self._brokers = BrokerSender(self.places, rules.deadline_s, partial(tls_context, rules.ca_file))
        self.senders = self._senders()
        self._courier = Courier(base.database, base.keys.vault, self.senders, base.audit, base.clock, rules)
        self._lanes = tuple(OutboxLane(self._courier, number) for number in range(1, LANES + 1))
        self._bell = Bell(self._courier, self._lanes)
        self._keeper = self._outbox_keeper()
        outbox.on_news = self._bell.ring

    def _senders(self) -> Mapping[Kind, Sender]:
        base = self._base
        senders: dict[Kind, Sender] = {
            "webhook": WebhookSender(self._http, base.clock),
            "amqp": self._brokers,
            "central": self._brokers,
        }
        if self.push_key is not None:
            senders["push"] = PushSender(base.database, self._http, self.push_key, base.clock, base.settings.push)
        return senders

    def _outbox_keeper(self) -> OutboxKeeper:
        base = self._base
        rules, url = base.settings.amqp, central_url(base.settings.amqp)
        topics = frozenset[str](rules.topics)
        central = CentralBroker(base.database, base.keys.vault, self._outbox, base.clock, url, topics)
        return OutboxKeeper(self._courier, OutboxBounds(base.database, base.settings.outbox), central, self._brokers)

    def tasks(self) -> Sequence[Task]:
        return (self._keeper, *self._lanes)

    def wire(self, nudge: Callable[[str], object]) -> None:
        """`nudge` starts the next pass of the task with this name."""
        self._bell.wake = lambda lane: nudge(lane.name)
        self._keeper.again = lambda: nudge(self._keeper.name)

    def destination_parts(self) -> DestinationParts:
        base = self._base
        return DestinationParts(self._outbox, self.senders, self.places, base.keys.vault, base.settings.outbox)

    def push_parts(self) -> PushParts:
        base = self._base
        return PushParts(base.database, base.settings.push, self.push_key, base.keys.vault, self._outbox)

    async def close(self) -> None:
        await self._brokers.keep(())
        await self._http.close()
        self.places.close()
