"""Bodies in several parts, as cameras send them: read liberally, and never more of them than there can be."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from vmsd.errors import Malformed

MOST_PARTS = 32
MOST_HEAD_BYTES = 4096
_BOUNDARY = re.compile(r"""boundary\s*=\s*(?:"([^"]{1,200})"|([^\s;"]{1,200}))""", re.IGNORECASE)
_NAME = re.compile(r"""\b(?:file)?name\s*=\s*(?:"([^"]*)"|([^\s;"]+))""", re.IGNORECASE)
_HEAD_END = re.compile(rb"\r?\n\r?\n")


@dataclass(frozen=True)
class Part:
    """`names` are those its sender gave it, in small letters: of the field, and of the file."""

    content_type: str
    names: tuple[str, ...]
    content: bytes = field(repr=False)

    @property
    def is_picture(self) -> bool:
        return self.content_type.startswith("image/") or any(
            name.endswith((".jpg", ".jpeg", ".png")) for name in self.names
        )


def parts_of(content_type: str, body: bytes) -> Sequence[Part]:
    """A body that is in no parts is one; `Malformed` where it says it is and has none, or too many."""
    if not content_type.lower().startswith("multipart/") and not body.lstrip().startswith(b"--"):
        return (Part(content_type.partition(";")[0].strip().lower(), (), body),)
    parts = tuple(_split(_boundary(content_type, body), body))
    if not parts:
        raise Malformed("the body has no parts")
    return parts


def _boundary(content_type: str, body: bytes) -> bytes:
    """Without the dashes in front: some count them to the boundary, some do not."""
    match = _BOUNDARY.search(content_type)
    said = (match[1] or match[2]).encode() if match else body.lstrip().split(b"\n", 1)[0].strip()
    boundary = said.lstrip(b"-")
    if not boundary or len(said) > MOST_HEAD_BYTES:
        raise Malformed("the body does not say what stands between its parts")
    return b"--" + boundary


def _split(boundary: bytes, body: bytes) -> Iterator[Part]:
    starts: list[int] = []
    at = body.find(boundary)
    while at >= 0:
        starts.append(at)
        if len(starts) > MOST_PARTS + 1:
            raise Malformed(f"a body has at most {MOST_PARTS} parts")
        at = body.find(boundary, at + len(boundary))
    for start, end in pairwise([*starts, len(body)]):
        part = _part(body[start + len(boundary) : end])
        if part is not None:
            yield part


def _part(raw: bytes) -> Part | None:
    """None for the end of the last one, and for what has no head."""
    if raw.startswith(b"--"):
        return None
    end = _HEAD_END.search(raw, 0, MOST_HEAD_BYTES)
    if end is None:
        return None
    head = raw[: end.start()].decode("utf-8", "replace")
    fields = dict(_fields(head))
    names = tuple(
        (match[1] or match[2] or "").lower() for match in _NAME.finditer(fields.get("content-disposition", ""))
    )
    kind = fields.get("content-type", "").partition(";")[0].strip().lower()
    return Part(kind, names, _content(raw[end.end() :], fields.get("content-length", "")))


def _fields(head: str) -> Iterator[tuple[str, str]]:
    for line in head.splitlines():
        name, colon, value = line.partition(":")
        if colon:
            yield name.strip().lower(), value.strip()


def _content(rest: bytes, length: str) -> bytes:
    """As long as it says, where there is so much of it; without the line end, and dashes, of the next boundary."""
    if length.isascii() and length.isdigit() and len(length) < 10 and int(length) <= len(rest):  # noqa: PLR2004 - a number
        return rest[: int(length)]
    rest = rest.rstrip(b"-") if rest.endswith(b"\n--") else rest
    return rest.removesuffix(b"\n").removesuffix(b"\r")
