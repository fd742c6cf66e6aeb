"""The box's keys: made at first start, kept beside the database, never in it."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from vmsd.errors import BadSetting
from vmsd.host.durable import make_folder, write_durably

KEY_BYTES = 32
NONCE_BYTES = 12
KEY_ID = b"\x01"
BACK = (
    "bring the key back from its copy, or as the credential vmsd.vault.key of systemd; if it is lost for good, write"
    " 32 random bytes there, and type the passwords of the cameras again"
)


class Vault:
    """AES-256-GCM; what is sealed opens only under the name it was bound to.

    Sealed form: key id (1 byte), nonce (12 bytes), ciphertext with tag.
    """

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)

    def seal(self, clear: bytes, bound_to: str) -> bytes:
        nonce = secrets.token_bytes(NONCE_BYTES)
        return KEY_ID + nonce + self._cipher.encrypt(nonce, clear, bound_to.encode())

    def open(self, sealed: bytes, bound_to: str) -> bytes:
        """Raises `BadSetting` when the key is not the one it was sealed with."""
        nonce, rest = sealed[1 : 1 + NONCE_BYTES], sealed[1 + NONCE_BYTES :]
        try:
            return self._cipher.decrypt(nonce, rest, bound_to.encode())
        except InvalidTag as error:
            raise BadSetting("the key beside the database is not the one its secrets were sealed with") from error


@dataclass(frozen=True)
class Keys:
    """`recording_ids` makes the public ids of segments; `mediamtx_password` and `cdn_secret` are MediaMTX's."""

    vault: Vault
    recording_ids: bytes
    mediamtx_user: str
    mediamtx_password: str
    cdn_secret: str

    def __repr__(self) -> str:
        return "Keys(***)"


def load_keys(data_dir: Path, sealed: Callable[[], bool] = lambda: False) -> Keys:
    """The keys under `data_dir/keys`, made now if they are not there yet.

    A systemd credential named `vault.key` takes the place of the file of that name. Raises `BadSetting` when that key
    is missing and `sealed` says that something was sealed with it: another one would open nothing.
    """
    folder = data_dir / "keys"
    make_folder(folder)
    mediamtx = json.loads(_kept(folder / "mediamtx.json", _new_mediamtx))
    return Keys(
        vault=Vault(_vault_key(folder, sealed)),
        recording_ids=_kept(folder / "recording-ids.key", lambda: secrets.token_bytes(16)),
        mediamtx_user="vmsd",
        mediamtx_password=mediamtx["password"],
        cdn_secret=mediamtx["cdn_secret"],
    )


def _vault_key(folder: Path, sealed: Callable[[], bool]) -> bytes:
    credentials = os.environ.get("CREDENTIALS_DIRECTORY")
    credential = Path(credentials) / "vault.key" if credentials else None
    if credential and credential.exists():
        key = credential.read_bytes()
    else:
        if not (folder / "vault.key").exists() and sealed():
            raise BadSetting(
                f"{folder / 'vault.key'} is missing, but the database holds secrets sealed with it: {BACK}"
            )
        key = _kept(folder / "vault.key", lambda: secrets.token_bytes(KEY_BYTES))
    if len(key) != KEY_BYTES:
        raise BadSetting(f"vault.key must be {KEY_BYTES} bytes long")
    return key


def _new_mediamtx() -> bytes:
    return json.dumps({"password": secrets.token_urlsafe(32), "cdn_secret": secrets.token_hex(32)}).encode()


def _kept(file: Path, make: Callable[[], bytes]) -> bytes:
    if file.exists():
        return file.read_bytes()
    content = make()
    write_durably(file, content)
    return content
