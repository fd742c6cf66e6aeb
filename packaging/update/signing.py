"""The keys of those who release: made, read and used only where a release is signed."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

PASSPHRASE = "UPDATE_KEY_PASSPHRASE"  # noqa: S105 - the name of a variable


class SigningError(Exception):
    """Told in one line."""


def make_key(private: Path, public: Path) -> str:
    """Nothing is ever overwritten; the fingerprint people compare."""
    key, passphrase = Ed25519PrivateKey.generate(), os.environ.get(PASSPHRASE)
    locked = BestAvailableEncryption(passphrase.encode()) if passphrase else NoEncryption()
    write_new(private, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, locked), 0o600)
    pem = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    write_new(public, pem, 0o644)
    return fingerprint(key)


def write_new(file: Path, content: bytes, mode: int) -> None:
    try:
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    except FileExistsError as error:
        raise SigningError(f"{file} is there already") from error
    with os.fdopen(handle, "wb") as opened:
        opened.write(content)


def read_key(file: Path) -> Ed25519PrivateKey:
    passphrase = os.environ.get(PASSPHRASE)
    try:
        key = load_pem_private_key(file.read_bytes(), passphrase.encode() if passphrase else None)
    except (ValueError, TypeError, OSError) as error:
        raise SigningError(f"{file}: {error}; a locked key needs {PASSPHRASE}") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise SigningError(f"{file} is not an Ed25519 key")
    return key


def public_bytes(file: Path) -> bytes:
    return load_pem_public_key(file.read_bytes()).public_bytes(Encoding.Raw, PublicFormat.Raw)


def fingerprint(key: Ed25519PrivateKey) -> str:
    return hashlib.sha256(key.public_key().public_bytes_raw()).hexdigest()
