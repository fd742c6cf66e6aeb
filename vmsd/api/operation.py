"""What a handler takes and answers, said at the handler: the reading of bodies holds to it, the API document tells it.

    class NewGroup(Body):
        name: Name

    class GroupAnswer(TypedDict):          # typing_extensions.TypedDict, beside the handler
        id: Id                             # Id, Time, Listing: see vmsd/model/shapes.py
        name: str
        cameras: Annotated[int, Field(description="How many are in it.")]

    def shown(group: Group) -> GroupAnswer: ...

    @operation(answer=Listing[GroupAnswer])
    async def list_groups(request): ...

    @operation(body=NewGroup, answer=GroupAnswer, status=201, errors=(409,))
    async def add_group(request): ...      # await read_body(request, NewGroup)

    @operation(patch=NewGroup, answer=GroupAnswer, etag=True)
    async def change_group(request): ...   # await read_patch(request, NewGroup)

    @operation()                           # 204, without a body
    async def remove_group(request): ...

The handler's name is the operation's (`name=` where it is not clear or not unique), its docstring the description.
What follows from the line in the table of routes is not said here: parameters, 400, 401, 403, 404 of an id in the
path, 412, 413, 415, 422, 429.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from inspect import getdoc
from typing import Any, TypeVar

from aiohttp import web
from pydantic import BaseModel

AnyHandler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Decorated = TypeVar("Decorated", bound=Callable[[web.Request], Awaitable[web.StreamResponse]])


@dataclass(frozen=True)
class Operation:
    """`body` is read by `read_body`, `patch` (the same model, every member optional) by `read_patch`.

    `takes` is the media type of a body that is not JSON.
    `answer` is the type of the JSON answer, `media` are the media types of one that is not JSON; without either there
    is no body. `sent` are headers it looks at besides those of its line in the table, each with a sentence about it.
    `also` are other answers that are no errors; `errors` are those that the route table does not tell of. With `etag`
    the thing has a version: the answer carries it, a change holds to `If-Match`. One that `also` answers 304 holds to
    `If-None-Match`. Examples are made from the schemas unless given here.
    """

    name: str
    description: str
    body: type[BaseModel] | None = None
    patch: type[BaseModel] | None = None
    body_optional: bool = False
    takes: str = ""
    answer: Any = None
    media: tuple[str, ...] = ()
    status: int = 200
    sent: Mapping[str, str] = field(default_factory=dict)
    also: Mapping[int, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    errors: tuple[int, ...] = ()
    etag: bool = False
    example: Any = None
    body_example: Any = None


_OPERATIONS: dict[AnyHandler, Operation] = {}


def operation(
    *,
    name: str = "",
    body: type[BaseModel] | None = None,
    patch: type[BaseModel] | None = None,
    body_optional: bool = False,
    takes: str = "",
    answer: Any = None,
    media: str | tuple[str, ...] = (),
    status: int | None = None,
    sent: Mapping[str, str] | None = None,
    also: Mapping[int, str] | None = None,
    headers: Mapping[str, str] | None = None,
    errors: tuple[int, ...] = (),
    etag: bool = False,
    example: Any = None,
    body_example: Any = None,
) -> Callable[[Decorated], Decorated]:
    """`status` is 200 for an answer with a body and 204 for one without, unless it is said.

    `also` and `headers` name further statuses and the headers of the answer, each with a sentence about it.
    """

    def note(handler: Decorated) -> Decorated:
        _OPERATIONS[handler] = Operation(
            name or handler.__name__,
            getdoc(handler) or "",
            body=body,
            patch=patch,
            body_optional=body_optional,
            takes=takes,
            answer=answer,
            media=(media,) if isinstance(media, str) else media,
            status=status or (204 if answer is None and not media else 200),
            sent=sent or {},
            also=also or {},
            headers=headers or {},
            errors=errors,
            etag=etag,
            example=example,
            body_example=body_example,
        )
        return handler

    return note


def find_operation(handler: AnyHandler) -> Operation | None:
    """What is said at `handler`."""
    return _OPERATIONS.get(handler)
