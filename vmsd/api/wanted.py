"""`/api/v1/wanted-plates`: the plates a city looks for; reading one of them raises an alert."""

from __future__ import annotations

from typing import Annotated

from aiohttp import web
from pydantic import Field, StringConstraints
from typing_extensions import TypedDict

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
from vmsd.api.ids import id_in_path
from vmsd.api.keeping import PLAIN, ByAnswer
from vmsd.api.operation import operation
from vmsd.clock import rfc3339
from vmsd.errors import FieldProblem, Invalid
from vmsd.model.alert import Level
from vmsd.model.detection import WantedPlate
from vmsd.model.shapes import Id, Listing, Time
from vmsd.services.wanted import WantedFields

Why = Annotated[str, StringConstraints(min_length=1, max_length=500, pattern=PLAIN)]


class WantedBody(Body):
    """What can be changed of one."""

    reason: Why = Field(examples=["Furtado, BO 123/2026"])
    level: Level = "critical"
    until: Moment | None = Field(None, description="Null: until it is removed.")


class NewWanted(WantedBody):
    plate: Annotated[str, Field(min_length=2, max_length=32, examples=["ABC1D23"])]


class WantedAnswer(TypedDict):
    """A plate that is looked for."""

    id: Id
    plate: Annotated[str, Field(examples=["ABC1D23"])]
    reason: str
    level: Annotated[Level, Field(description="Of the alert when it is read.")]
    until: Time | None
    by: ByAnswer
    created_at: Time


def shown(wanted: WantedPlate) -> WantedAnswer:
    return {
        "id": wanted.public_id,
        "plate": wanted.plate,
        "reason": wanted.reason,
        "level": wanted.level,
        "until": None if wanted.until_ms is None else rfc3339(wanted.until_ms),
        "by": {"id": wanted.person, "name": wanted.person_name},
        "created_at": rfc3339(wanted.created_ms),
    }


@operation(answer=Listing[WantedAnswer])
async def list_wanted_plates(request: web.Request) -> web.Response:
    """Newest first."""
    query, wanted = query_of(request, Page), city_of(request).wanted
    with naming_cursor():
        found = await wanted.list(after=query.cursor, limit=query.limit + 1)
    items, following = page_of(found, query.limit, lambda one: one.public_id)
    return json_answer({"items": [shown(one) for one in items], "next": following})


@operation(body=NewWanted, answer=WantedAnswer, status=201, errors=(409,))
async def add_wanted_plate(request: web.Request) -> web.Response:
    """From now on. Also found: what a reader takes for it, the other format, and what is off by one sign."""
    body = await read_body(request, NewWanted)
    until_ms = None if body.until is None else ms_of(body.until)
    added = await city_of(request).wanted.add(WantedFields(body.plate, body.reason, body.level, until_ms))
    return json_answer(shown(added), 201, {"Location": f"/api/v1/wanted-plates/{added.public_id}"})


@operation(answer=WantedAnswer)
async def get_wanted_plate(request: web.Request) -> web.Response:
    return json_answer(shown(await city_of(request).wanted.get(_id(request))))


@operation(patch=WantedBody, answer=WantedAnswer, errors=(409,))
async def change_wanted_plate(request: web.Request) -> web.Response:
    """The plate itself stays: another one is another."""
    patch = await read_patch(request, WantedBody)
    wanted = await city_of(request).wanted.get(_id(request))
    if "plate" in patch:
        raise Invalid("some fields were refused", FieldProblem("/plate", "cannot be changed: remove it, add another"))
    until = None if wanted.until_ms is None else rfc3339(wanted.until_ms)
    present = {"reason": wanted.reason, "level": wanted.level, "until": until}
    body = parse(WantedBody, present | patch)
    until_ms = None if body.until is None else ms_of(body.until)
    changed = await city_of(request).wanted.change(wanted, reason=body.reason, level=body.level, until_ms=until_ms)
    return json_answer(shown(changed))


@operation()
async def remove_wanted_plate(request: web.Request) -> web.Response:
    """Nobody looks for it any more; alerts there are stay."""
    wanted = city_of(request).wanted
    await wanted.remove(await wanted.get(_id(request)))
    return web.Response(status=204)


def _id(request: web.Request) -> str:
    return id_in_path(request, "wanted_id", "wanted plate")
