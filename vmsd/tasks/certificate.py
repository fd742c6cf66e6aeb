"""Serves the right certificate: the operator's when there is a good one, else the box's own.

Reads: the operator's files, the box's own pair, its names and addresses. Writes: the box's own pair.
Keeps true: browsers are shown what lies in the files since at most `every_s`; a broken file changes nothing; the
box's own certificate names where the box is and has more than `RENEW_DAYS` left.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import structlog

from vmsd.clock import Clock, rfc3339
from vmsd.errors import Invalid
from vmsd.host.certificate import Pair, Subject, find_pair
from vmsd.host.own_certificate import OwnCertificate
from vmsd.host.tls import ServedCertificate

log = structlog.get_logger()


@dataclass(frozen=True)
class CertificateFiles:
    """`certificate` and `key` are the operator's, and only read; `own` is the folder of what the box makes."""

    certificate: Path
    key: Path
    own: Path


class CertificateTask:
    name: ClassVar[str] = "certificate"
    every_s: ClassVar[float] = 30.0
    deadline_s: ClassVar[float] = 20.0

    def __init__(
        self,
        served: ServedCertificate,
        files: CertificateFiles,
        subject: Callable[[], Subject],
        trusted_ms: Callable[[], int | None],
        clock: Clock,
    ) -> None:
        self._served, self._files, self._own = served, files, OwnCertificate(files.own)
        self._subject, self._trusted_ms, self._clock = subject, trusted_ms, clock
        self._given: Pair | None = None
        self._warned: int | None = None

    async def once(self) -> None:
        given = await self._find_given()
        if given is None or not self._take(given):
            await self._fall_back()
        self._warn()

    async def _find_given(self) -> Pair | None:
        """None when there are no files of the operator's, or no good ones; the latter is said once."""
        try:
            given = await asyncio.to_thread(find_pair, self._files.certificate, self._files.key)
            if given is not None:
                self._check_dates(given)
        except Invalid as error:
            self._refuse(str(error))
            return None
        except OSError as error:
            self._refuse(f"the files cannot be read: {error.strerror}")
            return None
        if given is None:
            self._given, self._served.refused = None, None
        return given

    def _check_dates(self, given: Pair) -> None:
        """What is being served stays when it expires: taking it away would help nobody."""
        now_ms = self._trusted_ms()
        if now_ms is None or self._is_served(given):
            return
        if given.not_after_ms <= now_ms:
            raise Invalid(f"the certificate expired at {rfc3339(given.not_after_ms)}")
        if given.not_before_ms > now_ms:
            raise Invalid(f"the certificate is valid only from {rfc3339(given.not_before_ms)}")

    def _take(self, given: Pair) -> bool:
        try:
            self._serve(given)
        except Invalid as error:
            self._refuse(str(error))
            return False
        self._given, self._served.refused = given, None
        return True

    async def _fall_back(self) -> None:
        """The operator's last good pair while his files are broken, else the box's own."""
        if self._given is not None:
            return
        now_ms = self._trusted_ms()
        own = await asyncio.to_thread(
            self._own.keep,
            self._subject(),
            self._clock.wall_ms() if now_ms is None else now_ms,
            clock_trusted=now_ms is not None,
        )
        self._serve(own)

    def _is_served(self, pair: Pair) -> bool:
        return self._served.pair is not None and self._served.pair.pem == pair.pem

    def _serve(self, pair: Pair) -> None:
        if self._is_served(pair):
            return
        self._served.serve(pair)
        self._warned = None
        log.info(
            "certificate.served",
            fingerprint=pair.fingerprint,
            key_pin=pair.key_pin,
            own=pair.made_here,
            names=[*pair.subject.names, *map(str, pair.subject.addresses)],
            not_after=rfc3339(pair.not_after_ms),
        )

    def _refuse(self, why: str) -> None:
        if why != self._served.refused:
            log.warning("certificate.refused", why=why)
        self._served.refused = why

    def _warn(self) -> None:
        """Once for each of 30, 7, 1 and 0 days left."""
        pair, now_ms = self._served.pair, self._trusted_ms()
        if pair is None or now_ms is None:
            return
        days = pair.expires_within_days(now_ms)
        if days is not None and days != self._warned:
            log.warning("certificate.expires", within_days=days, not_after=rfc3339(pair.not_after_ms))
        self._warned = days
