"""`/api/v1/streams`: viewing sessions, each with addresses a player can use without headers."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from aiohttp import web
from pydantic import Field

from vmsd.api.bodies import Page, Query, json_answer, read_query
from vmsd.api.door import caller_of, city_of
from vmsd.api.site import SITE
from vmsd.clock import rfc3339
from vmsd.errors import NotFound
from vmsd.model.person import Role
from vmsd.services.streams import Opened, Stream


class NewStream(Query):
    camera_id: UUID


class StreamPage(Page):
    limit: int = Field(500, ge=1, le=500)


async def open_stream(request: web.Request) -> web.Response:
    """A new viewing session of one camera; its token is bound to that camera and dies when nobody uses it."""
    query = read_query(request, NewStream)
    city = city_of(request)
    camera = await city.cameras.get(str(query.camera_id))
    site = request.app[SITE]
    opened = site.streams.open(caller_of(request), city.city.id, camera.id, camera.public_id)
    answer = shown(request, opened.stream) | addresses(opened)
    if camera.sub_source_url:
        answer["main_hls_url"] = f"/hls/stream_{camera.public_id}_main/index.m3u8?token={opened.token}"
    return json_answer(answer, 201, {"Location": f"/api/v1/streams/{opened.stream.session_id}"})


def addresses(opened: Opened) -> dict[str, Any]:
    """Low latency and WebRTC are not offered by this version: null says so."""
    camera, token = opened.stream.camera_public_id, opened.token
    return {
        "hls_url": f"/hls/stream_{camera}/index.m3u8?token={token}",
        "ll_hls_url": None,
        "webrtc_url": None,
        "snapshot_url": f"/api/v1/cameras/{camera}/snapshot.jpg?token={token}",
    }


def shown(request: web.Request, stream: Stream) -> dict[str, Any]:
    streams = request.app[SITE].streams
    return {
        "session_id": stream.session_id,
        "camera_id": stream.camera_public_id,
        "viewer": stream.caller.name,
        "created_at": rfc3339(stream.created_ms),
        "expires_at": rfc3339(streams.expires_ms(stream)),
    }


async def list_streams(request: web.Request) -> web.Response:
    page = read_query(request, StreamPage)
    streams = request.app[SITE].streams.list(city_of(request).city.id)
    own = [stream for stream in streams if _sees(request, stream)]
    after = 0 if page.cursor is None else _position(own, page.cursor)
    items = own[after : after + page.limit]
    following = items[-1].session_id if len(own) > after + page.limit else None
    return json_answer({"items": [shown(request, stream) for stream in items], "next": following})


def _position(streams: list[Stream], cursor: str) -> int:
    return next((at for at, stream in enumerate(streams, 1) if stream.session_id == cursor), len(streams))


def _sees(request: web.Request, stream: Stream) -> bool:
    """Guards see their own sessions; managers everybody's."""
    caller = caller_of(request)
    return caller.role != Role.USER or stream.caller.person.id == caller.person.id


async def get_stream(request: web.Request) -> web.Response:
    return json_answer(shown(request, stream_of(request)))


async def urls(request: web.Request) -> web.Response:
    """Fresh addresses for a session: the old token stops counting."""
    stream = stream_of(request)
    site = request.app[SITE]
    return json_answer(shown(request, stream) | addresses(site.streams.renew(stream)))


async def metrics(request: web.Request) -> web.Response:
    stream = stream_of(request)
    site, city = request.app[SITE], city_of(request)
    camera = await city.cameras.get(stream.camera_public_id)
    return json_answer(site.overview.stream_metrics(camera))


async def close_stream(request: web.Request) -> web.Response:
    request.app[SITE].streams.close(stream_of(request))
    return web.Response(status=204)


def stream_of(request: web.Request) -> Stream:
    site, city = request.app[SITE], city_of(request)
    stream = site.streams.get(city.city.id, request.match_info["session_id"])
    if not _sees(request, stream):
        raise NotFound("there is no such viewing session")
    return stream
