"""Pages of other sites: those in the settings may use the API, the rest hears nothing it did not hear before."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from aiohttp import web

from tests.unit.api.layers import serve_layers
from vmsd.api.policy import Route, Tenant
from vmsd.config import Http
from vmsd.errors import MediaServerAway

if TYPE_CHECKING:
    from pathlib import Path

CENTRAL = "https://central.example"
HTTP = {"cors_origins": [CENTRAL, "http://10.0.0.5:3000"]}
ASKS = {"Origin": CENTRAL, "Access-Control-Request-Method": "PATCH", "Access-Control-Request-Headers": "authorization"}


async def answer(request: web.Request) -> web.Response:
    return web.json_response({}, headers={"ETag": '"1"'})


async def stream(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Vary": "Accept"})
    await response.prepare(request)
    await response.write(b"x")
    return response


async def away(request: web.Request) -> web.Response:
    raise MediaServerAway("MediaMTX does not answer")


async def crash(request: web.Request) -> web.Response:
    raise RuntimeError("a bug")


ROUTES = (
    Route("GET", "/api/v1/thing", answer, Tenant.PERSON),
    Route("PATCH", "/api/v1/thing", answer, Tenant.PERSON),
    Route("GET", "/api/v1/crash", crash, Tenant.PERSON),
    Route("GET", "/hls/stream_x/index.m3u8", stream, Tenant.PERSON, media=True),
    Route("GET", "/hls/stream_y/index.m3u8", away, Tenant.PERSON, media=True),
    Route("POST", "/webrtc/stream_x/whep", answer, Tenant.PERSON, media=True),
    Route("OPTIONS", "/webrtc/stream_x/whep", answer, Tenant.PERSON, media=True),
    Route("GET", "/health", answer, Tenant.PUBLIC),
    Route("GET", "/camera/x", answer, Tenant.PUBLIC, page=True),
)
PLACES = [
    ("GET", "/api/v1/thing", 7, 200),
    ("HEAD", "/api/v1/thing", 7, 200),
    ("GET", "/api/v1/thing", None, 401),
    ("GET", "/api/v1/crash", 7, 500),
    ("POST", "/api/v1/thing", 7, 405),
    ("GET", "/api/v1/none", 7, 404),
    ("GET", "/hls/stream_x/index.m3u8", 7, 200),
    ("GET", "/hls/stream_y/index.m3u8", 7, 503),
]


@pytest.fixture
async def layers(tmp_path: Path):
    async with serve_layers(tmp_path, *ROUTES, http=HTTP) as layers:
        yield layers


def cors_in(answer) -> dict[str, str]:
    return {name: value for name, value in answer.headers.items() if name.lower().startswith("access-control-")}


@pytest.mark.parametrize(("method", "path", "who", "status"), PLACES)
async def test_a_listed_page_may_read_answers_of_every_kind(layers, method, path, who, status):
    answer = await layers.ask(method, path, who=who, Origin=CENTRAL)
    said = cors_in(answer)
    assert (answer.status, said["Access-Control-Allow-Origin"]) == (status, CENTRAL)
    shown = set(said["Access-Control-Expose-Headers"].split(", "))
    assert {"ETag", "Location", "Retry-After", "X-Request-ID", "X-Frame-Time", "X-Frame-Age"} <= shown
    assert set(said) == {"Access-Control-Allow-Origin", "Access-Control-Expose-Headers"}, "no credentials, ever"
    assert "Origin" in answer.headers["Vary"].split(", ")
    assert answer.headers.getall("Cross-Origin-Resource-Policy") == ["cross-origin"]


@pytest.mark.parametrize(
    "origin",
    [
        None,
        "null",
        "*",
        "https://evil.example",
        "https://central.example.evil.example",
        "https://evil.central.example",
        "http://central.example",
        "https://central.example:8443",
        "https://CENTRAL.example",
        "https://central.example/",
        "https://central.example https://central.example",
        "",
    ],
)
@pytest.mark.parametrize(("method", "path", "who", "status"), PLACES)
async def test_no_other_page_hears_that_it_may(layers, origin, method, path, who, status):
    named = {} if origin is None else {"Origin": origin}
    answer = await layers.ask(method, path, who=who, headers=named)
    assert (answer.status, cors_in(answer)) == (status, {})
    assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "Origin" in answer.headers["Vary"], "what is kept of it is nobody else's answer"


@pytest.mark.parametrize("path", ["/health", "/camera/x", "/apix", "/"])
async def test_a_listed_page_has_no_business_outside_the_api(layers, path):
    answer = await layers.ask("GET", path, Origin=CENTRAL)
    assert (cors_in(answer), answer.headers["Cross-Origin-Resource-Policy"]) == ({}, "same-origin")
    assert "Vary" not in answer.headers
    assert (await layers.ask("OPTIONS", path, headers=ASKS)).status in (404, 405)


async def test_a_listed_page_is_told_before_what_it_may_ask(layers):
    answer = await layers.ask("OPTIONS", "/api/v1/thing", who=None, headers=ASKS)
    said = cors_in(answer)
    assert (answer.status, answer.raw) == (204, b"")
    assert said["Access-Control-Allow-Origin"] == CENTRAL
    assert set(said["Access-Control-Allow-Methods"].split(", ")) == {"GET", "HEAD", "PATCH"}
    assert {"Authorization", "X-City-ID", "If-Match", "Idempotency-Key", "Content-Type"} <= set(
        said["Access-Control-Allow-Headers"].split(", ")
    )
    assert int(said["Access-Control-Max-Age"]) > 0
    assert "Access-Control-Allow-Credentials" not in said
    assert answer.headers["Vary"] == "Origin"
    assert answer.headers["X-Request-ID"]


async def test_where_options_has_a_meaning_of_its_own_a_listed_page_is_told_all_the_same(layers):
    path = "/webrtc/stream_x/whep"
    told = await layers.ask("OPTIONS", path, who=None, headers=ASKS)
    assert told.status == 204
    assert set(cors_in(told)["Access-Control-Allow-Methods"].split(", ")) == {"POST", "OPTIONS"}
    assert (await layers.ask("OPTIONS", path, who=None)).status == 401
    assert (await layers.ask("OPTIONS", path, who=7)).status == 200


@pytest.mark.parametrize(
    ("path", "changes", "status"),
    [
        ("/api/v1/thing", {"Origin": "https://evil.example"}, 405),
        ("/api/v1/thing", {"Origin": "null"}, 405),
        ("/api/v1/thing", {"Access-Control-Request-Method": None}, 405),
        ("/api/v1/thing", {"Origin": None}, 405),
        ("/api/v1/none", {}, 404),
        ("/health", {}, 405),
    ],
)
async def test_any_other_options_is_as_unknown_as_ever(layers, path, changes, status):
    sent = {name: value for name, value in (ASKS | changes).items() if value is not None}
    answer = await layers.ask("OPTIONS", path, who=None, headers=sent)
    assert answer.status == status
    assert "Access-Control-Allow-Methods" not in answer.headers


@pytest.mark.parametrize(("method", "path", "who", "status"), PLACES)
async def test_without_a_list_nothing_is_said_to_anybody(tmp_path, method, path, who, status):
    async with serve_layers(tmp_path, *ROUTES) as layers:
        answer = await layers.ask(method, path, who=who, Origin=CENTRAL)
        assert (answer.status, cors_in(answer)) == (status, {})
        assert answer.headers.get("Vary", "Accept") == "Accept"
        assert (await layers.ask("OPTIONS", "/api/v1/thing", headers=ASKS)).status == 405


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (CENTRAL, CENTRAL),
        ("https://Central.EXAMPLE", CENTRAL),
        ("HTTPS://central.example:443", CENTRAL),
        ("http://central.example:80", "http://central.example"),
        ("https://central.example:80", "https://central.example:80"),
        ("https://central.example:8443", "https://central.example:8443"),
        ("http://10.0.0.5:3000", "http://10.0.0.5:3000"),
        ("https://[fd00::80]", "https://[fd00::80]"),
        ("https://[fd00::1]:8443", "https://[fd00::1]:8443"),
        ("https://xn--so-paulo-example", "https://xn--so-paulo-example"),
        ("http://localhost:5173", "http://localhost:5173"),
    ],
)
def test_an_origin_is_taken_as_browsers_write_it(written, meant):
    assert Http(cors_origins=[written]).cors_origins == (meant,)


@pytest.mark.parametrize(
    "wrong",
    [
        "*",
        "null",
        "",
        "central.example",
        "https://",
        "https://*.central.example",
        "https://central.example/",
        "https://central.example/app",
        "https://central.example?x",
        "https://central.example#x",
        "https://user@central.example",
        "https://user:secret@central.example",
        "https://central.example:0",
        "https://central.example:70000",
        "https://central.example:",
        "https://central.example:x",
        "https://.central.example",
        "https://central..example",
        "ftp://central.example",
        "https://central.example https://other.example",
        "https://central.example\n",
        "https://são.example",
        "https://" + "a" * 400,
    ],
)
def test_anything_else_stops_the_start(wrong):
    with pytest.raises(ValueError, match="cors_origins"):
        Http(cors_origins=[wrong])
