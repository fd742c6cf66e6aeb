"""`/api/v1/destinations`: where a city's news goes to, other programs and brokers, and whether it arrives."""

from __future__ import annotations

from typing import Annotated, Literal

from aiohttp import web
from pydantic import AfterValidator, Field, StringConstraints
from pydantic_core import PydanticCustomError
from typing_extensions import TypedDict

from vmsd.api.account_bodies import Label
from vmsd.api.bodies import (
    Body,
    Page,
    Query,
    json_answer,
    naming_cursor,
    page_of,
    parse,
    query_of,
    read_body,
    read_patch,
)
from vmsd.api.door import city_of
from vmsd.api.ids import id_in_path
from vmsd.api.operation import operation
from vmsd.clock import rfc3339
from vmsd.model.destination import TOPICS, Attempt, Chosen, Destination, Topic
from vmsd.model.shapes import Id, Listing, Seconds, Time
from vmsd.services.destinations import Fields, Issued, Known

State = Literal["ok", "failing", "gone", "off", "new"]
URL_EXAMPLE = "https://central.example.org/vmsd"


def _refuse_twins(topics: list[Topic]) -> list[Topic]:
    if len(set(topics)) != len(topics):
        raise PydanticCustomError("twice", "a topic stands there twice")
    return topics


Topics = Annotated[
    list[Topic],
    AfterValidator(_refuse_twins),
    Field(min_length=1, max_length=len(TOPICS), description="What it gets.", examples=[["alertas.novo"]]),
]
Address = Annotated[str, StringConstraints(min_length=1, max_length=2000)]


class DestinationText(Body):
    name: Label = Field(examples=["Central da polícia"])
    topics: Topics
    enabled: bool = Field(True, description="While it is off nothing is kept for it.")


class NewDestination(DestinationText):
    kind: Chosen = Field(description="`webhook`: a signed POST for each item; `amqp`: a broker's exchanges.")
    url: Address = Field(
        description="`https://` or `amqps://`; `http://` and `amqp://` where the box's configuration allows it.",
        examples=[URL_EXAMPLE],
    )


class DestinationChange(DestinationText):
    url: Address | None = Field(None, description="Left out, it stays as it is.")


class Attempts(Query):
    limit: int = Field(50, ge=1, le=200)


class DestinationAnswer(TypedDict):
    id: Id
    kind: Annotated[
        Literal["webhook", "amqp", "central"],
        Field(description="`central` is the broker the box itself is set to; it is changed in its configuration."),
    ]
    name: str
    url: Annotated[str, Field(description="Without its password, and without what a query holds.")]
    topics: list[Topic]
    enabled: bool
    state: Annotated[State, Field(description="`gone`: it answered 410 and was switched off; `new`: nothing sent yet.")]
    since: Annotated[Time | None, Field(description="When it began to fail, or said it is gone.")]
    last_arrived_at: Time | None
    error: Annotated[str | None, Field(description="What the last attempt came to, while it fails.")]
    status: Annotated[int | None, Field(description="What a server answered to it over HTTP.")]
    failures: Annotated[int, Field(ge=0, description="Attempts in a row.")]
    retry_at: Annotated[Time | None, Field(description="When the next attempt is due.")]
    waiting: Annotated[int, Field(ge=0, description="Items that have not arrived yet.")]
    created_at: Time
    changed_at: Time


class NewDestinationAnswer(DestinationAnswer):
    """This once with the secret its messages are signed with; null for a broker."""

    secret: Annotated[str | None, Field(examples=["whsec_..."])]


class AttemptAnswer(TypedDict):
    at: Time
    topic: Annotated[
        str, Field(description="`fila.resumida` counts what there was no room for; `fila.teste` is a test.")
    ]
    item: Annotated[Id, Field(description="The id the receiver knows it by.")]
    arrived: Annotated[int, Field(ge=0, description="How many items did.")]
    status: Annotated[int | None, Field(description="What a server answered over HTTP.")]
    error: str | None
    took: Seconds


@operation(answer=Listing[DestinationAnswer])
async def list_destinations(request: web.Request) -> web.Response:
    """In the order they were added."""
    page = query_of(request, Page)
    with naming_cursor():
        found = await city_of(request).destinations.list(after=page.cursor, limit=page.limit + 1)
    items, following = page_of(found, page.limit, lambda known: known.destination.public_id)
    return json_answer({"items": [shown(one) for one in items], "next": following})


@operation(body=NewDestination, answer=NewDestinationAnswer, status=201, errors=(409,))
async def add_destination(request: web.Request) -> web.Response:
    """It gets what is new from now on. Topics with number plates need `plates` on every camera."""
    body = await read_body(request, NewDestination)
    fields = Fields(body.name, frozenset(body.topics), body.enabled, body.url)
    issued = await city_of(request).destinations.add(body.kind, fields)
    headers = {"Location": f"/api/v1/destinations/{issued.known.destination.public_id}"}
    return json_answer(_issued(issued), 201, headers)


@operation(answer=DestinationAnswer)
async def get_destination(request: web.Request) -> web.Response:
    return json_answer(shown(await _destination(request)))


@operation(patch=DestinationChange, answer=DestinationAnswer, errors=(409,))
async def change_destination(request: web.Request) -> web.Response:
    """What was kept for it stays, unless it is switched off."""
    known = await _destination(request)
    before = known.destination
    present = {"name": before.name, "topics": sorted(before.topics), "enabled": before.enabled}
    body = parse(DestinationChange, present | await read_patch(request, DestinationChange))
    fields = Fields(body.name, frozenset(body.topics), body.enabled, body.url)
    return json_answer(shown(await city_of(request).destinations.change(known, fields)))


@operation(errors=(409,))
async def remove_destination(request: web.Request) -> web.Response:
    """What waits for it alone is dropped."""
    await city_of(request).destinations.remove(await _destination(request))
    return web.Response(status=204)


@operation(name="renew_destination_secret", answer=NewDestinationAnswer, errors=(409,))
async def renew_secret(request: web.Request) -> web.Response:
    """Of a webhook: the present one counts no more."""
    return json_answer(_issued(await city_of(request).destinations.renew_secret(await _destination(request))))


@operation(name="test_destination", answer=AttemptAnswer)
async def test(request: web.Request) -> web.Response:
    """Sends an item `fila.teste` now, past all that waits; what came of it. If it arrived, the rest follows."""
    attempt = await city_of(request).destinations.test(await _destination(request))
    return json_answer(shown_attempt(attempt))


@operation(name="list_destination_attempts", answer=Listing[AttemptAnswer])
async def attempts(request: web.Request) -> web.Response:
    """The last 200, newest first."""
    limit = query_of(request, Attempts).limit
    found = await city_of(request).destinations.attempts(await _destination(request), limit)
    return json_answer({"items": [shown_attempt(one) for one in found], "next": None})


async def _destination(request: web.Request) -> Known:
    return await city_of(request).destinations.get(id_in_path(request, "destination_id", "destination"))


def _issued(issued: Issued) -> NewDestinationAnswer:
    return {**shown(issued.known), "secret": issued.secret}


def shown(known: Known) -> DestinationAnswer:
    one, last = known.destination, known.last
    failing = one.failures > 0 or one.gone_ms is not None
    return {
        "id": one.public_id,
        "kind": one.kind,  # type: ignore[typeddict-item]
        "name": one.name,
        "url": known.address,
        "topics": [topic for topic in TOPICS if topic in one.topics],
        "enabled": one.enabled,
        "state": _state(one),
        "since": _time(one.gone_ms or one.broken_since_ms),
        "last_arrived_at": _time(one.sent_ms),
        "error": last.error if failing and last else None,
        "status": last.status if failing and last else None,
        "failures": one.failures,
        "retry_at": _time(one.retry_ms),
        "waiting": known.waiting,
        "created_at": rfc3339(one.created_ms),
        "changed_at": rfc3339(one.changed_ms),
    }


def _state(one: Destination) -> State:
    if not one.enabled:
        return "gone" if one.gone_ms is not None else "off"
    if one.failures:
        return "failing"
    return "new" if one.sent_ms is None else "ok"


def shown_attempt(attempt: Attempt) -> AttemptAnswer:
    return {
        "at": rfc3339(attempt.at_ms),
        "topic": attempt.topic,
        "item": attempt.item,
        "arrived": attempt.items,
        "status": attempt.status,
        "error": attempt.error,
        "took": attempt.took_ms / 1000,
    }


def _time(ms: int | None) -> str | None:
    return None if ms is None else rfc3339(ms)
