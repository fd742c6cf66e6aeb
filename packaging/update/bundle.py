"""Puts packages and root images into one signed file, in the format that vmsd/update reads."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from update.signing import SigningError, fingerprint
from vmsd.update import container
from vmsd.update.bundle import MANIFEST, SIGNATURE, SUFFIX
from vmsd.update.manifest import DOMAIN, FORMAT, parse_manifest

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

CHUNK_BYTES = 1 << 20
XZ = ["xz", "--compress", "--stdout", "--threads=2", "--check=sha256"]


@dataclass(frozen=True)
class Release:
    """`files` by their kinds, as they are on a box; `work` is where a root image is packed."""

    version: str
    minimum_version: str
    arch: str
    created: str
    expires: str | None
    files: dict[str, Path]
    work: Path
    preset: int = 6


def build_bundle(release: Release, key: Ed25519PrivateKey, out: Path) -> Path:
    """The finished file; the same release and key give the same bytes."""
    packed = {kind: pack(kind, file, release) for kind, file in release.files.items()}
    fields: dict[str, Any] = {
        "format": FORMAT,
        "version": release.version,
        "minimum_version": release.minimum_version,
        "arch": release.arch,
        "created": release.created,
        "expires": release.expires,
        "key": fingerprint(key),
        "payloads": [describe(kind, file, packed[kind], release) for kind, file in release.files.items()],
    }
    text = (json.dumps(fields, indent=1) + "\n").encode()
    manifest = parse_manifest(text)
    file = out / f"vmsd-update-{manifest.version}-{manifest.arch}{SUFFIX}"
    new = file.with_name(f".{file.name}.new")
    with new.open("wb") as opened:
        small = ((MANIFEST, text), (SIGNATURE, key.sign(DOMAIN + text)))
        for name, content in small:
            opened.write(container.header(name, len(content)) + content + container.padding(len(content)))
        for payload in manifest.payloads:
            opened.write(container.header(payload.name, payload.size))
            with packed[payload.kind].open("rb") as source:
                shutil.copyfileobj(source, opened, CHUNK_BYTES)
            opened.write(container.padding(payload.size))
        opened.write(container.END)
    return new.rename(file)


def pack(kind: str, file: Path, release: Release) -> Path:
    """A package is packed already; of an image most is empty."""
    if kind == "deb":
        return file
    release.work.mkdir(parents=True, exist_ok=True)
    target = release.work / f"{name_of(kind, release)}"
    with target.open("wb") as opened:
        done = subprocess.run([*XZ, f"-{release.preset}", str(file)], stdout=opened, check=False)  # noqa: S603 - xz
    if done.returncode:
        raise SigningError(f"{file} cannot be packed")
    return target


def describe(kind: str, file: Path, packed: Path, release: Release) -> dict[str, Any]:
    return {
        "kind": kind,
        "name": name_of(kind, release),
        "packing": "none" if packed == file else "xz",
        "size": packed.stat().st_size,
        "sha256": digest(packed),
        "unpacked_size": file.stat().st_size,
        "unpacked_sha256": digest(file),
    }


def name_of(kind: str, release: Release) -> str:
    suffix = {"deb": "deb", "root": "ext4.xz"}[kind]
    return f"vmsd_{release.version}_{release.arch}.{suffix}"


def digest(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
