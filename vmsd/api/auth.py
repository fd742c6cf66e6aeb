"""Logging in and out, and who I am."""

from __future__ import annotations

from typing import Any

from aiohttp import web
from pydantic import Field

from vmsd.api.bodies import Body, json_answer, read_body
from vmsd.api.door import COOKIE, caller_of
from vmsd.api.site import SITE
from vmsd.model.person import Caller, Person


class Login(Body):
    name: str = Field(min_length=1, max_length=100)
    password: str = Field(min_length=1, max_length=256)


class NewPassword(Body):
    password: str = Field(min_length=1, max_length=256)
    new_password: str = Field(min_length=1, max_length=256)


class ShownCity(Body):
    city_id: str = Field(max_length=36)


async def log_in(request: web.Request) -> web.Response:
    body = await read_body(request, Login)
    site = request.app[SITE]
    logged_in = await site.accounts.log_in(body.name, body.password)
    response = json_answer(await _person(request, logged_in.person))
    response.set_cookie(
        COOKIE,
        logged_in.token,
        max_age=site.settings.http.session_absolute_s,
        httponly=True,
        samesite="Strict",
        secure=request.secure,
        path="/",
    )
    return response


async def log_out(request: web.Request) -> web.Response:
    await request.app[SITE].accounts.log_out(caller_of(request))
    response = web.Response(status=204)
    response.del_cookie(COOKIE, path="/")
    return response


async def me(request: web.Request) -> web.Response:
    caller: Caller = caller_of(request)
    verbs = sorted(caller.verbs)
    return json_answer(await _person(request, caller.person) | {"verbs": verbs})


async def change_password(request: web.Request) -> web.Response:
    body = await read_body(request, NewPassword)
    await request.app[SITE].accounts.change_password(caller_of(request), body.password, body.new_password)
    return web.Response(status=204)


async def show_city(request: web.Request) -> web.Response:
    """The city a superadmin's pages show."""
    body = await read_body(request, ShownCity)
    site = request.app[SITE]
    city = await site.cities.get(body.city_id)
    await site.accounts.show_city(caller_of(request), city.id)
    return web.Response(status=204)


async def _person(request: web.Request, person: Person) -> dict[str, Any]:
    city = None
    if person.city_id is not None:
        city = (await request.app[SITE].cities.get_by_id(person.city_id)).public_id
    return {"id": person.public_id, "name": person.name, "role": person.role, "city_id": city}
