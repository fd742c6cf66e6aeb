"""`/api/v1/recordings`: what was recorded, found by camera and period."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from aiohttp import web
from pydantic import Field

from vmsd.api.bodies import Period, json_answer, naming_cursor, query_of
from vmsd.api.door import city_of
from vmsd.api.ids import id_in_path
from vmsd.clock import rfc3339
from vmsd.model.segment import SegmentFlag, SegmentState
from vmsd.services.recordings import Recording


class Search(Period):
    camera_id: UUID
    limit: int = Field(50, ge=1, le=500)
    cursor: str | None = Field(None, max_length=36)


def shown(recording: Recording) -> dict[str, Any]:
    """`sha256` is null until the closed file has been read whole; `valid_bytes` ends with its last whole second."""
    segment = recording.segment
    return {
        "id": recording.id,
        "camera_id": recording.camera_public_id,
        "start": rfc3339(segment.start_ms),
        "end": rfc3339(segment.end_ms),
        "duration": segment.duration_ms / 1000,
        "bytes": segment.bytes,
        "valid_bytes": segment.valid_bytes,
        "state": SegmentState(segment.state).name.lower(),
        "damaged": bool(segment.flags & SegmentFlag.DAMAGED),
        "clock_trusted": not segment.flags & SegmentFlag.CLOCK_UNTRUSTED,
        "preserved": bool(segment.flags & SegmentFlag.PRESERVED),
        "incident": bool(segment.flags & SegmentFlag.INCIDENT),
        "sha256": segment.sha256.hex() if segment.sha256 else None,
    }


async def list_recordings(request: web.Request) -> web.Response:
    search = query_of(request, Search)
    city = city_of(request)
    camera = await city.cameras.get(str(search.camera_id), removed_too=True)
    with naming_cursor():
        page = await city.recordings.list(
            camera, search.start_ms, search.end_ms, after=search.cursor, limit=search.limit
        )
    return json_answer({"items": [shown(recording) for recording in page.items], "next": page.next})


async def get_recording(request: web.Request) -> web.Response:
    recording_id = id_in_path(request, "recording_id", "recording")
    return json_answer(shown(await city_of(request).recordings.get(recording_id)))
