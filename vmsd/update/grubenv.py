"""GRUB's environment block: 1024 bytes that its `load_env` and `save_env` read and write, changed here in place.

In place, since GRUB finds the file by its blocks, and since a file system such as FAT cannot rename safely. What
changes lies in the first sector, which a disk writes whole or not at all; the rest is padding and stays as it is.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from vmsd.errors import BadSetting

BLOCK_BYTES = 1024
SECTOR_BYTES = 512
HEAD = b"# GRUB Environment Block\n"


def read_grubenv(file: Path) -> dict[str, str]:
    """`BadSetting` for what is no environment block."""
    with file.open("rb") as opened:
        block = opened.read(BLOCK_BYTES + 1)
    if len(block) != BLOCK_BYTES or not block.startswith(HEAD):
        raise BadSetting(f"{file} is not an environment block of GRUB")
    lines = block[len(HEAD) :].rstrip(b"#").decode("ascii", "replace").splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))


def change_grubenv(file: Path, changes: Mapping[str, str]) -> None:
    """All of them in one write, durable when this returns."""
    block = encode({**read_grubenv(file), **changes})
    handle = os.open(file, os.O_WRONLY | os.O_NOFOLLOW)
    try:
        os.pwrite(handle, block, 0)
        os.fsync(handle)
    finally:
        os.close(handle)


def encode(values: Mapping[str, str]) -> bytes:
    """`BadSetting` when they do not fit into one sector, or cannot be told to GRUB."""
    if any(not name.isidentifier() or "\n" in value or "\\" in value for name, value in values.items()):
        raise BadSetting("such values cannot be told to GRUB")
    text = HEAD + "".join(f"{name}={value}\n" for name, value in values.items()).encode("ascii")
    if len(text) > SECTOR_BYTES:
        raise BadSetting("there is too much in GRUB's environment block")
    return text.ljust(BLOCK_BYTES, b"#")
