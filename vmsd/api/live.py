"""`/hls/stream_{id}/...`: finds the camera, then leaves the serving to the proxy."""

from __future__ import annotations

from aiohttp import web

from vmsd.api.cameras import camera_of
from vmsd.api.door import STREAM, caller_of, city_of, knows_paths
from vmsd.api.ids import id_in_path
from vmsd.api.operation import operation
from vmsd.api.site import SITE
from vmsd.api.viewings import note_viewing
from vmsd.live.playlist import Reload, read_reload
from vmsd.mediamtx.names import PathName
from vmsd.services.streams import Paths

HLS_TYPES = ("application/vnd.apple.mpegurl", "video/mp4", "audio/mp4", "video/mp2t")


@operation(
    name="get_live_file",
    media=HLS_TYPES,
    sent={"Range": "A part of the file, in bytes."},
    also={206: "That part.", 416: "The file has no such part."},
    errors=(503,),
)
async def hls(request: web.Request) -> web.StreamResponse:
    """A file of a camera's live stream, `index.m3u8` first.

    That of the substream while it has a signal, else the main one, which `/hls/stream_{camera_id}_main/` always is.
    """
    return await _serve(request, None)


@operation(
    name="get_low_latency_file",
    media=HLS_TYPES,
    sent={"Range": "A part of the file, in bytes."},
    also={206: "That part.", 416: "The file has no such part."},
    errors=(503,),
)
async def low_latency_hls(request: web.Request) -> web.StreamResponse:
    """The same stream as `/hls/stream_{camera_id}/` has it, for low-latency players: its playlists name parts.

    With `_HLS_msn` and `_HLS_part` a playlist is answered when it has that part, with `_HLS_skip=YES` without what
    the player knows; at most 5 s later, by 503.
    """
    return await _serve(request, read_reload(request.query))


async def _serve(request: web.Request, reload: Reload | None) -> web.StreamResponse:
    site, path = request.app[SITE], await path_of(request)
    token = request.query.get("token")
    viewer = request[STREAM].session_id if STREAM in request else caller_of(request).person.public_id
    query = {"token": token} if token is not None else {}
    await note_viewing(request, id_in_path(request, "camera_id", "camera"))
    return await site.hls.serve(request, path, request.match_info["file"], viewer=viewer, query=query, reload=reload)


async def path_of(request: web.Request) -> str:
    """What MediaMTX calls the stream of `stream_{camera_id}` or `stream_{camera_id}_main`; the caller may see it."""
    paths = await _paths(request)
    wants_main = bool(request.match_info["main"]) or paths.live not in request.app[SITE].states.available_paths
    return paths.main if wants_main else paths.live


async def _paths(request: web.Request) -> Paths:
    """From the viewing session where it was looked into a moment ago, else from the store."""
    known = request[STREAM].paths if STREAM in request and knows_paths(request) else None
    if known is not None:
        return known
    camera, city = await camera_of(request), city_of(request).city.public_id
    main = str(PathName(city, camera.public_id))
    live = str(PathName(city, camera.public_id, sub=True)) if camera.sub_source_url else main
    paths = Paths(live, main)
    if STREAM in request:
        request.app[SITE].streams.note_paths(request[STREAM], paths)
    return paths
