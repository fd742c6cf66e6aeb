"""Everything that is in a package or an image, unpacked as far as it can be, and what in it looks like a secret."""

from __future__ import annotations

import gzip
import re
import stat
import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

PACKED = re.compile(rb"\x78[\x01\x5e\x9c\xda]")
"""How a stream of zlib begins: the modules of the program are such streams, one behind the other."""
PROGRAM = "vmsd"
SECRETS = {
    "a private key": re.compile(rb"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY-----\s+[A-Za-z0-9+/=\s]{40}"),
    "an age identity": re.compile(rb"AGE-SECRET-KEY-1[0-9A-Z]{50}"),
    "a key of a cloud": re.compile(rb"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"),
    "a token of a forge": re.compile(rb"\b(?:gh[pousr]_[A-Za-z0-9]{36}|glpat-[A-Za-z0-9_-]{20})"),
    "a hashed password": re.compile(rb"\$(?:6|y|2[aby])\$[./A-Za-z0-9$]{40}|\$argon2id?\$v=\d+\$m=\d+[^\s\"']{40}"),
    "an address with a password": re.compile(rb"\b(?:https?|rtsps?|rtmps?|amqps?)://[\w.-]+:[^\s/@:\"'<>{}%]+@[\w.-]+"),
}
PLAIN = re.compile(rb"(?im)^[^#\n]*\b(?:password|passwd|senha|secret|token|pass)[\w.-]*\s*[:=]\s*[\"']?[^\s\"'#]+")
"""A password that is set, in a file of settings."""


def contents(root: Path) -> Iterator[tuple[str, bytes]]:
    """Names below `root`, and the bytes; of packed ones, what is in them too."""
    for file in sorted(root.rglob("*")):
        if not stat.S_ISREG(file.lstat().st_mode):
            continue
        name, content = str(file.relative_to(root)), file.read_bytes()
        yield name, content
        if file.suffix == ".gz":
            yield f"{name}!", gzip.decompress(content)
        if file.name == PROGRAM and content.startswith(b"\x7fELF"):
            for number, stream in enumerate(streams(content)):
                yield f"{name}!{number}", stream


def streams(content: bytes) -> Iterator[bytes]:
    """Every whole stream of zlib."""
    place = 0
    while match := PACKED.search(content, place):
        place = match.start() + 1
        with suppress(zlib.error):
            opened = zlib.decompressobj()
            found = opened.decompress(content[match.start() :]) + opened.flush()
            if opened.eof:
                place = len(content) - len(opened.unused_data)
                yield found


def secrets_in(name: str, content: bytes) -> Iterator[str]:
    for kind, pattern in SECRETS.items():
        for match in pattern.finditer(content):
            yield f"{name}: {kind}: {match[0][:80]!r}"
