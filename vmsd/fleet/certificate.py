"""The certificates sites show: for somebody to compare, and for programs that know a site by nothing else."""

from __future__ import annotations

import asyncio
import hashlib
import re
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from yarl import URL

from vmsd.errors import Invalid
from vmsd.fleet.sites import Site, Sites

CONNECT_S = 10.0
_HERE = re.compile(r"localhost|127\..*|::1|[^.]+\.local")
"""Every box's own certificate says these; nobody is between the office and them."""
_PEM = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----\n?", re.DOTALL)


@dataclass(frozen=True)
class Shown:
    """What was shown to whoever connects, trusted or not; `key` and `fingerprint` are SHA-256."""

    pem: str
    key: bytes
    fingerprint: bytes

    def is_of(self, site: Site) -> bool:
        """Never by `ca`: that is what these certificates are to make."""
        if site.key is not None:
            return site.key == self.key
        return site.fingerprint is not None and site.fingerprint == self.fingerprint


@dataclass(frozen=True)
class Renewed:
    """A file of certificates made anew, and the names of sites that did not answer or were not who they should be."""

    pem: str
    left: Sequence[str]


async def shown_by(url: str) -> Shown:
    """OSError when nobody answers in time, however slowly it speaks."""
    place = URL(url if "://" in url else f"https://{url}")
    if place.scheme != "https" or place.host is None or place.port is None:
        raise Invalid("the address must be https:// and a host")
    try:
        async with asyncio.timeout(CONNECT_S):
            _, writer = await asyncio.open_connection(place.host, place.port, ssl=_anybody())
    except TimeoutError:
        raise TimeoutError(f"no answer within {CONNECT_S:g} s") from None
    der = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.transport.abort()
    return Shown(ssl.DER_cert_to_PEM_cert(der), key_digest(der), hashlib.sha256(der).digest())


def _anybody() -> ssl.SSLContext:
    """Nothing is said to whoever answers."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def key_digest(der: bytes) -> bytes:
    """Of the public key as it stands in the certificate; empty for one that cannot be read."""
    try:
        public_key = x509.load_der_x509_certificate(der).public_key()
    except (ValueError, UnsupportedAlgorithm):
        return b""
    return hashlib.sha256(public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).digest()


def spelled(digest: bytes) -> str:
    """As a box's own console and browsers show it."""
    return digest.hex(":").upper()


async def renew(sites: Sites, before: str) -> Renewed:
    """Of the sites that are known by their key; `before` is the file as it was: what is in it of all others stays."""
    turns, pinned = asyncio.Semaphore(sites.parallel), [site for site in sites.items if site.ca is None]
    hosts = frozenset(_host(site) for site in sites.items)

    async def one(site: Site) -> Shown | None:
        async with turns:
            try:
                shown = await shown_by(site.url)
            except (OSError, ValueError):
                return None
        return shown if shown.is_of(site) and speaks_for_itself(shown.pem, _host(site), hosts) else None

    found = await asyncio.gather(*(one(site) for site in pinned))
    new = [shown for shown in found if shown is not None]
    keys = {shown.key for shown in new}
    kept = [pem for pem in _PEM.findall(before) if key_digest(ssl.PEM_cert_to_DER_cert(pem)) not in keys]
    left = [site.name for site, shown in zip(pinned, found, strict=True) if shown is None]
    return Renewed("".join([*(shown.pem for shown in new), *kept]), left)


def speaks_for_itself(pem: str, host: str, hosts: frozenset[str]) -> bool:
    """Whoever reads the file believes each certificate in it for every name it bears, and each authority for all.

    So a box that was broken into, and whose key is the right one, must not show one that is good for another site.
    """
    try:
        certificate = x509.load_pem_x509_certificate(pem.encode())
        if certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca:
            return False
        named = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (ValueError, x509.ExtensionNotFound, x509.DuplicateExtension, x509.UnsupportedGeneralNameType):
        return False
    names = [name.lower() for name in named.get_values_for_type(x509.DNSName)]
    names += [str(address) for address in named.get_values_for_type(x509.IPAddress)]
    others = {other for other in hosts if other != host and not _HERE.fullmatch(other)}
    return not any(fnmatchcase(other, name) for other in others for name in names)


def _host(site: Site) -> str:
    return (URL(site.url).raw_host or "").lower()
