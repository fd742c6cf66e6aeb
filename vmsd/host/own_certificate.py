"""The box's own certificate: made at first start, renewed in time, its key kept for good."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import structlog
from cryptography.hazmat.primitives.asymmetric import ec

from vmsd.errors import Invalid
from vmsd.host.certificate import (
    DAY_MS,
    Pair,
    PrivateKey,
    Subject,
    make_certificate,
    parse_key,
    parse_pair,
    pem_of_key,
)
from vmsd.host.durable import make_folder, write_durably

log = structlog.get_logger()

CERTIFICATE, KEY = "certificate.pem", "key.pem"
RENEW_DAYS = 30
FORMER_ADDRESSES = 16
"""Addresses the box no longer has stay named, so that one that comes and goes renews nothing."""


@dataclass(frozen=True)
class OwnCertificate:
    """The pair in `folder`. What the box did not make, or cannot read, is set aside and never overwritten."""

    folder: Path

    def keep(self, subject: Subject, now_ms: int, *, clock_trusted: bool) -> Pair:
        """The pair as it should be now, made or renewed if need be. Blocks on the disk; OSError.

        While the clock is not trusted nothing is renewed: the dates would be wrong.
        """
        make_folder(self.folder.parent)
        make_folder(self.folder)
        try:
            key, pair = self._find()
        except Invalid as error:
            self._set_aside(str(error), now_ms)
            key, pair = None, None
        if pair is None:
            return self._make(key, subject, now_ms, "none")
        reason = renewal_reason(pair, subject, now_ms) if clock_trusted else None
        return pair if reason is None else self._make(key, _with_former(subject, pair), now_ms, reason)

    def _find(self) -> tuple[PrivateKey | None, Pair | None]:
        key_pem, certificate = _read(self.folder / KEY), _read(self.folder / CERTIFICATE)
        if key_pem is None:
            if certificate is not None:
                raise Invalid("there is a certificate but no key")
            return None, None
        (self.folder / KEY).chmod(0o600)
        key = parse_key(key_pem)
        if certificate is None:
            return key, None
        pair = parse_pair(certificate, key_pem)
        if not pair.made_here:
            raise Invalid("this box did not make it")
        return key, pair

    def _make(self, key: PrivateKey | None, subject: Subject, now_ms: int, reason: str) -> Pair:
        if key is None:
            key = ec.generate_private_key(ec.SECP256R1())
            write_durably(self.folder / KEY, pem_of_key(key))
        certificate = make_certificate(key, subject, now_ms)
        write_durably(self.folder / CERTIFICATE, certificate)
        pair = parse_pair(certificate, pem_of_key(key))
        log.info("certificate.made", reason=reason, fingerprint=pair.fingerprint)
        return pair

    def _set_aside(self, why: str, now_ms: int) -> None:
        aside = self.folder.with_name(f"{self.folder.name}-aside-{now_ms}")
        self.folder.rename(aside)
        make_folder(self.folder)
        log.warning("certificate.set_aside", why=why, folder=aside.name)


def renewal_reason(pair: Pair, subject: Subject, now_ms: int) -> str | None:
    """Why the box's own certificate must be made again; None while it is good."""
    if pair.not_after_ms - now_ms < RENEW_DAYS * DAY_MS:
        return "expires"
    if pair.not_before_ms > now_ms:
        return "not_yet_valid"
    if not set(subject.names) <= set(pair.subject.names):
        return "names"
    if not set(subject.addresses) <= set(pair.subject.addresses):
        return "addresses"
    return None


def _with_former(subject: Subject, pair: Pair) -> Subject:
    former = [one for one in pair.subject.addresses if one not in subject.addresses]
    return Subject(subject.names, (*subject.addresses, *former[:FORMER_ADDRESSES]))


def _read(file: Path) -> bytes | None:
    try:
        return file.read_bytes()
    except FileNotFoundError:
        return None
