"""A change that was meant for an older version changes nothing; what the caller has already is not sent again."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from aiohttp import web

from tests.unit.api.layers import LAYERS, serve_layers
from vmsd.api.etags import etag_of, refuse_outdated, unchanged
from vmsd.api.policy import Route, Tenant

if TYPE_CHECKING:
    from pathlib import Path

NOW = etag_of("thing", 1_795_258_800_001)
BEFORE = etag_of("thing", 1_795_258_800_000)


async def show(request: web.Request) -> web.Response:
    headers = {"ETag": NOW, "Cache-Control": "private, no-cache", "Vary": "Accept-Encoding"}
    return unchanged(request, headers) or web.json_response({"a": 1}, headers=headers)


async def change(request: web.Request) -> web.Response:
    refuse_outdated(request, NOW)
    request.app[LAYERS].made.append(request.method)
    return web.Response(status=204)


ROUTES = (
    Route("GET", "/api/v1/thing", show, Tenant.PERSON),
    *(Route(method, "/api/v1/thing", change, Tenant.PERSON) for method in ("PATCH", "PUT", "DELETE")),
)


@pytest.fixture
async def layers(tmp_path: Path):
    async with serve_layers(tmp_path, *ROUTES) as layers:
        yield layers


def test_a_tag_is_strong_and_names_a_version_and_tells_nothing_else():
    assert NOW != BEFORE
    assert etag_of("thing", 1) == etag_of("thing", 1)
    assert len({etag_of("thing", 1), etag_of("thin", "g1"), etag_of("other", 1), etag_of("thing", 11)}) == 4
    assert NOW[0] == NOW[-1] == '"'
    assert NOW[1:-1].isalnum()
    assert "1795258800001" not in NOW


@pytest.mark.parametrize("method", ["PATCH", "PUT", "DELETE"])
@pytest.mark.parametrize(
    "named",
    [
        None,
        "*",
        " * ",
        NOW,
        f"{BEFORE}, {NOW}",
        f"{NOW},{BEFORE}",
        f' , "a,b" ,\t{NOW} ,',
        f"W/{NOW}, {NOW}",
        f'"é", {NOW}',
    ],
)
async def test_a_change_of_the_present_version_is_made(layers, method, named):
    answer = await layers.ask(method, "/api/v1/thing", headers={} if named is None else {"If-Match": named})
    assert (answer.status, layers.made) == (204, [method])


@pytest.mark.parametrize("method", ["PATCH", "PUT", "DELETE"])
@pytest.mark.parametrize(
    "named", [BEFORE, f"W/{NOW}", f'{BEFORE}, "x"', '""', f'"a,{NOW[1:-1]}"', f'"x{NOW[1:]}', '"*"']
)
async def test_a_change_of_another_version_is_refused_and_changes_nothing(layers, method, named):
    answer = await layers.ask(method, "/api/v1/thing", If_Match=named)
    assert (answer.status, layers.made) == (412, [])
    assert answer.headers["Content-Type"].startswith("application/problem+json")
    assert (answer.body["status"], answer.body["title"]) == (412, "Outdated")


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        ",",
        "abc",
        NOW.strip('"'),
        NOW[:-1],
        f"*, {NOW}",
        f"{NOW}, *",
        f"{NOW} {BEFORE}",
        f"w/{NOW}",
        f"W/ {NOW}",
        '"a b"',
    ],
)
async def test_what_is_no_list_of_tags_is_malformed(layers, wrong):
    answer = await layers.ask("PATCH", "/api/v1/thing", If_Match=wrong)
    assert (answer.status, layers.made) == (400, [])


async def test_several_lines_are_one_list(layers):
    lines = [("If-Match", BEFORE), ("If-Match", NOW)]
    assert (await layers.ask("PATCH", "/api/v1/thing", headers=lines)).status == 204
    assert (await layers.ask("PATCH", "/api/v1/thing", headers=[("If-Match", BEFORE)] * 2)).status == 412


@pytest.mark.parametrize("evil", ['"a",' * 1500 + "x", "," * 7000 + "x", 'W/"' * 2000, " \t," * 2000 + '"'])
async def test_no_list_keeps_the_box_busy(layers, evil):
    began = time.perf_counter()
    assert (await layers.ask("PATCH", "/api/v1/thing", If_Match=evil)).status == 400
    assert time.perf_counter() - began < 0.5


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("named", [NOW, f"W/{NOW}", f"{BEFORE}, {NOW}", "*"])
async def test_what_the_caller_has_is_not_sent_again(layers, method, named):
    answer = await layers.ask(method, "/api/v1/thing", If_None_Match=named)
    assert (answer.status, answer.raw) == (304, b"")
    said = [answer.headers[name] for name in ("ETag", "Cache-Control", "Vary")]
    assert said == [NOW, "private, no-cache", "Accept-Encoding"]
    assert "Content-Length" not in answer.headers


@pytest.mark.parametrize("named", [None, BEFORE, f"W/{BEFORE}", "", "x", NOW.strip('"'), f"{NOW} {NOW}"])
async def test_anything_else_is_answered_whole(layers, named):
    answer = await layers.ask("GET", "/api/v1/thing", headers={} if named is None else {"If-None-Match": named})
    assert (answer.status, answer.body, answer.headers["ETag"]) == (200, {"a": 1}, NOW)
