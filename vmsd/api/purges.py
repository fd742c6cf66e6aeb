"""`/api/v1/purges`: reports of what was deleted, by which rule, and the ledger behind them."""

from __future__ import annotations

from typing import Annotated

from aiohttp import web
from pydantic import Field
from typing_extensions import TypedDict

from vmsd.api.bodies import Body, End, Moment, Page, json_answer, naming_cursor, page_of, query_of, read_body
from vmsd.api.door import city_of
from vmsd.api.ids import id_in_path
from vmsd.api.keeping import ByAnswer
from vmsd.api.operation import operation
from vmsd.clock import rfc3339
from vmsd.model.purge import PurgeFacts
from vmsd.model.segment import PurgeReason
from vmsd.model.shapes import Bytes, Id, Listing, Seconds, Time
from vmsd.store.purge_reports import PurgeReport
from vmsd.store.purges import BEFORE_ALL, Purge

PDF = "application/pdf"


class NewReport(Body):
    """A period that is over, at most 366 days; `start` included, `end` not."""

    start: Moment = Field(examples=["2026-10-01T03:00:00Z"])
    end: End = Field(examples=["2026-11-01T03:00:00Z"])


class Lines(Page):
    cursor: str | None = Field(None, pattern=r"^\d{1,18}-\d{1,18}-\d{1,18}$", description="The `next` before.")


class PurgeReportAnswer(PurgeFacts):
    """What was deleted in a period, and what was not although it was old enough."""

    id: Id
    start: Time
    end: Time
    created_at: Time
    by: ByAnswer


class PurgedFileAnswer(TypedDict):
    """A file that was deleted: a line of the ledger."""

    camera_id: Id
    start: Time
    duration: Seconds
    bytes: Bytes
    sha256: Annotated[str | None, Field(description="In hex; null where the file was never read whole.")]
    rule: PurgeReason
    purged_at: Time


def shown(report: PurgeReport) -> PurgeReportAnswer:
    answer: PurgeReportAnswer = {
        "id": report.public_id,
        "start": rfc3339(report.start_ms),
        "end": rfc3339(report.end_ms),
        "created_at": rfc3339(report.created_ms),
        "by": {"id": report.person, "name": report.person_name},
        **report.facts,  # type: ignore[typeddict-item]
    }
    return answer


def shown_file(purge: Purge) -> PurgedFileAnswer:
    return {
        "camera_id": purge.camera_public_id,
        "start": rfc3339(purge.start_us // 1000),
        "duration": purge.duration_ms / 1000,
        "bytes": purge.size_bytes,
        "sha256": purge.sha256.hex() if purge.sha256 else None,
        "rule": purge.reason,
        "purged_at": rfc3339(purge.purged_ms),
    }


@operation(answer=Listing[PurgeReportAnswer])
async def list_purge_reports(request: web.Request) -> web.Response:
    """Newest first. One for each month is made by the box itself; for who may manage every camera."""
    page = query_of(request, Page)
    with naming_cursor():
        found = await city_of(request).purges.list(after=page.cursor, limit=page.limit + 1)
    reports, following = page_of(found, page.limit, lambda report: report.public_id)
    return json_answer({"items": [shown(one) for one in reports], "next": following})


@operation(body=NewReport, answer=PurgeReportAnswer, status=201)
async def add_purge_report(request: web.Request) -> web.Response:
    """Made now and kept: what is said of exceptions and of the audit log is as of now."""
    body = await read_body(request, NewReport)
    start_ms, end_ms = round(body.start.timestamp() * 1000), round(body.end.timestamp() * 1000)
    report = await city_of(request).purges.make(start_ms, end_ms)
    return json_answer(shown(report), 201, {"Location": f"/api/v1/purges/{report.public_id}"})


@operation(answer=PurgeReportAnswer)
async def get_purge_report(request: web.Request) -> web.Response:
    return json_answer(shown(await _report(request)))


@operation(media=PDF)
async def print_purge_report(request: web.Request) -> web.Response:
    """The report on paper, in Portuguese."""
    report = await _report(request)
    body = await city_of(request).purges.print(report, shown(report))
    headers = {
        "Cache-Control": "no-store",
        "Content-Disposition": f'attachment; filename="expurgo-{report.public_id}.pdf"',
    }
    return web.Response(body=body, content_type=PDF, headers=headers)


@operation(answer=Listing[PurgedFileAnswer])
async def list_purged_files(request: web.Request) -> web.Response:
    """The lines of the ledger the report is about, in the order in which they were written."""
    page, report = query_of(request, Lines), await _report(request)
    after = BEFORE_ALL
    if page.cursor is not None:
        at_ms, camera, start_us = map(int, page.cursor.split("-"))
        after = (at_ms, camera, start_us)
    found = await city_of(request).purges.files(report, after=after, limit=page.limit + 1)
    lines, following = page_of(found, page.limit, lambda line: "-".join(map(str, line[0])))
    return json_answer({"items": [shown_file(purge) for _, purge in lines], "next": following})


async def _report(request: web.Request) -> PurgeReport:
    return await city_of(request).purges.get(id_in_path(request, "report_id", "report"))
