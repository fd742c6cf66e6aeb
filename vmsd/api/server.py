"""The connections the daemon accepts: how many, for how long, and what those hear that speak no HTTP."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from http import HTTPStatus
from ipaddress import ip_address
from typing import Any

from aiohttp import web
from aiohttp.web_request import BaseRequest

from vmsd.api.headers import add_headers
from vmsd.config import Http

LINGER_S = 2.0
"""How long the rest of a refused body is still taken in, so that its sender can read why it was refused."""
SHUTDOWN_S = 2.0


class Connections:
    """How many there are, in all and from each address."""

    def __init__(self, limits: Http) -> None:
        self._limits = limits
        self._by_address: Counter[str] = Counter()

    def enter(self, address: str) -> bool:
        """False when it is one too many; it counts until it leaves all the same."""
        self._by_address[address] += 1
        if self._by_address.total() > self._limits.connections:
            return False
        return is_loopback(address) or self._by_address[address] <= self._limits.connections_per_address

    def leave(self, address: str) -> None:
        self._by_address[address] -= 1
        if self._by_address[address] <= 0:
            del self._by_address[address]


def is_loopback(address: str) -> bool:
    try:
        return ip_address(address.partition("%")[0]).is_loopback
    except ValueError:
        return False


class Connection(web.RequestHandler):
    """aiohttp's own, counted; what cannot be read as HTTP is answered like every other bad request, unlogged."""

    __slots__ = ("_address", "_connections")

    def __init__(self, connections: Connections, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._connections = connections
        self._address = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        peer = transport.get_extra_info("peername")
        self._address = str(peer[0]) if peer else ""
        if not self._connections.enter(self._address) and isinstance(transport, asyncio.Transport):
            self.force_close()
            transport.abort()

    def connection_lost(self, exc: BaseException | None) -> None:
        super().connection_lost(exc)
        self._connections.leave(self._address)

    def handle_error(
        self,
        request: BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """A bug outside every handler is logged; a client that speaks no HTTP is not worth a line."""
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return _plain(super().handle_error(request, status, exc, message))
        return _plain(web.Response(status=status))


def _plain(answer: web.StreamResponse) -> web.Response:
    """No words of the request come back, and none of the program's insides."""
    kind = HTTPStatus(answer.status)
    body = {"type": "about:blank", "title": kind.phrase, "status": kind.value, "detail": kind.description}
    plain = web.Response(status=answer.status, text=json.dumps(body), content_type="application/problem+json")
    add_headers(plain)
    plain.force_close()
    return plain


class Server(web.Server):
    """Makes a `Connection` for everyone who connects."""

    def __init__(self, inner: web.Server, limits: Http) -> None:
        super().__init__(inner.request_handler, request_factory=inner.request_factory)
        self._limits = limits
        self._counted = Connections(limits)

    def __call__(self) -> web.RequestHandler:
        return Connection(
            self._counted,
            self,
            loop=asyncio.get_running_loop(),
            keepalive_timeout=self._limits.keepalive_s,
            lingering_time=LINGER_S,
            auto_decompress=False,
            access_log=None,
        )


class Runner(web.AppRunner):
    """What the daemon's sites stand on."""

    def __init__(self, app: web.Application, limits: Http) -> None:
        super().__init__(app, shutdown_timeout=SHUTDOWN_S)
        self._limits = limits

    async def _make_server(self) -> web.Server:
        return Server(await super()._make_server(), self._limits)
