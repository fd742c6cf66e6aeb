"""The wire between the daemon and its decoding process: a small JSON head, then binary blobs."""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

from vmsd.errors import BadMedia

if TYPE_CHECKING:
    import asyncio

MOST_HEAD_BYTES = 64 << 10
MOST_BLOB_BYTES = 24 << 20
_MOST_BLOBS = 4
_LENGTH = struct.Struct(">I")


@dataclass(frozen=True, slots=True)
class Message:
    head: dict[str, Any]
    blobs: tuple[bytes, ...] = ()

    def encode(self) -> bytes:
        head = json.dumps({**self.head, "blobs": [len(blob) for blob in self.blobs]}).encode()
        return b"".join((_LENGTH.pack(len(head)), head, *self.blobs))


def _lengths(head: Any) -> list[int]:
    """Sizes of the blobs that follow; BadMedia when nobody honest would send them."""
    lengths = head.pop("blobs", None) if isinstance(head, dict) else None
    if not isinstance(lengths, list) or len(lengths) > _MOST_BLOBS:
        raise BadMedia("the decoding process talks nonsense")
    if not all(isinstance(length, int) and 0 <= length <= MOST_BLOB_BYTES for length in lengths):
        raise BadMedia("the decoding process sends too much")
    return lengths


def _head(data: bytes) -> tuple[dict[str, Any], list[int]]:
    try:
        head = json.loads(data)
    except ValueError:
        raise BadMedia("the decoding process talks nonsense") from None
    return head, _lengths(head)


def _head_bytes(data: bytes) -> int:
    (length,) = _LENGTH.unpack(data)
    if length > MOST_HEAD_BYTES:
        raise BadMedia("the decoding process sends too much")
    return int(length)


async def receive(reader: asyncio.StreamReader) -> Message:
    """EOFError when the other side has gone."""
    head, lengths = _head(await reader.readexactly(_head_bytes(await reader.readexactly(_LENGTH.size))))
    return Message(head, tuple([await reader.readexactly(length) for length in lengths]))


def read(file: BinaryIO) -> Message | None:
    """Blocking; None at the end of the file, in the middle of a message too."""
    length = file.read(_LENGTH.size)
    if len(length) < _LENGTH.size:
        return None
    head, lengths = _head(file.read(_head_bytes(length)))
    blobs = tuple(file.read(length) for length in lengths)
    whole = all(len(blob) == length for blob, length in zip(blobs, lengths, strict=True))
    return Message(head, blobs) if whole else None
