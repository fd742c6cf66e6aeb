"""What goes over the wire: one envelope for every way out, and the signature of webhooks (Standard Webhooks)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping

from vmsd.clock import rfc3339
from vmsd.model.destination import PLATE_READ, Item

SECRET_PREFIX = "whsec_"  # noqa: S105 - how secrets begin
SECRET_BYTES = 32
PLATES_EXCHANGE = "deteccoes"
EXCHANGE = "vmsd"
"""For everything that is not read from a plate."""


def envelope(item: Item, city: str) -> bytes:
    """JSON: `id` stays the same however often it is sent, `data` is what the topic says it is."""
    head = {"id": item.public_id, "type": item.topic, "time": rfc3339(item.at_ms), "city_id": city}
    text = json.dumps(head, ensure_ascii=False, separators=(",", ":"))
    return f'{text[:-1]},"data":{item.body}}}'.encode()


def new_secret() -> str:
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def signed_headers(message_id: str, now_s: int, body: bytes, secret: str) -> Mapping[str, str]:
    """The time is that of this attempt: what is late is not old for its receiver."""
    key = base64.b64decode(secret.removeprefix(SECRET_PREFIX))
    signature = hmac.digest(key, f"{message_id}.{now_s}.".encode() + body, hashlib.sha256)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(now_s),
        "webhook-signature": f"v1,{base64.b64encode(signature).decode()}",
    }


def exchange_of(topic: str) -> str:
    return PLATES_EXCHANGE if topic == PLATE_READ else EXCHANGE
