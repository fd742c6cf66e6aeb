"""`/api/v1/groups`: the camera groups of a city, and who has rights on them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from aiohttp import web
from pydantic import Field
from typing_extensions import TypedDict

from vmsd.api.account_bodies import Label, Whose
from vmsd.api.bodies import Body, Page, json_answer, naming_cursor, page_of, parse, query_of, read_body, read_patch
from vmsd.api.door import city_of
from vmsd.api.etags import etag_of, refuse_outdated
from vmsd.api.ids import id_in_path
from vmsd.api.operation import operation
from vmsd.clock import rfc3339
from vmsd.model.person import Verb
from vmsd.model.shapes import Count, Id, Listing, Time
from vmsd.services.groups import Holder
from vmsd.store.groups import CameraGroup


class NewGroup(Body):
    name: Label = Field(examples=["Praça Central"])


class HolderAnswer(TypedDict):
    """Somebody with a right on this very group."""

    user: Whose
    verbs: list[Verb]


class GroupAnswer(TypedDict):
    """A camera group; of other people's rights only who manages people is told."""

    id: Id
    name: Annotated[str, Field(examples=["Praça Central"])]
    cameras: Annotated[Count, Field(description="How many are in it.")]
    rights: Annotated[list[HolderAnswer], Field(description="Without rights that go for every camera.")]
    created_at: Time


def tag(group: CameraGroup) -> str:
    return etag_of(group.public_id, group.changed_ms)


def shown(group: CameraGroup, holders: Sequence[Holder]) -> GroupAnswer:
    return {
        "id": group.public_id,
        "name": group.name,
        "cameras": group.cameras,
        "rights": [
            {"user": {"id": one.person.public_id, "name": one.person.name}, "verbs": sorted(one.verbs)}
            for one in holders
        ],
        "created_at": rfc3339(group.created_ms),
    }


@operation(answer=Listing[GroupAnswer])
async def list_groups(request: web.Request) -> web.Response:
    """Those on whose cameras the caller may do something."""
    page, city = query_of(request, Page), city_of(request)
    with naming_cursor():
        found = await city.groups.list(after=page.cursor, limit=page.limit + 1)
    groups, following = page_of(found, page.limit, lambda group: group.public_id)
    holders = await city.groups.holders()
    return json_answer({"items": [shown(one, holders.get(one.name, ())) for one in groups], "next": following})


@operation(body=NewGroup, answer=GroupAnswer, status=201, errors=(409,), etag=True)
async def add_group(request: web.Request) -> web.Response:
    """Groups also come into being when a camera or a right first names them."""
    body = await read_body(request, NewGroup)
    group = await city_of(request).groups.add(body.name)
    return await _answer(request, group, 201, {"Location": f"/api/v1/groups/{group.public_id}"})


@operation(answer=GroupAnswer, etag=True)
async def get_group(request: web.Request) -> web.Response:
    return await _answer(request, await _group(request))


@operation(patch=NewGroup, answer=GroupAnswer, errors=(409,), etag=True)
async def change_group(request: web.Request) -> web.Response:
    """Its cameras and the rights on it stay."""
    group = await _group(request)
    refuse_outdated(request, tag(group))
    body = parse(NewGroup, {"name": group.name} | await read_patch(request, NewGroup))
    return await _answer(request, await city_of(request).groups.rename(group, body.name))


@operation(errors=(409,), etag=True)
async def remove_group(request: web.Request) -> web.Response:
    """Only one without cameras; the rights on it go with it."""
    group = await _group(request)
    refuse_outdated(request, tag(group))
    await city_of(request).groups.remove(group)
    return web.Response(status=204)


async def _group(request: web.Request) -> CameraGroup:
    return await city_of(request).groups.get(id_in_path(request, "group_id", "group"))


async def _answer(
    request: web.Request, group: CameraGroup, status: int = 200, headers: dict[str, str] | None = None
) -> web.Response:
    holders = await city_of(request).groups.holders()
    return json_answer(shown(group, holders.get(group.name, ())), status, {"ETag": tag(group)} | (headers or {}))
