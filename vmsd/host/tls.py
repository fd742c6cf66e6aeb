"""The TLS a browser meets: which protocols and ciphers, and a certificate that changes while connections live."""

from __future__ import annotations

import os
import ssl

from vmsd.errors import Invalid
from vmsd.host.certificate import Pair

CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"
"""Of TLS 1.2: forward secrecy and authenticated encryption only; all of TLS 1.3 is so."""


class ServedCertificate:
    """`context` is for the listener, for good; every new handshake is answered with the pair served last.

    Each pair gets a context of its own, chosen during the handshake: one that is loaded over another leaves the
    former in place when their keys are of different kinds.
    """

    def __init__(self) -> None:
        self.pair: Pair | None = None
        self.refused: str | None = None
        """What is wrong with the operator's files, in words that may be shown."""
        self._answering: ssl.SSLContext | None = None
        self.context = _new_context()
        self.context.sni_callback = self._answer

    def serve(self, pair: Pair) -> None:
        """From the next handshake on; `Invalid`, and nothing changes, when TLS cannot use it."""
        context = _new_context()
        _load(context, pair)
        self._answering, self.pair = context, pair

    def _answer(self, connection: ssl.SSLSocket | ssl.SSLObject, _name: str | None, _: ssl.SSLContext) -> int | None:
        """Called for every handshake, whether it names a host or not."""
        if self._answering is None:
            return ssl.AlertDescription.ALERT_DESCRIPTION_INTERNAL_ERROR
        connection.context = self._answering
        return None


def _new_context() -> ssl.SSLContext:
    """No tickets: the key they are sealed with would open everything recorded since the start.

    TLS 1.3 then resumes nothing; TLS 1.2 what OpenSSL itself remembers, in memory, for a while.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(CIPHERS)
    context.set_alpn_protocols(["http/1.1"])
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_TICKET
    context.num_tickets = 0
    return context


def _load(context: ssl.SSLContext, pair: Pair) -> None:
    """Through memory: the key that is loaded is the key that was checked, and no copy of it touches a disk."""
    handle = os.memfd_create("tls", os.MFD_CLOEXEC)
    try:
        with os.fdopen(os.dup(handle), "wb") as file:
            file.write(pair.pem)
        context.load_cert_chain(f"/proc/self/fd/{handle}")
    except ssl.SSLError as error:
        raise Invalid(f"TLS cannot use the certificate: {error.reason}") from error
    finally:
        os.close(handle)
