"""Public ids in addresses, queries and headers: UUIDs in their one usual spelling, and nothing else."""

from __future__ import annotations

import re

from aiohttp import web

from vmsd.errors import NotFound

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


def find_id(text: str) -> str | None:
    """The id as the store knows it, or None: capitals are the same id, any other spelling is none."""
    lower = text.lower() if text.isascii() else ""
    return lower if _UUID.fullmatch(lower) else None


def id_in_path(request: web.Request, name: str, what: str) -> str:
    """Raises `NotFound` for what cannot be an id, as for an id nobody has."""
    public_id = find_id(request.match_info[name])
    if public_id is None:
        raise NotFound(f"there is no such {what}")
    return public_id
