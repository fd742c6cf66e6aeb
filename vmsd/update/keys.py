"""Whose updates this box takes: release keys, and root keys that may replace the release keys."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Literal

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from pydantic import BaseModel, ConfigDict, Field

from vmsd.errors import BadSetting, Invalid
from vmsd.host.durable import write_durably
from vmsd.update.manifest import Moment

DOMAIN = b"vmsd update keys v1\n"
SIGNATURE_BYTES = 64
STATEMENT_BYTES = 16 * 1024
FILES = 16
PEM_BYTES = 4096
ROOT = "root"
"""A file whose name begins so holds a root key, any other a release key."""


class Replacement(BaseModel):
    """What a root key says: from now on these, and no others, are the release keys. A higher `serial` wins."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    format: Literal["vmsd-update-keys-1"]
    serial: int = Field(ge=1, le=2**31)
    created: Moment
    release: list[Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]] = Field(min_length=1, max_length=8)


@dataclass(frozen=True)
class TrustedKeys:
    """Public keys, 32 bytes each; `own` are the operator's, which no replacement touches."""

    release: tuple[bytes, ...] = ()
    root: tuple[bytes, ...] = ()
    own: tuple[bytes, ...] = ()
    serial: int = 0

    def signer(self, message: bytes, signature: bytes) -> bytes:
        """The key an update was signed with; `Invalid` when it is none of those trusted."""
        found = signer_among((*self.release, *self.own), message, signature)
        if found is None:
            raise Invalid("the update is not signed by anybody this box trusts, or it is damaged")
        return found


def signer_among(keys: Iterable[bytes], message: bytes, signature: bytes) -> bytes | None:
    for key in keys:
        with suppress(InvalidSignature):
            Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
            return key
    return None


def load_trusted(packaged: Path, own: Path, replacement: Path) -> TrustedKeys:
    """From the folder of the program, that of the operator, and what a root key has said since."""
    shipped, added = dict(_keys_in(packaged)), dict(_keys_in(own))
    release = tuple(key for name, key in shipped.items() if not name.startswith(ROOT))
    root = tuple(key for of in (shipped, added) for name, key in of.items() if name.startswith(ROOT))
    mine = tuple(key for name, key in added.items() if not name.startswith(ROOT))
    keys = TrustedKeys(release, root, mine)
    with suppress(FileNotFoundError, Invalid):  # one of a root key that is trusted no more counts for nothing
        return _replaced(keys, read_replacement(_content(replacement), keys))
    return keys


def read_replacement(content: bytes, keys: TrustedKeys) -> Replacement:
    """`Invalid` unless a trusted root key has signed it."""
    signature, text = content[:SIGNATURE_BYTES], content[SIGNATURE_BYTES:]
    if len(text) > STATEMENT_BYTES or signer_among(keys.root, DOMAIN + text, signature) is None:
        raise Invalid("the keys are not signed by a root key this box trusts")
    try:
        return Replacement.model_validate(json.loads(text))
    except (ValueError, RecursionError) as error:
        raise Invalid("the keys cannot be understood by this version") from error


def take_replacement(file: Path, keys: TrustedKeys, kept: Path) -> TrustedKeys:
    """Remember a replacement for good; an older one than the one at hand is `Invalid`, the same changes nothing."""
    content = _content(file)  # once: a stick may give something else when it is asked again
    found = read_replacement(content, keys)
    if found.serial < keys.serial:
        raise Invalid(f"these keys are older (serial {found.serial}) than those at hand ({keys.serial})")
    if found.serial > keys.serial:
        write_durably(kept, content)
        return _replaced(keys, found)
    return keys


def _content(file: Path) -> bytes:
    with file.open("rb") as opened:
        return opened.read(SIGNATURE_BYTES + STATEMENT_BYTES + 1)


def _replaced(keys: TrustedKeys, by: Replacement) -> TrustedKeys:
    return replace(keys, release=tuple(bytes.fromhex(one) for one in by.release), serial=by.serial)


def _keys_in(folder: Path) -> Iterator[tuple[str, bytes]]:
    """`BadSetting` names a file that is no public key."""
    for file in sorted(folder.glob("*.pub"))[:FILES]:
        with file.open("rb") as opened:
            pem = opened.read(PEM_BYTES)
        try:
            key = load_pem_public_key(pem)
        except (ValueError, UnsupportedAlgorithm) as error:
            raise BadSetting(f"{file} is not a public key in PEM") from error
        if not isinstance(key, Ed25519PublicKey):
            raise BadSetting(f"{file} is not an Ed25519 key")
        yield file.name, key.public_bytes_raw()
