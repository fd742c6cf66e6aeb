"""`/api/v1/tokens`: keys for programs, each with an owner, a scope and an end; a secret is shown once."""

from __future__ import annotations

from typing import Annotated, Any

from aiohttp import web
from pydantic import BeforeValidator, Field, field_validator
from pydantic_core import PydanticCustomError
from typing_extensions import TypedDict

from vmsd.api.account_bodies import Label, Whose
from vmsd.api.bodies import Body, Moment, Page, json_answer, naming_cursor, page_of, query_of, read_body
from vmsd.api.door import CITY_HEADER, caller_of
from vmsd.api.ids import find_id, id_in_path
from vmsd.api.operation import operation
from vmsd.api.site import SITE
from vmsd.clock import rfc3339
from vmsd.errors import Malformed, NotAllowed, NotLoggedIn
from vmsd.model.person import ScopeWord, Verb
from vmsd.model.shapes import Id, Listing, Time
from vmsd.services.privileges import (
    knows_only_itself,
    owners_for,
    refuse_rotating,
    refuse_unknown_token,
    scope_of_new_token,
)
from vmsd.services.tokens import LONGEST_DAYS, LONGEST_STATUS_DAYS, USUAL_DAYS, IssuedToken
from vmsd.store.tokens import ApiToken

HOUR_MS = 3_600_000
_VERB = "|".join(Verb)
VerbWords = Annotated[str, Field(pattern=rf"^({ScopeWord.STATUS_READ}|(({_VERB})( ({_VERB}))*)?)$")]
AnyWord = Annotated[ScopeWord, Field(strict=False)]


def _from_words(value: Any) -> Any:
    return value.split() if isinstance(value, str) else value


def _stands_alone(words: list[ScopeWord] | None) -> list[ScopeWord] | None:
    if words is not None and ScopeWord.STATUS_READ in words and len(set(words)) > 1:
        raise PydanticCustomError("alone", "status:read stands alone")
    return words


class NewToken(Body):
    name: Label = Field(examples=["Painel da prefeitura"])
    scope: (
        Annotated[list[AnyWord], BeforeValidator(_from_words, json_schema_input_type=list[AnyWord] | VerbWords)] | None
    ) = Field(
        None,
        max_length=50,
        description="What it may do at most, of what its owner may: verbs, in a list or with spaces between them. "
        "None of them: status and figures alone. Null: all the caller may. `status:read` stands alone: for a central "
        "office, which reads `/api/v1/status` and `/metrics` with it and is kept out of everything else.",
    )
    expires_at: Moment | None = Field(
        None,
        description=f"At most {LONGEST_DAYS} days away, of a `status:read` token {LONGEST_STATUS_DAYS}; "
        f"{USUAL_DAYS} days if nothing is said.",
    )
    _alone = field_validator("scope")(_stands_alone)


class Rotation(Body):
    overlap_hours: int = Field(24, ge=0, le=168, description="How long the present secret counts beside the new one.")


class TokenAnswer(TypedDict):
    id: Id
    name: Annotated[str, Field(examples=["Painel da prefeitura"])]
    prefix: Annotated[str, Field(description="How its secret begins.", examples=["vmsd_Q2hhb"])]
    scope: list[ScopeWord]
    person: Annotated[Whose, Field(description="In whose name it acts.")]
    created_at: Time
    expires_at: Time
    last_used_at: Annotated[Time | None, Field(description="To the minute.")]
    rotating_until: Annotated[Time | None, Field(description="Until when its previous secret counts too.")]


class IssuedAnswer(TokenAnswer):
    """This once with the secret."""

    token: Annotated[str, Field(examples=["vmsd_Q2hhb..."])]


@operation(
    answer=Listing[TokenAnswer],
    sent={CITY_HEADER: "The city whose people's tokens a superadmin sees."},
    errors=(400, 404),
)
async def list_tokens(request: web.Request) -> web.Response:
    """A USER's own; those of a GESTOR's city; a SUPERADMIN's of the city they name, or all.

    A token that is not for `manage` knows of itself alone.
    """
    page, site, caller = query_of(request, Page), request.app[SITE], caller_of(request)
    named, own = await _named_city_id(request), await _own(request)
    if own is not None and knows_only_itself(caller):
        return json_answer({"items": [shown(request, own)], "next": None})
    owners = owners_for(caller, named)
    with naming_cursor():
        after = None if page.cursor is None else await site.tokens.get(page.cursor)
        if after is not None:
            refuse_unknown_token(caller, after, own, named)
    found = await site.tokens.list(
        person_id=owners.person_id, city_id=owners.city_id, after=after, limit=page.limit + 1
    )
    tokens, following = page_of(found, page.limit, lambda token: token.public_id)
    return json_answer({"items": [shown(request, token) for token in tokens], "next": following})


@operation(body=NewToken, answer=IssuedAnswer, status=201, errors=(409,))
async def add_token(request: web.Request) -> web.Response:
    """Of the caller's own; it never may more than they. Made with a token, it does not outlive that one."""
    body = await read_body(request, NewToken)
    site, caller, own = request.app[SITE], caller_of(request), await _own(request)
    status_only = body.scope is not None and ScopeWord.STATUS_READ in body.scope
    wanted = None if body.scope is None or status_only else frozenset(Verb(word) for word in body.scope)
    scope = scope_of_new_token(caller, wanted)
    issued = await site.tokens.add(
        caller.person,
        body.name,
        scope,
        caller.who,
        expires_ms=round(body.expires_at.timestamp() * 1000) if body.expires_at else None,
        latest_ms=own.expires_ms if own else None,
        status_only=status_only,
    )
    return json_answer(_issued(request, issued), 201, {"Location": f"/api/v1/tokens/{issued.token.public_id}"})


@operation(answer=TokenAnswer)
async def get_token(request: web.Request) -> web.Response:
    return json_answer(shown(request, await _token(request)))


@operation(body=Rotation, body_optional=True, answer=IssuedAnswer, errors=(409,))
async def rotate_token(request: web.Request) -> web.Response:
    """A new secret for the caller's own token; scope and end stay as they are."""
    token, caller = await _token(request), caller_of(request)
    refuse_rotating(caller, token)
    body = await read_body(request, Rotation)
    issued = await request.app[SITE].tokens.rotate(token, body.overlap_hours * HOUR_MS, caller.who)
    return json_answer(_issued(request, issued))


@operation()
async def revoke_token(request: web.Request) -> web.Response:
    """At once, with its previous secret if it is being rotated."""
    await request.app[SITE].tokens.revoke(await _token(request), caller_of(request).who)
    return web.Response(status=204)


async def _named_city_id(request: web.Request) -> int | None:
    """Whose tokens a superadmin asks about; everybody else may name their own city alone."""
    said, site, caller = request.headers.get(CITY_HEADER), request.app[SITE], caller_of(request)
    if said is None:
        return None
    public_id = find_id(said)
    if public_id is None:
        raise Malformed(f"{CITY_HEADER} is not a UUID")
    if caller.person.city_id is None:
        return (await site.cities.get(public_id)).id
    if (await site.cities.get_by_id(caller.person.city_id)).public_id != public_id:
        raise NotAllowed("this is not your city")
    return None


async def _own(request: web.Request) -> ApiToken | None:
    """The token the caller came with; None for a session."""
    token_hash = caller_of(request).token_hash
    if token_hash is None:
        return None
    own = await request.app[SITE].tokens.find(token_hash)
    if own is None:
        raise NotLoggedIn("this token is not valid")
    return own


async def _token(request: web.Request) -> ApiToken:
    """The one in the URL; what the caller may not know of does not exist."""
    token = await request.app[SITE].tokens.get(id_in_path(request, "token_id", "token"))
    refuse_unknown_token(caller_of(request), token, await _own(request), await _named_city_id(request))
    return token


def _issued(request: web.Request, issued: IssuedToken) -> IssuedAnswer:
    return {**shown(request, issued.token), "token": issued.secret}


def shown(request: web.Request, token: ApiToken) -> TokenAnswer:
    until_ms = token.previous_until_ms
    rotating = until_ms is not None and until_ms > request.app[SITE].clock.wall_ms()
    return {
        "id": token.public_id,
        "name": token.name,
        "prefix": token.prefix,
        "scope": list(token.words),
        "person": {"id": token.person.public_id, "name": token.person.name},
        "created_at": rfc3339(token.created_ms),
        "expires_at": rfc3339(token.expires_ms),
        "last_used_at": None if token.last_used_ms is None else rfc3339(token.last_used_ms),
        "rotating_until": rfc3339(until_ms) if rotating and until_ms is not None else None,
    }
