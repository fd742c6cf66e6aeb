"""`/api/v1/walls`: the screens on walls and their keys; `/api/v1/wall`: what the calling one shows."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from aiohttp import web
from pydantic import Field
from typing_extensions import TypedDict

from vmsd.api.account_bodies import Label, Whose
from vmsd.api.bodies import Body, Page, json_answer, naming_cursor, page_of, query_of, read_body
from vmsd.api.door import caller_of, city_of
from vmsd.api.ids import id_in_path
from vmsd.api.mosaics import MosaicAnswer, shown_mosaic
from vmsd.api.operation import operation
from vmsd.clock import rfc3339
from vmsd.errors import FieldProblem, Invalid, NotFound
from vmsd.model.camera import Camera
from vmsd.model.mosaic import Wall
from vmsd.model.shapes import Id, Listing, Time
from vmsd.services.mosaics import Shown


class NewWall(Body):
    name: Label = Field(examples=["Sala de operações"])
    mosaic_id: UUID = Field(strict=False, description="One of the city's mosaics, not one of a person.")


class NamedAnswer(TypedDict):
    id: Id
    name: str


class WallAnswer(TypedDict):
    """A screen that shows one mosaic to whoever stands before it, until it is revoked."""

    id: Id
    name: str
    mosaic: NamedAnswer
    made_by: Annotated[Whose | None, Field(description="Null when the box itself made it.")]
    created_at: Time
    last_seen_at: Annotated[Time | None, Field(description="To the minute; null before its key was ever used.")]


class IssuedWallAnswer(WallAnswer):
    """This once with the key."""

    key: Annotated[str, Field(examples=["vmsdw_Q2hhb..."])]
    url: Annotated[str, Field(description="The page the screen opens.", examples=["/wall/vmsdw_Q2hhb..."])]


class ShownWallAnswer(TypedDict):
    """All a screen needs to know."""

    id: Id
    name: str
    mosaic: MosaicAnswer
    cameras: Annotated[list[NamedAnswer], Field(description="Those of the mosaic.")]


def shown(wall: Wall) -> WallAnswer:
    return {
        "id": wall.public_id,
        "name": wall.name,
        "mosaic": {"id": wall.mosaic_public_id, "name": wall.mosaic_name},
        "made_by": None if wall.person is None else {"id": wall.person, "name": wall.person_name or ""},
        "created_at": rfc3339(wall.created_ms),
        "last_seen_at": None if wall.last_seen_ms is None else rfc3339(wall.last_seen_ms),
    }


@operation(answer=Listing[WallAnswer])
async def list_walls(request: web.Request) -> web.Response:
    page, city = query_of(request, Page), city_of(request)
    with naming_cursor():
        found = await city.walls.list(after=page.cursor, limit=page.limit + 1)
    walls, following = page_of(found, page.limit, lambda wall: wall.public_id)
    return json_answer({"items": [shown(wall) for wall in walls], "next": following})


@operation(body=NewWall, answer=IssuedWallAnswer, status=201, errors=(409,))
async def add_wall(request: web.Request) -> web.Response:
    """Its key is shown this once; it never expires, and counts until the wall or its mosaic is removed."""
    body, city = await read_body(request, NewWall), city_of(request)
    try:
        mosaic = (await city.mosaics.get(str(body.mosaic_id))).mosaic
    except NotFound:
        raise Invalid("the wall was refused", FieldProblem("/mosaic_id", "there is no such mosaic")) from None
    issued = await city.walls.add(body.name, mosaic)
    answer: IssuedWallAnswer = {**shown(issued.wall), "key": issued.key, "url": f"/wall/{issued.key}"}
    return json_answer(answer, 201, {"Location": f"/api/v1/walls/{issued.wall.public_id}"})


@operation(answer=WallAnswer)
async def get_wall(request: web.Request) -> web.Response:
    return json_answer(shown(await _wall(request)))


@operation()
async def revoke_wall(request: web.Request) -> web.Response:
    """What it shows ends within 5 s."""
    await city_of(request).walls.revoke(await _wall(request))
    return web.Response(status=204)


@operation(answer=ShownWallAnswer)
async def show_wall(request: web.Request) -> web.Response:
    """For a wall alone, which calls with its key as the bearer: the mosaic it shows, as it is now.

    With its key a wall reaches this, `/streams`, `/states` and its cameras' names; it changes nothing.
    """
    wall, shown_here = caller_of(request).person, await city_of(request).mosaics.of_wall()
    answer: ShownWallAnswer = {
        "id": wall.public_id,
        "name": wall.name,
        "mosaic": shown_mosaic(request, shown_here),
        "cameras": [{"id": camera.public_id, "name": camera.name} for camera in _each(shown_here)],
    }
    return json_answer(answer)


def _each(mosaic: Shown) -> list[Camera]:
    """Each once, in whatever tile it is."""
    cameras = [camera for camera in (*mosaic.cameras, *mosaic.turns) if camera is not None]
    return list({camera.id: camera for camera in cameras}.values())


async def _wall(request: web.Request) -> Wall:
    return await city_of(request).walls.get(id_in_path(request, "wall_id", "wall"))
