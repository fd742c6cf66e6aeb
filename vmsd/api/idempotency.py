"""Requests that create something, sent twice under one `Idempotency-Key`: done once, answered twice.

The header is that of the IETF draft `draft-ietf-httpapi-idempotency-key-header`. What is not covered: power that
fails between the creation and the keeping of its answer, a few milliseconds, leaves the key unused.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import ClassVar

import structlog
from aiohttp import hdrs, web

from vmsd.api.bodies import read_bytes
from vmsd.api.door import ROUTE, caller_of
from vmsd.api.policy import Handler, Route, Tenant
from vmsd.clock import Clock
from vmsd.errors import FieldProblem, Invalid, Malformed, StillRunning, VmsdError
from vmsd.store.idempotency import Claim, KeptAnswers

log = structlog.get_logger()

KEY_HEADER = "Idempotency-Key"
REPLAYED_HEADER = "Idempotent-Replayed"
SAID_AGAIN = (hdrs.CONTENT_TYPE, hdrs.CACHE_CONTROL, hdrs.LOCATION, "ETag")
_KEY = re.compile(r"[\x21-\x7e]{1,255}")


class OncePerKey:
    """The middleware, inside the door; what is running is known in memory, what was answered in the store."""

    __middleware_version__: ClassVar[int] = 1

    def __init__(self, kept: KeptAnswers, clock: Clock) -> None:
        self._kept = kept
        self._clock = clock
        self._running: dict[tuple[int, bytes], Claim] = {}

    async def __call__(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        route = request.get(ROUTE)
        if route is None or not route.creates or route.tenant == Tenant.PUBLIC or KEY_HEADER not in request.headers:
            return await handler(request)
        claim = await _claim(request, route)
        place = claim.person_id, claim.key_hash
        if place in self._running:
            _refuse_other(claim, self._running[place])
            raise StillRunning("this very request is being answered just now")
        self._running[place] = claim
        try:
            return await self._answer(claim, request, handler)
        finally:
            del self._running[place]

    async def _answer(self, claim: Claim, request: web.Request, handler: Handler) -> web.StreamResponse:
        found = await self._kept.find(claim, self._clock.wall_ms())
        if found is not None:
            _refuse_other(claim, found.claim)
            return _unpack(found.answer)
        response = await handler(request)
        packed = _pack(response)
        if packed is not None:
            await self._keep(claim, packed)
        return response

    async def _keep(self, claim: Claim, packed: bytes) -> None:
        """What was created stands, and its answer goes out, whether or not it can be kept for a second time."""
        try:
            await self._kept.keep(claim, packed, self._clock.wall_ms())
        except VmsdError as error:
            log.warning("idempotency.not_kept", error=type(error).__name__)


async def _claim(request: web.Request, route: Route) -> Claim:
    """A key is one person's on one route; the same request comes with the same powers, for the same city."""
    keys = request.headers.getall(KEY_HEADER)
    if len(keys) != 1 or not _KEY.fullmatch(keys[0]):
        raise Malformed(f"{KEY_HEADER} is one word of 1 to 255 visible ASCII characters")
    caller, body = caller_of(request), await read_bytes(request)
    powers = (caller.token_hash or b"").hex()
    said = [caller.means, powers, request.rel_url.raw_path_qs, caller.city_id or "", request.content_type]
    return Claim(
        caller.person.id,
        hashlib.sha256(f"{route.method} {route.path}\n{keys[0]}".encode()).digest(),
        hashlib.sha256(json.dumps(said).encode() + b"\n" + body).digest(),
    )


def _refuse_other(claim: Claim, earlier: Claim) -> None:
    if claim.request_hash != earlier.request_hash:
        problem = FieldProblem(f"/{KEY_HEADER}", "was sent with another request before")
        raise Invalid("the idempotency key was refused", problem)


def _pack(response: web.StreamResponse) -> bytes | None:
    """None for what is not said again: errors, which may be tried again, and streams."""
    if not isinstance(response, web.Response) or not 200 <= response.status < 300:  # noqa: PLR2004 - RFC 9110, 15.3
        return None
    body = response.body or b""
    if not isinstance(body, bytes):
        return None
    headers = {name: response.headers[name] for name in SAID_AGAIN if name in response.headers}
    return json.dumps({"status": response.status, "headers": headers}).encode() + b"\n" + body


def _unpack(packed: bytes) -> web.Response:
    head, _, body = packed.partition(b"\n")
    said = json.loads(head)
    return web.Response(status=said["status"], headers=said["headers"] | {REPLAYED_HEADER: "true"}, body=body or None)
