"""`/api/v1/cameras`: the cameras of one city and what each is doing."""

from __future__ import annotations

from aiohttp import web

from vmsd.api.bodies import (
    Body,
    Page,
    Period,
    json_answer,
    naming_cursor,
    page_of,
    parse,
    query_of,
    read_body,
    read_patch,
)
from vmsd.api.camera_answers import CameraAnswer, ProbeAnswer, RecordingAnswer, SourceAnswer, StateChangeAnswer
from vmsd.api.camera_bodies import NewCamera, Source, fields_of, present, unmasked
from vmsd.api.door import caller_of, city_of, require_fresh, verb_of
from vmsd.api.etags import etag_of, refuse_outdated
from vmsd.api.ids import id_in_path
from vmsd.api.operation import operation
from vmsd.api.site import SITE
from vmsd.clock import rfc3339
from vmsd.errors import NotFound
from vmsd.model.camera import Camera
from vmsd.model.person import Verb
from vmsd.model.shapes import Listing
from vmsd.model.state import LiveState
from vmsd.services.answers import StatusAnswer
from vmsd.vendors.urls import mask

SEE_SOURCE = frozenset({Verb.VIEW, Verb.MANAGE, Verb.CONFIGURE})
WITHOUT_SOURCE: SourceAnswer = {
    "source_url": "",
    "sub_source_url": "",
    "host": "",
    "username": "",
    "tunnel": "",
    "tunnel_target": "",
}
"""For who may not see the camera live: not where its live picture comes from either."""


class Recording(Body):
    """What `PUT /recording` takes: all of it may be left out."""

    recording: bool = True


def shown(camera: Camera, state: LiveState, *, applied: bool) -> CameraAnswer:
    """A camera as everybody who may see it sees it: no password, no internal number."""
    return {
        "id": camera.public_id,
        "name": camera.name,
        "protocol": camera.protocol,
        "source_url": mask(camera.source_url),
        "sub_source_url": mask(camera.sub_source_url),
        "vendor": camera.vendor,
        "host": camera.host,
        "username": camera.username,
        "channel": camera.channel,
        "subtype": camera.subtype,
        "tunnel": camera.tunnel,
        "tunnel_target": camera.tunnel_target,
        "recording_enabled": camera.recording_enabled,
        "retention_days": camera.retention_days,
        "location": {"lat": place.lat, "lon": place.lon} if (place := camera.location) else None,
        "audio": camera.audio,
        "priority": camera.priority,
        "group": camera.group,
        "created_at": rfc3339(camera.created_ms),
        "state": state.state,
        "state_since": rfc3339(state.since_ms),
        "state_cause": state.cause,
        "applied": applied,
    }


def _shown(request: web.Request, camera: Camera, *, applied: bool | None = None) -> CameraAnswer:
    site, city = request.app[SITE], city_of(request)
    if applied is None:
        applied = site.overview.applied(city.city, camera)
    answer = shown(camera, site.states.of(camera), applied=applied)
    if city.cameras.held(camera).isdisjoint(SEE_SOURCE) or caller_of(request).seat is not None:
        return {**answer, **WITHOUT_SOURCE}
    return answer


def _shown_alone(request: web.Request, camera: Camera, *, applied: bool | None = None) -> CameraAnswer:
    """With the key a pushing camera needs, for those who may set cameras up; no list carries it."""
    answer = _shown(request, camera, applied=applied)
    if camera.pushes and Verb.CONFIGURE in city_of(request).cameras.held(camera):
        answer["publish"] = request.app[SITE].overview.publish_address(city_of(request).city, camera)
    return answer


def tag(camera: Camera) -> str:
    return etag_of(camera.public_id, camera.changed_ms)


async def _applied(request: web.Request) -> bool:
    """Whether MediaMTX has every change so far; with a MediaMTX known to be away there is nothing to wait for."""
    away = request.app[SITE].states.mediamtx_alive is False
    return not away and await city_of(request).cameras.applied()


@operation(answer=Listing[CameraAnswer])
async def list_cameras(request: web.Request) -> web.Response:
    """Those the caller may see."""
    page = query_of(request, Page)
    with naming_cursor():
        found = await city_of(request).cameras.list(after=page.cursor, limit=page.limit + 1)
    cameras, following = page_of(found, page.limit, lambda camera: camera.public_id)
    return json_answer({"items": [_shown(request, camera) for camera in cameras], "next": following})


@operation(body=NewCamera, answer=CameraAnswer, status=201, errors=(409,), etag=True)
async def add_camera(request: web.Request) -> web.Response:
    """From an address, or from a vendor and a host; `rtmp` with neither is a camera that pushes.

    With MediaMTX away the camera is kept all the same: `applied` is false then, and becomes true by itself.
    """
    body = await read_body(request, NewCamera)
    camera = await city_of(request).cameras.add(fields_of(body))
    answer = _shown_alone(request, camera, applied=await _applied(request))
    headers = {"Location": f"/api/v1/cameras/{camera.public_id}", "ETag": tag(camera)}
    return json_answer(answer, 201, headers)


@operation(answer=CameraAnswer, etag=True)
async def get_camera(request: web.Request) -> web.Response:
    """Its tag names the version of its settings; what the camera does at the moment has none."""
    camera = await camera_of(request)
    return json_answer(_shown_alone(request, camera), headers={"ETag": tag(camera)})


@operation(patch=NewCamera, answer=CameraAnswer, errors=(409,), etag=True)
async def change_camera(request: web.Request) -> web.Response:
    """A password is kept until another is given. A change of `retention_days` wants a fresh password."""
    camera = await camera_of(request)
    refuse_outdated(request, tag(camera))
    patch = unmasked(camera, await read_patch(request, NewCamera))
    body = parse(NewCamera, present(camera, patch) | patch)
    if body.retention_days != camera.retention_days:
        require_fresh(request)
    changed = await city_of(request).cameras.change(camera, fields_of(body))
    answer = _shown_alone(request, changed, applied=await _applied(request))
    return json_answer(answer, headers={"ETag": tag(changed)})


@operation(etag=True)
async def remove_camera(request: web.Request) -> web.Response:
    """Its recordings stay for as long as they were promised."""
    camera = await camera_of(request)
    refuse_outdated(request, tag(camera))
    await city_of(request).cameras.remove(camera)
    return web.Response(status=204)


@operation(name="probe_camera", body=Source, answer=ProbeAnswer)
async def probe(request: web.Request) -> web.Response:
    """Opens the source and says what it really sends; saves nothing."""
    body = await read_body(request, Source)
    fields = fields_of(NewCamera(**body.model_dump(), name="probe"))
    draft = await city_of(request).cameras.draft(fields)
    facts = await request.app[SITE].prober.probe(draft)
    return json_answer(facts)


@operation(name="get_camera_status", answer=StatusAnswer)
async def status(request: web.Request) -> web.Response:
    """What it is doing now, measured."""
    camera = await camera_of(request)
    return json_answer(request.app[SITE].overview.status(camera))


@operation(name="list_camera_states", answer=Listing[StateChangeAnswer])
async def history(request: web.Request) -> web.Response:
    """Each change within the period, and the state it began with; oldest first."""
    period = query_of(request, Period)
    camera = await camera_of(request)
    changes = await city_of(request).states.between(camera.id, period.start_ms, period.end_ms)
    items: list[StateChangeAnswer] = [
        {"at": rfc3339(one.at_ms), "state": one.state, "cause": one.cause} for one in changes
    ]
    return json_answer({"items": items, "next": None})


@operation(name="get_camera_recording", answer=RecordingAnswer)
async def get_recording(request: web.Request) -> web.Response:
    """Whether it is to be recorded, and whether it is."""
    camera = await camera_of(request)
    return json_answer(_recording(request, camera))


@operation(body=Recording, body_optional=True, answer=RecordingAnswer, errors=(409, 507), etag=True)
async def start_recording(request: web.Request) -> web.Response:
    """Refused while nothing can be recorded: an answer that says `recording` must be true soon."""
    body = await read_body(request, Recording)
    camera = await camera_of(request)
    refuse_outdated(request, tag(camera))
    if body.recording:
        request.app[SITE].overview.refuse_full_storage()
    return await _set_recording(request, camera, enabled=body.recording)


@operation(answer=RecordingAnswer, errors=(409,), etag=True)
async def stop_recording(request: web.Request) -> web.Response:
    """What was recorded stays."""
    camera = await camera_of(request)
    refuse_outdated(request, tag(camera))
    return await _set_recording(request, camera, enabled=False)


async def _set_recording(request: web.Request, camera: Camera, *, enabled: bool) -> web.Response:
    changed = await city_of(request).cameras.set_recording(camera, enabled=enabled)
    answer = _recording(request, changed)
    answer["recording"], answer["applied"] = changed.recording_enabled, await _applied(request)
    return json_answer(answer)


def _recording(request: web.Request, camera: Camera) -> RecordingAnswer:
    """`enabled` is what was asked, `recording` what reaches the disk."""
    overview = request.app[SITE].overview
    since = rfc3339(camera.recording_since_ms) if camera.recording_enabled else None
    return {
        "camera_id": camera.public_id,
        "enabled": camera.recording_enabled,
        "recording": overview.recording(camera),
        "storage_path": f"{city_of(request).city.public_id}/{camera.public_id}",
        "started_at": since,
        "enabled_at": since,
    }


async def camera_of(request: web.Request) -> Camera:
    """The one in the URL; a viewing token opens only its own."""
    camera = await city_of(request).cameras.get(id_in_path(request, "camera_id", "camera"), verb_of(request))
    caller = caller_of(request)
    if caller.camera_id is not None and caller.camera_id != camera.id:
        raise NotFound("there is no such camera")
    return camera
