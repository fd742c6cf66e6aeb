"""`/api/v1/streams`: viewing sessions, each with addresses a player can use without headers."""

from __future__ import annotations

from typing import Annotated, NotRequired
from uuid import UUID

from aiohttp import web
from pydantic import Field
from typing_extensions import TypedDict

from vmsd.api.bodies import Page, Query, json_answer, page_of, query_of
from vmsd.api.door import caller_of, city_of, verb_of
from vmsd.api.ids import id_in_path
from vmsd.api.operation import operation
from vmsd.api.site import SITE
from vmsd.clock import rfc3339
from vmsd.errors import NotAllowed, NotFound
from vmsd.model.person import Role
from vmsd.model.shapes import Id, Listing, Time
from vmsd.services.answers import StreamMetricsAnswer
from vmsd.services.streams import Stream


class NewStream(Query):
    camera_id: UUID


class StreamAnswer(TypedDict):
    """A viewing session."""

    session_id: Id
    camera_id: Id
    viewer: Annotated[str, Field(description="The name of the person it was opened by.")]
    created_at: Time
    expires_at: Annotated[Time, Field(description="Put off while it is used.")]


class StreamAddresses(TypedDict):
    """With a viewing token in them, for players that send no headers; null where the box offers none.

    The three qualities of live are `webrtc_url` (WHEP, under half a second behind), `ll_hls_url` (1-2 s) and `hls_url`.
    """

    hls_url: Annotated[str, Field(examples=["/hls/stream_0f9f6a30-6f6c-4f0e-8f3d-2f6d0c1b7a55/index.m3u8?token=..."])]
    ll_hls_url: str | None
    webrtc_url: str | None
    snapshot_url: str
    main_hls_url: NotRequired[Annotated[str, Field(description="The main stream, of a camera with a substream.")]]
    main_ll_hls_url: NotRequired[str | None]
    main_webrtc_url: NotRequired[str | None]


class StreamUrlsAnswer(StreamAnswer, StreamAddresses):
    """A viewing session and its addresses."""


@operation(answer=StreamUrlsAnswer, status=201)
async def open_stream(request: web.Request) -> web.Response:
    """A new viewing session of one camera; its token is bound to that camera and dies when nobody uses it."""
    query = query_of(request, NewStream)
    city = city_of(request)
    camera = await city.cameras.get(str(query.camera_id), verb_of(request))
    site = request.app[SITE]
    stream = site.streams.open(caller_of(request), city.city.id, camera.id, camera.public_id)
    answer: StreamUrlsAnswer = {**shown(request, stream), **addresses(request, stream)}
    if camera.sub_source_url:
        main = _qualities(request, f"stream_{camera.public_id}_main", stream.token)
        answer["main_hls_url"], answer["main_ll_hls_url"], answer["main_webrtc_url"] = main
    return json_answer(answer, 201, {"Location": f"/api/v1/streams/{stream.session_id}"})


def addresses(request: web.Request, stream: Stream) -> StreamAddresses:
    camera, token = stream.camera_public_id, stream.token
    hls_url, ll_hls_url, webrtc_url = _qualities(request, f"stream_{camera}", token)
    return {
        "hls_url": hls_url,
        "ll_hls_url": ll_hls_url,
        "webrtc_url": webrtc_url,
        "snapshot_url": f"/api/v1/cameras/{camera}/snapshot.jpg?token={token}",
    }


def _qualities(request: web.Request, name: str, token: str) -> tuple[str, str, str | None]:
    """HLS, low-latency HLS and WebRTC, which the stand-in does not speak."""
    site = request.app[SITE]
    has_webrtc = site.settings.webrtc.enabled and site.overview.mediamtx_kind() == "real"
    return (
        f"/hls/{name}/index.m3u8?token={token}",
        f"/hls/{name}/ll/index.m3u8?token={token}",
        f"/webrtc/{name}/whep?token={token}" if has_webrtc else None,
    )


def shown(request: web.Request, stream: Stream) -> StreamAnswer:
    streams = request.app[SITE].streams
    return {
        "session_id": stream.session_id,
        "camera_id": stream.camera_public_id,
        "viewer": stream.caller.name,
        "created_at": rfc3339(stream.created_ms),
        "expires_at": rfc3339(streams.expires_ms(stream)),
    }


@operation(answer=Listing[StreamAnswer])
async def list_streams(request: web.Request) -> web.Response:
    """Guards see their own, managers everybody's."""
    page = query_of(request, Page)
    streams = request.app[SITE].streams.list(city_of(request).city.id, after=page.cursor or "")
    own = [stream for stream in streams if _sees(request, stream)]
    items, following = page_of(own, page.limit, lambda stream: stream.place)
    return json_answer({"items": [shown(request, stream) for stream in items], "next": following})


def _sees(request: web.Request, stream: Stream) -> bool:
    """Guards see their own sessions; managers everybody's."""
    caller = caller_of(request)
    return caller.role != Role.USER or stream.caller.person.id == caller.person.id


@operation(answer=StreamAnswer)
async def get_stream(request: web.Request) -> web.Response:
    return json_answer(shown(request, stream_of(request)))


@operation(name="get_stream_urls", answer=StreamUrlsAnswer)
async def urls(request: web.Request) -> web.Response:
    """Whoever watches by these addresses watches in the name of the person who opened the session."""
    stream = stream_of(request)
    if stream.caller.person.id != caller_of(request).person.id:
        raise NotAllowed("these addresses are another person's")
    answer: StreamUrlsAnswer = {**shown(request, stream), **addresses(request, stream)}
    return json_answer(answer)


@operation(name="get_stream_metrics", answer=StreamMetricsAnswer)
async def metrics(request: web.Request) -> web.Response:
    """What is measured of its camera."""
    stream = stream_of(request)
    site, city = request.app[SITE], city_of(request)
    camera = await city.cameras.get(stream.camera_public_id, verb_of(request))
    return json_answer(site.overview.stream_metrics(camera))


@operation()
async def close_stream(request: web.Request) -> web.Response:
    """Its viewing token opens nothing from now on."""
    request.app[SITE].streams.close(stream_of(request))
    return web.Response(status=204)


def stream_of(request: web.Request) -> Stream:
    site, city = request.app[SITE], city_of(request)
    stream = site.streams.get(city.city.id, id_in_path(request, "session_id", "viewing session"))
    if not _sees(request, stream):
        raise NotFound("there is no such viewing session")
    return stream
