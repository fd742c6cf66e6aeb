"""`/api/v1/users`: the accounts of a city, for its gestores; of the whole box, for superadmins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal
from uuid import UUID

from aiohttp import web
from pydantic import Field
from typing_extensions import TypedDict

from vmsd.api.account_bodies import GroupRights, Held, Label, group_verbs, held_of
from vmsd.api.bodies import (
    Body,
    Page,
    Password,
    json_answer,
    naming_cursor,
    page_of,
    parse,
    query_of,
    read_body,
    read_patch,
)
from vmsd.api.door import CITY_HEADER, caller_of
from vmsd.api.etags import etag_of, refuse_outdated
from vmsd.api.ids import id_in_path
from vmsd.api.operation import operation
from vmsd.api.site import SITE
from vmsd.clock import rfc3339
from vmsd.errors import FieldProblem, Invalid, NotAllowed, NotFound
from vmsd.model.person import Person, Role, Status
from vmsd.model.shapes import Id, Listing, Time
from vmsd.pages.request import CITY
from vmsd.services.people import PersonFields, Secrets
from vmsd.services.privileges import refuse_adding, refuse_changing, refuse_removing

CityId = Annotated[UUID | None, Field(strict=False, description="Of everybody but superadmins.")]


class NewUser(Body):
    """A superadmin names the city here or in the header; whoever belongs to a city adds people to that one."""

    name: Label = Field(examples=["Ana Souza"])
    password: Password
    role: Role = Field(Role.USER, strict=False)
    city_id: CityId = None
    groups: GroupRights | None = Field(
        None, description="Of a USER alone: their rights by camera group. Null: view and replay on every camera."
    )
    must_change_password: bool = False


class Account(Body):
    """Of an account that exists. `totp` can only be taken away; a city is changed by superadmins alone."""

    name: Label = Field(examples=["Ana Souza"])
    password: Password
    role: Role = Field(strict=False)
    city_id: CityId
    groups: GroupRights
    status: Status
    must_change_password: bool
    totp: Literal[False]


class UserAnswer(TypedDict):
    id: Id
    name: Annotated[str, Field(examples=["Ana Souza"])]
    role: Role
    city_id: Annotated[Id | None, Field(description="Null for a superadmin.")]
    groups: Annotated[list[Held], Field(description="What they may do, by camera group.")]
    status: Status
    must_change_password: Annotated[bool, Field(description="They can do nothing before they have.")]
    totp: Annotated[bool, Field(description="Whether a login asks for a code as well.")]
    last_login_at: Time | None
    created_at: Time


def tag(person: Person) -> str:
    return etag_of(person.public_id, person.changed_ms)


@operation(answer=Listing[UserAnswer])
async def list_users(request: web.Request) -> web.Response:
    """Of the city the request is about; a superadmin who names none sees everybody."""
    page, city = query_of(request, Page), _city_id(request)
    with naming_cursor():
        found = await request.app[SITE].people.list(city, after=page.cursor, limit=page.limit + 1)
    people, following = page_of(found, page.limit, lambda person: person.public_id)
    return json_answer({"items": await _shown(request, people), "next": following})


@operation(body=NewUser, answer=UserAnswer, status=201, errors=(409,), etag=True)
async def add_user(request: web.Request) -> web.Response:
    body = await read_body(request, NewUser)
    fields = PersonFields(
        name=body.name,
        role=body.role,
        city_id=await _city_of_new(request, body),
        groups=None if body.groups is None else group_verbs(body.groups),
        must_change=body.must_change_password,
    )
    caller = caller_of(request)
    refuse_adding(caller, fields)
    person = await request.app[SITE].people.add(fields, body.password, caller.who)
    return await _answer(request, person, 201, {"Location": f"/api/v1/users/{person.public_id}"})


@operation(answer=UserAnswer, etag=True)
async def get_user(request: web.Request) -> web.Response:
    return await _answer(request, await _person(request))


@operation(patch=Account, answer=UserAnswer, errors=(409,), etag=True)
async def change_user(request: web.Request) -> web.Response:
    """Of their own account people change the name alone here. What is taken away counts no more within 5 seconds.

    A new password, role or city and being disabled end all sessions; a new password or city the tokens too.
    """
    person = await _person(request)
    refuse_outdated(request, tag(person))
    patch = await read_patch(request, Account)
    body = parse(Account, await _present(request, person) | patch)
    fields = PersonFields(
        name=body.name,
        role=body.role,
        city_id=await _city_of_changed(request, person, body, named="city_id" in patch),
        status=body.status,
        groups=group_verbs(body.groups) if "groups" in patch else None,
        must_change=body.must_change_password,
    )
    secrets = Secrets(body.password if "password" in patch else None, without_totp="totp" in patch)
    caller = caller_of(request)
    refuse_changing(caller, person, fields, secrets)
    return await _answer(request, await request.app[SITE].people.change(person, fields, caller.who, secrets))


@operation(errors=(409,), etag=True)
async def remove_user(request: web.Request) -> web.Response:
    """With their sessions, tokens and rights; what they did stays in the audit log."""
    person, caller = await _person(request), caller_of(request)
    refuse_removing(caller, person)
    refuse_outdated(request, tag(person))
    await request.app[SITE].people.remove(person, caller.who)
    return web.Response(status=204)


def _city_id(request: web.Request) -> int | None:
    """Of the city the request is about; None, for superadmins alone, for all of them."""
    return request[CITY].city.id if CITY in request else None


async def _person(request: web.Request) -> Person:
    """The one in the URL; people of another city do not exist."""
    return await request.app[SITE].people.get(id_in_path(request, "user_id", "person"), _city_id(request))


async def _present(request: web.Request, person: Person) -> dict[str, Any]:
    """What a patch is laid over; what is no field of an answer stands there only to be laid over."""
    (answer,) = await _shown(request, [person])
    names = ("name", "role", "city_id", "status", "must_change_password")
    return {name: value for name, value in answer.items() if name in names} | {
        "groups": [],
        "password": "-",
        "totp": False,
    }


async def _city_of_new(request: web.Request, body: NewUser) -> int | None:
    city = _city_id(request)
    if body.city_id is not None:
        named = await _named(request, body.city_id)
        if city not in (None, named):
            raise Invalid("some fields were refused", FieldProblem("/city_id", f"{CITY_HEADER} names another city"))
        return named
    return None if body.role is Role.SUPERADMIN else city


async def _city_of_changed(request: web.Request, person: Person, body: Account, *, named: bool) -> int | None:
    """Who becomes a superadmin leaves their city without a word about it."""
    if named:
        return None if body.city_id is None else await _named(request, body.city_id)
    return None if body.role is Role.SUPERADMIN else person.city_id


async def _named(request: web.Request, city_id: UUID) -> int:
    site, caller = request.app[SITE], caller_of(request)
    try:
        city = await site.cities.get(str(city_id))
    except NotFound:
        city = None
    if caller.person.city_id is not None and (city is None or city.id != caller.person.city_id):
        raise NotAllowed("this is not your city")
    if city is None:
        raise Invalid("some fields were refused", FieldProblem("/city_id", "there is no such city"))
    return city.id


async def _answer(
    request: web.Request, person: Person, status: int = 200, headers: dict[str, str] | None = None
) -> web.Response:
    (answer,) = await _shown(request, [person])
    return json_answer(answer, status, {"ETag": tag(person)} | (headers or {}))


async def _shown(request: web.Request, people: Sequence[Person]) -> list[UserAnswer]:
    site = request.app[SITE]
    groups = await site.people.groups_of(people)
    numbers = {person.city_id for person in people}
    cities = {number: (await site.cities.get_by_id(number)).public_id for number in numbers if number is not None}
    return [shown(person, held_of(groups[person.id]), cities) for person in people]


def shown(person: Person, groups: list[Held], cities: Mapping[int, str]) -> UserAnswer:
    return {
        "id": person.public_id,
        "name": person.name,
        "role": person.role,
        "city_id": None if person.city_id is None else cities[person.city_id],
        "groups": groups,
        "status": person.status,
        "must_change_password": person.must_change,
        "totp": person.totp is not None,
        "last_login_at": None if person.last_login_ms is None else rfc3339(person.last_login_ms),
        "created_at": rfc3339(person.created_ms),
    }
