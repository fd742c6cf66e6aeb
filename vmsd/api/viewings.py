"""Tells the audit log of people who watch a camera, before they are served a picture of it."""

from __future__ import annotations

from aiohttp import web

from vmsd.api.door import STREAM, caller_of, city_of
from vmsd.api.site import SITE
from vmsd.model.audit import Action


async def note_viewing(
    request: web.Request,
    camera_id: str,
    action: Action = Action.VIEW_LIVE,
    period: tuple[int, int] | None = None,
) -> None:
    """Once it is clear that the caller may see the camera of this public id; costs next to nothing while they do.

    `period` is what they ask to replay, in ms.
    """
    viewings, caller = request.app[SITE].viewings, caller_of(request)
    if STREAM in request:
        stream = request[STREAM]
        camera_id, city_id, session = stream.camera_public_id, stream.city_id, stream.session_id
    else:
        city_id, session = city_of(request).city.id, ""
    await viewings.seen(caller, city_id, camera_id, session, action, period)
