"""Logging in and out, and who I am."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from aiohttp import web
from pydantic import Field

from vmsd.api.bodies import Body, Password, json_answer, read_body
from vmsd.api.door import caller_of, cookie_name, encrypted
from vmsd.api.site import SITE
from vmsd.model.person import Person


class Login(Body):
    name: str = Field(min_length=1, max_length=100)
    password: Password


class NewPassword(Body):
    password: Password
    new_password: Password


class ShownCity(Body):
    city_id: UUID = Field(strict=False)


async def log_in(request: web.Request) -> web.Response:
    body = await read_body(request, Login)
    site = request.app[SITE]
    logged_in = await site.accounts.log_in(body.name, body.password, request.remote or "")
    response = json_answer(await _person(request, logged_in.person))
    response.set_cookie(
        cookie_name(request),
        logged_in.token,
        max_age=site.settings.http.session_absolute_s,
        httponly=True,
        samesite="Strict",
        secure=encrypted(request),
        path="/",
    )
    return response


async def log_out(request: web.Request) -> web.Response:
    site, caller = request.app[SITE], caller_of(request)
    await site.accounts.log_out(caller)
    site.streams.close_of(caller)
    response = web.Response(status=204)
    name, secure = cookie_name(request), encrypted(request)
    response.del_cookie(name, path="/", httponly=True, samesite="Strict", secure=secure)
    return response


async def me(request: web.Request) -> web.Response:
    caller = caller_of(request)
    verbs = sorted(caller.verbs)
    return json_answer(await _person(request, caller.person) | {"verbs": verbs})


async def change_password(request: web.Request) -> web.Response:
    """Ends every session of the account, this one too, and all that was being watched with them."""
    body = await read_body(request, NewPassword)
    site, caller = request.app[SITE], caller_of(request)
    await site.accounts.change_password(caller, body.password, body.new_password, request.remote or "")
    site.streams.close_of(caller, everywhere=True)
    return web.Response(status=204)


async def show_city(request: web.Request) -> web.Response:
    """The city a superadmin's pages show."""
    body = await read_body(request, ShownCity)
    site = request.app[SITE]
    city = await site.cities.get(str(body.city_id))
    await site.accounts.show_city(caller_of(request), city.id)
    return web.Response(status=204)


async def _person(request: web.Request, person: Person) -> dict[str, Any]:
    city = None
    if person.city_id is not None:
        city = (await request.app[SITE].cities.get_by_id(person.city_id)).public_id
    return {"id": person.public_id, "name": person.name, "role": person.role, "city_id": city}
