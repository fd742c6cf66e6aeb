"""`/api/v1/recordings`: what was recorded, found by camera and period; kept, let go, taken away."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal, NotRequired
from uuid import UUID
from zoneinfo import ZoneInfo

from aiohttp import hdrs, web
from pydantic import Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError
from typing_extensions import TypedDict

from vmsd.api.bodies import Moment, Query, json_answer, ms_of, naming_cursor, query_of, read_body
from vmsd.api.door import caller_of, city_of, verb_of
from vmsd.api.etags import etag_of
from vmsd.api.files import GONE, PARTS, RANGE, serve_file
from vmsd.api.ids import id_in_path
from vmsd.api.keeping import Reason
from vmsd.api.operation import operation
from vmsd.api.site import SITE
from vmsd.clock import rfc3339
from vmsd.errors import NotFound
from vmsd.model.audit import Action
from vmsd.model.camera import Camera
from vmsd.model.keeping import Keeping, KeptPeriod, Stretch
from vmsd.model.person import Verb
from vmsd.model.segment import PurgeReason, SegmentFlag, SegmentState
from vmsd.model.shapes import Bytes, Id, Listing, Seconds, Time, Yes
from vmsd.services.expiry import Expiring
from vmsd.services.recordings import NONE_SUCH, Recording, Wanted

BEGINNING_MS, END_MS = 0, 253_402_300_799_000
"""From 1970 to the end of 9999."""
MOST_HOURS = 31 * 24
_NO_FILE_NAME = re.compile(r'[\\/:*?"<>|]')


class Search(Query):
    """A period, or the periods of an incident or a hold, which a period given as well cuts to size."""

    camera_id: UUID | None = None
    group: UUID | None = Field(None, description="A camera group.")
    preserved: bool | None = Field(None, description="What is kept for whatever reason, or what is not.")
    incident_id: UUID | None = None
    hold_id: UUID | None = Field(None, description="Not together with `incident_id`.")
    start: Moment | None = Field(
        None,
        validate_default=True,
        description="Required without an incident or a hold.",
        examples=["2026-11-20T22:00:00Z"],
    )
    end: Moment | None = Field(
        None, validate_default=True, description="Not included; as `start`.", examples=["2026-11-20T22:30:00Z"]
    )
    with_detections: bool = Field(False, description="Count the plates that were read meanwhile.")
    limit: int = Field(50, ge=1, le=500)
    cursor: str | None = Field(None, max_length=36)

    @field_validator("hold_id")
    @classmethod
    def _one_of_them(cls, hold_id: UUID | None, info: ValidationInfo) -> UUID | None:
        if hold_id is not None and info.data.get("incident_id") is not None:
            raise PydanticCustomError("period", "not together with incident_id")
        return hold_id

    @field_validator("start", "end")
    @classmethod
    def _bounded(cls, value: Moment | None, info: ValidationInfo) -> Moment | None:
        start = info.data.get("start")
        if value is None and not info.data.get("incident_id") and not info.data.get("hold_id"):
            raise PydanticCustomError("missing", "is required without an incident or a hold")
        if value is not None and start is not None and value <= start:
            raise PydanticCustomError("period", "must be after start")
        return value

    @property
    def stretch(self) -> Stretch:
        start_ms = BEGINNING_MS if self.start is None else ms_of(self.start)
        return start_ms, END_MS if self.end is None else ms_of(self.end)


class ExpiringSearch(Query):
    within_hours: float = Field(24, gt=0, le=MOST_HOURS, allow_inf_nan=False)
    camera_id: UUID | None = None
    limit: int = Field(50, ge=1, le=500)
    cursor: str | None = Field(None, max_length=36)


ClockState = Literal["trusted", "untrusted", "corrected"]
STATES: dict[SegmentState, Literal["running", "closed", "garbage"]] = {
    SegmentState.RUNNING: "running",
    SegmentState.CLOSED: "closed",
    SegmentState.GARBAGE: "garbage",
}


class RecordingFileAnswer(TypedDict):
    """One file of video."""

    id: Id
    camera_id: Id
    start: Time
    end: Time
    duration: Seconds
    bytes: Bytes
    valid_bytes: Annotated[int, Field(ge=0, description="Up to the end of its last whole second.")]
    state: Literal["running", "closed", "garbage"]
    damaged: bool
    altered: Annotated[bool, Field(description="Its bytes are not those that were hashed when it was closed.")]
    clock: Annotated[ClockState, Field(description="The box's clock when it was recorded; `corrected` since then.")]
    clock_trusted: Annotated[Yes, Field(description="False for `untrusted`.")]
    kept: Annotated[list[Keeping], Field(description="What for it is never purged.")]
    preserved: Annotated[bool, Field(description="Kept, for whatever reason.")]
    incident: Annotated[bool, Field(description="Kept for an incident.")]
    sha256: Annotated[str | None, Field(description="In hex; null until the closed file has been read whole.")]
    detections: NotRequired[
        Annotated[int, Field(ge=0, description="Plates that were read meanwhile; with `with_detections`.")]
    ]


class ExpiringAnswer(RecordingFileAnswer):
    expires_at: Annotated[Time, Field(description="Soon after that it is deleted, unless somebody keeps it.")]
    rule: Annotated[PurgeReason, Field(description="By the plan of the city, or by the camera's own days.")]


def shown(recording: Recording) -> RecordingFileAnswer:
    segment, kept = recording.segment, recording.kept
    return {
        "id": recording.id,
        "camera_id": recording.camera_public_id,
        "start": rfc3339(segment.start_ms),
        "end": rfc3339(segment.end_ms),
        "duration": segment.duration_ms / 1000,
        "bytes": segment.bytes,
        "valid_bytes": segment.valid_bytes,
        "state": STATES[SegmentState(segment.state)],
        "damaged": bool(segment.flags & SegmentFlag.DAMAGED),
        "altered": bool(segment.flags & SegmentFlag.ALTERED),
        "clock": clock_of(segment.flags),
        "clock_trusted": not segment.flags & SegmentFlag.CLOCK_UNTRUSTED,
        "kept": [keeping for keeping in Keeping if keeping in kept],
        "preserved": bool(kept),
        "incident": Keeping.INCIDENT in kept,
        "sha256": segment.sha256.hex() if segment.sha256 else None,
    }


def clock_of(flags: SegmentFlag) -> ClockState:
    if flags & SegmentFlag.CLOCK_UNTRUSTED:
        return "untrusted"
    return "corrected" if flags & SegmentFlag.CLOCK_CORRECTED else "trusted"


def shown_expiring(one: Expiring) -> ExpiringAnswer:
    return {**shown(one.recording), "expires_at": rfc3339(one.expires_ms), "rule": one.rule}


@operation(answer=Listing[RecordingFileAnswer])
async def list_recordings(request: web.Request) -> web.Response:
    """The files that hold video of the period, oldest first; also of cameras that have been removed."""
    search = query_of(request, Search)
    wanted = await _wanted(request, search)
    with naming_cursor():
        page = await city_of(request).recordings.list(
            wanted, preserved=search.preserved, after=search.cursor, limit=search.limit
        )
    items = [shown(recording) for recording in page.items]
    if search.with_detections:
        counted = await _detections(request, page.items)
        items = [{**item, "detections": counted[item["id"]]} for item in items]
    return json_answer({"items": items, "next": page.next})


async def _detections(request: web.Request, recordings: Sequence[Recording]) -> Mapping[str, int]:
    """How many plates, and not which: who may replay a camera need not see its plates."""
    segments = {one.id: one.segment for one in recordings}
    return await city_of(request).detections.counts(
        {name: (one.camera_id, one.start_ms, one.end_ms) for name, one in segments.items()}
    )


async def _wanted(request: web.Request, search: Search) -> Sequence[Wanted]:
    cameras = await _cameras(request, search.camera_id)
    if search.group is not None:
        group = await city_of(request).groups.get(str(search.group))
        cameras = [camera for camera in cameras if camera.group_id == group.id]
    periods = await _periods(request, search)
    if periods is None:
        return [Wanted(camera, [search.stretch]) for camera in cameras]
    return [Wanted(camera, _cut(periods, camera, search.stretch)) for camera in cameras]


async def _cameras(request: web.Request, camera_id: UUID | None) -> Sequence[Camera]:
    """The one that is named, or all whose recordings the caller may see."""
    cameras = city_of(request).cameras
    if camera_id is not None:
        return [await cameras.get(str(camera_id), verb_of(request), removed_too=True)]
    return await cameras.list(verbs=frozenset({Verb.REPLAY}), removed_too=True)


async def _periods(request: web.Request, search: Search) -> Sequence[KeptPeriod] | None:
    """Those of the incident or hold that is named, released ones too."""
    city = city_of(request)
    if search.incident_id is not None:
        return (await city.incidents.get(str(search.incident_id))).periods
    return None if search.hold_id is None else (await city.holds.get(str(search.hold_id))).periods


def _cut(periods: Sequence[KeptPeriod], camera: Camera, within: Stretch) -> Sequence[Stretch]:
    own = [one for one in periods if one.camera_id == camera.id]
    return [(max(one.start_ms, within[0]), min(one.end_ms, within[1])) for one in own]


@operation(answer=Listing[ExpiringAnswer])
async def list_expiring_recordings(request: web.Request) -> web.Response:
    """What will be deleted by age, the next first; nothing while the box's clock is not trusted.

    Without what somebody keeps, and without what was recorded under a clock that was not trusted.
    """
    search = query_of(request, ExpiringSearch)
    cameras = await _cameras(request, search.camera_id)
    with naming_cursor():
        page = await city_of(request).expiry.list(cameras, search.within_hours, after=search.cursor, limit=search.limit)
    return json_answer({"items": [shown_expiring(one) for one in page.items], "next": page.next})


@operation(answer=RecordingFileAnswer)
async def get_recording(request: web.Request) -> web.Response:
    recording, _ = await _opened(request)
    return await _answer(request, recording)


@operation(body=Reason, body_optional=True, answer=RecordingFileAnswer)
async def preserve_recording(request: web.Request) -> web.Response:
    """This file is never purged, until it is let go; one that is preserved already stays as it was asked for."""
    body = await read_body(request, Reason)
    recording, camera = await _opened(request)
    await city_of(request).kept_files.preserve(recording, camera, body.reason)
    return await _answer(request, recording)


async def _answer(request: web.Request, recording: Recording) -> web.Response:
    (kept,) = await city_of(request).recordings.with_kept([recording])
    return json_answer(shown(kept))


@operation(name="let_recording_go", body=Reason, body_optional=True, errors=(409,))
async def let_go(request: web.Request) -> web.Response:
    """Takes this file out of what is preserved; what was preserved with it stays.

    409 while an incident or a hold keeps it.
    """
    body = await read_body(request, Reason)
    recording, camera = await _opened(request)
    await city_of(request).kept_files.let_go(recording, camera, body.reason)
    return web.Response(status=204)


@operation(
    name="download_recording",
    media="video/mp4",
    sent=RANGE,
    also=PARTS,
    headers={"ETag": "Of these very bytes.", "Content-Disposition": "The camera's name, and the start in local time."},
)
async def download(request: web.Request) -> web.StreamResponse:
    """The whole file as it was recorded; of one that is still being written, what there is of it now."""
    recording, camera = await _opened(request)
    site, segment = request.app[SITE], recording.segment
    path = recording.path(site.settings.recordings_dir, city_of(request).city.public_id)
    if not await asyncio.to_thread(_is_there, path):
        raise NotFound(GONE)
    if request.method == hdrs.METH_GET:
        city_id, period = city_of(request).city.id, (segment.start_ms, segment.end_ms)
        await site.viewings.seen(
            caller_of(request), city_id, camera.public_id, action=Action.RECORDING_DOWNLOADED, period=period
        )
    running = segment.state is SegmentState.RUNNING
    size = segment.valid_bytes if running else segment.bytes
    name = file_name(camera.name, segment.start_ms, ZoneInfo(site.settings.site.time_zone))
    etag = etag_of(recording.id, STATES[segment.state], size)
    return await serve_file(request, path, size=size, content_type="video/mp4", name=name, etag=etag)


def _is_there(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:
        return False


def file_name(camera: str, start_ms: int, zone: ZoneInfo) -> str:
    """Nothing in it that a file system would not take."""
    at = datetime.fromtimestamp(start_ms // 1000, UTC).astimezone(zone)
    return f"{_NO_FILE_NAME.sub('_', camera)}_{at:%Y-%m-%d_%H-%M-%S}.mp4"


async def _opened(request: web.Request) -> tuple[Recording, Camera]:
    """The one in the URL and its camera, removed ones too, if the caller may do with it what the route is for."""
    city = city_of(request)
    recording = await city.recordings.get(id_in_path(request, "recording_id", "recording"))
    try:
        camera = await city.cameras.get(recording.camera_public_id, verb_of(request), removed_too=True)
    except NotFound:
        raise NotFound(NONE_SUCH) from None
    return recording, camera
