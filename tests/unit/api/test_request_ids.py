"""Every request has a name: in its answer, in what a person can quote, in every line it causes in the log."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import re
from typing import TYPE_CHECKING

import pytest
import structlog
from aiohttp import web

from tests.unit.api.layers import serve_layers
from vmsd.api.policy import Route, Tenant
from vmsd.errors import MediaServerAway, StorageFull
from vmsd.logs import set_up_logs

if TYPE_CHECKING:
    from pathlib import Path

MALFORMED = "bad header without a colon"


async def fine(request: web.Request) -> web.Response:
    structlog.get_logger().info("thing.shown")
    await asyncio.to_thread(logging.getLogger("elsewhere").warning, "said by a library")
    return web.json_response({})


async def crash(request: web.Request) -> web.Response:
    raise RuntimeError("a bug")


async def away(request: web.Request) -> web.Response:
    raise MediaServerAway("MediaMTX does not answer")


async def full(request: web.Request) -> web.Response:
    raise StorageFull("no room")


async def stream(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    await response.write(b"x")
    return response


async def big(request: web.Request) -> web.Response:
    return web.Response(body=await request.read())


ROUTES = (
    Route("GET", "/fine", fine, Tenant.PUBLIC),
    Route("GET", "/crash", crash, Tenant.PUBLIC),
    Route("GET", "/away", away, Tenant.PUBLIC),
    Route("GET", "/full", full, Tenant.PUBLIC),
    Route("GET", "/stream", stream, Tenant.PUBLIC),
    Route("POST", "/big", big, Tenant.PUBLIC),
    Route("GET", "/mine", fine, Tenant.PERSON),
)


@pytest.fixture
async def layers(tmp_path: Path):
    async with serve_layers(tmp_path, *ROUTES, http={"body_bytes": 1024}) as layers:
        yield layers


@pytest.fixture
def lines():
    """What the log says from now on."""
    output = io.StringIO()
    before = structlog.get_config()
    handlers, level = logging.getLogger().handlers[:], logging.getLogger().level
    set_up_logs("info", output)
    yield lambda: [json.loads(line) for line in output.getvalue().splitlines()]
    structlog.configure(**before)
    logging.getLogger().handlers[:] = handlers
    logging.getLogger().setLevel(level)


ANSWERS = [
    ("GET", "/fine", 200),
    ("HEAD", "/fine", 200),
    ("GET", "/stream", 200),
    ("GET", "/mine", 401),
    ("GET", "/nothing", 404),
    ("HEAD", "/nothing", 404),
    ("POST", "/fine", 405),
    ("OPTIONS", "/fine", 405),
    ("GET", "/crash", 500),
    ("GET", "/away", 503),
    ("GET", "/full", 507),
]


@pytest.mark.parametrize(("method", "path", "status"), ANSWERS)
async def test_every_answer_carries_the_caller_s_own_or_a_new_one(layers, method, path, status):
    named = await layers.ask(method, path, who=None, X_Request_ID="Abc-1.2_3")
    assert (named.status, named.headers.getall("X-Request-ID")) == (status, ["Abc-1.2_3"])
    one, two = [await layers.ask(method, path, who=None) for _ in range(2)]
    assert one.headers["X-Request-ID"] != two.headers["X-Request-ID"]
    assert len(one.headers["X-Request-ID"]) >= 16
    if method != "HEAD" and status >= 400:
        assert named.body.get("request_id") == ("Abc-1.2_3" if status >= 500 else None)


async def test_a_body_over_the_limit_too(layers):
    answer = await layers.ask("POST", "/big", raw=b"x" * 2000, X_Request_ID="big")
    assert (answer.status, answer.headers["X-Request-ID"]) == (413, "big")


async def test_what_is_no_http_has_one_of_its_own(layers):
    reader, writer = await asyncio.open_connection("127.0.0.1", int(layers.url.rpartition(":")[2]))
    writer.write(f"GET /fine HTTP/1.1\r\nHost: x\r\nX-Request-ID: mine\r\n{MALFORMED}\r\n\r\n".encode())
    answer = await asyncio.wait_for(reader.read(), 5)
    writer.close()
    assert answer.split()[1] == b"400"
    assert len(re.findall(rb"(?i)\r\nx-request-id: [0-9a-f]{16}\r\n", answer)) == 1
    assert b"mine" not in answer


@pytest.mark.parametrize("asked", ["", " ", "a b", "a" * 65, "né", "a;b", 'a"b', "{}", "a/b", "a\tb"])
async def test_what_is_no_plain_word_is_not_said_again(layers, asked):
    answer = await layers.ask("GET", "/fine", X_Request_ID=asked)
    assert answer.headers["X-Request-ID"] not in ("", asked)
    assert asked.strip() == "" or asked not in str(answer.headers)


async def test_every_line_of_the_log_carries_it_and_no_line_of_another_s_does(layers, lines):
    await asyncio.gather(*(layers.ask("GET", "/fine", X_Request_ID=f"id-{number}") for number in range(8)))
    said = [(line["event"], line["request_id"]) for line in lines()]
    expected = [(what, f"id-{number}") for what in ("said by a library", "thing.shown") for number in range(8)]
    assert sorted(said) == sorted(expected)
    structlog.get_logger().info("between.requests")
    assert "request_id" not in lines()[-1]


async def test_a_bug_can_be_found_in_the_log_by_what_the_caller_was_told(layers, lines):
    answer = await layers.ask("GET", "/crash")
    (line,) = [line for line in lines() if line["event"] == "request.failed"]
    assert line["request_id"] == answer.body["request_id"] == answer.headers["X-Request-ID"]


async def test_requests_on_one_connection_are_not_mistaken_for_each_other(layers, lines):
    reader, writer = await asyncio.open_connection("127.0.0.1", int(layers.url.rpartition(":")[2]))
    for name in ("X-Request-ID: first\r\n", ""):
        writer.write(f"GET /fine HTTP/1.1\r\nHost: x\r\n{name}\r\n".encode())
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
        await reader.readexactly(2)
        assert (b"first" in head) == bool(name)
    writer.close()
    assert [line["request_id"] for line in lines()].count("first") == 2
    assert len({line["request_id"] for line in lines()}) == 2
