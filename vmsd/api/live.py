"""`/hls/stream_{id}/...`: finds the camera, then leaves the serving to the proxy."""

from __future__ import annotations

from aiohttp import web

from vmsd.api.door import caller_of, city_of
from vmsd.api.site import SITE
from vmsd.errors import NotFound
from vmsd.mediamtx.names import PathName

MAIN_SUFFIX = "_main"


async def hls(request: web.Request) -> web.StreamResponse:
    """A file of a camera's live stream: its substream where it has one, else (or with `_main`) its main stream."""
    name = request.match_info["camera_id"]
    camera_id = name.removesuffix(MAIN_SUFFIX)
    caller, city = caller_of(request), city_of(request)
    camera = await city.cameras.get(camera_id)
    if caller.camera_id is not None and caller.camera_id != camera.id:
        raise NotFound("there is no such camera")
    sub = bool(camera.sub_source_url) and not name.endswith(MAIN_SUFFIX)
    path = PathName(city.city.public_id, camera.public_id, sub)
    token = request.query.get("token")
    viewer = request["stream"].session_id if "stream" in request else caller.person.public_id
    query = {"token": token} if token is not None else {}
    proxy = request.app[SITE].hls
    return await proxy.serve(request, str(path), request.match_info["file"], viewer=viewer, query=query)
