"""`/api/v1/holds`: what an authority has asked to be kept, until its deadline unless confirmed."""

from __future__ import annotations

from typing import Annotated, Literal

from aiohttp import web
from pydantic import Field, StringConstraints

from vmsd.api.bodies import (
    Body,
    Moment,
    Page,
    json_answer,
    ms_of,
    naming_cursor,
    page_of,
    parse,
    query_of,
    read_body,
    read_patch,
)
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
from vmsd.clock import rfc3339
from vmsd.model.keeping import EndedWhy
from vmsd.model.person import Verb
from vmsd.model.shapes import Listing, Time
from vmsd.services.holds import Request, WholeHold

HoldState = Literal["active", "ended"]
DEADLINE = "2027-02-20T12:00:00Z"


class HoldText(Body):
    number: Line = Field(description="Of the request.", examples=["Ofício 123/2026"])
    authority: Line = Field(examples=["1ª Vara Criminal"])
    purpose: Annotated[str, StringConstraints(min_length=1, max_length=1000, pattern=PLAIN)] = Field(
        examples=["Inquérito 45/2026"]
    )


class NewHold(HoldText):
    deadline: Moment = Field(description="When it ends, unless it is confirmed before.", examples=[DEADLINE])
    periods: NewPeriods


class Confirmation(Body):
    deadline: Moment = Field(description="Later than the present one.", examples=[DEADLINE])


class Holds(Page):
    state: HoldState | None = None


class HoldAnswer(WholeAnswer):
    number: Annotated[str, Field(examples=["Ofício 123/2026"])]
    authority: Annotated[str, Field(examples=["1ª Vara Criminal"])]
    purpose: str
    deadline: Time
    state: HoldState
    confirmed_at: Annotated[Time | None, Field(description="When it last was.")]
    ended_at: Time | None
    ended_why: Annotated[EndedWhy | None, Field(description="By somebody, or by its deadline.")]


def shown(whole: WholeHold) -> HoldAnswer:
    hold = whole.thing
    return {
        **shown_whole(whole),
        "number": hold.number,
        "authority": hold.authority,
        "purpose": hold.purpose,
        "deadline": rfc3339(hold.deadline_ms),
        "state": "active" if hold.ended_ms is None else "ended",
        "confirmed_at": time_or_none(hold.confirmed_ms),
        "ended_at": time_or_none(hold.ended_ms),
        "ended_why": hold.ended_why,
    }


@operation(answer=Listing[HoldAnswer])
async def list_holds(request: web.Request) -> web.Response:
    """Those whose cameras the caller may all replay, newest first."""
    query = query_of(request, Holds)
    ended = None if query.state is None else query.state == "ended"
    with naming_cursor():
        found = await city_of(request).holds.list(ended=ended, after=query.cursor, limit=query.limit + 1)
    items, following = page_of(found, query.limit, lambda whole: whole.thing.public_id)
    return json_answer({"items": [shown(whole) for whole in items], "next": following})


@operation(body=NewHold, answer=HoldAnswer, status=201, errors=(409,), etag=True)
async def add_hold(request: web.Request) -> web.Response:
    """Keeps its periods until it is ended, or until its deadline has passed without being confirmed."""
    body = await read_body(request, NewHold)
    parts = await parts_of(request, body.periods)
    whole = await city_of(request).holds.add(_request(body), ms_of(body.deadline), parts)
    return _answer_new(whole)


@operation(answer=HoldAnswer, etag=True)
async def get_hold(request: web.Request) -> web.Response:
    return _answer(await city_of(request).holds.get(_id(request)))


@operation(patch=HoldText, answer=HoldAnswer, errors=(409,), etag=True)
async def change_hold(request: web.Request) -> web.Response:
    """Not one that has ended. Its deadline changes by being confirmed."""
    whole = await _to_change(request)
    present = {name: getattr(whole.thing, name) for name in HoldText.model_fields}
    body = parse(HoldText, present | await read_patch(request, HoldText))
    return _answer(await city_of(request).holds.change(whole, _request(body)))


@operation(name="extend_hold", body=Periods, answer=HoldAnswer, status=201, errors=(409,), etag=True)
async def extend(request: web.Request) -> web.Response:
    """More periods, of any camera."""
    whole = await _to_change(request)
    body = await read_body(request, Periods)
    whole = await city_of(request).holds.extend(whole, await parts_of(request, body.periods))
    return _answer_new(whole)


@operation(name="confirm_hold", body=Confirmation, answer=HoldAnswer, errors=(409,), etag=True)
async def confirm(request: web.Request) -> web.Response:
    """It is still needed, until a later deadline."""
    whole = await _to_change(request)
    body = await read_body(request, Confirmation)
    return _answer(await city_of(request).holds.confirm(whole, ms_of(body.deadline)))


@operation(body=Reason, body_optional=True, errors=(409,), etag=True)
async def end_hold(request: web.Request) -> web.Response:
    """Its periods may be purged again, unless something else keeps them; it stays in the list."""
    whole = await _to_change(request)
    body = await read_body(request, Reason)
    await city_of(request).holds.end(whole, body.reason)
    return web.Response(status=204)


async def _to_change(request: web.Request) -> WholeHold:
    """The one in the URL, for who may preserve with all of its cameras."""
    whole = await city_of(request).holds.get(_id(request), Verb.PRESERVE)
    refuse_outdated(request, tag(whole))
    return whole


def _id(request: web.Request) -> str:
    return id_in_path(request, "hold_id", "hold")


def _request(body: HoldText) -> Request:
    return Request(body.number, body.authority, body.purpose)


def _answer(whole: WholeHold) -> web.Response:
    return json_answer(shown(whole), headers={"ETag": tag(whole)})


def _answer_new(whole: WholeHold) -> web.Response:
    headers = {"ETag": tag(whole), "Location": f"/api/v1/holds/{whole.thing.public_id}"}
    return json_answer(shown(whole), 201, headers)
