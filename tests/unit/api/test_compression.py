"""Long JSON is gzipped for those who can read it, and nothing else is."""

from __future__ import annotations

import asyncio
import gzip
import json
from random import Random
from typing import TYPE_CHECKING

import pytest
from aiohttp import web

from tests.unit.api.layers import serve_layers
from vmsd.api import compression
from vmsd.api.compression import ALONE_BYTES, LEAST_BYTES, accepts_gzip
from vmsd.api.policy import Route, Tenant

if TYPE_CHECKING:
    from pathlib import Path

EDGE = b'"' + b"x" * (LEAST_BYTES - 2) + b'"'
LONG = json.dumps([{"id": number, "state": "online"} for number in range(200)]).encode()
HUGE = json.dumps("x" * ALONE_BYTES).encode()
READY = gzip.compress(Random(7).randbytes(2 * LEAST_BYTES))


def says(body: bytes, kind: str = "application/json", **headers: str):
    async def handler(request: web.Request) -> web.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return web.Response(body=body, headers={"Content-Type": kind} | named)

    return handler


async def stream(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    await response.prepare(request)
    await response.write(LONG)
    return response


async def prepared(request: web.Request) -> web.Response:
    response = web.Response(body=LONG, content_type="application/json")
    await response.prepare(request)
    return response


ROUTES = (
    Route("GET", "/long", says(LONG, ETag='"1"'), Tenant.PERSON),
    Route("GET", "/map", says(LONG, "application/geo+json; charset=utf-8", Vary="Cookie"), Tenant.PERSON),
    Route("GET", "/huge", says(HUGE), Tenant.PERSON),
    Route("GET", "/edge", says(EDGE), Tenant.PERSON),
    Route("GET", "/short", says(EDGE[:-2] + b'"'), Tenant.PERSON),
    Route("GET", "/text", says(LONG, "text/csv"), Tenant.PERSON),
    Route("GET", "/ready", says(READY, Content_Encoding="gzip"), Tenant.PERSON),
    Route("GET", "/stream", stream, Tenant.PERSON),
    Route("GET", "/prepared", prepared, Tenant.PERSON),
    *(Route(method, "/secret", says(LONG), Tenant.PERSON) for method in ("POST", "PUT", "PATCH")),
)


@pytest.fixture
async def layers(tmp_path: Path):
    async with serve_layers(tmp_path, *ROUTES) as layers:
        yield layers


@pytest.mark.parametrize(("path", "body"), [("/long", LONG), ("/map", LONG), ("/huge", HUGE), ("/edge", EDGE)])
async def test_long_json_is_gzipped_and_says_so(layers, path, body):
    answer = await layers.ask("GET", path, Accept_Encoding="gzip, deflate, br, zstd")
    assert answer.headers["Content-Encoding"] == "gzip"
    assert int(answer.headers["Content-Length"]) == len(answer.raw) < len(body)
    assert gzip.decompress(answer.raw) == body
    assert "Accept-Encoding" in answer.headers["Vary"]
    plain = await layers.ask("GET", path)
    assert (plain.raw, plain.headers["Vary"]) == (body, answer.headers["Vary"])
    assert "Content-Encoding" not in plain.headers
    assert plain.headers.get("ETag") == answer.headers.get("ETag")


async def test_what_the_answer_depends_on_already_is_still_said(layers):
    assert (await layers.ask("GET", "/map", Accept_Encoding="gzip")).headers["Vary"] == "Cookie, Accept-Encoding"


@pytest.mark.parametrize("path", ["/long", "/huge"])
@pytest.mark.parametrize("coding", ["gzip", "identity"])
async def test_head_tells_what_get_would(layers, path, coding):
    got = await layers.ask("GET", path, Accept_Encoding=coding)
    head = await layers.ask("HEAD", path, Accept_Encoding=coding)
    assert (head.status, head.raw) == (200, b"")
    for name in ("Content-Length", "Content-Encoding", "Content-Type", "Vary"):
        assert head.headers.get(name) == got.headers.get(name), name


@pytest.mark.parametrize("path", ["/short", "/text", "/stream", "/prepared"])
async def test_what_is_short_or_no_json_or_on_its_way_stays_as_it_is(layers, path):
    answer = await layers.ask("GET", path, Accept_Encoding="gzip")
    assert answer.status == 200
    assert "Content-Encoding" not in answer.headers
    assert "Vary" not in answer.headers


async def test_what_is_gzipped_is_not_gzipped_again(layers):
    answer = await layers.ask("GET", "/ready", Accept_Encoding="gzip")
    assert answer.raw == READY


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
async def test_what_may_hold_a_secret_made_just_now_keeps_its_length(layers, method):
    answer = await layers.ask(method, "/secret", {}, Accept_Encoding="gzip")
    assert (answer.raw, answer.headers.get("Content-Encoding")) == (LONG, None)


@pytest.mark.parametrize(
    ("accepted", "yes"),
    [
        ("", False),
        ("identity", False),
        ("deflate, br", False),
        ("gzip", True),
        ("GZIP", True),
        ("x-gzip", True),
        ("*", True),
        ("br;q=1.0, gzip;q=0.8, *;q=0.1", True),
        ("gzip;q=0", False),
        ("gzip; q=0.000", False),
        ("gzip;Q=0", False),
        ("gzip;q=0, *", False),
        ("*;q=0, gzip", True),
        ("*;q=0", False),
        ("gzip ; q=0.001", True),
        ("gzip;q=nonsense", False),
        ("gzip;level=9", False),
        ("gzip;q=", False),
        (",,gzip,,", True),
        ("notgzip", False),
        ("gzipped", False),
    ],
)
async def test_nobody_gets_what_they_did_not_ask_for(layers, accepted, yes):
    assert accepts_gzip(accepted) is yes
    answer = await layers.ask("GET", "/long", Accept_Encoding=accepted)
    assert ("Content-Encoding" in answer.headers) is yes


async def test_several_lines_are_one_list(layers):
    lines = [("Accept-Encoding", "br"), ("Accept-Encoding", "gzip")]
    assert (await layers.ask("GET", "/long", headers=lines)).headers["Content-Encoding"] == "gzip"
    lines = [("Accept-Encoding", "*"), ("Accept-Encoding", "gzip;q=0")]
    assert "Content-Encoding" not in (await layers.ask("GET", "/long", headers=lines)).headers


async def test_a_huge_body_is_gzipped_beside_the_loop_and_a_small_one_without_a_thread(layers, monkeypatch):
    in_threads: list[int] = []
    to_thread = asyncio.to_thread

    async def note(function, body):
        in_threads.append(len(body))
        return await to_thread(function, body)

    monkeypatch.setattr(compression.asyncio, "to_thread", note)
    for path in ("/long", "/huge"):
        await layers.ask("GET", path, Accept_Encoding="gzip")
    assert in_threads == [len(HUGE)]
