"""Encrypts for somebody who is not here: files of the age format, which `age -d` opens too."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import pyrage  # type: ignore[import-untyped]
from pyrage import x25519

from vmsd.errors import Invalid

MAGIC = b"age-encryption.org/v1"
COMMENT = "#"


class Source(Protocol):
    def read(self, size: int, /) -> bytes: ...


class Target(Protocol):
    def write(self, data: bytes, /) -> int: ...

    def flush(self) -> None: ...


def is_encrypted(file: Path) -> bool:
    with file.open("rb") as opened:
        return opened.read(len(MAGIC)) == MAGIC


def encrypt(source: Source, target: Target, recipient: str) -> None:
    """Blocks until `source` has ended; in small memory. What `source` and `target` raise is raised."""
    watched = _Watched(source, target)
    try:
        pyrage.encrypt_io(watched, watched, [x25519.Recipient.from_str(recipient)])
    except pyrage.EncryptError as error:
        raise watched.failure or error from error


def decrypt(source: Source, target: Target, identities: Sequence[x25519.Identity]) -> None:
    """Raises `Invalid` for a key that does not fit, and for what is damaged: some of it may have been written then."""
    watched = _Watched(source, target)
    try:
        pyrage.decrypt_io(watched, watched, identities)
    except (pyrage.DecryptError, OSError) as error:
        if watched.failure:
            raise watched.failure from error
        if isinstance(error, OSError):  # of the format, not of a file
            raise Invalid("it is damaged, or not all of it is there") from error
        raise Invalid(f"it cannot be opened: {error}") from error


class _Watched:
    """Keeps what a file has raised: the way through the library leaves only words of it."""

    def __init__(self, source: Source, target: Target) -> None:
        self._source = source
        self._target = target
        self.failure: OSError | None = None

    def read(self, size: int, /) -> bytes:
        with self._watching():
            return self._source.read(size)

    def write(self, data: bytes, /) -> int:
        with self._watching():
            return self._target.write(data)

    def flush(self) -> None:
        with self._watching():
            self._target.flush()

    @contextmanager
    def _watching(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            self.failure = error
            raise


def read_identities(text: str) -> Sequence[x25519.Identity]:
    """The secret keys of a file as `age-keygen` writes it; raises `Invalid`, without a word of what is in it."""
    lines = [line.strip() for line in text.splitlines()]
    try:
        found = [x25519.Identity.from_str(line) for line in lines if line and not line.startswith(COMMENT)]
    except pyrage.IdentityError:
        found = []
    if not found:
        raise Invalid("the identity is no file of age-keygen with an AGE-SECRET-KEY in it")
    return found
