"""`/api/v1/push`: a person's own browsers, which show them new alerts while no page of the box is open."""

from __future__ import annotations

from typing import Annotated

from aiohttp import hdrs, web
from pydantic import Field, StringConstraints
from typing_extensions import TypedDict

from vmsd.api.account_bodies import Label
from vmsd.api.bodies import Body, json_answer, read_body
from vmsd.api.door import city_of
from vmsd.api.ids import id_in_path
from vmsd.api.operation import operation
from vmsd.clock import rfc3339
from vmsd.errors import FieldProblem, Invalid, NotFound
from vmsd.host.web_push import Subscription, decoded
from vmsd.model.destination import Destination
from vmsd.model.shapes import Id, Time
from vmsd.pages.render import RENDERER

Encoded = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[A-Za-z0-9_-]+={0,2}$")]


class PushKeys(Body):
    p256dh: Encoded = Field(description="The browser's public key.")
    auth: Encoded = Field(description="Its secret.")


class NewSubscription(Body):
    name: Label = Field(examples=["Celular da ronda"])
    endpoint: Annotated[str, StringConstraints(min_length=1, max_length=2000)] = Field(
        description="At a push service the site allows.", examples=["https://fcm.googleapis.com/fcm/send/abc"]
    )
    keys: PushKeys


class SubscriptionAnswer(TypedDict):
    id: Annotated[Id, Field(description="The same whenever this browser subscribes.")]
    name: str
    created_at: Time
    last_arrived_at: Time | None


class PushAnswer(TypedDict):
    public_key: Annotated[str | None, Field(description="What a browser subscribes with; null where push is off.")]
    subscriptions: list[SubscriptionAnswer]


@operation(answer=PushAnswer)
async def get_push(request: web.Request) -> web.Response:
    """Whether this site sends alerts to browsers, and to which of the caller's."""
    push = city_of(request).push
    return json_answer({"public_key": push.public_key, "subscriptions": [shown(one) for one in await push.list()]})


@operation(body=NewSubscription, answer=SubscriptionAnswer, status=201, errors=(409,))
async def add_subscription(request: web.Request) -> web.Response:
    """New alerts of the city go there, those the caller may see; of plates what they may see then."""
    body = await read_body(request, NewSubscription)
    added = await city_of(request).push.subscribe(body.name, _subscription(body))
    headers = {"Location": f"/api/v1/push/subscriptions/{added.public_id}"}
    return json_answer(shown(added), 201, headers)


@operation()
async def remove_subscription(request: web.Request) -> web.Response:
    """One of the caller's own."""
    await city_of(request).push.unsubscribe(id_in_path(request, "subscription_id", "subscription"))
    return web.Response(status=204)


async def service_worker(request: web.Request) -> web.Response:
    """At the root of the site: a worker may speak for no more than what lies below its own address."""
    asset = request.app[RENDERER].assets.find("js/sw.js")
    if asset is None:
        raise NotFound("there is no such file")
    headers = {hdrs.CONTENT_TYPE: asset.content_type, hdrs.CACHE_CONTROL: "no-store"}
    return web.Response(body=asset.body, headers=headers)


def _subscription(body: NewSubscription) -> Subscription:
    try:
        return Subscription(body.endpoint, decoded(body.keys.p256dh), decoded(body.keys.auth))
    except ValueError:
        problem = FieldProblem("/keys", "are not those of a browser")
        raise Invalid("the subscription was refused", problem) from None


def shown(one: Destination) -> SubscriptionAnswer:
    return {
        "id": one.public_id,
        "name": one.name,
        "created_at": rfc3339(one.created_ms),
        "last_arrived_at": None if one.sent_ms is None else rfc3339(one.sent_ms),
    }
