"""Publishes to an AMQP 0-9-1 broker over one lasting connection; what the broker has confirmed has arrived."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import IPv4Address, IPv6Address

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractExchange
from aio_pika.exceptions import AMQPException
from aiormq.abc import DeliveredMessage
from aiormq.connection import TransportFactory
from yarl import URL

Address = IPv4Address | IPv6Address
Find = Callable[[str, int], Awaitable[Sequence[Address]]]
HEARTBEAT_S = 15
logging.getLogger("aiormq").setLevel(logging.CRITICAL)  # what goes wrong is in what `publish` answers, and said once
CLOSE_S = 2.0
USUAL_PORTS = {"amqp": 5672, "amqps": 5671}


@dataclass(frozen=True)
class Message:
    exchange: str
    routing_key: str
    message_id: str
    at_ms: int
    body: bytes


@dataclass(frozen=True)
class Published:
    """The first `confirmed` of them have arrived; `unrouted` of these no queue wanted. `error` says what stopped it."""

    confirmed: int
    error: str | None = None
    unrouted: int = 0


class _Checked(TransportFactory):
    """Connects to an address that was checked, and holds the certificate against the name."""

    def __init__(self, find: Find, context: ssl.SSLContext | None) -> None:
        self._find = find
        self._context = context

    async def create(self, url: URL, **_: object) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        host, port = url.host or "", url.port or USUAL_PORTS[url.scheme]
        addresses = await self._find(host, port)
        name = host if self._context else None
        return await asyncio.open_connection(str(addresses[0]), port, ssl=self._context, server_hostname=name)


class Broker:
    """One broker at `url`. A connection that broke is opened anew with the next messages, not before."""

    def __init__(self, url: str, find: Find, deadline_s: float, make_context: Callable[[], ssl.SSLContext]) -> None:
        self.url = url
        self._find = find
        self._deadline_s = deadline_s
        self._make_context = make_context
        self._connection: aio_pika.Connection | None = None
        self._channel: AbstractChannel | None = None
        self._exchanges: dict[str, AbstractExchange] = {}
        self._one_by_one = asyncio.Lock()

    async def publish(self, messages: Sequence[Message]) -> Published:
        """In their order; whatever happens is in the answer, only cancellation is raised."""
        async with self._one_by_one:
            return await self._publish_all(messages)

    async def _publish_all(self, messages: Sequence[Message]) -> Published:
        """The library raises errors of no kind at all, and cancels what waits, when a connection ends under it.

        So all that is done with it is gathered: only a cancellation from outside comes through.
        """
        done: Sequence[bool | BaseException | None]
        try:
            async with asyncio.timeout(self._deadline_s):
                done = await asyncio.gather(self._ready({one.exchange for one in messages}), return_exceptions=True)
                if done[0] is None:
                    done = await asyncio.gather(*map(self._publish, messages), return_exceptions=True)
        except TimeoutError as error:
            done = [error]
        return await self._count(done)

    async def _count(self, done: Sequence[bool | BaseException | None]) -> Published:
        """Up to the first that was not confirmed: what came after it is published again, behind it."""
        failed = next((number for number, one in enumerate(done) if isinstance(one, BaseException)), len(done))
        unrouted = sum(one is False for one in done[:failed])
        if failed == len(done):
            return Published(failed, None, unrouted)
        await self.close()
        return Published(failed, self._words(done[failed]), unrouted)

    async def _publish(self, one: Message) -> bool:
        """False when the broker has taken it and no queue wanted it."""
        message = aio_pika.Message(
            one.body,
            message_id=one.message_id,
            timestamp=datetime.fromtimestamp(one.at_ms / 1000, UTC),
            content_type="application/json",
            content_encoding="utf-8",
            app_id="vmsd",
            type=one.routing_key,
            delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
        )
        answer = await self._exchanges[one.exchange].publish(message, one.routing_key, mandatory=True)
        return not isinstance(answer, DeliveredMessage)

    async def _ready(self, exchanges: set[str]) -> None:
        """Connected, and with these exchanges there: topic exchanges that outlive the broker's restart."""
        if self._connection is None or self._connection.is_closed or self._channel is None or self._channel.is_closed:
            await self.close()
            await self._open()
        for name in exchanges - self._exchanges.keys():
            assert self._channel is not None  # noqa: S101 - just opened
            kind = aio_pika.ExchangeType.TOPIC
            self._exchanges[name] = await self._channel.declare_exchange(name, kind, durable=True)

    async def _open(self) -> None:
        """Nothing in the address but what it is: no query could switch off the looking at certificates."""
        url = URL(self.url).with_query({"heartbeat": HEARTBEAT_S}).with_fragment(None)
        context = await asyncio.to_thread(self._make_context) if url.scheme == "amqps" else None
        connection = aio_pika.Connection(url, client_properties={"connection_name": "vmsd"})
        connection.kwargs["transport_factory"] = _Checked(self._find, context)
        self._connection = connection
        await connection.connect(timeout=self._deadline_s)
        if self._connection is not connection:
            await connection.close()
            raise ConnectionResetError
        self._channel = connection.channel(publisher_confirms=True, on_return_raises=False)
        await self._channel.initialize()

    async def close(self) -> None:
        """Nothing is left of it within seconds, whatever the broker does."""
        connection, self._connection, self._channel = self._connection, None, None
        self._exchanges.clear()
        if connection is not None:
            with suppress(AMQPException, OSError, RuntimeError, TimeoutError):
                async with asyncio.timeout(CLOSE_S):
                    await connection.close()

    def _words(self, error: object) -> str:
        """What the broker, or the way there, said; aiormq names no passwords in its errors."""
        if isinstance(error, TimeoutError):
            return f"no answer within {self._deadline_s:g} s"
        if isinstance(error, OSError) and error.strerror:
            return error.strerror
        if not isinstance(error, AMQPException | OSError):
            return "the connection was broken off"
        text = str(error.args[0]) if error.args and isinstance(error.args[0], str) else ""
        return f"{type(error).__name__}: {text}"[:200] if text else type(error).__name__
