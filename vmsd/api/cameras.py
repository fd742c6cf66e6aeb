"""`/api/v1/cameras`: the cameras of one city and what each is doing."""

from __future__ import annotations

from typing import Annotated, Any

from aiohttp import web
from pydantic import Field, StringConstraints

from vmsd.api.bodies import (
    Body,
    Name,
    Page,
    Period,
    Query,
    json_answer,
    page_of,
    parse,
    read_body,
    read_json,
    read_query,
)
from vmsd.api.door import caller_of, city_of
from vmsd.api.site import SITE
from vmsd.clock import rfc3339
from vmsd.errors import FieldProblem, Invalid, NotFound
from vmsd.model.camera import Camera, Location, Protocol
from vmsd.model.state import LiveState
from vmsd.services.cameras import CameraFields
from vmsd.vendors.urls import mask

Word = Annotated[str, StringConstraints(max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")]
Url = Annotated[str, StringConstraints(max_length=2000)]
MAX_IMPORT = 500


class Place(Body):
    lat: float = Field(ge=-90, le=90, allow_inf_nan=False)
    lon: float = Field(ge=-180, le=180, allow_inf_nan=False)


class Source(Body):
    """The part of a camera that says where its video comes from."""

    protocol: Protocol = "rtsp"
    source_url: Url = ""
    sub_source_url: Url = ""
    substream: bool = False
    vendor: Word = ""
    host: Word = ""
    username: Word = ""
    password: Word | None = None
    channel: int = Field(1, ge=1, le=256)
    subtype: int = Field(0, ge=0, le=9)
    tunnel: Word = ""
    tunnel_target: Word = ""


class NewCamera(Source):
    name: Name
    recording_enabled: bool = True
    retention_days: int | None = Field(None, ge=1, le=365)
    location: Place | None = None
    audio: bool = False
    group: Word = ""


class CameraBatch(Body):
    cameras: list[dict[str, Any]] = Field(min_length=1, max_length=MAX_IMPORT)


class Import(Query):
    dry_run: bool = False


class Recording(Body):
    """What `PUT /recording` takes: all of it may be left out."""

    recording: bool = True


def fields_of(body: NewCamera) -> CameraFields:
    """The body as the service takes it; a new vendor or host replaces an address built for another."""
    values = body.model_dump(exclude={"location"})
    place = body.location
    return CameraFields(**values, location=Location(place.lat, place.lon) if place else None)


def shown(camera: Camera, state: LiveState, *, applied: bool) -> dict[str, Any]:
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
        "location": camera.location and {"lat": camera.location.lat, "lon": camera.location.lon},
        "audio": camera.audio,
        "group": camera.group,
        "created_at": rfc3339(camera.created_ms),
        "state": state.state,
        "state_since": rfc3339(state.since_ms),
        "state_cause": state.cause,
        "applied": applied,
    }


def _shown(request: web.Request, camera: Camera, *, applied: bool | None = None) -> dict[str, Any]:
    site, city = request.app[SITE], city_of(request)
    if applied is None:
        applied = site.overview.applied(city.city, camera)
    return shown(camera, site.states.of(camera), applied=applied)


async def list_cameras(request: web.Request) -> web.Response:
    page = read_query(request, Page)
    found = await city_of(request).cameras.list(after=page.cursor, limit=page.limit + 1)
    cameras, following = page_of(found, page.limit, lambda camera: camera.public_id)
    return json_answer({"items": [_shown(request, camera) for camera in cameras], "next": following})


async def add_camera(request: web.Request) -> web.Response:
    body = await read_body(request, NewCamera)
    cameras = city_of(request).cameras
    camera = await cameras.add(fields_of(body))
    answer = _shown(request, camera, applied=await cameras.applied())
    if camera.pushes:
        answer["publish"] = request.app[SITE].overview.publish_address(city_of(request).city, camera)
    return json_answer(answer, 201, {"Location": f"/api/v1/cameras/{camera.public_id}"})


async def get_camera(request: web.Request) -> web.Response:
    return json_answer(_shown(request, await camera_of(request)))


async def change_camera(request: web.Request) -> web.Response:
    camera = await camera_of(request)
    patch = await read_json(request)
    if not isinstance(patch, dict):
        raise Invalid("the body is not an object", FieldProblem("", "must be an object"))
    body = parse(NewCamera, _present(camera, patch) | patch)
    cameras = city_of(request).cameras
    changed = await cameras.change(camera, fields_of(body))
    return json_answer(_shown(request, changed, applied=await cameras.applied()))


def _present(camera: Camera, patch: dict[str, Any]) -> dict[str, Any]:
    """The camera as the body that would have made it; what a new vendor address replaces is left out."""
    present = {
        name: getattr(camera, name)
        for name in NewCamera.model_fields
        if name not in ("location", "password", "substream")
    }
    present["location"] = camera.location and {"lat": camera.location.lat, "lon": camera.location.lon}
    rebuilt = {"vendor", "host", "channel", "subtype"} & patch.keys()
    if rebuilt and camera.vendor:
        present["source_url"] = present["sub_source_url"] = ""
    if "source_url" in patch:
        present["vendor"] = present["host"] = ""
    return present


async def remove_camera(request: web.Request) -> web.Response:
    await city_of(request).cameras.remove(await camera_of(request))
    return web.Response(status=204)


async def probe(request: web.Request) -> web.Response:
    """Opens the source and says what it really sends; saves nothing."""
    body = await read_body(request, Source)
    fields = fields_of(NewCamera(**body.model_dump(), name="probe"))
    draft = await city_of(request).cameras.draft(fields)
    facts = await request.app[SITE].prober.probe(draft)
    return json_answer(facts)


async def import_cameras(request: web.Request) -> web.Response:
    """One result per camera, in order; one that is refused keeps none of the others out."""
    query = read_query(request, Import)
    batch = await read_body(request, CameraBatch)
    results = [await _import_one(request, raw, dry_run=query.dry_run) for raw in batch.cameras]
    failed = sum("errors" in result for result in results)
    answer = {"items": results, "added": 0 if query.dry_run else len(results) - failed, "refused": failed}
    return json_answer(answer, 200 if query.dry_run or failed else 201)


async def _import_one(request: web.Request, raw: dict[str, Any], *, dry_run: bool) -> dict[str, Any]:
    cameras = city_of(request).cameras
    name = raw.get("name")
    try:
        fields = fields_of(parse(NewCamera, raw))
        camera = await (cameras.draft(fields) if dry_run else cameras.add(fields))
    except Invalid as error:
        problems = [{"pointer": one.pointer, "detail": one.detail} for one in error.problems]
        return {"name": name, "errors": problems}
    return {"name": name, "id": None if dry_run else camera.public_id}


async def status(request: web.Request) -> web.Response:
    camera = await camera_of(request)
    return json_answer(request.app[SITE].overview.status(camera))


async def history(request: web.Request) -> web.Response:
    period = read_query(request, Period)
    camera = await camera_of(request)
    changes = await city_of(request).states.between(camera.id, period.start_ms, period.end_ms)
    items = [{"at": rfc3339(one.at_ms), "state": one.state, "cause": one.cause} for one in changes]
    return json_answer({"items": items, "next": None})


async def get_recording(request: web.Request) -> web.Response:
    camera = await camera_of(request)
    return json_answer(_recording(request, camera))


async def start_recording(request: web.Request) -> web.Response:
    wanted = True
    if request.can_read_body:
        wanted = (await read_body(request, Recording)).recording
    return await _set_recording(request, enabled=wanted)


async def stop_recording(request: web.Request) -> web.Response:
    return await _set_recording(request, enabled=False)


async def _set_recording(request: web.Request, *, enabled: bool) -> web.Response:
    cameras = city_of(request).cameras
    camera = await cameras.set_recording(await camera_of(request), enabled=enabled)
    await cameras.applied()
    return json_answer(_recording(request, camera) | {"recording": camera.recording_enabled})


def _recording(request: web.Request, camera: Camera) -> dict[str, Any]:
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
    camera = await city_of(request).cameras.get(request.match_info["camera_id"])
    caller = caller_of(request)
    if caller.camera_id is not None and caller.camera_id != camera.id:
        raise NotFound("there is no such camera")
    return camera
