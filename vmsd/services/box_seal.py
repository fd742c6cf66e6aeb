"""What the box signs: any document as canonical JSON, so that whoever has the document can check it.

Canonical is UTF-8 with sorted keys, without a space, letters as they are. Whole numbers are integers (1, never 1.0):
then RFC 8785 writes the same, and a browser can check it too.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from vmsd.host.signing import BoxKey
from vmsd.model.continuity import BoxIdentity, Signature

SERIAL_DIGITS = 12
"""Of the fingerprint: short enough to be read aloud, long enough to be one box's alone."""


class BoxSeal:
    def __init__(self, key: BoxKey) -> None:
        self._key = key

    @property
    def identity(self) -> BoxIdentity:
        fingerprint = self._key.fingerprint
        return {
            "serial": fingerprint[:SERIAL_DIGITS].upper(),
            "public_key": self._key.public_key.hex(),
            "fingerprint": fingerprint,
        }

    def sign(self, document: Mapping[str, Any]) -> Signature:
        return self.sign_bytes(canonical_json(document))

    def sign_bytes(self, signed: bytes) -> Signature:
        return {
            "algorithm": "Ed25519",
            "public_key": self._key.public_key.hex(),
            "fingerprint": self._key.fingerprint,
            "signature": self._key.sign(signed).hex(),
        }


def canonical_json(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()
