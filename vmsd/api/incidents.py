"""`/api/v1/incidents`: periods of several cameras that belong together, kept until the incident is closed."""

from __future__ import annotations

from typing import Annotated, Literal

from aiohttp import web
from pydantic import Field, StringConstraints

from vmsd.api.bodies import Body, Page, json_answer, naming_cursor, page_of, parse, query_of, read_body, read_patch
from vmsd.api.door import city_of
from vmsd.api.etags import refuse_outdated
from vmsd.api.ids import id_in_path
from vmsd.api.keeping import (
    PLAIN,
    Line,
    NewPeriods,
    Periods,
    Reason,
    WholeAnswer,
    parts_of,
    shown_whole,
    tag,
    time_or_none,
)
from vmsd.api.operation import operation
from vmsd.model.person import Verb
from vmsd.model.shapes import Listing, Time
from vmsd.services.incidents import WholeIncident

IncidentState = Literal["open", "closed"]


class IncidentText(Body):
    name: Line = Field(examples=["Furto na praça"])
    note: Annotated[str, StringConstraints(max_length=4000, pattern=PLAIN)] = Field("", examples=["Boletim 12/2026"])


class NewIncident(IncidentText):
    periods: NewPeriods


class Incidents(Page):
    state: IncidentState | None = None


class IncidentAnswer(WholeAnswer):
    name: Annotated[str, Field(examples=["Furto na praça"])]
    note: str
    state: IncidentState
    closed_at: Time | None


def shown(whole: WholeIncident) -> IncidentAnswer:
    incident = whole.thing
    return {
        **shown_whole(whole),
        "name": incident.name,
        "note": incident.note,
        "state": "open" if incident.closed_ms is None else "closed",
        "closed_at": time_or_none(incident.closed_ms),
    }


@operation(answer=Listing[IncidentAnswer])
async def list_incidents(request: web.Request) -> web.Response:
    """Those whose cameras the caller may all replay, newest first."""
    query = query_of(request, Incidents)
    closed = None if query.state is None else query.state == "closed"
    with naming_cursor():
        found = await city_of(request).incidents.list(closed=closed, after=query.cursor, limit=query.limit + 1)
    items, following = page_of(found, query.limit, lambda whole: whole.thing.public_id)
    return json_answer({"items": [shown(whole) for whole in items], "next": following})


@operation(body=NewIncident, answer=IncidentAnswer, status=201, errors=(409,), etag=True)
async def add_incident(request: web.Request) -> web.Response:
    """Keeps its periods until it is closed."""
    body = await read_body(request, NewIncident)
    parts = await parts_of(request, body.periods)
    whole = await city_of(request).incidents.add(body.name, body.note, parts)
    return _answer_new(whole)


@operation(answer=IncidentAnswer, etag=True)
async def get_incident(request: web.Request) -> web.Response:
    return _answer(await city_of(request).incidents.get(_id(request)))


@operation(patch=IncidentText, answer=IncidentAnswer, errors=(409,), etag=True)
async def change_incident(request: web.Request) -> web.Response:
    """Not one that is closed."""
    whole = await _to_change(request)
    present = {"name": whole.thing.name, "note": whole.thing.note}
    body = parse(IncidentText, present | await read_patch(request, IncidentText))
    return _answer(await city_of(request).incidents.change(whole, body.name, body.note))


@operation(name="extend_incident", body=Periods, answer=IncidentAnswer, status=201, errors=(409,), etag=True)
async def extend(request: web.Request) -> web.Response:
    """More periods, of any camera."""
    whole = await _to_change(request)
    body = await read_body(request, Periods)
    whole = await city_of(request).incidents.extend(whole, await parts_of(request, body.periods))
    return _answer_new(whole)


@operation(body=Reason, body_optional=True, errors=(409,), etag=True)
async def close_incident(request: web.Request) -> web.Response:
    """Its periods may be purged again, unless something else keeps them; it stays in the list."""
    whole = await _to_change(request)
    body = await read_body(request, Reason)
    await city_of(request).incidents.close(whole, body.reason)
    return web.Response(status=204)


async def _to_change(request: web.Request) -> WholeIncident:
    """The one in the URL, for who may preserve with all of its cameras."""
    whole = await city_of(request).incidents.get(_id(request), Verb.PRESERVE)
    refuse_outdated(request, tag(whole))
    return whole


def _id(request: web.Request) -> str:
    return id_in_path(request, "incident_id", "incident")


def _answer(whole: WholeIncident) -> web.Response:
    return json_answer(shown(whole), headers={"ETag": tag(whole)})


def _answer_new(whole: WholeIncident) -> web.Response:
    headers = {"ETag": tag(whole), "Location": f"/api/v1/incidents/{whole.thing.public_id}"}
    return json_answer(shown(whole), 201, headers)
