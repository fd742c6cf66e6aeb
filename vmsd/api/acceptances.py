"""`/api/v1/acceptances`: the report that proves a site when it is handed over, as JSON or on paper."""

from __future__ import annotations

import json
from typing import Annotated

from aiohttp import web
from pydantic import Field, StringConstraints
from typing_extensions import TypedDict

from vmsd.api.bodies import Body, Page, json_answer, naming_cursor, page_of, query_of, read_body
from vmsd.api.door import city_of
from vmsd.api.ids import id_in_path
from vmsd.api.keeping import PLAIN, ByAnswer, Line, time_or_none
from vmsd.api.operation import operation
from vmsd.clock import rfc3339
from vmsd.model.acceptance import Acceptance, AcceptanceCertificate, AcceptanceState, Progress
from vmsd.model.continuity import Signature
from vmsd.model.shapes import Count, Id, Listing, Time

PDF = "application/pdf"
MOST_MINUTES = 60


class NewAcceptance(Body):
    """`minutes` of recording are to be proven of every camera; what is there already counts."""

    installer: Line = Field(examples=["Instaladora Exemplo, equipe 2"])
    note: Annotated[str, StringConstraints(max_length=1000, pattern=PLAIN)] = ""
    minutes: int = Field(10, ge=1, le=MOST_MINUTES)


class AcceptanceAnswer(TypedDict):
    id: Id
    state: AcceptanceState
    passed: Annotated[bool | None, Field(description="Null before it is done.")]
    installer: str
    note: str
    minutes: Count
    by: ByAnswer
    created_at: Time
    ended_at: Time | None
    error: Annotated[str | None, Field(description="Why there is none.")]
    progress: Annotated[Progress | None, Field(description="Of one that is being made; null before the first look.")]


class AcceptanceDocument(TypedDict):
    certificate: AcceptanceCertificate
    signature: Signature


def shown(one: Acceptance, progress: Progress | None) -> AcceptanceAnswer:
    return {
        "id": one.public_id,
        "state": one.state,
        "passed": one.passed,
        "installer": one.installer,
        "note": one.note,
        "minutes": one.minutes,
        "by": {"id": one.person, "name": one.person_name},
        "created_at": rfc3339(one.created_ms),
        "ended_at": time_or_none(one.ended_ms),
        "error": one.error,
        "progress": progress,
    }


@operation(answer=Listing[AcceptanceAnswer])
async def list_acceptances(request: web.Request) -> web.Response:
    """Newest first; the last fifty are kept. For who may manage every camera."""
    page, acceptances = query_of(request, Page), city_of(request).acceptances
    with naming_cursor():
        found = await acceptances.list(after=page.cursor, limit=page.limit + 1)
    reports, following = page_of(found, page.limit, lambda one: one.public_id)
    return json_answer({"items": [shown(one, acceptances.progress(one)) for one in reports], "next": following})


@operation(body=NewAcceptance, answer=AcceptanceAnswer, status=202, errors=(409,))
async def add_acceptance(request: web.Request) -> web.Response:
    """Made while the box goes on recording, as soon as every camera is proven.

    Two minutes after its time is over it is made of what there is. 409 while one of the city is being made.
    """
    body = await read_body(request, NewAcceptance)
    one = await city_of(request).acceptances.ask(installer=body.installer, note=body.note, minutes=body.minutes)
    return json_answer(shown(one, None), 202, {"Location": f"/api/v1/acceptances/{one.public_id}"})


@operation(answer=AcceptanceAnswer)
async def get_acceptance(request: web.Request) -> web.Response:
    one = await _one(request)
    return json_answer(shown(one, city_of(request).acceptances.progress(one)))


@operation(errors=(409,))
async def cancel_acceptance(request: web.Request) -> web.Response:
    """409 for one that has ended."""
    await city_of(request).acceptances.cancel(await _one(request))
    return web.Response(status=204)


@operation(answer=AcceptanceDocument, errors=(409,))
async def get_acceptance_document(request: web.Request) -> web.Response:
    """What is signed, and the signature: what `vmsd verify` checks. 409 before it is done."""
    one = await _one(request)
    certificate, signature = await city_of(request).acceptances.document(one)
    document: AcceptanceDocument = {"certificate": json.loads(certificate), "signature": json.loads(signature)}
    return json_answer(document, headers=_named(one, "json"))


@operation(media=PDF, errors=(409,))
async def print_acceptance(request: web.Request) -> web.Response:
    """The report on paper, in Portuguese, with a picture of every camera. 409 before it is done."""
    one = await _one(request)
    body = await city_of(request).acceptances.print(one)
    return web.Response(body=body, content_type=PDF, headers=_named(one, "pdf"))


def _named(one: Acceptance, ending: str) -> dict[str, str]:
    name = f"laudo-{one.public_id}.{ending}"
    return {"Cache-Control": "no-store", "Content-Disposition": f'attachment; filename="{name}"'}


async def _one(request: web.Request) -> Acceptance:
    return await city_of(request).acceptances.get(id_in_path(request, "acceptance_id", "report"))
