"""What the box says of itself: to anybody, to its dashboard, and to its managers."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from aiohttp import web

from vmsd.api.bodies import json_answer
from vmsd.api.door import caller_of, city_of
from vmsd.api.site import SITE
from vmsd.clock import rfc3339
from vmsd.model.person import Role
from vmsd.store.segments import CameraTotal

DAY_MS = 86_400_000


async def health(request: web.Request) -> web.Response:
    """For anybody, without login: nothing here is a secret."""
    return json_answer(request.app[SITE].overview.health())


async def states(request: web.Request) -> web.Response:
    """The states of all cameras of the city, cheap enough to be asked every second."""
    city = city_of(request)
    overview = request.app[SITE].overview
    answer = overview.states(await city.cameras.list())
    tag = hashlib.sha256(json.dumps(answer, sort_keys=True).encode()).hexdigest()[:32]
    headers = {"ETag": f'"{tag}"', "X-Now": overview.now()}
    if request.headers.get("If-None-Match") == headers["ETag"]:
        return web.Response(status=304, headers=headers | {"Cache-Control": "no-store"})
    return json_answer({"now": overview.now()} | answer, headers=headers)


async def system(request: web.Request) -> web.Response:
    """How the box is doing; how much all cities together are watching is nobody's but the superadmin's."""
    answer = request.app[SITE].overview.system()
    if caller_of(request).role != Role.SUPERADMIN:
        answer["hls"] = {}
    return json_answer(answer)


async def confirm_clock(request: web.Request) -> web.Response:
    """A superadmin vouches for the box's clock; until then nothing is deleted by age."""
    trust = request.app[SITE].interventions.confirm_clock()
    return json_answer({"trusted": trust.trusted, "reason": trust.reason})


async def adopt_volume(request: web.Request) -> web.Response:
    """A superadmin takes over the volume that is there now: a new disk, or one that was another box's."""
    marker = await request.app[SITE].interventions.adopt_volume()
    return json_answer({"volume": marker.uuid})


async def storage(request: web.Request) -> web.Response:
    """What the recordings take, and whether the promised days will be kept."""
    city = city_of(request)
    stored = await city.storage.get()
    promise = stored.promise
    promised = {
        "promised_days": promise.promised_days,
        "holds_days": promise.held_days,
        "breaks_at": None if promise.breaks_ms is None else rfc3339(promise.breaks_ms),
    }
    items = [_camera(total, promised) for total in stored.cameras]
    whole = {"bytes": stored.bytes, "recordings": stored.segments} | promised
    return json_answer({"items": items, "next": None, "total": whole})


def _camera(total: CameraTotal, promised: dict[str, Any]) -> dict[str, Any]:
    """A camera with a shorter retention of its own promises only that."""
    days = min(promised["promised_days"], total.retention_days or promised["promised_days"])
    oldest = None if total.first_day is None else rfc3339(total.first_day * DAY_MS)
    return (
        {
            "camera_id": total.camera_public_id,
            "name": total.name,
            "removed": total.removed,
            "bytes": total.bytes,
            "recordings": total.segments,
            "duration": total.duration_ms / 1000,
            "oldest": oldest,
        }
        | promised
        | {"promised_days": days}
    )
