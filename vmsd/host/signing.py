"""The box's own Ed25519 key: made at first start, and what it signs can be checked with the public half alone."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from vmsd.errors import BadSetting
from vmsd.host.durable import sync
from vmsd.model.audit import fingerprint

NAME = "signing.key"
MODE = 0o600


class BoxKey:
    """Signs for this box. `public_key` is its 32 bytes; `fingerprint` is what people compare."""

    def __init__(self, private: Ed25519PrivateKey) -> None:
        self._private = private
        self._public = private.public_key()
        self.public_key = self._public.public_bytes_raw()
        self.fingerprint = fingerprint(self.public_key)

    def __repr__(self) -> str:
        return f"BoxKey({self.fingerprint})"

    @property
    def public_pem(self) -> str:
        """For whoever checks signatures with other programs."""
        return self._public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()

    def sign(self, statement: bytes) -> bytes:
        return self._private.sign(statement)

    def signed(self, statement: bytes, signature: bytes) -> bool:
        """Whether the signature is this box's."""
        try:
            self._public.verify(signature, statement)
        except InvalidSignature:
            return False
        return True


def load_box_key(data_dir: Path) -> BoxKey:
    """The key under `data_dir/keys`, made now if it is not there yet; PEM, readable by its owner alone.

    A systemd credential named `signing.key` takes its place. Raises `BadSetting` for what is no Ed25519 key.
    """
    credentials = os.environ.get("CREDENTIALS_DIRECTORY")
    credential = Path(credentials) / NAME if credentials else None
    if credential and credential.exists():
        return _parse(credential.read_bytes())
    file = data_dir / "keys" / NAME
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not file.exists():
        _make(file)
    file.chmod(MODE)
    return _parse(file.read_bytes())


def read_box_key(file: Path) -> BoxKey:
    """A key somebody else made; raises `BadSetting` for what is none, or not there."""
    try:
        return _parse(file.read_bytes())
    except FileNotFoundError as error:
        raise BadSetting(f"there is no {NAME}") from error


def _parse(pem: bytes) -> BoxKey:
    try:
        private = load_pem_private_key(pem, password=None)
    except (ValueError, TypeError) as error:
        raise BadSetting(f"{NAME} is not a private key in PEM without a password") from error
    if not isinstance(private, Ed25519PrivateKey):
        raise BadSetting(f"{NAME} is not an Ed25519 key")
    return BoxKey(private)


def _make(file: Path) -> None:
    """Durable before it is used; of two that make one at once, the first one's stays."""
    pem = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    temporary = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, MODE), "wb") as new:
        new.write(pem)
        new.flush()
        os.fsync(new.fileno())
    with suppress(FileExistsError):
        os.link(temporary, file)
    temporary.unlink()
    sync(file.parent)
