"""`/hls/stream_{id}/...`: finds the camera, then leaves the serving to the proxy."""

from __future__ import annotations

from aiohttp import web

from vmsd.api.cameras import camera_of
from vmsd.api.door import caller_of, city_of, knows_paths
from vmsd.api.site import SITE
from vmsd.mediamtx.names import PathName
from vmsd.services.streams import Paths


async def hls(request: web.Request) -> web.StreamResponse:
    """A file of a camera's live stream: its substream while that has a signal, else (or with `_main`) the main one."""
    site = request.app[SITE]
    paths = await _paths(request)
    wants_main = bool(request.match_info["main"]) or paths.live not in site.states.available_paths
    token = request.query.get("token")
    viewer = request["stream"].session_id if "stream" in request else caller_of(request).person.public_id
    query = {"token": token} if token is not None else {}
    path = paths.main if wants_main else paths.live
    return await site.hls.serve(request, path, request.match_info["file"], viewer=viewer, query=query)


async def _paths(request: web.Request) -> Paths:
    """From the viewing session where it was looked into a moment ago, else from the store."""
    if "stream" in request and knows_paths(request):
        known: Paths = request["stream"].paths
        return known
    camera, city = await camera_of(request), city_of(request).city.public_id
    main = str(PathName(city, camera.public_id))
    live = str(PathName(city, camera.public_id, sub=True)) if camera.sub_source_url else main
    paths = Paths(live, main)
    if "stream" in request:
        request.app[SITE].streams.note_paths(request["stream"], paths)
    return paths
