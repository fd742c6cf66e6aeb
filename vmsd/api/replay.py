"""`/replay/stream_{id}/...` and thumbnails: recorded video for players, as it lies on the disk."""

from __future__ import annotations

import asyncio
from typing import Annotated
from urllib.parse import urlencode

from aiohttp import hdrs, web
from pydantic import Field
from typing_extensions import TypedDict

from vmsd.api.bodies import Period, Query, json_answer, query_of
from vmsd.api.compression import accepts_gzip, gzipped
from vmsd.api.door import caller_of, city_of, verb_of
from vmsd.api.etags import etag_of
from vmsd.api.files import PARTS, RANGE, Manner, serve_file, serve_source
from vmsd.api.headers import vary_on
from vmsd.api.ids import id_in_path
from vmsd.api.operation import operation
from vmsd.api.timeline import MonthAtMost
from vmsd.api.viewings import note_viewing
from vmsd.clock import rfc3339
from vmsd.errors import NotFound
from vmsd.model.audit import Action
from vmsd.model.camera import Camera
from vmsd.model.segment import SegmentState
from vmsd.model.shapes import Id, Time
from vmsd.services.replay import MOST_TILES, ShownSheet
from vmsd.video.sheets import EVERY_MS

PLAYLIST = "application/vnd.apple.mpegurl"
USUAL_TILES = 300


class Token(Query):
    token: str | None = None


class Replay(Period):
    token: str | None = None


class Thumbnails(MonthAtMost):
    token: str | None = None
    step: int | None = Field(None, ge=1, le=86_400, description="Seconds between two pictures, at least.")

    @property
    def step_ms(self) -> int:
        """As asked for, or so that the period has about `USUAL_TILES`; never so that it has too many."""
        long_ms = self.end_ms - self.start_ms
        wanted_ms = long_ms // USUAL_TILES if self.step is None else self.step * 1000
        return max(EVERY_MS, wanted_ms, -(-long_ms // MOST_TILES))


class TileAnswer(TypedDict):
    at: Time
    x: Annotated[int, Field(ge=0, description="Left edge on the sheet, in pixels.")]
    y: Annotated[int, Field(ge=0, description="Top edge.")]


class SheetAnswer(TypedDict):
    """One JPEG with many small pictures; those asked for are in `tiles`."""

    url: Annotated[str, Field(examples=["/replay/stream_0f9f6a30-6f6c-4f0e-8f3d-2f6d0c1b7a55/<recording>.jpg"])]
    columns: int
    rows: int
    width: int
    height: int
    tile_width: int
    tile_height: int
    tiles: list[TileAnswer]


class ThumbnailsAnswer(TypedDict):
    """Small pictures of a period; there are none of the file that is still being written."""

    camera_id: Id
    step: Annotated[
        float, Field(description="Seconds between two pictures, about; more than was asked for a long period.")
    ]
    tile_width: Annotated[int, Field(description="Of the first sheet.")]
    tile_height: int
    sheets: list[SheetAnswer]


@operation(name="get_replay_playlist", media=PLAYLIST)
async def playlist(request: web.Request) -> web.Response:
    """HLS of everything recorded in a period of any length; gaps are discontinuities, each file begins with its time.

    The last keyframe at or before `start` comes first; `EXT-X-START` says how far behind it the period begins.
    """
    query, camera = query_of(request, Replay), await _camera_of(request)
    carried = {"token": query.token} if query.token is not None else {}
    text = await city_of(request).replay.playlist(camera, query.start_ms, query.end_ms, carried)
    await note_viewing(request, camera.public_id, Action.VIEW_REPLAY, (query.start_ms, query.end_ms))
    response = web.Response(body=text, headers={hdrs.CONTENT_TYPE: PLAYLIST, hdrs.CACHE_CONTROL: "private, no-store"})
    vary_on(response, hdrs.ACCEPT_ENCODING)
    if accepts_gzip(",".join(request.headers.getall(hdrs.ACCEPT_ENCODING, []))):
        response.body = await asyncio.to_thread(gzipped, text)
        response.headers[hdrs.CONTENT_ENCODING] = "gzip"
    return response


@operation(name="get_replay_file", media="video/mp4", sent=RANGE, also=PARTS)
async def recording(request: web.Request) -> web.StreamResponse:
    """A recorded file as it lies on the disk; the playlist names the parts of it that are played."""
    return await _serve(request, silent=False)


@operation(name="get_silent_replay_file", media="video/mp4", sent=RANGE, also=PARTS)
async def silent_recording(request: web.Request) -> web.StreamResponse:
    """The same for browsers, of a camera whose sound they cannot play: of the same length, without that sound."""
    return await _serve(request, silent=True)


@operation(name="get_replay_sheet", media="image/jpeg", sent=RANGE, also=PARTS)
async def sheet(request: web.Request) -> web.StreamResponse:
    """The small pictures of one recorded file, of which thumbnails say where each is."""
    camera, replay = await _camera_of(request), city_of(request).replay
    segment = await replay.get(camera, id_in_path(request, "recording_id", "recording"))
    await note_viewing(request, camera.public_id, Action.VIEW_REPLAY)
    return await serve_file(request, await replay.open_sheet(camera, segment), content_type="image/jpeg")


@operation(name="get_thumbnails", answer=ThumbnailsAnswer)
async def thumbnails(request: web.Request) -> web.Response:
    """Where to find small pictures of a period, and when each was taken."""
    query, camera = query_of(request, Thumbnails), await _camera_of(request)
    found = await city_of(request).replay.thumbnails(camera, query.start_ms, query.end_ms, query.step_ms)
    carried = f"?{urlencode({'token': query.token})}" if query.token is not None else ""
    first = found[0].sheet if found else None
    answer: ThumbnailsAnswer = {
        "camera_id": camera.public_id,
        "step": query.step_ms / 1000,
        "tile_width": first.tile_width if first else 0,
        "tile_height": first.tile_height if first else 0,
        "sheets": [_shown(camera, one, carried) for one in found],
    }
    return json_answer(answer)


def _shown(camera: Camera, found: ShownSheet, carried: str) -> SheetAnswer:
    sheet = found.sheet
    return {
        "url": f"/replay/stream_{camera.public_id}/{found.recording_id}.jpg{carried}",
        "columns": sheet.columns,
        "rows": sheet.rows,
        "width": sheet.width,
        "height": sheet.height,
        "tile_width": sheet.tile_width,
        "tile_height": sheet.tile_height,
        "tiles": [{"at": rfc3339(tile.at_ms), "x": tile.x, "y": tile.y} for tile in found.tiles],
    }


async def _serve(request: web.Request, *, silent: bool) -> web.StreamResponse:
    camera, replay = await _camera_of(request), city_of(request).replay
    segment = await replay.get(camera, id_in_path(request, "recording_id", "recording"))
    await note_viewing(request, camera.public_id, Action.VIEW_REPLAY)
    opened = await (replay.open_silent if silent else replay.open)(camera, segment)
    etag = None
    if segment.state == SegmentState.CLOSED:
        etag = etag_of(camera.public_id, segment.start_us, segment.bytes, int(silent))
    if isinstance(opened, int):
        return await serve_file(request, opened, content_type="video/mp4", etag=etag)
    return await serve_source(request, opened, Manner("video/mp4", etag=etag))


async def _camera_of(request: web.Request) -> Camera:
    """The one in the URL, removed or not; a viewing token opens only its own."""
    public_id = id_in_path(request, "camera_id", "camera")
    camera = await city_of(request).cameras.get(public_id, verb_of(request), removed_too=True)
    caller = caller_of(request)
    if caller.camera_id is not None and caller.camera_id != camera.id:
        raise NotFound("there is no such camera")
    return camera
