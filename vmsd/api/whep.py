"""`/webrtc/stream_{id}/whep`: lets a browser and MediaMTX find each other; the pictures go straight between them."""

from __future__ import annotations

from aiohttp import web

from vmsd.api.bodies import read_bytes
from vmsd.api.door import STREAM, caller_of, city_of
from vmsd.api.ids import id_in_path
from vmsd.api.live import path_of
from vmsd.api.operation import operation
from vmsd.api.site import SITE
from vmsd.api.viewings import note_viewing
from vmsd.errors import NotFound, TooLarge
from vmsd.live.whep import BODY_BYTES, FRAGMENT, SDP, Answered
from vmsd.services.calls import Call

SWITCHED_OFF = "this box does not speak WebRTC"


@operation(
    name="open_webrtc",
    takes=SDP,
    media=SDP,
    status=201,
    headers={
        "Location": "Of the call: for PATCH and DELETE.",
        "ETag": "For `If-Match` of a PATCH.",
        "Link": "Servers that help through firewalls, if there are any.",
        "Accept-Patch": f"`{FRAGMENT}`.",
    },
    errors=(503,),
)
async def open_call(request: web.Request) -> web.Response:
    """Offers to watch a camera's stream over WebRTC (WHEP); the answer comes with every address to be tried.

    That of the substream while it has a signal, else the main one, which `/webrtc/stream_{camera_id}_main/` always is.
    The pictures end within 5 s of the end of the right to see them, or of the viewing session that opened the call.
    """
    site, path = request.app[SITE], await path_of(request)
    if not site.settings.webrtc.enabled:
        raise NotFound(SWITCHED_OFF)
    offer = await _body(request, SDP)
    await note_viewing(request, _camera_id(request))
    with site.calls.opening(caller_of(request), path):
        answered = await site.whep.open(path, offer)
        call = _new_call(request, path, answered)
        site.calls.add(call)
    response = web.Response(body=answered.sdp, status=201, content_type=SDP)
    response.headers.update({"Location": _location(request, call), "ETag": answered.etag, "Accept-Patch": FRAGMENT})
    for link in answered.links:
        response.headers.add("Link", link)
    return response


def _new_call(request: web.Request, path: str, answered: Answered) -> Call:
    stream = request.get(STREAM)
    return Call(
        media_id=answered.media_id,
        secret=answered.secret,
        path=path,
        caller=caller_of(request),
        city_id=city_of(request).city.id,
        camera_public_id=_camera_id(request),
        token=stream.token if stream else None,
        session_id=stream.session_id if stream else "",
    )


@operation(
    name="trickle_webrtc",
    takes=FRAGMENT,
    media=FRAGMENT,
    status=204,
    sent={"If-Match": "The `ETag` of the call."},
    also={200: "Connecting begins anew: the addresses of the other side, and a new `ETag`."},
    errors=(503,),
)
async def add_candidates(request: web.Request) -> web.Response:
    """More addresses at which the browser may be found; 200 with those of the other side when connecting anew."""
    call = await _call(request)
    fragment = await _body(request, FRAGMENT)
    site = request.app[SITE]
    try:
        said = await site.whep.add_candidates(call.path, call.secret, fragment, request.headers.get("If-Match"))
    except NotFound:
        site.calls.remove(call)
        raise
    if not said.body:
        return web.Response(status=204)
    headers = {"ETag": said.headers["ETag"]} if "ETag" in said.headers else {}
    return web.Response(body=said.body, content_type=FRAGMENT, headers=headers)


@operation(name="close_webrtc", errors=(503,))
async def close_call(request: web.Request) -> web.Response:
    """The pictures end at once. The viewing session stays for other ways to watch, for a moment."""
    site, call = request.app[SITE], await _call(request)
    await site.whep.close(call.path, call.secret)
    site.calls.remove(call)
    if call.token is not None:
        site.streams.let_go(call.token)
    return web.Response(status=204)


@operation(name="describe_webrtc", headers={"Accept-Post": f"`{SDP}`."})
async def describe(request: web.Request) -> web.Response:
    """What an offer has to be sent as."""
    await path_of(request)
    return web.Response(status=204, headers={"Accept-Post": SDP})


def _camera_id(request: web.Request) -> str:
    return id_in_path(request, "camera_id", "camera")


async def _call(request: web.Request) -> Call:
    await path_of(request)
    call_id = id_in_path(request, "call_id", "call")
    return request.app[SITE].calls.get(call_id, caller_of(request), _camera_id(request))


async def _body(request: web.Request, media: str) -> bytes:
    if request.content_type != media:
        raise web.HTTPUnsupportedMediaType
    if (request.content_length or 0) > BODY_BYTES:
        raise TooLarge(f"a body has at most {BODY_BYTES} bytes")
    body = await read_bytes(request)
    if len(body) > BODY_BYTES:
        raise TooLarge(f"a body has at most {BODY_BYTES} bytes")
    return body


def _location(request: web.Request, call: Call) -> str:
    """With the viewing token, for players that carry it in the address."""
    token = request.query.get("token")
    address = f"{request.rel_url.path}/{call.public_id}"
    return address if token is None else f"{address}?token={token}"
