"""Gzip for JSON that is long enough to be worth it."""

from __future__ import annotations

import asyncio
import gzip
from functools import lru_cache

from aiohttp import hdrs, web

from vmsd.api.headers import vary_on
from vmsd.api.policy import Handler

LEAST_BYTES = 1024
LEVEL = 1
"""0.4 ms for 100 kB, to a fifth; level 6 takes more than twice as long for a tenth less."""
ALONE_BYTES = 256 * 1024
"""From here on it takes more than a millisecond, and a thread does it."""
TEXTS = ("application/json", "application/openmetrics-text", "text/plain")
SAFE_METHODS = (hdrs.METH_GET, hdrs.METH_HEAD)


@web.middleware
async def compress_json(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Only what GET shows: a secret that was just made is the answer to a POST, and its length stays its own.

    HEAD is told the length GET would have.
    """
    response = await handler(request)
    if request.method in SAFE_METHODS and isinstance(response, web.Response) and not response.prepared:
        body = response.body
        if isinstance(body, bytes) and len(body) >= LEAST_BYTES and _is_json(response):
            await _compress(request, response, body)
    return response


async def _compress(request: web.Request, response: web.Response, body: bytes) -> None:
    vary_on(response, hdrs.ACCEPT_ENCODING)
    if not accepts_gzip(",".join(request.headers.getall(hdrs.ACCEPT_ENCODING, []))):
        return
    response.body = gzipped(body) if len(body) < ALONE_BYTES else await asyncio.to_thread(gzipped, body)
    response.headers[hdrs.CONTENT_ENCODING] = "gzip"


def gzipped(body: bytes) -> bytes:
    return gzip.compress(body, LEVEL, mtime=0)


def _is_json(response: web.Response) -> bool:
    kind = response.content_type
    return (kind in TEXTS or kind.endswith("+json")) and hdrs.CONTENT_ENCODING not in response.headers


@lru_cache(maxsize=256)
def accepts_gzip(accepted: str) -> bool:
    """By the `Accept-Encoding` of a request: RFC 9110, 12.5.3. Without one, or when in doubt, it does not."""
    weights: dict[str, float] = {}
    for one in accepted.split(","):
        coding, _, parameter = one.partition(";")
        weights[coding.strip().lower()] = _weight(parameter.strip().lower())
    named = [weights[name] for name in ("gzip", "x-gzip") if name in weights]
    return max(named, default=weights.get("*", 0.0)) > 0


def _weight(parameter: str) -> float:
    if not parameter:
        return 1.0
    name, _, value = parameter.partition("=")
    try:
        return float(value) if name.strip() == "q" else 0.0
    except ValueError:
        return 0.0
