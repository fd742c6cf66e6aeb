"""What the box says of itself: to anybody, to its dashboard, and to its managers."""

from __future__ import annotations

import hashlib
import json
from typing import Annotated

from aiohttp import web
from pydantic import Field
from typing_extensions import TypedDict

from vmsd.api.bodies import json_answer
from vmsd.api.door import caller_of, city_of
from vmsd.api.operation import operation
from vmsd.api.site import SITE
from vmsd.clock import rfc3339
from vmsd.model.person import Role
from vmsd.model.shapes import Bytes, Count, Id, Seconds, Time
from vmsd.services import promise as promises
from vmsd.services.answers import HealthAnswer, States, SystemAnswer
from vmsd.services.clock_trust import Doubt
from vmsd.services.promise import Promise

DAY_MS = 86_400_000


class StatesAnswer(States):
    now: Time


class ConfirmedClock(TypedDict):
    trusted: bool
    reason: Doubt | None


class AdoptedVolume(TypedDict):
    volume: Id


class Promised(TypedDict):
    """The days of recordings that were promised, and those the disk holds at the measured rate."""

    promised_days: int
    holds_days: Annotated[float | None, Field(description="Null before anything was measured.", examples=[31.5])]
    breaks_at: Annotated[Time | None, Field(description="When the first recording will have to go too early.")]
    protected_bytes: Annotated[Bytes, Field(description="Of recordings that somebody keeps.")]
    protected_days: Annotated[
        float | None, Field(description="Days of everybody's recordings that have no room for them.", examples=[1.2])
    ]


class CameraStorage(Promised):
    camera_id: Id
    name: str
    removed: Annotated[bool, Field(description="The camera is gone; its recordings are not yet.")]
    bytes: Bytes
    recordings: Count
    duration: Seconds
    oldest: Time | None


class WholeStorage(Promised):
    bytes: Bytes
    recordings: Count


class StorageAnswer(TypedDict):
    items: list[CameraStorage]
    next: None
    total: WholeStorage


@operation(name="get_health", answer=HealthAnswer)
async def health(request: web.Request) -> web.Response:
    """For anybody, without login: nothing here is a secret."""
    return json_answer(request.app[SITE].overview.health())


@operation(
    name="list_states",
    answer=StatesAnswer,
    also={304: "Nothing has changed since the answer whose ETag was sent as `If-None-Match`."},
    headers={"ETag": "Changes with what is shown.", "X-Now": "The time of the box."},
)
async def states(request: web.Request) -> web.Response:
    """The states of all cameras of the city, cheap enough to be asked every second."""
    city = city_of(request)
    overview = request.app[SITE].overview
    answer = overview.states(await city.cameras.list())
    tag = hashlib.sha256(json.dumps(answer, sort_keys=True).encode()).hexdigest()[:32]
    headers = {"ETag": f'"{tag}"', "X-Now": overview.now()}
    if request.headers.get("If-None-Match") == headers["ETag"]:
        return web.Response(status=304, headers=headers | {"Cache-Control": "no-store"})
    shown: StatesAnswer = {"now": overview.now(), **answer}
    return json_answer(shown, headers=headers)


@operation(name="get_system", answer=SystemAnswer)
async def system(request: web.Request) -> web.Response:
    """How the box is doing; how much all cities together are watching is nobody's but the superadmin's."""
    answer = request.app[SITE].overview.system()
    if caller_of(request).role != Role.SUPERADMIN:
        answer["hls"] = {}
    return json_answer(answer)


@operation(answer=ConfirmedClock)
async def confirm_clock(request: web.Request) -> web.Response:
    """A superadmin vouches for the box's clock; until then nothing is deleted by age."""
    trust = await request.app[SITE].interventions.confirm_clock(caller_of(request).who)
    return json_answer({"trusted": trust.trusted, "reason": trust.reason})


@operation(answer=AdoptedVolume, errors=(409,))
async def adopt_volume(request: web.Request) -> web.Response:
    """A superadmin takes over the volume that is there now: a new disk, or one that was another box's."""
    marker = await request.app[SITE].interventions.adopt_volume(caller_of(request).who)
    return json_answer({"volume": marker.uuid})


@operation(name="get_storage", answer=StorageAnswer)
async def storage(request: web.Request) -> web.Response:
    """What the recordings take, and whether the promised days will be kept."""
    city = city_of(request)
    stored = await city.storage.get()
    total: WholeStorage = {"bytes": stored.bytes, "recordings": stored.segments, **_promised(stored.promise)}
    answer: StorageAnswer = {"items": [_camera(one) for one in stored.cameras], "next": None, "total": total}
    return json_answer(answer)


def _promised(promise: Promise) -> Promised:
    return {
        "promised_days": promise.promised_days,
        "holds_days": promise.held_days,
        "breaks_at": None if promise.breaks_ms is None else rfc3339(promise.breaks_ms),
        "protected_bytes": promise.protected_bytes,
        "protected_days": promise.protected_days,
    }


def _camera(camera: promises.CameraStorage) -> CameraStorage:
    total = camera.total
    oldest = None if total.first_day is None else rfc3339(total.first_day * DAY_MS)
    return {
        "camera_id": total.camera_public_id,
        "name": total.name,
        "removed": total.removed,
        "bytes": total.bytes,
        "recordings": total.segments,
        "duration": total.duration_ms / 1000,
        "oldest": oldest,
        **_promised(camera.promise),
    }
