"""`/api/v1/notices`: what people of one city must know in time."""

from __future__ import annotations

from aiohttp import web

from vmsd.api.bodies import json_answer
from vmsd.api.door import city_of
from vmsd.api.operation import operation
from vmsd.model.shapes import Listing
from vmsd.services.answers import NoticeAnswer


@operation(answer=Listing[NoticeAnswer])
async def list_notices(request: web.Request) -> web.Response:
    """Holds the caller may confirm and that end soon, video they may replay and that goes soon.

    The box's own are in `/states`. Codes:
    `holds_ending` 7 days before, `holds_ending_today` 1 day before, `recordings_expiring` within 24 h;
    `camera_clocks` and `camera_strangers`, of the cameras the caller may set up, see `list_devices`.
    """
    found = await city_of(request).notices.list()
    return json_answer({"items": [notice.shown() for notice in found], "next": None})
