"""Asks one site for its status: over TLS with the certificate it must have, within a time and a size, once."""

from __future__ import annotations

import asyncio
import errno
import os
import ssl
import zlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
from yarl import URL

from vmsd.errors import BadSetting
from vmsd.fleet.certificate import key_digest
from vmsd.fleet.sites import Site

PATH = "/api/v1/status"
MOST_BYTES = 64 * 1024
"""Of an answer, unpacked: three times what the document may have."""
READ_BYTES = 16 * 1024
OK = 200
REDIRECTS = range(300, 400)
REFUSED = (401, 403)
GZIP = 16 + zlib.MAX_WBITS
WHY = {
    errno.ECONNREFUSED: "why.refused",
    errno.ECONNRESET: "why.reset",
    errno.EPIPE: "why.reset",
    errno.EHOSTUNREACH: "why.no_way",
    errno.ENETUNREACH: "why.no_way",
}


class Refusal(Exception):
    """Why there is no document: a code of `words.FINDINGS` and its facts."""

    def __init__(self, code: str, facts: Mapping[str, object]) -> None:
        super().__init__(code)
        self.code, self.facts = code, facts


class KeyPin(aiohttp.Fingerprint):
    """The certificate must be of this key, whatever else it says: a box renews its own with the same one."""

    def check(self, transport: asyncio.Transport) -> None:
        shown = transport.get_extra_info("ssl_object").getpeercert(binary_form=True)
        found = key_digest(shown)
        if found != self.fingerprint:
            raise aiohttp.ServerFingerprintMismatch(self.fingerprint, found, "", 0)


class Asker:
    """One for a whole round; opened by `asking`."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session
        self._contexts: dict[Path, ssl.SSLContext] = {}

    async def ask(self, site: Site, audit_row: int | None) -> bytes:
        """The bytes of its answer; `Refusal` when there are none, or none that may be looked at."""
        try:
            async with asyncio.timeout(site.timeout_s):
                return await self._ask(site, audit_row)
        except TimeoutError:
            raise Refusal("timeout", {"seconds": f"{site.timeout_s:g}"}) from None
        except (aiohttp.ServerFingerprintMismatch, aiohttp.ClientConnectorCertificateError):
            raise Refusal("certificate", {}) from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise Refusal("unreachable", {"why": _why(error)}) from None

    async def _ask(self, site: Site, audit_row: int | None) -> bytes:
        headers = {"Authorization": f"Bearer {site.token}", "Accept": "application/json", "Accept-Encoding": "gzip"}
        url = URL(site.url + PATH)
        if audit_row:
            url = url.with_query(audit_row=audit_row)
        async with self._session.get(url, headers=headers, ssl=self._known_by(site), allow_redirects=False) as answer:
            _refuse_status(answer.status)
            return await _read(answer)

    def _known_by(self, site: Site) -> ssl.SSLContext | aiohttp.Fingerprint:
        if site.key is not None:
            return KeyPin(site.key)
        if site.fingerprint is not None:
            return aiohttp.Fingerprint(site.fingerprint)
        assert site.ca is not None  # noqa: S101 - the file of sites wants one of the two
        if site.ca not in self._contexts:
            self._contexts[site.ca] = context_of(site.ca)
        return self._contexts[site.ca]


@asynccontextmanager
async def asking(parallel: int) -> AsyncIterator[Asker]:
    """Nobody's proxy and nobody's cookies; a connection is used once."""
    connector = aiohttp.TCPConnector(limit=parallel, force_close=True)
    jar, timeout = aiohttp.DummyCookieJar(), aiohttp.ClientTimeout(total=None)
    async with aiohttp.ClientSession(
        connector=connector, cookie_jar=jar, timeout=timeout, auto_decompress=False, trust_env=False
    ) as session:
        yield Asker(session)


def context_of(ca: Path) -> ssl.SSLContext:
    """Trusts what stands in this file and nothing else, a site's own certificate as well as an authority's."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    try:
        context.load_verify_locations(ca)
    except (ssl.SSLError, OSError) as error:
        raise BadSetting(f"{ca}: no certificates in PEM") from error
    return context


def _refuse_status(status: int) -> None:
    if status == OK:
        return
    code = "token_refused" if status in REFUSED else "redirects" if status in REDIRECTS else "http_status"
    raise Refusal(code, {"status": status})


async def _read(answer: aiohttp.ClientResponse) -> bytes:
    """Unpacked here, a little at a time, so that nothing small becomes something huge."""
    coding = answer.headers.get("Content-Encoding", "identity").lower()
    if coding not in ("identity", "gzip"):
        raise Refusal("not_a_status", {"why": "Content-Encoding"})
    unpacker = zlib.decompressobj(GZIP) if coding == "gzip" else None
    body = bytearray()
    while piece := await answer.content.read(READ_BYTES):
        body += _unpacked(unpacker, piece, MOST_BYTES + 1 - len(body)) if unpacker else piece
        if len(body) > MOST_BYTES:
            raise Refusal("too_large", {"bytes": MOST_BYTES})
    return bytes(body)


def _unpacked(unpacker: "zlib._Decompress", piece: bytes, most: int) -> bytes:  # noqa: UP037 - known to mypy alone
    try:
        return unpacker.decompress(piece, most)
    except zlib.error:
        raise Refusal("not_a_status", {"why": "gzip"}) from None


def _why(error: Exception) -> str:
    """In words of ours or of the operating system; never in the site's own."""
    if isinstance(error, aiohttp.ClientConnectorSSLError | ssl.SSLError):
        return "why.tls"
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "why.no_name"
    number = error.errno if isinstance(error, OSError) else None
    if number is None:
        return "why.reset" if isinstance(error, aiohttp.ServerDisconnectedError) else "why.protocol"
    return WHY.get(number) or os.strerror(number)
