"""The file format of a bundle: a tar archive of which every byte is known but the contents.

Writer and reader make the same header from a name and a size, and the reader compares: there is nothing to interpret,
and so no link, no path, no second meaning. Any tar lists and unpacks such a file.
"""

from __future__ import annotations

from typing import BinaryIO

from vmsd.errors import Invalid

BLOCK = 512
END = bytes(2 * BLOCK)
_SIZE = slice(124, 135)
_SUM = slice(148, 156)
_MOST_BYTES = 8**11 - 1


def header(name: str, size: int) -> bytes:
    """Of a plain file of nobody, readable by all, from 1970."""
    if not 0 <= size <= _MOST_BYTES or len(name) > 99:  # noqa: PLR2004 - tar's own limit
        raise Invalid(f"{name} does not fit into an update")
    fields = [name.encode("ascii").ljust(100, b"\0"), b"0000644\0", b"0000000\0" * 2, f"{size:011o}\0".encode()]
    fields += [b"00000000000\0", b" " * 8, b"0", bytes(100), b"ustar\x0000", bytes(64), b"0000000\0" * 2]
    block = bytearray(b"".join(fields).ljust(BLOCK, b"\0"))
    block[_SUM] = f"{sum(block):06o}\0 ".encode()
    return bytes(block)


def padding(size: int) -> bytes:
    return bytes(-size % BLOCK)


def read_header(file: BinaryIO, name: str, most_bytes: int) -> int:
    """The size of the file that follows; `Invalid` unless it is called `name` and is no larger than `most_bytes`."""
    block = file.read(BLOCK)
    digits = block[_SIZE]
    size = int(digits, 8) if len(digits) == 11 and all(one in b"01234567" for one in digits) else -1  # noqa: PLR2004
    if not 0 <= size <= most_bytes or block != header(name, size):
        raise Invalid(f"this is no update, or it is damaged: {name} is not where it should be")
    return size


def read_small(file: BinaryIO, name: str, most_bytes: int) -> bytes:
    """The whole of a small file."""
    size = read_header(file, name, most_bytes)
    content = file.read(size)
    if len(content) != size or file.read(-size % BLOCK) != padding(size):
        raise Invalid(f"the update is damaged: {name} is cut off")
    return content
