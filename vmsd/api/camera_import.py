"""Many cameras at once: one result per row, in order; a row that is refused keeps none of the others out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal, NotRequired

from aiohttp import web
from pydantic import Field
from typing_extensions import TypedDict

from vmsd.api.bodies import Body, Query, json_answer, parse, query_of, read_body, read_bytes
from vmsd.api.camera_bodies import NewCamera, fields_of
from vmsd.api.door import city_of
from vmsd.api.operation import operation
from vmsd.api.site import SITE
from vmsd.camera_file import read_cameras
from vmsd.clock import Clock
from vmsd.errors import FieldProblem, Invalid
from vmsd.model.shapes import Count, Id
from vmsd.services.cameras import CityCameras

MOST_CAMERAS = 500
TEXT = "text/plain"
DEADLINE_S = 60.0
"""Names nobody answers for take seconds each: what is not done by then is to be sent again."""


class CameraBatch(Body):
    cameras: list[dict[str, Any]] = Field(
        min_length=1,
        max_length=MOST_CAMERAS,
        description="Each as `add_camera` takes it.",
        examples=[[{"name": "Portaria", "source_url": "rtsp://198.51.100.20/live"}]],
    )


class Import(Query):
    dry_run: bool = False


class ImportedFile(Import):
    format: Literal["csv", "toml"] = Field(description="TOML holds [[camera]] tables, CSV begins with a heading line.")


class RefusedField(TypedDict):
    pointer: Annotated[str, Field(description="A JSON pointer into the row.", examples=["/source_url"])]
    detail: str


class ImportedRow(TypedDict):
    """`id` of the new camera, null on a dry run; `errors` instead when the row was refused."""

    name: str | None
    id: NotRequired[Id | None]
    errors: NotRequired[list[RefusedField]]


class ImportAnswer(TypedDict):
    items: list[ImportedRow]
    added: Count
    refused: Count


@operation(body=CameraBatch, answer=ImportAnswer, status=201, also={200: "A dry run, or some rows were refused."})
async def import_cameras(request: web.Request) -> web.Response:
    """Each by itself, in order: one that is refused keeps none of the others out. A dry run adds none."""
    batch = await read_body(request, CameraBatch)
    return await _imported(request, batch.cameras, dry_run=query_of(request, Import).dry_run)


@operation(
    takes=TEXT,
    answer=ImportAnswer,
    status=201,
    also={200: "A dry run, or some rows were refused."},
    errors=(400, 408, 413, 415),
)
async def import_camera_file(request: web.Request) -> web.Response:
    """As `import_cameras`, from a file such as a spreadsheet makes: its fields are those of `add_camera`."""
    query = query_of(request, ImportedFile)
    if request.content_type != TEXT:
        raise web.HTTPUnsupportedMediaType
    found = read_cameras(await read_bytes(request), query.format, "the file")
    if len(found.rows) > MOST_CAMERAS:
        problem = FieldProblem("", f"a file holds at most {MOST_CAMERAS} cameras")
        raise Invalid("there are too many cameras in it", problem)
    return await _imported(request, found.rows, dry_run=query.dry_run, as_text=found.as_text)


async def _imported(
    request: web.Request, rows: Sequence[dict[str, Any]], *, dry_run: bool, as_text: bool = False
) -> web.Response:
    clock = request.app[SITE].clock
    results = await import_rows(city_of(request).cameras, rows, clock, dry_run=dry_run, as_text=as_text)
    refused = sum("errors" in result for result in results)
    answer: ImportAnswer = {"items": results, "added": 0 if dry_run else len(results) - refused, "refused": refused}
    return json_answer(answer, 200 if dry_run or refused else 201)


async def import_rows(
    cameras: CityCameras,
    rows: Sequence[dict[str, Any]],
    clock: Clock,
    *,
    dry_run: bool,
    as_text: bool = False,
) -> list[ImportedRow]:
    """`as_text` rows have their numbers and yes/no written as text."""
    end_s = clock.monotonic() + DEADLINE_S
    return [
        await _result(cameras, row, dry_run=dry_run, as_text=as_text)
        if clock.monotonic() <= end_s
        else _refused(row, FieldProblem("", "not tried: this took too long; send it again"))
        for row in rows
    ]


async def _result(cameras: CityCameras, row: dict[str, Any], *, dry_run: bool, as_text: bool) -> ImportedRow:
    """With the new camera's id, None when nothing was to be added, or with what is wrong."""
    try:
        fields = fields_of(parse(NewCamera, row, strict=not as_text))
        camera = await (cameras.draft(fields) if dry_run else cameras.add(fields))
    except Invalid as error:
        return _refused(row, *error.problems)
    return {"name": camera.name, "id": None if dry_run else camera.public_id}


def _refused(row: dict[str, Any], *problems: FieldProblem) -> ImportedRow:
    name = row.get("name")
    errors: list[RefusedField] = [{"pointer": one.pointer, "detail": one.detail} for one in problems]
    return {"name": name if isinstance(name, str) else None, "errors": errors}
