"""Web Push: a message only one browser can read (RFC 8291), and the proof of which box sends it (RFC 8292)."""

from __future__ import annotations

import json
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDH,
    ECDSA,
    SECP256R1,
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
    derive_private_key,
    generate_private_key,
)
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from yarl import URL

from vmsd.host.durable import make_folder, write_durably

NUMBER_BYTES = 32
POINT_BYTES = 65
AUTH_BYTES = 16
SALT_BYTES = 16
RECORD_BYTES = 4096
MOST_BYTES = 3993
"""Of a message, so that it is one record of what every push service takes (RFC 8291, section 4)."""
TOKEN_S = 12 * 3600
"""How long a proof counts; at most a day (RFC 8292, section 2)."""
LAST = b"\x02"
"""Ends the last record."""


@dataclass(frozen=True)
class Subscription:
    """What a browser gave away of itself: where to, its public key, and a secret."""

    endpoint: str
    public_key: bytes
    auth: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.auth) != AUTH_BYTES:
            raise ValueError(f"auth must be {AUTH_BYTES} bytes long")
        _point(self.public_key)


class PushKey:
    """The box's own, made once: a browser subscribes to messages of whoever has it, and takes no other's."""

    def __init__(self, private: EllipticCurvePrivateKey) -> None:
        self._private = private
        self.public_key = _bytes_of(private.public_key())

    @property
    def public_text(self) -> str:
        return encoded(self.public_key)

    def authorization(self, endpoint: str, contact: str, now_s: int) -> str:
        """The value of the header `Authorization` for one push service."""
        claims = {"aud": str(URL(endpoint).origin()), "exp": now_s + TOKEN_S, "sub": contact}
        signed = f"{_part({'typ': 'JWT', 'alg': 'ES256'})}.{_part(claims)}"
        first, second = decode_dss_signature(self._private.sign(signed.encode(), ECDSA(hashes.SHA256())))
        signature = first.to_bytes(NUMBER_BYTES, "big") + second.to_bytes(NUMBER_BYTES, "big")
        return f"vapid t={signed}.{encoded(signature)}, k={self.public_text}"


def load_push_key(data_dir: Path) -> PushKey:
    """Kept beside the box's other keys, made now if it is not there yet."""
    file = data_dir / "keys" / "push.key"
    if not file.exists():
        make_folder(file.parent)
        number = generate_private_key(SECP256R1()).private_numbers().private_value
        write_durably(file, number.to_bytes(NUMBER_BYTES, "big"))
    return PushKey(derive_private_key(int.from_bytes(file.read_bytes(), "big"), SECP256R1()))


def encrypt(
    clear: bytes,
    to: Subscription,
    *,
    salt: bytes | None = None,
    own: EllipticCurvePrivateKey | None = None,
) -> bytes:
    """One record of `aes128gcm`; salt and own key are new for every message, and given by tests alone."""
    if len(clear) > MOST_BYTES:
        raise ValueError(f"a message has at most {MOST_BYTES} bytes")
    salt, own = salt or secrets.token_bytes(SALT_BYTES), own or generate_private_key(SECP256R1())
    own_public = _bytes_of(own.public_key())
    shared = own.exchange(ECDH(), _point(to.public_key))
    about = b"WebPush: info\x00" + to.public_key + own_public
    secret = _derive(shared, to.auth, about, 32)
    key = _derive(secret, salt, b"Content-Encoding: aes128gcm\x00", 16)
    nonce = _derive(secret, salt, b"Content-Encoding: nonce\x00", 12)
    head = salt + RECORD_BYTES.to_bytes(4, "big") + bytes([len(own_public)]) + own_public
    return head + AESGCM(key).encrypt(nonce, clear + LAST, None)


def encoded(content: bytes) -> str:
    return urlsafe_b64encode(content).rstrip(b"=").decode()


def decoded(text: str) -> bytes:
    """Raises ValueError."""
    return urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))


def _derive(secret: bytes, salt: bytes, about: bytes, length: int) -> bytes:
    return HKDF(hashes.SHA256(), length, salt, about).derive(secret)


def _point(key: bytes) -> EllipticCurvePublicKey:
    """Raises ValueError for what is no point of the curve."""
    if len(key) != POINT_BYTES:
        raise ValueError(f"a public key is {POINT_BYTES} bytes long")
    return EllipticCurvePublicKey.from_encoded_point(SECP256R1(), key)


def _bytes_of(key: EllipticCurvePublicKey) -> bytes:
    return key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def _part(content: Mapping[str, object]) -> str:
    return encoded(json.dumps(content, separators=(",", ":")).encode())
