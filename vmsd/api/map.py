"""`/api/v1/map…`: a city's cameras as GeoJSON, and what is laid under them; `/map/tiles/…`: the map of the box."""

from __future__ import annotations

import asyncio
from typing import Annotated

from aiohttp import web
from pydantic import Field, StringConstraints
from typing_extensions import TypedDict

from vmsd.api.bodies import Body, Query, json_answer, parse, query_of, read_patch
from vmsd.api.door import city_of
from vmsd.api.etags import etag_of, refuse_outdated, unchanged
from vmsd.api.operation import operation
from vmsd.api.site import SITE
from vmsd.clock import rfc3339
from vmsd.errors import Malformed, NotFound, TooLarge, TooSlow
from vmsd.model.person import Verb
from vmsd.model.shapes import Bytes, Time
from vmsd.services.map import collection_of
from vmsd.store.site_plans import Bounds, SitePlan

GEOJSON = "application/geo+json"
PICTURES = ("image/png", "image/jpeg", "image/webp")
PLAN_BYTES = 10 * 1024 * 1024
PLAN_DEADLINE_S = 60.0
"""For ten megabytes over a slow radio link."""
A_DAY = "private, max-age=86400"
Lat = Annotated[float, Field(ge=-90, le=90, allow_inf_nan=False)]
Lon = Annotated[float, Field(ge=-180, le=180, allow_inf_nan=False)]
PlanName = Annotated[str, StringConstraints(max_length=100, pattern=r"^[^\x00-\x1f\x7f]*$")]


class PlanPlace(Query):
    """Where the edges of the picture are, in degrees."""

    name: PlanName = Field("", examples=["Terminal"])
    south: Lat = Field(examples=[-23.5515])
    west: Lon = Field(examples=[-46.6345])
    north: Lat = Field(examples=[-23.5495])
    east: Lon = Field(examples=[-46.6325])


class MovedPlan(Body):
    name: PlanName = Field("", examples=["Terminal"])
    south: Lat = Field(examples=[-23.5515])
    west: Lon = Field(examples=[-46.6345])
    north: Lat = Field(examples=[-23.5495])
    east: Lon = Field(examples=[-46.6325])


class PlanAnswer(TypedDict):
    """A picture of the place; its edges in degrees."""

    name: str
    south: float
    west: float
    north: float
    east: float
    content_type: str
    bytes: Bytes
    changed_at: Time
    image_url: str


class TilesAnswer(TypedDict):
    """The map file of the box."""

    name: str
    attribution: Annotated[str, Field(description="Whose map it is: to be shown wherever it is.")]
    url: Annotated[str, Field(examples=["/map/tiles/{z}/{x}/{y}?v=18a"])]
    least_zoom: int
    most_zoom: int
    south: float
    west: float
    north: float
    east: float


class MapAnswer(TypedDict):
    plan: PlanAnswer | None
    tiles: TilesAnswer | None


class TileVersion(Query):
    v: str = Field("", max_length=64, description="Of the map file, so that a browser may keep what it has.")


def tag(plan: SitePlan) -> str:
    return etag_of("site_plan", plan.changed_ms)


def shown(plan: SitePlan) -> PlanAnswer:
    return {
        "name": plan.name,
        "south": plan.bounds.south,
        "west": plan.bounds.west,
        "north": plan.bounds.north,
        "east": plan.bounds.east,
        "content_type": plan.content_type,
        "bytes": plan.bytes,
        "changed_at": rfc3339(plan.changed_ms),
        "image_url": "/api/v1/map/plan/image",
    }


@operation(name="get_map_geojson", media=GEOJSON)
async def geojson(request: web.Request) -> web.Response:
    """The cameras that have a place, as RFC 7946 points; what each is doing stands in its properties.

    `id`, `name`, `group`, `state`, `since`, `cause`, `last_frame_age`, `recording`, `enabled`, as in `/states`.
    """
    site = request.app[SITE]
    cameras = await city_of(request).cameras.list(verbs=frozenset({Verb.VIEW}))
    lines = site.overview.states(cameras)["items"]
    return web.json_response(
        collection_of(cameras, lines, site.clock.wall_ms()),
        content_type=GEOJSON,
        headers={"Cache-Control": "no-store"},
    )


@operation(name="get_map", answer=MapAnswer)
async def get_map(request: web.Request) -> web.Response:
    """What lies under the cameras: the city's own plan, and the map file of the box."""
    plan, tiles = await city_of(request).map.find_plan(), await request.app[SITE].base_map.facts()
    found: TilesAnswer | None = None
    if tiles is not None:
        west, south, east, north = tiles.bounds
        found = {
            "name": tiles.name,
            "attribution": tiles.attribution,
            "url": f"/map/tiles/{{z}}/{{x}}/{{y}}?v={tiles.version}",
            "least_zoom": tiles.least_zoom,
            "most_zoom": tiles.most_zoom,
            "south": south,
            "west": west,
            "north": north,
            "east": east,
        }
    answer: MapAnswer = {"plan": shown(plan) if plan else None, "tiles": found}
    return json_answer(answer)


@operation(answer=PlanAnswer, errors=(404,), etag=True)
async def get_map_plan(request: web.Request) -> web.Response:
    plan = await _plan(request)
    return json_answer(shown(plan), headers={"ETag": tag(plan)})


@operation(
    name="get_map_plan_image",
    media=PICTURES,
    errors=(404,),
    headers={"ETag": "Of the picture."},
    also={304: "The caller has it already."},
)
async def plan_image(request: web.Request) -> web.StreamResponse:
    plan, image = await city_of(request).map.image()
    headers = {"ETag": tag(plan), "Cache-Control": "private, no-cache"}
    known = unchanged(request, headers)
    return known or web.Response(body=image, content_type=plan.content_type, headers=headers)


@operation(name="put_map_plan", answer=PlanAnswer, errors=(400, 408, 413, 415), etag=True)
async def put_plan(request: web.Request) -> web.Response:
    """The body is the picture itself: PNG, JPEG or WebP, 10 MB at most; where it lies stands in the query."""
    city, place = city_of(request), query_of(request, PlanPlace)
    if request.content_type not in (*PICTURES, "application/octet-stream"):
        raise web.HTTPUnsupportedMediaType
    before = await city.map.find_plan()
    if before is not None:
        refuse_outdated(request, tag(before))
    image = await _read_picture(request)
    bounds = Bounds(place.south, place.west, place.north, place.east)
    plan = await city.map.put_plan(place.name.strip(), bounds, image)
    return json_answer(shown(plan), headers={"ETag": tag(plan)})


@operation(patch=MovedPlan, answer=PlanAnswer, errors=(404,), etag=True)
async def change_map_plan(request: web.Request) -> web.Response:
    """Where it lies, or what it is called; the picture stays."""
    plan = await _plan(request)
    refuse_outdated(request, tag(plan))
    present = {"name": plan.name} | {edge: getattr(plan.bounds, edge) for edge in ("south", "west", "north", "east")}
    body = parse(MovedPlan, present | await read_patch(request, MovedPlan))
    bounds = Bounds(body.south, body.west, body.north, body.east)
    changed = await city_of(request).map.move_plan(plan, body.name, bounds)
    return json_answer(shown(changed), headers={"ETag": tag(changed)})


@operation(errors=(404,), etag=True)
async def remove_map_plan(request: web.Request) -> web.Response:
    plan = await _plan(request)
    refuse_outdated(request, tag(plan))
    await city_of(request).map.remove_plan()
    return web.Response(status=204)


@operation(name="get_map_tile", media=PICTURES)
async def tile(request: web.Request) -> web.Response:
    """One picture of the box's own map, rows counted from the north; 404 where the file has none."""
    try:
        zoom, column, row = (int(request.match_info[name]) for name in ("z", "x", "y"))
    except ValueError:
        raise NotFound("the map has nothing there") from None
    kind, data = await request.app[SITE].base_map.tile(zoom, column, row)
    kept = A_DAY if query_of(request, TileVersion).v else "private, no-cache"
    return web.Response(body=data, content_type=kind, headers={"Cache-Control": kept})


async def _plan(request: web.Request) -> SitePlan:
    plan = await city_of(request).map.find_plan()
    if plan is None:
        raise NotFound("this city has no plan")
    return plan


async def _read_picture(request: web.Request) -> bytes:
    """Larger than other bodies may be, and with a limit of its own."""
    if request.headers.get("Content-Encoding", "identity") != "identity":
        raise web.HTTPUnsupportedMediaType
    if (request.content_length or 0) > PLAN_BYTES:
        raise TooLarge(f"a plan has at most {PLAN_BYTES} bytes")
    pieces, size = [], 0
    try:
        async with asyncio.timeout(PLAN_DEADLINE_S):
            async for piece in request.content.iter_chunked(1 << 16):
                size += len(piece)
                if size > PLAN_BYTES:
                    raise TooLarge(f"a plan has at most {PLAN_BYTES} bytes")
                pieces.append(piece)
    except TimeoutError as error:
        raise TooSlow("the picture did not arrive in time") from error
    except web.RequestPayloadError as error:
        raise Malformed("the picture did not arrive whole") from error
    return b"".join(pieces)
