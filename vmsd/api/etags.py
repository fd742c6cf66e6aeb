"""Versions of things: their tags, changes to what has changed meanwhile, and answers the caller has already."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence

from aiohttp import hdrs, web

from vmsd.errors import Malformed, Outdated

_TAG = r'(W/)?"([^\x00-\x20"\x7f]*)"'
_LIST = re.compile(rf"[ \t,]*+(?:{_TAG}[ \t]*+(?:,[ \t,]*+|$))+")
_TAGS = re.compile(_TAG)


def etag_of(*version: str | int) -> str:
    """A strong tag of what these say, for example a public id and when the thing was last changed.

    It names a version of the thing, gzipped or not: what is sent is never combined from two answers.
    """
    said = "\n".join(map(str, version))
    return f'"{hashlib.sha256(said.encode()).hexdigest()[:20]}"'


def refuse_outdated(request: web.Request, etag: str) -> None:
    """For a change of the thing that has this strong tag now: RFC 9110, 13.1.1.

    Raises `Outdated` when `If-Match` names other versions only, `Malformed` when it cannot be read. A weak tag is
    no promise that this is the version, so it never matches. Without the header any version is meant.
    """
    wanted = _joined(request, hdrs.IF_MATCH)
    if wanted is None or wanted == "*":
        return
    tags = _tags_in(wanted)
    if tags is None:
        raise Malformed("If-Match is not a list of tags")
    if etag not in tags:
        raise Outdated("it has been changed meanwhile; look at it again")


def unchanged(request: web.Request, headers: Mapping[str, str]) -> web.Response | None:
    """The 304 for a caller who has what `headers["ETag"]` names; `headers` are those the 200 would carry."""
    known = _joined(request, hdrs.IF_NONE_MATCH)
    if known is None:
        return None
    tags = _tags_in(known) or ()
    if known != "*" and headers["ETag"].removeprefix("W/") not in [tag.removeprefix("W/") for tag in tags]:
        return None
    return web.Response(status=304, headers=headers)


def _joined(request: web.Request, name: str) -> str | None:
    values = request.headers.getall(name, [])
    return ", ".join(values).strip(" \t") if values else None


def _tags_in(text: str) -> Sequence[str] | None:
    """As they are written, `W/` in front of the weak ones; None when this is no list of tags."""
    if not _LIST.fullmatch(text):
        return None
    return [match.group() for match in _TAGS.finditer(text)]
