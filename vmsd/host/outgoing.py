"""Sends one HTTP request to somebody else's server: to a checked address, within limits, following no redirect."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import Protocol

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

ANSWER_BYTES = 4096
"""As much of an answer is read; what it says beyond its status is of no use here."""
LONGEST_WAIT_DIGITS = 6
KEPT_OPEN_S = 30.0
NO_LIMIT = aiohttp.ClientTimeout(total=None)
"""Limits are set around a request, not by the session."""

Address = IPv4Address | IPv6Address


class Find(Protocol):
    """The addresses of a host that may be called at a port; what it raises is an `OSError`."""

    async def __call__(self, host: str, port: int, *, encrypted: bool) -> Sequence[Address]: ...


@dataclass(frozen=True)
class Answer:
    """`error` is set when there was no answer; `retry_after_s` what it asked for. `headers` are in small letters."""

    status: int | None
    error: str | None = None
    retry_after_s: float | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


class _Checked(AbstractResolver):
    """What is connected to is what was checked: nobody asks a name server twice."""

    def __init__(self, find: Find, *, encrypted: bool) -> None:
        self._find = partial(find, encrypted=encrypted)

    async def resolve(
        self,
        host: str,
        port: int = 0,
        family: socket.AddressFamily = socket.AF_UNSPEC,  # noqa: ARG002 - both kinds are looked for
    ) -> list[ResolveResult]:
        found = await self._find(host, port)
        return [
            ResolveResult(
                hostname=host,
                host=str(one),
                port=port,
                family=socket.AF_INET if isinstance(one, IPv4Address) else socket.AF_INET6,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for one in found
        ]

    async def close(self) -> None:
        """Nothing is open."""


class HttpSender:
    """Its sessions are opened at the first request, one for each scheme; `close` ends them.

    `ca_file` is one more authority besides the machine's, or the only one when it is `pinned`.
    """

    def __init__(self, find: Find, deadline_s: float, ca_file: Path | None = None, *, pinned: bool = False) -> None:
        self._find = find
        self._deadline_s = deadline_s
        self._ca_file = ca_file
        self._pinned = pinned
        self._sessions: dict[str, aiohttp.ClientSession] = {}

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Whatever happens is in the answer; only cancellation is raised."""
        return await self.send("POST", URL(url), body, headers)

    async def send(
        self,
        method: str,
        url: URL,
        body: bytes | AsyncIterator[bytes],
        headers: Mapping[str, str],
        *,
        answer_bytes: int = ANSWER_BYTES,
    ) -> Answer:
        """As `post`. A body that comes in pieces has the whole deadline again for each of them."""
        try:
            async with asyncio.timeout(self._deadline_s) as limit:
                steady = body if isinstance(body, bytes) else _steady(body, limit, self._deadline_s)
                return await self._send(method, url, steady, headers, answer_bytes)
        except TimeoutError:
            return Answer(None, f"no answer within {self._deadline_s:g} s")
        except aiohttp.ClientSSLError:
            return Answer(None, "its certificate was refused")
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return Answer(None, _words(error))

    async def _send(
        self, method: str, url: URL, body: bytes | AsyncIterator[bytes], headers: Mapping[str, str], answer_bytes: int
    ) -> Answer:
        """An address in the place of a name is checked here: no resolver is asked about it."""
        await self._find(url.raw_host or "", url.port or 0, encrypted=url.scheme == "https")
        if url.scheme not in self._sessions:
            self._sessions[url.scheme] = await self._open(url.scheme)
        async with self._sessions[url.scheme].request(
            method, url, data=body, headers=headers, allow_redirects=False, timeout=NO_LIMIT
        ) as answer:
            said = await _read(answer.content, answer_bytes)
            heads = {name.lower(): value for name, value in answer.headers.items()}
            return Answer(answer.status, None, _seconds(answer.headers.get("Retry-After")), heads, said)

    async def _open(self, scheme: str) -> aiohttp.ClientSession:
        make = pinned_context if self._pinned else tls_context
        context = await asyncio.to_thread(make, self._ca_file)
        connector = aiohttp.TCPConnector(
            resolver=_Checked(self._find, encrypted=scheme == "https"),
            use_dns_cache=False,
            ssl=context,
            limit=0,
            keepalive_timeout=KEPT_OPEN_S,
        )
        return aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            auto_decompress=False,
            max_line_size=8190,
            max_field_size=8190,
        )

    async def close(self) -> None:
        while self._sessions:
            await self._sessions.popitem()[1].close()


def tls_context(ca_file: Path | None = None) -> ssl.SSLContext:
    """The machine's authorities, and one more if it is given."""
    context = ssl.create_default_context()
    if ca_file is not None:
        context.load_verify_locations(ca_file)
    return context


def pinned_context(ca_file: Path | None = None) -> ssl.SSLContext:
    """Whoever is named in `ca_file` and nobody else; the machine's authorities when there is none."""
    return ssl.create_default_context(cafile=ca_file)


async def _steady(body: AsyncIterator[bytes], limit: asyncio.Timeout, deadline_s: float) -> AsyncIterator[bytes]:
    loop = asyncio.get_running_loop()
    async for piece in body:
        limit.reschedule(loop.time() + deadline_s)
        yield piece


async def _read(content: aiohttp.StreamReader, most_bytes: int) -> bytes:
    """What comes, up to so many bytes."""
    said = bytearray()
    while len(said) < most_bytes and (more := await content.read(most_bytes - len(said))):
        said += more
    return bytes(said)


def _seconds(text: str | None) -> float | None:
    """Of a Retry-After in seconds; the other form, a date, needs both clocks to be right."""
    if text is None or len(text) > LONGEST_WAIT_DIGITS or not (text.isascii() and text.isdecimal()):
        return None
    return float(text)


def _words(error: Exception) -> str:
    """Why nobody answered; never an address with a secret in it."""
    inner = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error
    if isinstance(inner, OSError) and inner.strerror:
        return inner.strerror
    if isinstance(error, aiohttp.ServerDisconnectedError | ConnectionResetError):
        return "the connection was broken off"
    return type(inner).__name__
