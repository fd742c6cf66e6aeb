"""Logging in and out, who I am, and what keeps it that way: password, sessions, second factor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

from aiohttp import web
from pydantic import Field
from typing_extensions import TypedDict

from vmsd.api.bodies import Body, Page, Password, json_answer, naming_cursor, page_of, query_of, read_body
from vmsd.api.door import FRESH_S, caller_of, cookie_name, encrypted
from vmsd.api.ids import id_in_path
from vmsd.api.operation import operation
from vmsd.api.site import SITE
from vmsd.clock import rfc3339
from vmsd.errors import NotFound
from vmsd.model.person import Caller, Role, Verb
from vmsd.model.shapes import Id, Listing, Time
from vmsd.store.sessions import SessionRow

Code = Annotated[
    str,
    Field(
        min_length=6,
        max_length=40,
        description="Six digits of the moment, or a recovery code; spaces and hyphens do not matter.",
        examples=["123456"],
    ),
]


class Login(Body):
    name: str = Field(min_length=1, max_length=100)
    password: Password
    code: Code | None = None


class NewPassword(Body):
    password: Password
    new_password: Password


class Proof(Body):
    """The password once more and, where there is a second factor, a code of it."""

    password: Password
    code: Code | None = None


class FactorCode(Body):
    code: Code


class ShownCity(Body):
    city_id: UUID = Field(strict=False)


class GroupRights(TypedDict):
    group: Annotated[str, Field(description="The name of a camera group; `*` is every camera.", examples=["*"])]
    verbs: list[Verb]


class MeAnswer(TypedDict):
    """Who is calling."""

    id: Id
    name: str
    role: Role
    city_id: Annotated[Id | None, Field(description="Null for a superadmin.")]
    verbs: Annotated[list[Verb], Field(description="What they may do with at least one camera.")]
    groups: list[GroupRights]
    must_change_password: bool
    totp: Annotated[bool, Field(description="Whether a login asks for a code as well.")]
    fresh_until: Annotated[Time | None, Field(description="Until when what needs a fresh password may be done.")]
    session_expires_at: Annotated[Time | None, Field(description="If nothing more is asked in it; null for a token.")]


class SessionAnswer(TypedDict):
    """One browser in which the caller is logged in."""

    id: Id
    created_at: Time
    seen_at: Annotated[Time, Field(description="When it was last used, to the minute.")]
    address: Annotated[str, Field(description="From where the login came.", examples=["192.168.1.20"])]
    current: Annotated[bool, Field(description="Whether it is the one this was asked in.")]


class FactorAnswer(TypedDict):
    """What an authenticator app has to be told, three times."""

    secret: Annotated[str, Field(description="Base32, to type.", examples=["JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"])]
    uri: Annotated[str, Field(description="To open.", examples=["otpauth://totp/vmsd:admin?secret=JBSWY3DPEHPK3PXP"])]
    qr_svg: Annotated[str, Field(description="To point a camera at: an SVG image.", examples=["<svg/>"])]


class RecoveryAnswer(TypedDict):
    recovery_codes: Annotated[
        list[str], Field(description="Each counts once, in the place of a code.", examples=[["ABCD-EFGH-IJKL-MNOP"]])
    ]


@operation(answer=MeAnswer, body=Login, headers={"Set-Cookie": "The session."}, errors=(401,))
async def log_in(request: web.Request) -> web.Response:
    """The 401 has a `cause` only when the password was right: `code_required` or `code_wrong`."""
    body = await read_body(request, Login)
    accounts = request.app[SITE].accounts
    logged_in = await accounts.log_in(body.name, body.password, request.remote or "", body.code)
    response = json_answer(await _me(request, logged_in.caller))
    response.set_cookie(
        cookie_name(request),
        logged_in.token,
        max_age=logged_in.lasts_s,
        httponly=True,
        samesite="Strict",
        secure=encrypted(request),
        path="/",
    )
    return response


@operation()
async def log_out(request: web.Request) -> web.Response:
    """Ends this session, and what is being watched in it."""
    site, caller = request.app[SITE], caller_of(request)
    await site.accounts.log_out(caller)
    site.streams.close_of(caller)
    response = web.Response(status=204)
    name, secure = cookie_name(request), encrypted(request)
    response.del_cookie(name, path="/", httponly=True, samesite="Strict", secure=secure)
    return response


@operation(name="get_me", answer=MeAnswer)
async def me(request: web.Request) -> web.Response:
    return json_answer(await _me(request, caller_of(request)))


@operation(body=NewPassword)
async def change_password(request: web.Request) -> web.Response:
    """Ends every session of the account, this one too, and all that was being watched with them."""
    body = await read_body(request, NewPassword)
    site, caller = request.app[SITE], caller_of(request)
    await site.accounts.change_password(caller, body.password, body.new_password)
    site.streams.close_of(caller, everywhere=True)
    return web.Response(status=204)


@operation(body=Proof)
async def reauthenticate(request: web.Request) -> web.Response:
    """For the next ten minutes, what needs a fresh password may be done in this session."""
    body = await read_body(request, Proof)
    await request.app[SITE].accounts.reauthenticate(caller_of(request), body.password, body.code)
    return web.Response(status=204)


@operation(name="list_sessions", answer=Listing[SessionAnswer])
async def list_sessions(request: web.Request) -> web.Response:
    """Where the caller is logged in, newest first."""
    query, caller = query_of(request, Page), caller_of(request)
    own = await request.app[SITE].accounts.list_sessions(caller)
    with naming_cursor():
        items, cursor = page_of(_after(own, query.cursor), query.limit, lambda one: one.public_id)
    return json_answer({"items": [_session(one, caller) for one in items], "next": cursor})


def _after(sessions: Sequence[SessionRow], cursor: str | None) -> Sequence[SessionRow]:
    if cursor is None:
        return sessions
    for place, session in enumerate(sessions, 1):
        if session.public_id == cursor:
            return sessions[place:]
    raise NotFound("there is no such session")


@operation(name="end_session")
async def end_session(request: web.Request) -> web.Response:
    """One of the caller's own, and what is being watched in it."""
    site = request.app[SITE]
    ended = await site.accounts.end_session(caller_of(request), id_in_path(request, "session_id", "session"))
    site.streams.close_of(ended)
    return web.Response(status=204)


@operation(name="begin_second_factor", answer=FactorAnswer, errors=(409,))
async def begin_second_factor(request: web.Request) -> web.Response:
    """Nothing is asked of a login yet: first show with `PUT`, within ten minutes, that the app has the secret."""
    new = await request.app[SITE].accounts.second_factor.begin(caller_of(request))
    answer: FactorAnswer = {"secret": new.secret, "uri": new.uri, "qr_svg": new.qr_svg}
    return json_answer(answer)


@operation(name="confirm_second_factor", body=FactorCode, answer=RecoveryAnswer, errors=(409,))
async def confirm_second_factor(request: web.Request) -> web.Response:
    """From now on a login asks for a code. The recovery codes are shown this once."""
    body = await read_body(request, FactorCode)
    codes = await request.app[SITE].accounts.second_factor.confirm(caller_of(request), body.code)
    answer: RecoveryAnswer = {"recovery_codes": list(codes)}
    return json_answer(answer)


@operation(name="drop_second_factor", body=Proof, errors=(409,))
async def drop_second_factor(request: web.Request) -> web.Response:
    """The recovery codes go too."""
    body = await read_body(request, Proof)
    await request.app[SITE].accounts.drop_second_factor(caller_of(request), body.password, body.code)
    return web.Response(status=204)


@operation(body=ShownCity, errors=(404,))
async def show_city(request: web.Request) -> web.Response:
    """The city a superadmin's pages show."""
    body = await read_body(request, ShownCity)
    site = request.app[SITE]
    city = await site.cities.get(str(body.city_id))
    await site.accounts.show_city(caller_of(request), city.id)
    return web.Response(status=204)


async def _me(request: web.Request, caller: Caller) -> MeAnswer:
    site, person = request.app[SITE], caller.person
    city = None if person.city_id is None else await site.cities.get_by_id(person.city_id)
    groups = (await site.people.groups_of([person]))[person.id]
    fresh_ms = caller.proved_ms + FRESH_S * 1000
    is_fresh = caller.means == "session" and fresh_ms >= site.clock.wall_ms()
    ends_ms = await site.accounts.session_ends_ms(caller)
    return {
        "id": person.public_id,
        "name": person.name,
        "role": person.role,
        "city_id": city.public_id if city else None,
        "verbs": sorted(caller.verbs),
        "groups": [{"group": name, "verbs": sorted(verbs & caller.scope)} for name, verbs in groups.items()],
        "must_change_password": person.must_change,
        "totp": person.totp is not None,
        "fresh_until": rfc3339(fresh_ms) if is_fresh else None,
        "session_expires_at": None if ends_ms is None else rfc3339(ends_ms),
    }


def _session(session: SessionRow, caller: Caller) -> SessionAnswer:
    return {
        "id": session.public_id,
        "created_at": rfc3339(session.created_ms),
        "seen_at": rfc3339(session.seen_ms),
        "address": session.address,
        "current": session.token_hash == caller.session_hash,
    }
