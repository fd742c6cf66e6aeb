"""What the box says of itself: to anybody, to its dashboard, and to its managers."""

from __future__ import annotations

import hashlib
import json

from aiohttp import web

from vmsd.api.bodies import json_answer
from vmsd.api.door import city_of
from vmsd.api.site import SITE


async def health(request: web.Request) -> web.Response:
    """For anybody, without login: nothing here is a secret."""
    return json_answer(await request.app[SITE].overview.health())


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
    return json_answer(await request.app[SITE].overview.system())


async def storage(request: web.Request) -> web.Response:
    city = city_of(request)
    cameras = await city.cameras.list()
    return json_answer(await request.app[SITE].overview.storage(city, cameras))
