"""Where the daemon listens: HTTPS for everybody, plain HTTP for this machine alone."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from typing import ClassVar
from weakref import WeakKeyDictionary

from aiohttp import web
from yarl import URL

from vmsd.config import Settings
from vmsd.host.reach import Address, lasting_addresses
from vmsd.tasks.certificate import CertificateFiles

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

HTTPS_PORT = 443
HANDSHAKE_S = 10
"""A browser on the slowest link we know needs 2."""
HANDSHAKES = 400
"""At once; one that waits holds 300 KB, most of it a buffer of asyncio's, and no request limit knows it yet."""
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


class Handshake(asyncio.Protocol):
    """Stands in for the connection until TLS is agreed on."""

    def __init__(self, agreed: Callable[[Handshake], asyncio.Protocol]) -> None:
        self._agreed = agreed

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        connection = self._agreed(self)
        transport.set_protocol(connection)
        connection.connection_made(transport)


class TlsSite(web.BaseSite):
    """As aiohttp's own, with limits of ours for those who connect and then say nothing."""

    def __init__(self, runner: web.AppRunner, tls: Tls) -> None:
        super().__init__(runner, ssl_context=tls.context, backlog=BACKLOG)
        self._begun_s: WeakKeyDictionary[Handshake, float] = WeakKeyDictionary()
        """Handshakes that may still go on; asyncio tells nobody of those that fail."""
        self._place = tls.place
        self.port = tls.place.port

    @property
    def name(self) -> str:
        return str(URL.build(scheme="https", host=self._place.host or "0.0.0.0", port=self.port))  # noqa: S104

    async def start(self) -> None:
        await super().start()
        server = self._server = await asyncio.get_running_loop().create_server(
            self._shake_hands,
            self._place.host,
            self._place.port,
            ssl=self._ssl_context,
            backlog=self._backlog,
            reuse_address=True,
            ssl_handshake_timeout=HANDSHAKE_S,
            ssl_shutdown_timeout=FAREWELL_S,
        )
        self.port = server.sockets[0].getsockname()[1]

    def _shake_hands(self) -> Handshake:
        """Called by asyncio for everybody who connects; an error hangs up on him."""
        now_s = asyncio.get_running_loop().time()
        if len(self._begun_s) >= HANDSHAKES:
            self._forget_before(now_s - HANDSHAKE_S)
        if len(self._begun_s) >= HANDSHAKES:
            raise ConnectionRefusedError("too many have connected and said nothing")
        handshake = Handshake(self._serve)
        self._begun_s[handshake] = now_s
        return handshake

    def _forget_before(self, over_s: float) -> None:
        """Those that began before: asyncio has hung up on them."""
        for handshake, begun_s in list(self._begun_s.items()):
            if begun_s < over_s:
                del self._begun_s[handshake]

    def _serve(self, handshake: Handshake) -> asyncio.Protocol:
        self._begun_s.pop(handshake, None)
        assert self._runner.server is not None  # noqa: S101 - a runner that serves has one
        return self._runner.server()


def certificate_files(settings: Settings) -> CertificateFiles:
    folder, https = settings.data_dir / "tls", settings.https
    return CertificateFiles(
        certificate=https.certificate or folder / "certificate.pem",
        key=https.key or folder / "key.pem",
        own=folder / "own",
    )


def told_addresses(settings: Settings) -> tuple[Address, ...]:
    """Those of the box at which HTTPS listens: the network is told no other."""
    found = lasting_addresses(settings.mdns.interfaces)
    host = settings.https.host
    if host in ("", "0.0.0.0"):  # noqa: S104 - compared, not bound
        return tuple(one for one in found if not host or one.version == 4)  # noqa: PLR2004 - IPv4
    return tuple(one for one in found if str(one) == host)
