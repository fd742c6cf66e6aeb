"""Where a city's news goes to, and what goes there."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, get_args

Kind = Literal["webhook", "amqp", "push", "central"]
Chosen = Literal["webhook", "amqp"]
"""What a manager sets up; `push` comes from a person's own browser, `central` from the box's configuration."""

Topic = Literal["deteccoes.lpr", "alertas.novo", "alertas.mudou", "alertas.encerrado", "eventos.marca"]
"""What a destination may ask for."""
TOPICS: tuple[Topic, ...] = get_args(Topic)
PLATE_READ = "deteccoes.lpr"
ALERT_TOPICS = ("alertas.novo", "alertas.mudou", "alertas.encerrado")
FOLDED = "fila.resumida"
"""Says how many items were only counted for want of room; goes to everybody, in the place of what it counts."""
TEST = "fila.teste"


@dataclass(frozen=True)
class Destination:
    """`sent_id` is the last item that is done with there; `retry_ms` when the next attempt is due after a failure.

    `address` and `secret` are sealed. `gone_ms`: it said it is no more, and was switched off for that.
    """

    city_id: int
    id: int
    public_id: str
    kind: Kind
    name: str
    topics: frozenset[str]
    enabled: bool
    sent_id: int
    created_ms: int
    changed_ms: int
    person_id: int | None = None
    sent_ms: int | None = None
    failures: int = 0
    retry_ms: int | None = None
    broken_since_ms: int | None = None
    gone_ms: int | None = None
    address: bytes = field(default=b"", repr=False)
    secret: bytes | None = field(default=None, repr=False)

    def wants(self, topic: str) -> bool:
        return topic == FOLDED or topic in self.topics


@dataclass(frozen=True)
class Item:
    """One piece of news that waits; `body` is JSON text, `public_id` what a receiver knows it by."""

    id: int
    public_id: str
    topic: str
    priority: int
    at_ms: int
    body: str
    camera_id: int | None = None


@dataclass(frozen=True)
class Attempt:
    """What came of handing some over: `items` have arrived. `item` and `topic` are of the last one of them.

    When none has, they are of the one that was tried. `status` is what a server answered over HTTP.
    """

    at_ms: int
    topic: str
    item: str
    items: int
    status: int | None
    error: str | None
    took_ms: int


@dataclass(frozen=True)
class Outcome:
    """`arrived` is how many of those that were handed over have arrived, from the first on, without a gap.

    `unsuitable`: what is next will never be taken, and need not be tried again.
    """

    arrived: int
    status: int | None = None
    error: str | None = None
    retry_after_s: float | None = None
    gone: bool = False
    unsuitable: bool = False
