"""`/api/v1/cities`: the tenants, for superadmins; everybody else sees their own."""

from __future__ import annotations

from typing import Annotated

from aiohttp import web
from pydantic import Field
from typing_extensions import TypedDict

from vmsd.api.bodies import (
    Body,
    Name,
    Page,
    json_answer,
    naming_cursor,
    page_of,
    parse,
    query_of,
    read_body,
    read_patch,
)
from vmsd.api.door import caller_of
from vmsd.api.etags import etag_of, refuse_outdated
from vmsd.api.ids import id_in_path
from vmsd.api.operation import operation
from vmsd.api.site import SITE
from vmsd.clock import rfc3339
from vmsd.errors import NotFound
from vmsd.model.city import City, CityStatus, Plan
from vmsd.model.person import Role
from vmsd.model.shapes import Id, Listing, Time


class NewCity(Body):
    name: Name = Field(examples=["Vila Serena"])
    status: CityStatus = "active"
    plan: Plan = "basic"


class CityAnswer(TypedDict):
    id: Id
    name: Annotated[str, Field(examples=["Vila Serena"])]
    status: CityStatus
    plan: Plan
    retention_days: Annotated[int, Field(description="The days of recordings the plan promises.", examples=[7])]
    created_at: Time


def shown(city: City) -> CityAnswer:
    return {
        "id": city.public_id,
        "name": city.name,
        "status": city.status,
        "plan": city.plan,
        "retention_days": city.retention_days,
        "created_at": rfc3339(city.created_ms),
    }


@operation(answer=Listing[CityAnswer])
async def list_cities(request: web.Request) -> web.Response:
    """All of them for a superadmin, for everybody else their own."""
    page = query_of(request, Page)
    site, caller = request.app[SITE], caller_of(request)
    if caller.person.city_id is not None:
        return json_answer({"items": [shown(await site.cities.get_by_id(caller.person.city_id))], "next": None})
    with naming_cursor():
        found = await site.cities.list(after=page.cursor, limit=page.limit + 1)
    cities, following = page_of(found, page.limit, lambda city: city.public_id)
    return json_answer({"items": [shown(city) for city in cities], "next": following})


@operation(body=NewCity, answer=CityAnswer, status=201, errors=(409,), etag=True)
async def add_city(request: web.Request) -> web.Response:
    body = await read_body(request, NewCity)
    city = await request.app[SITE].cities.add(
        name=body.name, by=caller_of(request).who, status=body.status, plan=body.plan
    )
    return json_answer(shown(city), 201, {"Location": f"/api/v1/cities/{city.public_id}", "ETag": tag(city)})


@operation(answer=CityAnswer, etag=True)
async def get_city(request: web.Request) -> web.Response:
    city = await _city(request)
    return json_answer(shown(city), headers={"ETag": tag(city)})


@operation(patch=NewCity, answer=CityAnswer, errors=(409,), etag=True)
async def change_city(request: web.Request) -> web.Response:
    """Cameras of a suspended city go on recording; its people are kept out."""
    city = await _city(request)
    refuse_outdated(request, tag(city))
    present = {"name": city.name, "status": city.status, "plan": city.plan}
    body = parse(NewCity, present | await read_patch(request, NewCity))
    changed = await request.app[SITE].cities.change(
        city, by=caller_of(request).who, name=body.name, status=body.status, plan=body.plan
    )
    return json_answer(shown(changed), headers={"ETag": tag(changed)})


@operation(errors=(409,), etag=True)
async def remove_city(request: web.Request) -> web.Response:
    """Only one without cameras, recordings and people."""
    city = await _city(request)
    refuse_outdated(request, tag(city))
    await request.app[SITE].cities.remove(city, by=caller_of(request).who)
    return web.Response(status=204)


def tag(city: City) -> str:
    return etag_of(city.public_id, city.changed_ms)


async def _city(request: web.Request) -> City:
    """The one in the URL; another's city does not exist for anybody but a superadmin."""
    city = await request.app[SITE].cities.get(id_in_path(request, "city_id", "city"))
    caller = caller_of(request)
    if caller.role != Role.SUPERADMIN and caller.person.city_id != city.id:
        raise NotFound("there is no such city")
    return city
