"""`/api/v1/cities`: the tenants, for superadmins; everybody else sees their own."""

from __future__ import annotations

from typing import Any

from aiohttp import web

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
from vmsd.api.ids import id_in_path
from vmsd.api.site import SITE
from vmsd.clock import rfc3339
from vmsd.errors import NotFound
from vmsd.model.city import City, CityStatus, Plan
from vmsd.model.person import Role


class NewCity(Body):
    name: Name
    status: CityStatus = "active"
    plan: Plan = "basic"


def shown(city: City) -> dict[str, Any]:
    return {
        "id": city.public_id,
        "name": city.name,
        "status": city.status,
        "plan": city.plan,
        "retention_days": city.retention_days,
        "created_at": rfc3339(city.created_ms),
    }


async def list_cities(request: web.Request) -> web.Response:
    page = query_of(request, Page)
    site, caller = request.app[SITE], caller_of(request)
    if caller.person.city_id is not None:
        return json_answer({"items": [shown(await site.cities.get_by_id(caller.person.city_id))], "next": None})
    with naming_cursor():
        found = await site.cities.list(after=page.cursor, limit=page.limit + 1)
    cities, following = page_of(found, page.limit, lambda city: city.public_id)
    return json_answer({"items": [shown(city) for city in cities], "next": following})


async def add_city(request: web.Request) -> web.Response:
    body = await read_body(request, NewCity)
    city = await request.app[SITE].cities.add(name=body.name, status=body.status, plan=body.plan)
    return json_answer(shown(city), 201, {"Location": f"/api/v1/cities/{city.public_id}"})


async def get_city(request: web.Request) -> web.Response:
    return json_answer(shown(await _city(request)))


async def change_city(request: web.Request) -> web.Response:
    city = await _city(request)
    present = {"name": city.name, "status": city.status, "plan": city.plan}
    body = parse(NewCity, present | await read_patch(request))
    changed = await request.app[SITE].cities.change(city, name=body.name, status=body.status, plan=body.plan)
    return json_answer(shown(changed))


async def remove_city(request: web.Request) -> web.Response:
    await request.app[SITE].cities.remove(await _city(request))
    return web.Response(status=204)


async def _city(request: web.Request) -> City:
    """The one in the URL; another's city does not exist for anybody but a superadmin."""
    city = await request.app[SITE].cities.get(id_in_path(request, "city_id", "city"))
    caller = caller_of(request)
    if caller.role != Role.SUPERADMIN and caller.person.city_id != city.id:
        raise NotFound("there is no such city")
    return city
