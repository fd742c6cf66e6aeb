"""`/api/v1/preservations`: periods that are never purged, and what keeping them costs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

from aiohttp import web
from pydantic import Field, StringConstraints
from typing_extensions import TypedDict

from vmsd.api.bodies import Body, Moment, Page, Period, json_answer, ms_of, naming_cursor, page_of, query_of, read_body
from vmsd.api.door import city_of, verb_of
from vmsd.api.etags import etag_of
from vmsd.api.ids import id_in_path
from vmsd.api.operation import operation
from vmsd.clock import rfc3339
from vmsd.model.keeping import Hold, Incident, Keeping, KeptPeriod
from vmsd.model.shapes import Bytes, Id, Listing, Time
from vmsd.services.keeping import MOST_PERIODS, Kept, Part
from vmsd.services.keeping_costs import Cost
from vmsd.services.keeping_whole import Whole

PLAIN = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$"
"""Any text, of several lines too; no controls."""
LINE = r"^[^\x00-\x1f\x7f]*$"

Line = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=LINE)]
ReasonText = Annotated[str, StringConstraints(max_length=500, pattern=PLAIN)]


class NewPeriod(Body):
    """`start` included, `end` not; it may lie in the future."""

    camera_id: UUID = Field(strict=False)
    start: Moment = Field(examples=["2026-11-20T22:00:00Z"])
    end: Moment = Field(examples=["2026-11-20T22:30:00Z"])


NewPeriods = Annotated[list[NewPeriod], Field(min_length=1, max_length=MOST_PERIODS)]


class Periods(Body):
    periods: NewPeriods


class NewPreservation(NewPeriod):
    reason: ReasonText = Field("", examples=["Furto na praça"])


class Reason(Body):
    reason: ReasonText = Field("", examples=["Furto na praça"])


class Preservations(Page):
    camera_id: UUID | None = None
    keeping: Keeping | None = None
    released: bool = Field(False, description="Those too that are no longer kept.")


class CostQuery(Period):
    camera_id: UUID


class ByAnswer(TypedDict):
    """Who it was, as they were called then; both null for the box itself."""

    id: str | None
    name: str | None


class CostAnswer(TypedDict):
    bytes: Annotated[Bytes, Field(description="Of the recordings there are of it now, each file whole.")]
    retention_days: Annotated[
        float | None,
        Field(description="Days of everybody's recordings that have no room for it; null before that was measured."),
    ]


class PeriodAnswer(TypedDict):
    id: Id
    camera_id: Id
    start: Time
    end: Time
    released_at: Annotated[Time | None, Field(description="Null while it is kept.")]


class PreservationAnswer(PeriodAnswer, CostAnswer):
    """A period that is kept, whatever for; `incident_id` and `hold_id` only for who may see all of that."""

    keeping: Keeping
    reason: str
    by: ByAnswer
    created_at: Time
    incident_id: Id | None
    hold_id: Id | None


def shown(kept: Kept) -> PreservationAnswer:
    period = kept.period
    return {
        **shown_period(period, kept.camera_public_id),
        **shown_cost(kept.cost),
        "keeping": period.keeping,
        "reason": period.reason,
        "by": {"id": period.person, "name": period.person_name},
        "created_at": rfc3339(period.created_ms),
        "incident_id": kept.incident_public_id,
        "hold_id": kept.hold_public_id,
    }


def shown_period(period: KeptPeriod, camera_public_id: str) -> PeriodAnswer:
    return {
        "id": period.public_id,
        "camera_id": camera_public_id,
        "start": rfc3339(period.start_ms),
        "end": rfc3339(period.end_ms),
        "released_at": time_or_none(period.released_ms),
    }


class WholeAnswer(CostAnswer):
    """What an incident and a hold have in common."""

    id: Id
    periods: list[PeriodAnswer]
    by: ByAnswer
    created_at: Time


def shown_cost(cost: Cost) -> CostAnswer:
    return {"bytes": cost.bytes, "retention_days": cost.retention_days}


def time_or_none(at_ms: int | None) -> str | None:
    return None if at_ms is None else rfc3339(at_ms)


async def part_of(request: web.Request, period: NewPeriod) -> Part:
    """Raises as for any camera that is not there, or not the caller's to keep."""
    cameras = city_of(request).cameras
    camera = await cameras.get(str(period.camera_id), verb_of(request), removed_too=True)
    return Part(camera, ms_of(period.start), ms_of(period.end))


async def parts_of(request: web.Request, periods: Sequence[NewPeriod]) -> Sequence[Part]:
    return [await part_of(request, one) for one in periods]


@operation(answer=Listing[PreservationAnswer])
async def list_preservations(request: web.Request) -> web.Response:
    """What is kept of the cameras the caller may replay, newest first: preserved, or of an incident, hold or export."""
    query, city = query_of(request, Preservations), city_of(request)
    camera = None
    if query.camera_id is not None:
        camera = await city.cameras.get(str(query.camera_id), verb_of(request), removed_too=True)
    with naming_cursor():
        found = await city.keeping.list(
            camera=camera,
            keeping=query.keeping,
            released=query.released,
            after=query.cursor,
            limit=query.limit + 1,
        )
    items, following = page_of(found, query.limit, lambda kept: kept.period.public_id)
    return json_answer({"items": [shown(kept) for kept in items], "next": following})


@operation(body=NewPreservation, answer=PreservationAnswer, status=201, errors=(409,))
async def add_preservation(request: web.Request) -> web.Response:
    """Keeps every file that has something of the period whole, until it is released; what was purged is gone.

    A period of which there is and will be no recording is refused with 409.
    """
    body = await read_body(request, NewPreservation)
    kept = await city_of(request).keeping.keep(await part_of(request, body), body.reason)
    return json_answer(shown(kept), 201, {"Location": f"/api/v1/preservations/{kept.period.public_id}"})


@operation(name="get_preservation_cost", answer=CostAnswer)
async def cost(request: web.Request) -> web.Response:
    """What it would cost to keep a period; of what is still to be recorded nothing is known."""
    query, city = query_of(request, CostQuery), city_of(request)
    camera = await city.cameras.get(str(query.camera_id), verb_of(request), removed_too=True)
    return json_answer(shown_cost(await city.keeping.cost(Part(camera, query.start_ms, query.end_ms))))


@operation(answer=PreservationAnswer)
async def get_preservation(request: web.Request) -> web.Response:
    return json_answer(shown(await city_of(request).keeping.get(_id(request))))


@operation(name="release_preservation", body=Reason, body_optional=True, errors=(409,))
async def release(request: web.Request) -> web.Response:
    """It may be purged again; 409 for what an incident, a hold or an export keeps."""
    body = await read_body(request, Reason)
    await city_of(request).keeping.release(_id(request), body.reason)
    return web.Response(status=204)


def _id(request: web.Request) -> str:
    return id_in_path(request, "preservation_id", "preserved period")


def shown_whole(whole: Whole[Incident] | Whole[Hold]) -> WholeAnswer:
    thing = whole.thing
    return {
        **shown_cost(whole.cost),
        "id": thing.public_id,
        "periods": [shown_period(one, whole.camera_ids[one.camera_id]) for one in whole.periods],
        "by": {"id": thing.person, "name": thing.person_name},
        "created_at": rfc3339(thing.created_ms),
    }


def tag(whole: Whole[Incident] | Whole[Hold]) -> str:
    return etag_of(whole.thing.public_id, whole.thing.changed_ms)
