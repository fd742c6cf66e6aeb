"""`/hls/stream_{id}/...`: finds the camera, then leaves the serving to the proxy."""

from __future__ import annotations

from aiohttp import web

from vmsd.api.cameras import camera_of
from vmsd.api.door import caller_of, city_of
from vmsd.api.site import SITE
from vmsd.mediamtx.names import PathName


async def hls(request: web.Request) -> web.StreamResponse:
    """A file of a camera's live stream: its substream where it has one, else (or with `_main`) its main stream."""
    camera = await camera_of(request)
    sub = bool(camera.sub_source_url) and not request.match_info["main"]
    path = PathName(city_of(request).city.public_id, camera.public_id, sub)
    token = request.query.get("token")
    viewer = request["stream"].session_id if "stream" in request else caller_of(request).person.public_id
    query = {"token": token} if token is not None else {}
    proxy = request.app[SITE].hls
    return await proxy.serve(request, str(path), request.match_info["file"], viewer=viewer, query=query)
