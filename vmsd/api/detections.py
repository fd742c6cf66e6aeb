"""`/api/v1/detections`: the plates that were read, for who may see them."""

from __future__ import annotations

from uuid import UUID

from aiohttp import hdrs, web
from pydantic import Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from vmsd.api.bodies import Moment, Page, Query, json_answer, ms_of, naming_cursor, page_of, query_of
from vmsd.api.door import caller_of, city_of, verb_of
from vmsd.api.etags import etag_of
from vmsd.api.files import PARTS, RANGE, serve_file
from vmsd.api.ids import id_in_path
from vmsd.api.operation import operation
from vmsd.model.shapes import Listing
from vmsd.services.crops import content_type_of
from vmsd.services.detection_answers import DetectionAnswer, shown_detection
from vmsd.services.detections import END_MS, Search


class Found(Query):
    plate: str | None = Field(
        None,
        min_length=1,
        max_length=32,
        description="A plate or a part of one, however it is written; `*` stands for any signs, `?` for one.",
    )
    fuzzy: bool = Field(
        False, description="Also what a reader takes for it, the same plate in the other format, or one sign off."
    )
    camera_id: UUID | None = None
    start: Moment | None = Field(None, examples=["2026-11-20T22:00:00Z"])
    end: Moment | None = Field(None, description="Not included.", examples=["2026-11-20T22:30:00Z"])

    @field_validator("end")
    @classmethod
    def _after_start(cls, end: Moment | None, info: ValidationInfo) -> Moment | None:
        start = info.data.get("start")
        if start and end and end <= start:
            raise PydanticCustomError("period", "must be after start")
        return end


class FoundPage(Found, Page):
    pass


class ImageToken(Query):
    token: str | None = None


@operation(answer=Listing[DetectionAnswer])
async def list_detections(request: web.Request) -> web.Response:
    """Newest first, of the cameras whose plates the caller may see; who looks is written down.

    A plate that has become anonymous is found by its time and camera alone.
    """
    query, detections = query_of(request, FoundPage), city_of(request).detections
    search = await _search(request, query)
    with naming_cursor():
        found = await detections.list(search, after=query.cursor, limit=query.limit + 1)
    items, following = page_of(found, query.limit, lambda one: one.public_id)
    return json_answer({"items": [shown_detection(one) for one in items], "next": following})


async def _search(request: web.Request, query: Found) -> Search:
    camera = None
    if query.camera_id is not None:
        camera = await city_of(request).cameras.get(str(query.camera_id), verb_of(request), removed_too=True)
    return Search(
        plate=query.plate,
        fuzzy=query.fuzzy,
        camera=camera,
        start_ms=0 if query.start is None else ms_of(query.start),
        end_ms=END_MS if query.end is None else ms_of(query.end),
    )


@operation(name="export_detections", media="text/csv")
async def export_csv(request: web.Request) -> web.StreamResponse:
    """The same search as the list, as a table; that somebody took it away is a row of the audit log."""
    query, detections = query_of(request, Found), city_of(request).detections
    lines = detections.csv(await _search(request, query))
    headers = {
        "Content-Type": "text/csv; charset=utf-8",
        "Content-Disposition": 'attachment; filename="detections.csv"',
        "Cache-Control": "no-store",
    }
    response = web.StreamResponse(headers=headers)
    if request.method == hdrs.METH_HEAD:
        return response
    head = await anext(lines)
    await response.prepare(request)
    await response.write(head)
    async for part in lines:
        await response.write(part)
    await response.write_eof()
    return response


@operation(answer=DetectionAnswer)
async def get_detection(request: web.Request) -> web.Response:
    return json_answer(shown_detection(await city_of(request).detections.get(_id(request))))


@operation(name="get_detection_image", media=("image/jpeg", "image/png"), sent=RANGE, also=PARTS)
async def image(request: web.Request) -> web.StreamResponse:
    """The crop; 404 where there is none, or not yet, or not any more."""
    detection, path = await city_of(request).detections.image(_id(request), caller_of(request).camera_id)
    kind = content_type_of(path.name)
    return await serve_file(request, path, content_type=kind, etag=etag_of(detection.public_id, path.name))


def _id(request: web.Request) -> str:
    return id_in_path(request, "detection_id", "detection")
