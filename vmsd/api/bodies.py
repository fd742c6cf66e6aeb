"""Reads bodies and queries into models, and says field by field what is wrong with them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from typing import Annotated, Any, TypeVar

from aiohttp import web
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from vmsd.api.site import SITE
from vmsd.errors import FieldProblem, Invalid, Malformed, TooSlow

Item = TypeVar("Item")


class Body(BaseModel):
    """What a JSON body must look like; unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)


class Query(BaseModel):
    model_config = ConfigDict(extra="forbid")

    token: str | None = None


class Page(Query):
    limit: int = Field(50, ge=1, le=500)
    cursor: str | None = Field(None, max_length=200)


class Period(Query):
    """`start` included, `end` not; both with an offset."""

    start: AwareDatetime
    end: AwareDatetime

    @property
    def start_ms(self) -> int:
        return round(self.start.timestamp() * 1000)

    @property
    def end_ms(self) -> int:
        return round(self.end.timestamp() * 1000)


Model = TypeVar("Model", bound=BaseModel)
Name = Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]+$")]


async def read_body(request: web.Request, model: type[Model]) -> Model:
    """Raises `Malformed` for what is not JSON, `Invalid` for what is not `model`, `TooSlow`."""
    return parse(model, await read_json(request))


async def read_json(request: web.Request) -> Any:
    try:
        async with asyncio.timeout(request.app[SITE].settings.http.body_deadline_s):
            raw = await request.read()
    except TimeoutError as error:
        raise TooSlow("the body did not arrive in time") from error
    try:
        return json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise Malformed("the body is not JSON") from error


def read_query(request: web.Request, model: type[Model]) -> Model:
    """Each parameter once; raises `Invalid`."""
    return parse(model, dict(request.query))


def parse(model: type[Model], raw: Any) -> Model:
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        problems = [FieldProblem(pointer(one["loc"]), one["msg"]) for one in error.errors()]
        raise Invalid("some fields were refused", *problems) from error


def pointer(location: Sequence[int | str]) -> str:
    """A JSON pointer (RFC 6901); empty for the whole body."""
    return "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in location)


def page_of(
    items: Sequence[Item], limit: int, cursor: Callable[[Item], str]
) -> tuple[Sequence[Item], str | None]:
    """The page and the cursor of the next, from one item more than the page holds."""
    if len(items) <= limit:
        return items, None
    return items[:limit], cursor(items[limit - 1])


def json_answer(data: Any, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    return web.json_response(data, status=status, headers={"Cache-Control": "no-store"} | (headers or {}))
