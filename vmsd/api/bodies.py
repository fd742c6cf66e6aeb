"""Reads bodies and queries into models, and says field by field what is wrong with them."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Annotated, Any, NoReturn, TypeVar

from aiohttp import web
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    ValidationInfo,
)
from pydantic_core import PydanticCustomError

from vmsd.api.operation import Operation, find_operation
from vmsd.api.site import SITE
from vmsd.errors import FieldProblem, Invalid, Malformed, NotFound, TooLarge, TooSlow

Item = TypeVar("Item")
Model = TypeVar("Model", bound=BaseModel)

_RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
MOST_PROBLEMS = 50
"""An answer names at most so many wrong fields, however many there are."""
Name = Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]+$")]
Password = Annotated[
    str,
    StringConstraints(min_length=1, max_length=256, strip_whitespace=False),
    Field(examples=["a sentence of your own"]),
]
dumps = partial(json.dumps, allow_nan=False)


class Body(BaseModel):
    """What a JSON body must look like; unknown fields are refused, and no type is taken for another."""

    model_config = ConfigDict(
        extra="forbid", strict=True, str_strip_whitespace=True, hide_input_in_errors=True, defer_build=True
    )


class Query(BaseModel):
    """What a query may hold: by itself nothing."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True, defer_build=True)


QUERY = web.RequestKey("query", Query)


def _refuse_other_times(value: Any) -> Any:
    """Left alone, pydantic would also take seconds since 1970, a date alone, a blank for the T."""
    if not isinstance(value, str) or not _RFC3339.fullmatch(value):
        raise PydanticCustomError("time", "must be a time as RFC 3339 writes it, with Z or an offset")
    return value


def _after_start(end: AwareDatetime, info: ValidationInfo) -> AwareDatetime:
    """By a millisecond at least: nothing is told apart that is nearer."""
    if "start" in info.data and ms_of(end) <= ms_of(info.data["start"]):
        raise PydanticCustomError("period", "must be after start")
    return end


def ms_of(moment: AwareDatetime) -> int:
    return round(moment.timestamp() * 1000)


Moment = Annotated[AwareDatetime, Field(strict=False), BeforeValidator(_refuse_other_times)]
End = Annotated[Moment, AfterValidator(_after_start)]
"""Of a period, behind the field `start`."""


class Page(Query):
    limit: int = Field(50, ge=1, le=500)
    cursor: str | None = Field(None, max_length=200, description="The `next` of the page before.")


class Period(Query):
    """`start` included, `end` not; both with an offset."""

    start: Moment = Field(examples=["2026-11-20T22:00:00Z"])
    end: End = Field(description="Not included.", examples=["2026-11-20T22:30:00Z"])

    @property
    def start_ms(self) -> int:
        return ms_of(self.start)

    @property
    def end_ms(self) -> int:
        return ms_of(self.end)


async def read_body(request: web.Request, model: type[Model]) -> Model:
    """Raises `Malformed` for what is not JSON, `Invalid` for what is not `model`, `TooLarge`, `TooSlow`."""
    declared = declared_of(request)
    _hold_to(model, declared.body)
    return parse(model, await read_json(request, empty={} if declared.body_optional else None))


async def read_patch(request: web.Request, model: type[BaseModel]) -> dict[str, Any]:
    """The members a `model` is to have from now on; the rest of it stays. Raises as `read_body` does."""
    _hold_to(model, declared_of(request).patch)
    patch = await read_json(request)
    if not isinstance(patch, dict):
        raise Invalid("the body is not an object", FieldProblem("", "must be an object"))
    return patch


def declared_of(request: web.Request) -> Operation:
    """What is said at the handler of this request."""
    declared = find_operation(request.match_info.handler)
    if declared is None:
        raise TypeError(f"{request.match_info.handler} is no @operation")
    return declared


def _hold_to(model: type[BaseModel], declared: type[BaseModel] | None) -> None:
    if model is not declared:
        raise TypeError(f"the operation declares {declared and declared.__name__}, not {model.__name__}")


async def read_json(request: web.Request, *, empty: Any = None) -> Any:
    """The body's JSON; `empty`, when given, stands for no body at all."""
    raw = await read_bytes(request)
    if not raw and empty is not None:
        return empty
    if request.content_type != "application/json":
        raise web.HTTPUnsupportedMediaType
    try:
        return json.loads(raw.decode(), object_pairs_hook=_object, parse_constant=_refuse_constant, parse_float=_number)
    except (ValueError, RecursionError) as error:
        raise Malformed("the body is not JSON") from error


async def read_bytes(request: web.Request) -> bytes:
    http = request.app[SITE].settings.http
    if request.headers.get("Content-Encoding", "identity") != "identity":
        raise web.HTTPUnsupportedMediaType
    if (request.content_length or 0) > http.body_bytes:
        raise TooLarge(f"a body has at most {http.body_bytes} bytes")
    try:
        async with asyncio.timeout(http.body_deadline_s):
            return await request.read()
    except TimeoutError as error:
        raise TooSlow("the body did not arrive in time") from error
    except web.RequestPayloadError as error:
        raise Malformed("the body did not arrive whole") from error


def _object(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a name stands twice in one object")
    return members


def _number(text: str) -> float | int:
    """JSON knows one kind of number: 51.0 is 51."""
    number = float(text)
    return int(number) if number.is_integer() else number


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def read_query(request: web.Request, model: type[Model]) -> Model:
    """Each parameter once; raises `Invalid`."""
    raw: dict[str, str] = {}
    for name, value in request.query.items():
        if name in raw:
            raise Invalid("some fields were refused", FieldProblem(pointer([name]), "stands there twice"))
        raw[name] = value
    return parse(model, raw)


def query_of(request: web.Request, model: type[Model]) -> Model:
    """What the door has read of the query, for a route that is in the table with this `model`."""
    query = request[QUERY]
    if not isinstance(query, model):
        raise TypeError(f"the table of routes promises {type(query).__name__}, not {model.__name__}")
    return query


def parse(model: type[Model], raw: Any, *, strict: bool | None = None) -> Model:
    """`strict=False` also takes numbers and yes/no written as text, as a CSV file has them."""
    try:
        return model.model_validate(raw, strict=strict)
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False, include_input=False)
        problems = [FieldProblem(pointer(one["loc"]), one["msg"]) for one in found[:MOST_PROBLEMS]]
        raise Invalid("some fields were refused", *problems) from None


def pointer(location: Sequence[int | str]) -> str:
    """A JSON pointer (RFC 6901); empty for the whole body."""
    return "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in location)


@contextmanager
def naming_cursor() -> Iterator[None]:
    """What is not found in this block is what the cursor points at."""
    try:
        yield
    except NotFound:
        problem = FieldProblem("/cursor", "not one of this list's, or no longer")
        raise Invalid("the cursor was refused", problem) from None


def page_of(items: Sequence[Item], limit: int, cursor: Callable[[Item], str]) -> tuple[Sequence[Item], str | None]:
    """The page and the cursor of the next, from one item more than the page holds."""
    if len(items) <= limit:
        return items, None
    return items[:limit], cursor(items[limit - 1])


def json_answer(data: Any, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    return web.json_response(data, status=status, headers={"Cache-Control": "no-store"} | (headers or {}), dumps=dumps)
