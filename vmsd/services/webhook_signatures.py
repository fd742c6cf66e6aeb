"""Who signed a report, and when: three ways of signing, each compared in constant time.

Standard-Webhooks: the headers `webhook-id`, `webhook-timestamp` and `webhook-signature` (`v1,<base64>`, several with
spaces between them), over `id.timestamp.body`; the key is what follows `whsec_`, as base64. For who finds that too much
there is `X-Signature: sha256=<hex>` over the body, or a member `signature`, in hex, of the body itself, over all its
other members as JSON with sorted names; there the key is the secret as it was shown.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import re
import secrets
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from vmsd.errors import NotLoggedIn
from vmsd.model.detection import WebhookKey

PREFIX = "whsec_"
SECRET_BYTES = 32
ID, TIMESTAMP, SIGNATURES, PLAIN = "webhook-id", "webhook-timestamp", "webhook-signature", "X-Signature"
MOST_SIGNATURES = 8
MOST_ID_CHARS = 256
SECOND_MS = 1000
_SECONDS = re.compile(r"[0-9]{1,12}")
_REFUSED = "the report is not signed, or not with a key of this box"


@dataclass(frozen=True)
class Signature:
    """`nonce` is the same whenever the very same report comes again; `at_ms` is None where only the body has a time."""

    key: WebhookKey
    nonce: bytes
    at_ms: int | None = None


def new_secret() -> str:
    return PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def find_in_headers(headers: Mapping[str, str], raw: bytes, keys: Collection[WebhookKey]) -> Signature | None:
    """None where the headers say nothing; raises `NotLoggedIn` for what nobody here has signed."""
    if SIGNATURES in headers:
        return _standard(headers, raw, keys)
    if PLAIN in headers:
        given = headers[PLAIN].strip().removeprefix("sha256=").lower()
        return _found(_signer([raw], [given], keys), raw)
    return None


def find_in_body(body: Mapping[str, Any], keys: Collection[WebhookKey]) -> Signature:
    """By its member `signature`; raises as `find_in_headers` does."""
    given = body.get("signature")
    if not isinstance(given, str):
        raise NotLoggedIn(_REFUSED)
    try:
        texts = list(dict.fromkeys(_spellings({name: value for name, value in body.items() if name != "signature"})))
    except RecursionError as error:
        raise NotLoggedIn(_REFUSED) from error
    return _found(_signer(texts, [given.strip().removeprefix("sha256=").lower()], keys), texts[0])


def _spellings(body: Mapping[str, Any]) -> Iterator[bytes]:
    """The first one is what ours is; the others are what people take for it."""
    for separators in ((",", ":"), (", ", ": ")):
        for ascii_alone in (False, True):
            text = json.dumps(body, sort_keys=True, separators=separators, ensure_ascii=ascii_alone)
            yield text.encode("utf-8", "surrogatepass")


def _standard(headers: Mapping[str, str], raw: bytes, keys: Collection[WebhookKey]) -> Signature:
    message_id, seconds = headers.get(ID, ""), headers.get(TIMESTAMP, "").strip()
    if not 0 < len(message_id) <= MOST_ID_CHARS or not _SECONDS.fullmatch(seconds):
        raise NotLoggedIn(_REFUSED)
    signed = f"{message_id}.{seconds}.".encode("utf-8", "surrogateescape") + raw
    versions = [one.partition(",") for one in headers[SIGNATURES].split()[:MOST_SIGNATURES]]
    given = [signature for version, _, signature in versions if version == "v1"]
    key = _signer([signed], given, keys, standard=True)
    nonce = _nonce(key, b"id", message_id.encode("utf-8", "surrogateescape"))
    return Signature(key, nonce, int(seconds) * SECOND_MS)


def _found(key: WebhookKey, signed: bytes) -> Signature:
    return Signature(key, _nonce(key, b"text", signed))


def _nonce(key: WebhookKey, kind: bytes, text: bytes) -> bytes:
    return hashlib.sha256(b"\n".join((key.public_id.encode(), kind, text))).digest()


def _signer(
    texts: Collection[bytes], given: Collection[str], keys: Collection[WebhookKey], *, standard: bool = False
) -> WebhookKey:
    """Every key is tried, also after the right one: how long it takes tells nothing."""
    signer = None
    for key in keys:
        secret = _key_of(key, standard=standard)
        made = [_signature(secret, text, standard=standard) for text in texts] if secret else []
        for signature in made:
            for one in given:
                if hmac.compare_digest(signature, one.encode("utf-8", "surrogateescape")):
                    signer = key
    if signer is None:
        raise NotLoggedIn(_REFUSED)
    return signer


def _key_of(key: WebhookKey, *, standard: bool) -> bytes | None:
    if key.secret is None or not standard:
        return (key.secret and key.secret.encode()) or None
    try:
        return base64.b64decode(key.secret.removeprefix(PREFIX), validate=True)
    except binascii.Error:
        return None


def _signature(secret: bytes, text: bytes, *, standard: bool) -> bytes:
    digest = hmac.digest(secret, text, "sha256")
    return base64.b64encode(digest) if standard else digest.hex().encode()
