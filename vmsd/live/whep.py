"""Speaks WHEP with MediaMTX: an offer is answered, candidates follow, and the pictures go another way."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import aiohttp
from aiohttp import hdrs

from vmsd.errors import Invalid, Malformed, MediaServerAway, NotFound

SDP = "application/sdp"
FRAGMENT = "application/trickle-ice-sdpfrag"
BODY_BYTES = 64 * 1024
"""The most of an offer, an answer or a list of candidates; MediaMTX takes twice as much."""
_NO_SUCH_PATH = "is not configured"
_NO_SUCH_CODEC = "codec"
OK, CREATED, NO_CONTENT, BAD_REQUEST, NOT_FOUND, FAILED = 200, 201, 204, 400, 404, 500


@dataclass(frozen=True)
class Answered:
    """What MediaMTX said to an offer; `media_id` names the session in its API, `secret` opens it at its address."""

    media_id: str
    secret: str = field(repr=False)
    sdp: bytes
    etag: str
    links: Sequence[str]


@dataclass(frozen=True)
class Said:
    """One answer of MediaMTX, read whole."""

    status: int
    headers: Mapping[str, str]
    links: Sequence[str]
    body: bytes


class WhepClient:
    """Every method raises `MediaServerAway` when MediaMTX is down, late, or answers nonsense.

    Who may watch was decided before; nothing of a viewer's request goes upstream but the body and `If-Match`.
    """

    def __init__(
        self, session: aiohttp.ClientSession, *, origin_url: str, user: str, password: str, deadline_s: float
    ) -> None:
        self._session = session
        self._origin_url = origin_url
        self._authorization = "Basic " + b64encode(f"{user}:{password}".encode()).decode()
        self._deadline_s = deadline_s

    async def open(self, path: str, offer: bytes) -> Answered:
        """`NotFound` when there is nothing to be seen, `Invalid` for an offer that cannot be answered."""
        said = await self._ask(hdrs.METH_POST, f"{path}/whep", offer, {"Content-Type": SDP})
        if said.status != CREATED:
            raise _refusal(said)
        secret = said.headers.get("Location", "").partition("?")[0].rpartition("/")[2]
        media_id = said.headers.get("ID", "")
        if not secret or not media_id:
            raise MediaServerAway("MediaMTX answered an offer without saying where")
        return Answered(media_id, secret, said.body, said.headers.get("ETag", "*"), said.links)

    async def add_candidates(self, path: str, secret: str, fragment: bytes, if_match: str | None) -> Said:
        """`NotFound` when the session has ended; the answer has a body when connecting begins anew."""
        headers = {"Content-Type": FRAGMENT} | ({"If-Match": if_match} if if_match else {})
        said = await self._ask(hdrs.METH_PATCH, f"{path}/whep/{secret}", fragment, headers)
        if said.status == NOT_FOUND:
            raise NotFound("there is no such call, or it has ended")
        if said.status in (BAD_REQUEST, FAILED):
            raise Invalid("the candidates were refused")
        if said.status not in (OK, NO_CONTENT):
            raise _unexpected(said)
        return said

    async def close(self, path: str, secret: str) -> None:
        """A session that has ended already is as good as one that ends now."""
        said = await self._ask(hdrs.METH_DELETE, f"{path}/whep/{secret}", b"", {})
        if said.status not in (OK, NO_CONTENT, NOT_FOUND):
            raise _unexpected(said)

    async def _ask(self, method: str, where: str, body: bytes, headers: Mapping[str, str]) -> Said:
        sent = {"Authorization": self._authorization, **headers}
        try:
            async with (
                asyncio.timeout(self._deadline_s),
                self._session.request(
                    method, f"{self._origin_url}/{where}", data=body, headers=sent, allow_redirects=False
                ) as response,
            ):
                return Said(
                    response.status, response.headers.copy(), response.headers.getall("Link", []), await _read(response)
                )
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise MediaServerAway("MediaMTX does not answer, or not in time.") from error


async def _read(response: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > BODY_BYTES:
            raise MediaServerAway("MediaMTX answered more than it may")
    return bytes(body)


def _refusal(said: Said) -> Exception:
    """Map what MediaMTX 1.20 answers to an offer; a path it does not know yet, or no more, has no signal."""
    text = said.body.decode("utf-8", "replace")
    if said.status == NOT_FOUND or (said.status == BAD_REQUEST and _NO_SUCH_PATH in text):
        return NotFound("The camera has no signal.")
    if said.status == BAD_REQUEST and _NO_SUCH_CODEC in text:
        return Invalid("The camera sends nothing that this browser can play over WebRTC.")
    if said.status == BAD_REQUEST:
        return Malformed("The offer cannot be answered.")
    return _unexpected(said)


def _unexpected(said: Said) -> MediaServerAway:
    return MediaServerAway(f"MediaMTX answered with the unexpected status {said.status}.")
