"""What every answer carries, whatever it answers."""

from __future__ import annotations

import asyncio

import pytest
from yarl import URL

from vmsd.api.headers import EVERYWHERE

ANSWERS = [
    ("GET", "/health", 200),
    ("GET", "/login", 200),
    ("GET", "/static/x/js/api.js", 200),
    ("GET", "/static/x/none.js", 404),
    ("GET", "/nothing", 404),
    ("POST", "/health", 405),
    ("GET", "/api/v1/cameras", 401),
    ("GET", "/api/v1/auth/login", 405),
    ("GET", "/hls/stream_x/index.m3u8", 401),
    ("OPTIONS", "/api/v1/cameras", 405),
    ("TRACE", "/health", 405),
    ("GET", "/", 401),
]


def missing(headers) -> dict[str, str]:
    return {name: value for name, value in EVERYWHERE.items() if headers.getall(name, []) != [value]}


@pytest.mark.parametrize(("method", "path", "status"), ANSWERS)
async def test_every_answer_carries_them_once(served, method, path, status):
    answer = await served.ask(method, path)
    assert answer.status == status
    assert missing(answer.headers) == {}
    assert len(answer.headers.getall("Cache-Control")) == 1
    assert not [name for name in answer.headers if name.lower().startswith("access-control-")]
    if status >= 400:
        assert answer.content_type == "application/problem+json"
        assert answer.body["status"] == status
        assert {"type", "title", "status", "detail"} <= answer.body.keys()


async def test_pages_and_redirects_and_streams_too(town):
    page = await town.ask("GET", "/camera/x?a=1&b=2", Accept="text/html")
    where = URL(page.headers["Location"])
    assert (page.status, where.path, where.query) == (303, "/login", {"next": "/camera/x?a=1&b=2"})
    error = await town.ask("GET", "/camera/x", who=town.guard, Accept="text/html")
    assert (error.status, error.content_type) == (404, "text/html")
    camera = await town.served.camera(town.gestor, town.here)
    stream = await town.ask("GET", f"/hls/stream_{camera['id']}/index.m3u8", who=town.guard)
    assert (stream.status, stream.headers["Retry-After"]) == (503, "3")
    for answer in (page, error, stream):
        assert missing(answer.headers) == {}
        assert answer.headers["Cache-Control"] == "no-store"


async def test_the_policy_lets_nothing_in_from_outside(served):
    policy = (await served.ask("GET", "/login")).headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    for word in ("unsafe", "http:", "https:", "*", "data:"):
        assert word not in policy


async def test_405_says_what_would_do(served):
    answer = await served.ask("DELETE", "/api/v1/auth/login")
    assert (answer.status, answer.headers["Allow"]) == (405, "POST")
    answer = await served.ask("PATCH", "/api/v1/cameras")
    assert set(answer.headers["Allow"].split(",")) == {"GET", "HEAD", "POST"}


async def test_head_is_get_without_a_body(town):
    camera = await town.served.camera(town.gestor, town.here)
    for path in ("/health", "/login", "/api/v1/cameras", f"/api/v1/cameras/{camera['id']}", "/nothing", "/"):
        got = await town.ask("GET", path, who=town.guard)
        head = await town.ask("HEAD", path, who=town.guard)
        assert (head.status, head.raw) == (got.status, b""), path
        assert head.headers["Content-Type"] == got.headers["Content-Type"]


async def test_what_is_no_http_is_answered_with_the_same_care(served, capsys):
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
    writer.write(b"GET /?token=verysecret HTTP/1.1\r\nHost: x\r\nbad header verysecret\r\n\r\n")
    answer = await asyncio.wait_for(reader.read(), 5)
    writer.close()
    assert answer.split()[1] == b"400"
    assert b"application/problem+json" in answer
    assert b"Content-Security-Policy" in answer
    assert b"verysecret" not in answer
    assert "verysecret" not in capsys.readouterr().out
