"""An update as one file: opened only when its signature is good, and believed only byte by byte."""

from __future__ import annotations

import hashlib
import lzma
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from vmsd.errors import Invalid
from vmsd.model.audit import fingerprint
from vmsd.update import container
from vmsd.update.keys import SIGNATURE_BYTES, TrustedKeys
from vmsd.update.manifest import DOMAIN, MANIFEST_BYTES, Manifest, Payload, parse_manifest

MANIFEST, SIGNATURE = "manifest.json", "manifest.sig"
SUFFIX = ".vmsdu"
CHUNK_BYTES = 1 << 20
UNPACKER_BYTES = 256 << 20
"""Of memory, at most: enough for what xz makes at its best."""

Sink = Callable[[bytes], object]


@dataclass(frozen=True)
class Bundle:
    """`digest` is of the manifest, and so of all; `places` says where each payload begins."""

    file: BinaryIO
    manifest: Manifest
    digest: str
    places: dict[str, int]


@contextmanager
def opened_bundle(path: Path, keys: TrustedKeys) -> Iterator[Bundle]:
    """`Invalid` for anything but a whole bundle signed by a trusted key; its payloads have not been read yet."""
    with path.open("rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise Invalid(f"{path.name} is no file")
        text = container.read_small(file, MANIFEST, MANIFEST_BYTES)
        signature = container.read_small(file, SIGNATURE, SIGNATURE_BYTES)
        signer = keys.signer(DOMAIN + text, signature)
        manifest = parse_manifest(text)
        if manifest.key != fingerprint(signer):
            raise Invalid("the update names another key than the one it is signed with")
        yield Bundle(file, manifest, hashlib.sha256(text).hexdigest(), _find(file, manifest))


def _find(file: BinaryIO, manifest: Manifest) -> dict[str, int]:
    """Every payload is where the manifest says, and there is nothing else."""
    places = {}
    for one in manifest.payloads:
        if container.read_header(file, one.name, one.size) != one.size:
            raise Invalid(f"the update is damaged: {one.name} has another size")
        places[one.name] = file.tell()
        file.seek(one.size, os.SEEK_CUR)
        if file.read(-one.size % container.BLOCK) != container.padding(one.size):
            raise Invalid(f"the update is damaged after {one.name}")
    if file.read(len(container.END) + 1) != container.END:
        raise Invalid("the update is damaged at its end")
    return places


def check_payloads(bundle: Bundle) -> None:
    """Read every byte once; `Invalid` names the payload that is not the one that was signed."""
    for one in bundle.manifest.payloads:
        for _ in _packed(bundle, one):
            pass


def unpack(bundle: Bundle, payload: Payload, sink: Sink) -> None:
    """Hand over a payload's own bytes, piece by piece; at `Invalid` what was handed over is worth nothing."""
    digest, size = hashlib.sha256(), 0
    for data in _unpacked(bundle, payload):
        size += len(data)
        if size > payload.unpacked_size:
            raise Invalid(f"{payload.name} is larger than was signed")
        digest.update(data)
        sink(data)
    if size != payload.unpacked_size or digest.hexdigest() != payload.unpacked_sha256:
        raise Invalid(f"{payload.name} is not what was signed")


def _packed(bundle: Bundle, payload: Payload) -> Iterator[bytes]:
    digest, left = hashlib.sha256(), payload.size
    bundle.file.seek(bundle.places[payload.name])
    while left:
        data = bundle.file.read(min(left, CHUNK_BYTES))
        if not data:
            raise Invalid(f"the update is cut off in {payload.name}")
        left -= len(data)
        digest.update(data)
        yield data
    if digest.hexdigest() != payload.sha256:
        raise Invalid(f"the update is damaged in {payload.name}")


def _unpacked(bundle: Bundle, payload: Payload) -> Iterator[bytes]:
    if payload.packing == "none":
        yield from _packed(bundle, payload)
        return
    decompressor = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=UNPACKER_BYTES)
    try:
        for data in _packed(bundle, payload):
            yield from _expanded(decompressor, data)
    except (lzma.LZMAError, EOFError) as error:
        raise Invalid(f"{payload.name} cannot be unpacked") from error
    if not decompressor.eof or decompressor.unused_data:
        raise Invalid(f"{payload.name} cannot be unpacked whole")


def _expanded(decompressor: lzma.LZMADecompressor, data: bytes) -> Iterator[bytes]:
    """In pieces of bounded size, however little they were packed into."""
    while True:
        made = decompressor.decompress(data, CHUNK_BYTES)
        if made:
            yield made
        data = b""
        if decompressor.eof or decompressor.needs_input:
            return
