"""`/api/v1/mosaics`: saved grids of cameras, everybody's of the city and a person's own."""

from __future__ import annotations

from collections.abc import Collection
from typing import Annotated, Literal
from uuid import UUID

from aiohttp import web
from pydantic import Field
from typing_extensions import TypedDict

from vmsd.api.account_bodies import Label, Whose
from vmsd.api.bodies import Body, Page, json_answer, naming_cursor, page_of, parse, query_of, read_body, read_patch
from vmsd.api.door import caller_of, city_of
from vmsd.api.etags import etag_of, refuse_outdated
from vmsd.api.ids import id_in_path
from vmsd.api.operation import operation
from vmsd.api.streams import stream_of
from vmsd.clock import rfc3339
from vmsd.model.camera import Camera
from vmsd.model.mosaic import Layout
from vmsd.model.person import Verb
from vmsd.model.shapes import Id, Listing, Time
from vmsd.services.mosaic_rules import LONGEST_S, MOST_TURNS, SHORTEST_S, CarouselFields, MosaicFields
from vmsd.services.mosaics import Shown

MOST_CELLS = 16
CameraId = Annotated[UUID, Field(strict=False)]
Cell = Annotated[int, Field(ge=0, lt=MOST_CELLS, description="Counted from 0, row by row.")]


class CarouselBody(Body):
    """The one tile that changes by itself."""

    cell: Cell
    cameras: list[CameraId] = Field(min_length=1, max_length=MOST_TURNS)
    seconds: int = Field(10, ge=SHORTEST_S, le=LONGEST_S, description="How long it shows each of them.")


class NewMosaic(Body):
    name: Label = Field(examples=["Centro"])
    layout: Layout = Field(examples=["2x2"])
    cameras: list[CameraId | None] = Field(
        [],
        max_length=MOST_CELLS * 4,
        description="In the order of the cells, null for an empty one; each at most once, no more than cells.",
    )
    hotspot: Cell | None = Field(None, description="The cell that shows whatever is touched or alarmed.")
    carousel: CarouselBody | None = None
    number: int | None = Field(None, ge=1, le=9, description="The key that calls it; each once per owner.")
    shared: bool | None = Field(
        None, description="The whole city's. Null when it is made: yes for who may share and saves it, else no."
    )
    ephemeral: bool = Field(False, description="Nobody saves it: it is gone after two hours.")


class CarouselAnswer(TypedDict):
    cell: int
    cameras: Annotated[list[Id], Field(description="Those the caller may view.")]
    seconds: int


class MosaicAnswer(TypedDict):
    """A camera the caller may not view is null, as an empty cell is; the last empty cells are left out."""

    id: Id
    name: str
    layout: Layout
    cameras: Annotated[list[Id | None], Field(description="In the order of the cells.")]
    hotspot: int | None
    carousel: CarouselAnswer | None
    number: int | None
    shared: bool
    ephemeral: bool
    owner: Annotated[Whose | None, Field(description="The caller; null for one of the city's.")]
    editable: Annotated[bool, Field(description="Whether the caller may change it.")]
    created_at: Time
    changed_at: Time
    expires_at: Time | None


def tag(shown: Shown) -> str:
    return etag_of(shown.mosaic.public_id, shown.mosaic.changed_ms)


def shown_mosaic(request: web.Request, shown: Shown) -> MosaicAnswer:
    mosaic, person = shown.mosaic, caller_of(request).person
    return {
        "id": mosaic.public_id,
        "name": mosaic.name,
        "layout": mosaic.layout,
        "cameras": _cameras(shown),
        "hotspot": mosaic.hotspot,
        "carousel": _carousel(shown),
        "number": mosaic.number,
        "shared": mosaic.shared,
        "ephemeral": mosaic.expires_ms is not None,
        "owner": None if mosaic.shared else {"id": person.public_id, "name": person.name},
        "editable": shown.editable,
        "created_at": rfc3339(mosaic.created_ms),
        "changed_at": rfc3339(mosaic.changed_ms),
        "expires_at": None if mosaic.expires_ms is None else rfc3339(mosaic.expires_ms),
    }


def _cameras(shown: Shown) -> list[Id | None]:
    cameras = [None if camera is None else camera.public_id for camera in shown.cameras]
    while cameras and cameras[-1] is None:
        cameras.pop()
    return cameras


def _carousel(shown: Shown) -> CarouselAnswer | None:
    carousel = shown.mosaic.carousel
    if carousel is None:
        return None
    return {
        "cell": carousel.cell,
        "cameras": [camera.public_id for camera in shown.turns],
        "seconds": carousel.seconds,
    }


@operation(answer=Listing[MosaicAnswer])
async def list_mosaics(request: web.Request) -> web.Response:
    """The city's and the caller's own, in the order they were made."""
    page, city = query_of(request, Page), city_of(request)
    with naming_cursor():
        found = await city.mosaics.list(after=page.cursor, limit=page.limit + 1)
    mosaics, following = page_of(found, page.limit, lambda one: one.mosaic.public_id)
    return json_answer({"items": [shown_mosaic(request, one) for one in mosaics], "next": following})


@operation(body=NewMosaic, answer=MosaicAnswer, status=201, errors=(409,), etag=True)
async def add_mosaic(request: web.Request) -> web.Response:
    """Anybody saves mosaics for themself; those of the city are for who may manage."""
    body, mosaics = await read_body(request, NewMosaic), city_of(request).mosaics
    shared = mosaics.may_share and not body.ephemeral if body.shared is None else body.shared
    shown = await mosaics.add(_fields(body, shared=shared))
    return _answer(request, shown, 201, {"Location": f"/api/v1/mosaics/{shown.mosaic.public_id}"})


@operation(answer=MosaicAnswer, etag=True)
async def get_mosaic(request: web.Request) -> web.Response:
    return _answer(request, await _mosaic(request))


@operation(patch=NewMosaic, answer=MosaicAnswer, errors=(409,), etag=True)
async def change_mosaic(request: web.Request) -> web.Response:
    """In a smaller layout cameras without a cell move to the first free ones.

    One the caller may not view stays where it is unless they put another in its place. `"ephemeral": false` saves
    what nobody had saved.
    """
    shown = await _mosaic(request)
    refuse_outdated(request, tag(shown))
    patch = await read_patch(request, NewMosaic)
    present = shown_mosaic(request, shown)
    known = {name: present[name] for name in _KEPT}
    body = parse(NewMosaic, known | patch)
    shared = shown.mosaic.shared if body.shared is None else body.shared
    fields = _fields(body, shared=shared, said=patch.keys())
    return _answer(request, await city_of(request).mosaics.change(shown, fields))


_KEPT: tuple[Literal["name", "layout", "hotspot", "number", "ephemeral"], ...] = (
    "name",
    "layout",
    "hotspot",
    "number",
    "ephemeral",
)


@operation(errors=(409,), etag=True)
async def remove_mosaic(request: web.Request) -> web.Response:
    """With the walls that show it."""
    shown = await _mosaic(request)
    refuse_outdated(request, tag(shown))
    await city_of(request).mosaics.remove(shown)
    return web.Response(status=204)


@operation(answer=MosaicAnswer, errors=(409,), etag=True)
async def add_stream(request: web.Request) -> web.Response:
    """The camera of a viewing session comes into the first free cell, unless it stands in one already."""
    shown, camera = await _mosaic(request), await _watched(request)
    refuse_outdated(request, tag(shown))
    return _answer(request, await city_of(request).mosaics.place(shown, camera))


@operation(errors=(409,), etag=True)
async def remove_stream(request: web.Request) -> web.Response:
    """The camera of a viewing session leaves its cell."""
    shown, camera = await _mosaic(request), await _watched(request)
    refuse_outdated(request, tag(shown))
    await city_of(request).mosaics.take_out(shown, camera)
    return web.Response(status=204)


async def _watched(request: web.Request) -> Camera:
    """The camera of the viewing session in the URL."""
    return await city_of(request).cameras.get(stream_of(request).camera_public_id, Verb.VIEW)


async def _mosaic(request: web.Request) -> Shown:
    return await city_of(request).mosaics.get(id_in_path(request, "mosaic_id", "mosaic"))


def _fields(body: NewMosaic, *, shared: bool, said: Collection[str] = NewMosaic.model_fields.keys()) -> MosaicFields:
    """`said` are the members that were sent; what else `body` has is how it was."""
    carousel = body.carousel
    return MosaicFields(
        name=body.name,
        layout=body.layout,
        cameras=[None if one is None else str(one) for one in body.cameras] if "cameras" in said else None,
        hotspot=body.hotspot,
        carousel=None if carousel is None else _turns(carousel),
        number=body.number,
        shared=shared,
        ephemeral=body.ephemeral,
        is_carousel_said="carousel" in said,
    )


def _turns(carousel: CarouselBody) -> CarouselFields:
    return CarouselFields(carousel.cell, [str(one) for one in carousel.cameras], carousel.seconds)


def _answer(
    request: web.Request, shown: Shown, status: int = 200, headers: dict[str, str] | None = None
) -> web.Response:
    return json_answer(shown_mosaic(request, shown), status, {"ETag": tag(shown)} | (headers or {}))
