"""Reads from a Go program what it was built of: the block `go version -m` shows, without Go."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

MARK = b"\xff Go buildinf:"
HEADER_BYTES = 32
"""After the mark a pointer size and flags, padded; then two strings, each after its length (Go 1.18 and newer)."""
INLINE = 0x02
MODULE = re.compile(r"^(?:dep|=>)\t(\S+)\t(\S+)", re.MULTILINE)
GO = re.compile(r"go(\d[\w.]*)")


def modules_of(program: Path) -> list[tuple[str, str]]:
    """Names and versions, Go's own library first; empty for what is no such program."""
    data = program.read_bytes()
    at = data.find(MARK)
    if at < 0 or not data[at + len(MARK) + 1] & INLINE:
        return []
    compiler, at = _string(data, at + HEADER_BYTES)
    modules, _ = _string(data, at)
    match = GO.match(compiler)
    return ([("std", match[1])] if match else []) + sorted(set(MODULE.findall(modules)))


def _string(data: bytes, at: int) -> tuple[str, int]:
    length, shift = 0, 0
    while True:
        byte, at = data[at], at + 1
        length |= (byte & 0x7F) << shift
        shift += 7
        if not byte & 0x80:
            break
    return data[at : at + length].decode(errors="replace"), at + length
