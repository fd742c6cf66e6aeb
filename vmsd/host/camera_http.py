"""Puts one question to a camera by HTTP: to a checked address, within limits, following nothing it answers."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

import aiohttp
from yarl import URL

MOST_BYTES = 512 * 1024
MOST_PICTURE_BYTES = 4 * 1024 * 1024
DEADLINE_S = 5.0
PIECE_BYTES = 64 * 1024


@dataclass(frozen=True)
class HttpAnswer:
    """`challenges`, in plain letters, are those of a camera that wants to know who asks.

    One that did not answer is an `OSError`.
    """

    status: int
    body: bytes
    challenges: Sequence[str] = ()


class CameraHttp:
    """Calls addresses, never names: who has checked one knows what is called.

    Nothing is compressed, no cookie and no connection is kept. A camera's certificate is of its own making: TLS hides
    what is said, and does not prove who hears it.
    """

    def __init__(self, deadline_s: float = DEADLINE_S) -> None:
        self._deadline_s = deadline_s

    async def ask(
        self, url: str, body: bytes | None, headers: Mapping[str, str], most_bytes: int = MOST_BYTES
    ) -> HttpAnswer:
        """POST of `body`, GET without one. `OSError` says in words why there is no answer, never whom was asked."""
        ip_address(urlsplit(url).hostname or "")
        try:
            async with asyncio.timeout(self._deadline_s):
                return await self._ask(url, body, headers, most_bytes)
        except TimeoutError as error:
            raise TimeoutError("the camera does not answer in time") from error
        except aiohttp.ClientConnectorError as error:
            raise OSError(error.os_error.errno, "nobody answers at this address") from error
        except (aiohttp.ClientError, ValueError) as error:
            raise ConnectionError("what answers there speaks no HTTP") from error

    async def _ask(self, url: str, body: bytes | None, headers: Mapping[str, str], most_bytes: int) -> HttpAnswer:
        connector = aiohttp.TCPConnector(ssl=False, force_close=True, limit=1)
        async with (
            aiohttp.ClientSession(
                connector=connector,
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=False,
                auto_decompress=False,
                max_line_size=8190,
                max_field_size=8190,
            ) as session,
            session.request(
                "GET" if body is None else "POST",
                URL(url, encoded=True),
                data=body,
                headers={"Accept-Encoding": "identity", "User-Agent": "vmsd", **headers},
                allow_redirects=False,
            ) as answer,
        ):
            content = await _read(answer.content, most_bytes)
            challenges = [one for one in answer.headers.getall("WWW-Authenticate", ()) if one.isascii()]
            return HttpAnswer(answer.status, content, challenges)


async def _read(stream: aiohttp.StreamReader, most_bytes: int) -> bytes:
    """ValueError for one that goes on for longer."""
    content = bytearray()
    async for piece in stream.iter_chunked(PIECE_BYTES):
        content += piece
        if len(content) > most_bytes:
            raise ValueError("the answer is too long")
    return bytes(content)
