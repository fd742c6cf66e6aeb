"""The API's document says what the table of routes and the handlers say, and nothing else."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator
from typing import Any

import pytest
from aiohttp import web
from jsonschema import Draft202012Validator, FormatChecker
from openapi_spec_validator import OpenAPIV31SpecValidator

from tests.unit.api.openapi_file import FILE, REMAKE, as_text, newest_document
from vmsd.api.bodies import Body, read_body, read_patch
from vmsd.api.openapi import document
from vmsd.api.openapi_guide import TAGS
from vmsd.api.openapi_parameters import template
from vmsd.api.operation import operation
from vmsd.api.policy import Route, Tenant
from vmsd.api.routes import ROUTES

TOLD = newest_document()
API = [route for route in ROUTES if not route.page]


class Word(Body):
    word: str


class Other(Body):
    word: str


def operation_of(route: Route) -> dict[str, Any]:
    return TOLD["paths"][template(route.path)][route.method.lower()]


def every(word: str, told: Any) -> Iterator[Any]:
    """Whatever stands under this name, however deep."""
    children = told.items() if isinstance(told, dict) else enumerate(told) if isinstance(told, list) else ()
    for name, child in children:
        if name == word:
            yield child
        yield from every(word, child)


def test_a_change_of_the_api_is_seen_in_review():
    kept, now = FILE.read_text("utf-8"), as_text(TOLD)
    changes = list(difflib.unified_diff(kept.splitlines(), now.splitlines(), "openapi.json", "the code", n=2))
    if kept != now:
        pytest.fail(f"if that is meant: {REMAKE}\n" + "\n".join(changes[:80]), pytrace=False)


def test_it_is_valid_openapi_3_1():
    assert [error.message for error in OpenAPIV31SpecValidator(TOLD).iter_errors()] == []


@pytest.mark.parametrize("route", API, ids=lambda route: f"{route.method} {route.path}")
def test_every_route_stands_there_with_what_it_needs(route):
    told = operation_of(route)
    assert told["x-required-verb"] == (list(route.verb) if isinstance(route.verb, tuple) else route.verb)
    assert told["x-tenant"] == route.tenant.value
    assert (told["security"] == []) == (route.tenant == Tenant.PUBLIC)
    assert ("401" in told["responses"]) == (route.tenant != Tenant.PUBLIC or route.path.endswith(("/login", "/lpr")))
    assert "429" in told["responses"]
    assert set(told["tags"]) <= set(TAGS), "a tag wants a sentence"


def test_nothing_else_stands_there():
    count = sum(len(methods) for methods in TOLD["paths"].values())
    assert count == len(API)


def test_every_example_fits_its_schema():
    wrong = []
    for holder in [*every("application/json", TOLD), *every("application/problem+json", TOLD)]:
        schema = holder["schema"] | {"components": TOLD["components"]}
        checker = Draft202012Validator(schema, format_checker=FormatChecker(["date-time", "uuid"]))
        wrong += [(error.json_path, error.message) for error in checker.iter_errors(holder["example"])]
    assert wrong == []


def test_no_two_types_have_one_name():
    """Two types called the same would get their modules' names in front."""
    assert [name for name in TOLD["components"]["schemas"] if "__" in name] == []


def test_every_reference_leads_somewhere():
    for found in every("$ref", TOLD):
        _, kind, name = found.rsplit("/", 2)
        assert name in TOLD["components"][kind], found


async def test_a_handler_that_says_nothing_of_itself_is_refused():
    async def silent(_request: web.Request) -> web.Response:
        return web.Response()

    with pytest.raises(TypeError, match="no @operation"):
        document([Route("GET", "/silent", silent, Tenant.PUBLIC)], "1")


async def test_two_handlers_of_one_name_are_refused():
    @operation(name="twin")
    async def one(_request: web.Request) -> web.Response:
        return web.Response(status=204)

    routes = [Route("GET", "/one", one, Tenant.PUBLIC), Route("GET", "/two", one, Tenant.PUBLIC)]
    with pytest.raises(TypeError, match="twin"):
        document(routes, "1")


async def test_a_handler_reads_only_what_it_declares(aiohttp_client_of):
    @operation(body=Word)
    async def wrong_body(request: web.Request) -> web.Response:
        return web.Response(text=type(await read_body(request, Other)).__name__)

    @operation(body=Word)
    async def wrong_kind(request: web.Request) -> web.Response:
        return web.Response(text=str(await read_patch(request, Word)))

    async def silent(request: web.Request) -> web.Response:
        return web.Response(text=str(await read_body(request, Word)))

    for handler in (wrong_body, wrong_kind, silent):
        assert "TypeError" in await aiohttp_client_of(handler)


@pytest.fixture
def aiohttp_client_of():
    """What a handler raises when it is asked over HTTP."""
    from aiohttp.test_utils import TestClient, TestServer

    async def ask(handler: Any) -> str:
        @web.middleware
        async def catch(request: web.Request, handler: Any) -> web.StreamResponse:
            try:
                return await handler(request)
            except TypeError as error:
                return web.Response(text=f"TypeError: {error}")

        app = web.Application(middlewares=[catch])
        app.router.add_post("/", handler)
        async with TestClient(TestServer(app)) as client:
            return await (await client.post("/", json={"word": "x"})).text()

    return ask


def test_a_patch_requires_nothing_and_promises_nothing():
    patches = [schema for name, schema in TOLD["components"]["schemas"].items() if name.endswith("Patch")]
    assert patches
    for patch in patches:
        assert "required" not in patch
        assert patch["additionalProperties"] is False
        assert not any("default" in member for member in patch["properties"].values())


async def test_the_box_serves_it_to_whoever_is_logged_in(town):
    address = "/api/v1/openapi.json"
    assert (await town.ask("GET", address)).status == 401
    answer = await town.ask("GET", address, who=town.guard)
    assert answer.status == 200
    told = answer.body
    told["info"]["version"] = "1"
    assert told == json.loads(as_text(TOLD))
    again = await town.ask("GET", address, who=town.guard, If_None_Match=answer.headers["ETag"])
    assert (again.status, again.raw) == (304, b"")


async def test_its_page_is_for_people_who_are_logged_in(town):
    nobody = await town.ask("GET", "/docs", Accept="text/html")
    assert (nobody.status, nobody.headers["Location"]) == (303, "/login?next=/docs")
    answer = await town.ask("GET", "/docs", who=await town.served.session("guarda"))
    assert answer.status == 200
    assert b"swagger-ui-bundle.js" in answer.raw
