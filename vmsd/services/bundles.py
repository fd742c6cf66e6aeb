"""A backup that brings up another box: the database and the box's keys, encrypted for the operator alone.

Inside the age file is a plain tar: `manifest.json`, `vmsd.db`, `keys/` and `tls/`. The keys by which plates of one
month are told to be the same are not in it: what was made anonymous on the box must not be undone with a copy.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from vmsd import __version__
from vmsd.clock import parse_rfc3339, rfc3339
from vmsd.errors import Invalid
from vmsd.host import age
from vmsd.host.durable import sync
from vmsd.host.signing import BoxKey

FORMAT = "vmsd-backup/1"
DATABASE = "vmsd.db"
MANIFEST = "manifest.json"
CREDENTIALS = ("vault.key", "signing.key")
"""Keys that systemd may hand over instead of a file."""
KEYS = (*CREDENTIALS, "recording-ids.key", "mediamtx.json", "push.key")
TLS = ("certificate.pem", "key.pem")
NEEDED = {DATABASE, *(f"keys/{name}" for name in CREDENTIALS)}
KNOWN = {DATABASE, *(f"keys/{name}" for name in KEYS), *(f"tls/{name}" for name in TLS)}
CHUNK_BYTES = 1 << 18
SMALL_BYTES = 1 << 20
"""Everything but the database is smaller."""
PRIVATE = 0o600


@dataclass(frozen=True)
class Bundle:
    """An encrypted backup as it lies there; `sha256` in hexadecimal."""

    sha256: str
    size_bytes: int


def read_keys(data_dir: Path) -> Mapping[str, bytes]:
    """Every key of this box by its name in a bundle, wherever it comes from."""
    files = {f"keys/{name}": data_dir / "keys" / name for name in KEYS}
    files |= {f"tls/{name}": data_dir / "tls" / name for name in TLS}
    files |= {f"keys/{name}": file for name in CREDENTIALS if (file := credential(name))}
    return {name: file.read_bytes() for name, file in files.items() if file.is_file()}


def credential(name: str) -> Path | None:
    """What systemd has handed over under this name."""
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    file = Path(folder) / name if folder else None
    return file if file and file.exists() else None


def write_bundle(
    database: Path, keys: Mapping[str, bytes], box: BoxKey, recipient: str, out: Path, at_ms: int
) -> Bundle:
    """Encrypt a snapshot and the keys to `out`, durably; blocks. What was there is written over.

    Half of it is not left behind.
    """
    sizes: dict[str, Any] = {name: _told(content) for name, content in keys.items()}
    with database.open("rb") as opened:
        digest = hashlib.file_digest(opened, "sha256").hexdigest()
    sizes[DATABASE] = {"bytes": database.stat().st_size, "sha256": digest}
    manifest = {
        "format": FORMAT,
        "version": __version__,
        "made_at": rfc3339(at_ms),
        "box": box.fingerprint,
        "files": sizes,
    }
    parts = {MANIFEST: json.dumps(manifest, indent=2, sort_keys=True).encode(), **keys}
    try:
        with open(out, "wb", opener=_privately) as target:
            hashing = _Hashing(target)
            age.encrypt(_Reading(_tar(parts, database, at_ms // 1000)), hashing, recipient)
        sync(out)
    except BaseException:
        out.unlink(missing_ok=True)
        raise
    return Bundle(hashing.hashed.hexdigest(), out.stat().st_size)


def open_bundle(file: Path, identity: str, folder: Path) -> str:
    """Decrypt and unpack into `folder`, which is empty, all that the manifest names; when it was made. Blocks.

    Anybody may encrypt for a public key: nothing of it is believed. Raises `Invalid` for another key, and for what is
    damaged or no backup: nothing in `folder` counts then.
    """
    plain = folder / ".tar"
    identities = age.read_identities(identity)
    with file.open("rb") as source, open(plain, "wb", opener=_privately) as target:
        try:
            age.decrypt(source, target, identities)
        except Invalid as error:
            raise Invalid(f"{file.name}: {error}") from error
    try:
        with plain.open("rb") as tar:
            made_at = _unpacked(tar, folder)
    except (tarfile.TarError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise Invalid(f"{file.name} is no backup of vmsd: {error}") from error
    plain.unlink()
    return made_at


def _unpacked(tar: IO[bytes], folder: Path) -> str:
    """Read as it was written, one plain file after the other: no other kind of member, no name it cannot have."""
    name, size = _next_member(tar)
    if name != MANIFEST or size > SMALL_BYTES:
        raise ValueError("it does not begin with its manifest")
    manifest = json.loads(tar.read(size))
    tar.seek(-size % tarfile.BLOCKSIZE, os.SEEK_CUR)
    if manifest["format"] != FORMAT:
        raise ValueError(f"its format is {str(manifest['format'])[:40]!r}")
    files = dict(manifest["files"])
    if not NEEDED <= files.keys() <= KNOWN:
        raise ValueError("it does not hold what a backup holds")
    while files:
        name, size = _next_member(tar)
        told, place = files.pop(name), folder / name
        place.parent.mkdir(mode=0o700, exist_ok=True)
        if size != told["bytes"] or _copied(tar, size, place) != told["sha256"]:
            raise ValueError(f"{name} is not what it was")
        tar.seek(-size % tarfile.BLOCKSIZE, os.SEEK_CUR)
    return rfc3339(parse_rfc3339(manifest["made_at"]))


def _next_member(tar: IO[bytes]) -> tuple[str, int]:
    info = tarfile.TarInfo.frombuf(tar.read(tarfile.BLOCKSIZE), "utf-8", "strict")
    if info.type != tarfile.REGTYPE or info.size < 0:
        raise ValueError(f"{info.name!r} is no file")
    return info.name, info.size


def _copied(source: IO[bytes], size: int, place: Path) -> str:
    hashed = hashlib.sha256()
    with open(place, "xb", opener=_privately) as target:
        while size > 0 and (data := source.read(min(CHUNK_BYTES, size))):
            size -= len(data)
            hashed.update(data)
            target.write(data)
    sync(place)
    return hashed.hexdigest()


def _told(content: bytes) -> Mapping[str, Any]:
    return {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def _tar(parts: Mapping[str, bytes], database: Path, mtime_s: int) -> Iterator[bytes]:
    """The manifest first, the database last."""
    for name, content in parts.items():
        yield from (_head(name, len(content), mtime_s), content, _padding(len(content)))
    size = database.stat().st_size
    yield _head(DATABASE, size, mtime_s)
    with database.open("rb") as opened:
        while data := opened.read(CHUNK_BYTES):
            yield data
    yield _padding(size) + bytes(2 * tarfile.BLOCKSIZE)


def _head(name: str, size: int, mtime_s: int) -> bytes:
    info = tarfile.TarInfo(name)
    info.size, info.mode, info.mtime = size, PRIVATE, mtime_s
    return info.tobuf(tarfile.GNU_FORMAT)


def _padding(size: int) -> bytes:
    return bytes(-size % tarfile.BLOCKSIZE)


def _privately(path: str, flags: int) -> int:
    return os.open(path, flags, PRIVATE)


class _Reading:
    """Pieces of any size, read in others."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._rest = io.BytesIO()

    def read(self, size: int, /) -> bytes:
        while not (data := self._rest.read(size)):
            piece = next(self._pieces, None)
            if piece is None:
                return b""
            self._rest = io.BytesIO(piece)
        return data


class _Hashing:
    def __init__(self, target: IO[bytes]) -> None:
        self._target = target
        self.hashed = hashlib.sha256()

    def write(self, data: bytes, /) -> int:
        self.hashed.update(data)
        return self._target.write(data)

    def flush(self) -> None:
        self._target.flush()
