"""Tells the audit log of people who watch a camera, before they are served a picture of it."""

from __future__ import annotations

from aiohttp import web

from vmsd.api.door import STREAM, caller_of, city_of
from vmsd.api.site import SITE


async def note_viewing(request: web.Request, camera_id: str) -> None:
    """Once it is clear that the caller may see the camera of this public id; costs next to nothing while they do."""
    viewings, caller = request.app[SITE].viewings, caller_of(request)
    if STREAM in request:
        stream = request[STREAM]
        await viewings.seen(caller, stream.city_id, stream.camera_public_id, stream.session_id)
    else:
        await viewings.seen(caller, city_of(request).city.id, camera_id)
