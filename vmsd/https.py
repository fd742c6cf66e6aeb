"""Where the daemon listens: HTTPS for everybody, plain HTTP for this machine alone."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from typing import ClassVar

from aiohttp import web
from yarl import URL

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

HTTPS_PORT = 443
HANDSHAKE_S = 10
"""A browser on the slowest link we know needs 2."""
FAREWELL_S = 3
"""How long a closing connection waits for the other side to say so too."""
BACKLOG = 512


@dataclass(frozen=True)
class Place:
    """Where to listen: every address when `host` is empty, a free port when `port` is 0."""

    host: str
    port: int


@dataclass(frozen=True)
class Tls:
    """`public_port` is where browsers find it when something in between forwards; else the port itself."""

    place: Place
    context: ssl.SSLContext
    public_port: int | None = None


@dataclass(frozen=True)
class Addresses:
    """What the daemon listens at, for people to type."""

    http: str
    https: str | None = None


class PlainHttp:
    """The outermost middleware: over plain HTTP others learn only where HTTPS is."""

    __middleware_version__: ClassVar[int] = 1

    def __init__(self) -> None:
        self.https_port = HTTPS_PORT

    async def __call__(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.secure or is_loopback(request.remote):
            return await handler(request)
        answer = self._redirect(request)
        answer.force_close()
        return answer

    def _redirect(self, request: web.Request) -> web.Response:
        """By the host the client named; the path goes through as it came."""
        try:
            host = URL(f"http://{request.host}").host
            port = None if self.https_port == HTTPS_PORT else self.https_port
            place = URL.build(scheme="https", host=host or "", port=port)
        except ValueError:
            return web.Response(status=400, text="this box answers over HTTPS only\n")
        location = str(place).rstrip("/") + request.rel_url.raw_path_qs
        return web.Response(status=308, headers={"Location": location})


def is_loopback(peer: str | None) -> bool:
    """Whether the other end of the connection is on this machine."""
    try:
        address = ip_address((peer or "").partition("%")[0])
    except ValueError:
        return False
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return (mapped or address).is_loopback


async def listen(stack: AsyncExitStack, runner: web.AppRunner, plain: Place, tls: Tls | None) -> Addresses:
    """Set `runner` up and serve until the stack unwinds; OSError when a place is taken.

    Without `tls` plain HTTP is for all.
    """
    plain_http = PlainHttp()
    if tls is not None:
        runner.app.middlewares.insert(0, plain_http)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    https = None
    if tls is not None:
        secure = TlsSite(runner, tls)
        await secure.start()
        plain_http.https_port = tls.public_port or secure.port
        https = secure.name
    http = web.TCPSite(runner, plain.host, plain.port, reuse_address=True, backlog=BACKLOG)
    await http.start()
    return Addresses(http.name, https)


class TlsSite(web.BaseSite):
    """As aiohttp's own, with deadlines of ours for those who connect and then say nothing."""

    def __init__(self, runner: web.AppRunner, tls: Tls) -> None:
        super().__init__(runner, ssl_context=tls.context, backlog=BACKLOG)
        self._place = tls.place
        self.port = tls.place.port

    @property
    def name(self) -> str:
        return str(URL.build(scheme="https", host=self._place.host or "0.0.0.0", port=self.port))  # noqa: S104

    async def start(self) -> None:
        await super().start()
        assert self._runner.server is not None  # noqa: S101 - the runner is set up before its sites
        server = self._server = await asyncio.get_running_loop().create_server(
            self._runner.server,
            self._place.host,
            self._place.port,
            ssl=self._ssl_context,
            backlog=self._backlog,
            reuse_address=True,
            ssl_handshake_timeout=HANDSHAKE_S,
            ssl_shutdown_timeout=FAREWELL_S,
        )
        self.port = server.sockets[0].getsockname()[1]
