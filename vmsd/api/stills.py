"""`/api/v1/cameras/{id}/snapshot.jpg`: the newest still, or a fresh one."""

from __future__ import annotations

from aiohttp import web
from pydantic import Field

from vmsd.api.bodies import Query, query_of
from vmsd.api.cameras import camera_of
from vmsd.api.door import city_of
from vmsd.api.operation import operation
from vmsd.api.site import SITE
from vmsd.api.viewings import note_viewing
from vmsd.clock import rfc3339


class Snapshot(Query):
    token: str | None = None
    fresh: bool = False
    width: int | None = Field(None, ge=64, le=3840)


@operation(
    name="get_snapshot",
    media="image/jpeg",
    headers={"X-Frame-Time": "When the picture was taken.", "X-Frame-Age": "How many seconds ago that was."},
    errors=(503,),
)
async def snapshot(request: web.Request) -> web.Response:
    """The newest still, a few seconds old; `fresh` takes one now. Without a picture, the 404 says the `cause`."""
    query = query_of(request, Snapshot)
    camera = await camera_of(request)
    site = request.app[SITE]
    await note_viewing(request, camera.public_id)
    still = await site.stills.get(city_of(request).city, camera, fresh=query.fresh, width=query.width)
    age_ms = max(0, site.clock.wall_ms() - still.frame_ms)
    headers = {
        "Cache-Control": "no-store",
        "X-Frame-Time": rfc3339(still.frame_ms),
        "X-Frame-Age": f"{age_ms / 1000:.3f}",
    }
    return web.Response(body=still.jpeg, content_type="image/jpeg", headers=headers)
