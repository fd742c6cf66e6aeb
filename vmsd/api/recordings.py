"""`/api/v1/recordings`: what was recorded, found by camera and period."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from aiohttp import web
from pydantic import Field
from typing_extensions import TypedDict

from vmsd.api.bodies import Period, json_answer, naming_cursor, query_of
from vmsd.api.door import city_of, verb_of
from vmsd.api.ids import id_in_path
from vmsd.api.operation import operation
from vmsd.clock import rfc3339
from vmsd.errors import NotFound
from vmsd.model.segment import SegmentFlag, SegmentState
from vmsd.model.shapes import Bytes, Id, Listing, Seconds, Time, Yes
from vmsd.services.recordings import NONE_SUCH, Recording


class Search(Period):
    camera_id: UUID
    limit: int = Field(50, ge=1, le=500)
    cursor: str | None = Field(None, max_length=36)


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
    clock_trusted: Annotated[Yes, Field(description="Whether the box's clock was right when it was recorded.")]
    preserved: bool
    incident: bool
    sha256: Annotated[str | None, Field(description="In hex; null until the closed file has been read whole.")]


def shown(recording: Recording) -> RecordingFileAnswer:
    segment = recording.segment
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
        "clock_trusted": not segment.flags & SegmentFlag.CLOCK_UNTRUSTED,
        "preserved": False,
        "incident": False,
        "sha256": segment.sha256.hex() if segment.sha256 else None,
    }


@operation(answer=Listing[RecordingFileAnswer])
async def list_recordings(request: web.Request) -> web.Response:
    """The files that hold video of the period, oldest first; also of a camera that has been removed."""
    search = query_of(request, Search)
    city = city_of(request)
    camera = await city.cameras.get(str(search.camera_id), verb_of(request), removed_too=True)
    with naming_cursor():
        page = await city.recordings.list(
            camera, search.start_ms, search.end_ms, after=search.cursor, limit=search.limit
        )
    return json_answer({"items": [shown(recording) for recording in page.items], "next": page.next})


@operation(answer=RecordingFileAnswer)
async def get_recording(request: web.Request) -> web.Response:
    return json_answer(shown(await recording_of(request)))


async def recording_of(request: web.Request) -> Recording:
    """The one in the URL, if the caller may do with its camera what the route is for."""
    city = city_of(request)
    recording = await city.recordings.get(id_in_path(request, "recording_id", "recording"))
    try:
        await city.cameras.get(recording.camera_public_id, verb_of(request), removed_too=True)
    except NotFound:
        raise NotFound(NONE_SUCH) from None
    return recording
