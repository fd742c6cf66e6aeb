"""`/api/v1/exports`: recordings of a period made into a file to take away, and what became of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

from aiohttp import hdrs, web
from pydantic import Field, StringConstraints
from typing_extensions import TypedDict

from vmsd.api.bodies import Body, End, Moment, Page, json_answer, ms_of, naming_cursor, page_of, query_of, read_body
from vmsd.api.door import caller_of, city_of
from vmsd.api.files import serve_file
from vmsd.api.ids import id_in_path
from vmsd.api.keeping import LINE, PLAIN, ByAnswer, Line, time_or_none
from vmsd.api.operation import operation
from vmsd.api.site import SITE
from vmsd.clock import rfc3339
from vmsd.errors import Conflict
from vmsd.model.export import (
    OPEN_STATES,
    CameraResult,
    Delivery,
    Export,
    ExportFile,
    ExportFormat,
    ExportState,
    FailureCode,
)
from vmsd.model.shapes import Bytes, Id, Listing, Ratio, Seconds, Time
from vmsd.model.timeline import Gap, GapCause
from vmsd.services.exports import NOT_DONE, Wish

MOST_CAMERAS = 500
TYPES = {".mp4": "video/mp4", ".zip": "application/zip"}


class NewExport(Body):
    """`start` included, `end` not."""

    camera_ids: list[Annotated[UUID, Field(strict=False)]] = Field(min_length=1, max_length=MOST_CAMERAS)
    start: Moment = Field(examples=["2026-11-20T22:00:00Z"])
    end: End = Field(examples=["2026-11-20T22:30:00Z"])
    reason: Annotated[str, StringConstraints(min_length=1, max_length=500, pattern=PLAIN)] = Field(
        examples=["Furto na praça"]
    )
    request_number: Annotated[str, StringConstraints(max_length=200, pattern=LINE)] = Field(
        "", examples=["Ofício 123/2026"]
    )
    format: Annotated[ExportFormat, Field(strict=False)] = ExportFormat.MP4
    hold_id: UUID | None = Field(None, strict=False, description="The hold it is made for.")


class NewDelivery(Body):
    receiver: Line = Field(examples=["Delegacia do 1º Distrito"])
    document: Annotated[str, StringConstraints(max_length=200, pattern=LINE)] = Field("", examples=["Recibo 45"])
    note: Annotated[str, StringConstraints(max_length=1000, pattern=PLAIN)] = ""


class FileAnswer(TypedDict):
    name: Annotated[str, Field(examples=["praca_2026-11-20_19-00-00.mp4"])]
    bytes: Bytes
    sha256: Annotated[str, Field(description="In hex.")]


class FailureAnswer(TypedDict):
    code: FailureCode
    detail: str


class MissingAnswer(TypedDict):
    start: Time
    end: Time
    cause: GapCause
    detail: str | None


class ExportedCameraAnswer(TypedDict):
    """Seconds by the wall clock, of pictures that really are in it."""

    camera_id: Id
    requested_seconds: Seconds
    delivered_seconds: Seconds
    missing_seconds: Seconds
    gaps: list[MissingAnswer]
    file: Annotated[FileAnswer | None, Field(description="Its film; inside the ZIP when there is one.")]
    notes: Annotated[list[str], Field(description="What is unusual about it.", examples=[["codec_h265"]])]


class DeliveryAnswer(TypedDict):
    at: Time
    receiver: str
    document: str
    note: str
    sha256: Annotated[str, Field(description="Of the file that was handed over, in hex.")]
    by: ByAnswer


class ExportAnswer(TypedDict):
    id: Id
    state: ExportState
    format: ExportFormat
    camera_ids: list[Id]
    start: Time
    end: Time
    reason: str
    request_number: str
    hold_id: Id | None
    progress: Ratio
    bytes: Annotated[Bytes, Field(description="What its file takes; before it is done, what it will take at most.")]
    missing_seconds: Annotated[Seconds | None, Field(description="Of all its cameras; null before it is done.")]
    failure: FailureAnswer | None
    by: ByAnswer
    created_at: Time
    ended_at: Time | None
    expires_at: Annotated[Time | None, Field(description="When its files will be removed.")]
    removed_at: Annotated[Time | None, Field(description="When they were.")]
    attempts: Annotated[int, Field(ge=0, description="How often it was begun.")]
    files: Annotated[list[FileAnswer], Field(description="What `download` answers with.")]
    cameras: Annotated[list[ExportedCameraAnswer], Field(description="Empty before it is done.")]
    deliveries: list[DeliveryAnswer]


def shown(export: Export, deliveries: Sequence[Delivery] = ()) -> ExportAnswer:
    result, failure = export.result, export.failure
    return {
        "id": export.public_id,
        "state": export.state,
        "format": export.format,
        "camera_ids": list(export.cameras),
        "start": rfc3339(export.start_ms),
        "end": rfc3339(export.end_ms),
        "reason": export.reason,
        "request_number": export.request_number,
        "hold_id": export.hold,
        "progress": round(export.progress, 4),
        "bytes": export.total_bytes,
        "missing_seconds": None if result is None else result.missing_ms / 1000,
        "failure": None if failure is None else {"code": failure.code, "detail": failure.detail},
        "by": {"id": export.person, "name": export.person_name},
        "created_at": rfc3339(export.created_ms),
        "ended_at": time_or_none(export.ended_ms),
        "expires_at": time_or_none(export.expires_ms),
        "removed_at": time_or_none(export.removed_ms),
        "attempts": export.attempts,
        "files": [] if result is None else [_file(result.file)],
        "cameras": [] if result is None else [_camera(camera) for camera in result.cameras],
        "deliveries": [_delivery(one) for one in deliveries],
    }


def _file(file: ExportFile) -> FileAnswer:
    return {"name": file.name, "bytes": file.bytes, "sha256": file.sha256}


def _camera(camera: CameraResult) -> ExportedCameraAnswer:
    return {
        "camera_id": camera.camera_id,
        "requested_seconds": camera.requested_ms / 1000,
        "delivered_seconds": camera.delivered_ms / 1000,
        "missing_seconds": camera.missing_ms / 1000,
        "gaps": [_gap(gap) for gap in camera.gaps],
        "file": None if camera.file is None else _file(camera.file),
        "notes": list(camera.notes),
    }


def _gap(gap: Gap) -> MissingAnswer:
    return {"start": rfc3339(gap.start_ms), "end": rfc3339(gap.end_ms), "cause": gap.cause, "detail": gap.detail}


def _delivery(delivery: Delivery) -> DeliveryAnswer:
    return {
        "at": rfc3339(delivery.at_ms),
        "receiver": delivery.receiver,
        "document": delivery.document,
        "note": delivery.note,
        "sha256": delivery.sha256,
        "by": {"id": delivery.person, "name": delivery.person_name},
    }


@operation(answer=Listing[ExportAnswer])
async def list_exports(request: web.Request) -> web.Response:
    """Those whose cameras the caller may all export, newest first."""
    query, exports = query_of(request, Page), city_of(request).exports
    with naming_cursor():
        found = await exports.list(after=query.cursor, limit=query.limit + 1)
    items, following = page_of(found, query.limit, lambda export: export.public_id)
    answers = [shown(export, await exports.deliveries(export)) for export in items]
    return json_answer({"items": answers, "next": following})


@operation(body=NewExport, answer=ExportAnswer, status=202, errors=(404, 507))
async def add_export(request: web.Request) -> web.Response:
    """It waits its turn, and is made while the box goes on recording; ask for it again to see how far it is.

    An `end` of about now becomes now. 507 when it does not fit on the disk.
    """
    body = await read_body(request, NewExport)
    wish = Wish(
        camera_ids=[str(camera_id) for camera_id in body.camera_ids],
        start_ms=ms_of(body.start),
        end_ms=ms_of(body.end),
        reason=body.reason,
        request_number=body.request_number,
        format=body.format,
        hold_id=None if body.hold_id is None else str(body.hold_id),
    )
    export = await city_of(request).exports.ask(wish)
    return json_answer(shown(export), 202, {"Location": f"/api/v1/exports/{export.public_id}"})


@operation(answer=ExportAnswer)
async def get_export(request: web.Request) -> web.Response:
    export = await _export(request)
    return json_answer(shown(export, await city_of(request).exports.deliveries(export)))


@operation(errors=(409,))
async def remove_export(request: web.Request) -> web.Response:
    """Cancels one that is not made yet; of one that has ended it removes the file, and what is known of it stays."""
    export, exports = await _export(request), city_of(request).exports
    if export.state in OPEN_STATES:
        await exports.cancel(export)
    else:
        await exports.remove(export)
    return web.Response(status=204)


@operation(answer=ExportAnswer, status=202, errors=(409, 507))
async def retry_export(request: web.Request) -> web.Response:
    """Of one that has failed or was cancelled, from the beginning."""
    return json_answer(shown(await city_of(request).exports.retry(await _export(request))), 202)


@operation(
    name="download_export",
    media=("video/mp4", "application/zip"),
    sent={"Range": "A part of the file, in bytes.", "If-Range": "The `ETag` the part must be of."},
    also={206: "That part.", 304: "The caller has it already.", 416: "The file has no such part."},
    headers={"ETag": "The SHA-256 of the file.", "Content-Disposition": "The file's name."},
    errors=(409, 507),
)
async def download(request: web.Request) -> web.StreamResponse:
    """The film of the one camera, or one ZIP. 409 while it is not done, 404 when its file has been removed."""
    export, city = await _export(request), city_of(request)
    path = city.exports.file(export)
    if export.result is None:
        raise Conflict(NOT_DONE)
    file = export.result.file
    if request.method == hdrs.METH_GET:
        await request.app[SITE].downloads.seen(caller_of(request).who, city.city.id, export, file.sha256)
    return await serve_file(
        request, path, size=file.bytes, content_type=TYPES[path.suffix], name=file.name, etag=f'"{file.sha256}"'
    )


@operation(name="add_delivery", body=NewDelivery, answer=DeliveryAnswer, status=201, errors=(409,))
async def deliver(request: web.Request) -> web.Response:
    """Write down that the file was handed over: to whom, with which document. 409 while it is not done."""
    export = await _export(request)
    body = await read_body(request, NewDelivery)
    delivery = await city_of(request).exports.deliver(
        export, receiver=body.receiver, document=body.document, note=body.note
    )
    return json_answer(_delivery(delivery), 201)


async def _export(request: web.Request) -> Export:
    return await city_of(request).exports.get(id_in_path(request, "export_id", "export"))
