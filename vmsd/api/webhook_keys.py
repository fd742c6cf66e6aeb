"""`/api/v1/webhooks/keys`: with what programs sign the plates they report; a secret is shown once."""

from __future__ import annotations

from typing import Annotated

from aiohttp import web
from pydantic import Field
from typing_extensions import TypedDict

from vmsd.api.bodies import Body, Name, Page, json_answer, page_of, query_of, read_body
from vmsd.api.door import city_of
from vmsd.api.ids import id_in_path
from vmsd.api.operation import operation
from vmsd.clock import rfc3339
from vmsd.model.detection import WebhookKey
from vmsd.model.shapes import Id, Listing, Time, Yes


class NewWebhookKey(Body):
    name: Name = Field(examples=["Leitor da entrada"])


class WebhookKeyAnswer(TypedDict):
    id: Id
    name: str
    created_at: Time
    last_used_at: Annotated[Time | None, Field(description="To the minute.")]
    readable: Annotated[Yes, Field(description="False where the box has lost the key its secret was sealed with.")]


class IssuedKeyAnswer(WebhookKeyAnswer):
    """This once with the secret."""

    secret: Annotated[str, Field(examples=["whsec_..."])]


def shown(key: WebhookKey) -> WebhookKeyAnswer:
    return {
        "id": key.public_id,
        "name": key.name,
        "created_at": rfc3339(key.created_ms),
        "last_used_at": None if key.used_ms is None else rfc3339(key.used_ms),
        "readable": key.secret is not None,
    }


@operation(answer=Listing[WebhookKeyAnswer])
async def list_webhook_keys(request: web.Request) -> web.Response:
    """In the order they were made; few enough for one page."""
    page = query_of(request, Page)
    keys = await city_of(request).webhook_keys.list()
    if page.cursor is not None:
        keys = keys[next((place for place, key in enumerate(keys, 1) if key.public_id == page.cursor), len(keys)) :]
    items, following = page_of(keys, page.limit, lambda key: key.public_id)
    return json_answer({"items": [shown(key) for key in items], "next": following})


@operation(body=NewWebhookKey, answer=IssuedKeyAnswer, status=201, errors=(409,))
async def add_webhook_key(request: web.Request) -> web.Response:
    """Another one; those there are count beside it until they are removed."""
    body = await read_body(request, NewWebhookKey)
    issued = await city_of(request).webhook_keys.add(body.name)
    answer: IssuedKeyAnswer = {**shown(issued.key), "secret": issued.secret}
    return json_answer(answer, 201, {"Location": f"/api/v1/webhooks/keys/{issued.key.public_id}"})


@operation()
async def remove_webhook_key(request: web.Request) -> web.Response:
    """At once: what is signed with it is refused from now on."""
    await city_of(request).webhook_keys.remove(id_in_path(request, "key_id", "key"))
    return web.Response(status=204)
