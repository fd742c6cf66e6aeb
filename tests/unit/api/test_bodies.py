"""No body, query or header, however bad, gives anything but a clear refusal."""

from __future__ import annotations

import json

import pytest

from tests.unit.api.served import CAMERA


def with_field(name: str, value: object) -> dict[str, object]:
    return CAMERA | {name: value}


WRONG = [
    (with_field("colour", "red"), {"/colour"}),
    (with_field("a/b~c", 1), {"/a~1b~0c"}),
    (with_field("name", ""), {"/name"}),
    (with_field("name", "x" * 101), {"/name"}),
    (with_field("name", "a\nb"), {"/name"}),
    (with_field("name", "a\0b"), {"/name"}),
    (with_field("name", "\ud800"), {"/name"}),
    (with_field("name", None), {"/name"}),
    (with_field("name", 7), {"/name"}),
    (with_field("name", ["x"]), {"/name"}),
    (with_field("protocol", "ftp"), {"/protocol"}),
    (with_field("channel", "1"), {"/channel"}),
    (with_field("channel", 1.5), {"/channel"}),
    (with_field("channel", True), {"/channel"}),
    (with_field("channel", 10**30), {"/channel"}),
    (with_field("channel", -(2**63) - 1), {"/channel"}),
    (with_field("recording_enabled", "yes"), {"/recording_enabled"}),
    (with_field("recording_enabled", 1), {"/recording_enabled"}),
    (with_field("retention_days", 0), {"/retention_days"}),
    (with_field("retention_days", 10**18), {"/retention_days"}),
    (with_field("location", {"lat": 91, "lon": 0}), {"/location/lat"}),
    (with_field("location", {"lat": 1}), {"/location/lon"}),
    (with_field("location", {"lat": 1, "lon": 1, "alt": 1}), {"/location/alt"}),
    (with_field("location", "here"), {"/location"}),
    (with_field("source_url", "x" * 2001), {"/source_url"}),
    (with_field("password", "a\nb"), {"/password"}),
    ([], {""}),
    ("text", {""}),
    (None, {""}),
    (7, {""}),
    ({}, {"/name"}),
]


async def test_a_wrong_field_is_named(town, subtests):
    for body, pointers in WRONG:
        with subtests.test(body=repr(body)[-60:]):
            raw = json.dumps(body).encode()
            answer = await town.ask("POST", "/api/v1/cameras", raw=raw, who=town.gestor)
            assert (answer.status, answer.content_type) == (422, "application/problem+json"), answer.raw
            assert pointers <= answer.pointers
    assert (await town.ask("GET", "/api/v1/cameras", who=town.gestor)).body["items"] == []


NO_JSON = [
    b"",
    b"{",
    b"{'name': 1}",
    b'{"name": NaN}',
    b'{"location": {"lat": Infinity, "lon": 1}}',
    b'{"name": "a", "name": "b"}',
    b'{"location": {"lat": 1, "lat": 2}}',
    b"\xff\xfe{",
    b'{"name": "\xff"}',
    '{"name": "a"}'.encode("utf-16"),
    b'{"channel": ' + b"1" * 5000 + b"}",
    b"[" * 100_000,
    b'{"a":' * 50_000,
]


async def test_what_is_no_json_is_malformed(town, subtests):
    for raw in NO_JSON:
        with subtests.test(raw=raw[:30]):
            answer = await town.ask("POST", "/api/v1/cameras", raw=raw, who=town.gestor)
            assert (answer.status, answer.content_type) == (400, "application/problem+json"), answer.raw


@pytest.mark.parametrize("number", [b"1e999", b"-1e999", b"1e-999", b"9" * 400])
async def test_a_number_beyond_all_bounds_is_out_of_range(town, number):
    raw = b'{"name":"x","source_url":"rtsp://198.51.100.1/","channel":' + number + b"}"
    answer = await town.ask("POST", "/api/v1/cameras", raw=raw, who=town.gestor)
    assert (answer.status, answer.pointers) == (422, {"/channel"})


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "multipart/form-data; boundary=x"},
        {"Content-Type": "nonsense"},
        {"Content-Encoding": "gzip"},
        {"Content-Encoding": "br"},
    ],
)
async def test_only_plain_json_is_read(town, headers):
    answer = await town.ask("POST", "/api/v1/cameras", raw=b"{}", who=town.gestor, **headers)
    assert answer.status == 415
    assert answer.content_type == "application/problem+json"


async def test_ten_thousand_unknown_fields_give_a_short_answer(town):
    body = CAMERA | {f"field{number}": number for number in range(10_000)}
    answer = await town.ask("POST", "/api/v1/cameras", body, who=town.gestor)
    assert answer.status == 422
    assert len(answer.raw) < 10_000


WRONG_PARAMETERS = [
    ("/api/v1/cameras?limit=0", "/limit"),
    ("/api/v1/cameras?limit=501", "/limit"),
    ("/api/v1/cameras?limit=x", "/limit"),
    ("/api/v1/cameras?limit=1&limit=2", "/limit"),
    ("/api/v1/cameras?limit=99999999999999999999999", "/limit"),
    ("/api/v1/cameras?offset=1", "/offset"),
    ("/api/v1/cameras?token=x", "/token"),
    ("/api/v1/cameras?cursor=x", "/cursor"),
    ("/api/v1/cameras?cursor=%00", "/cursor"),
    ("/api/v1/cameras?cursor=%FF", "/cursor"),
    ("/api/v1/cameras?cursor=00000000-0000-4000-8000-000000000000", "/cursor"),
    ("/api/v1/cities?cursor=00000000-0000-4000-8000-000000000000", "/cursor"),
    ("/api/v1/states?x=1", "/x"),
    ("/api/v1/streams?limit=-1", "/limit"),
    ("/api/v1/system?x=1", "/x"),
    ("/health?x=1", "/x"),
]


async def test_a_wrong_parameter_is_named(town, subtests):
    for path, pointer in WRONG_PARAMETERS:
        with subtests.test(path=path):
            answer = await town.ask("GET", path, who=town.root, city=town.here)
            assert (answer.status, answer.pointers) == (422, {pointer}), answer.raw


NO_PERIODS = [
    "",
    "start=2026-01-01T00:00:00Z",
    "start=x&end=y",
    "start=2026-01-02T00:00:00Z&end=2026-01-01T00:00:00Z",
    "start=2026-01-01T00:00:00Z&end=2026-01-01T00:00:00Z",
    "start=2026-01-01T00:00:00&end=2026-01-02T00:00:00",
    "start=nan&end=inf",
    "start=1e300&end=1e301",
    "start=2026-01-01T00:00:00Z&end=99999-01-01T00:00:00Z",
]


async def test_a_period_that_is_none_is_refused(town, subtests):
    camera = await town.served.camera(town.gestor, town.here)
    for path in ("/api/v1/recordings?camera_id={}&", "/api/v1/cameras/{}/states?"):
        for period in NO_PERIODS:
            with subtests.test(path=path, period=period):
                answer = await town.ask("GET", path.format(camera["id"]) + period, who=town.gestor)
                assert answer.status == 422, answer.raw


async def test_the_ends_of_time_are_a_period(town):
    camera = await town.served.camera(town.gestor, town.here)
    period = "start=0001-01-01T00:00:00%2B14:00&end=9999-12-31T23:59:59-14:00"
    for path in (f"recordings?camera_id={camera['id']}&{period}", f"cameras/{camera['id']}/states?{period}"):
        assert (await town.ask("GET", f"/api/v1/{path}", who=town.gestor)).status == 200


NO_IDS = [
    "x", "%00", "%FF", "..%2f..%2fetc", "%2e%2e", "a" * 5000, "{id}", "1", "-1", "%F0%9F%98%80",
    "00000000-0000-4000-8000-00000000000%30%30", "urn:uuid:00000000-0000-4000-8000-000000000000",
    "{00000000-0000-4000-8000-000000000000}", "00000000000040008000000000000000", "null", "%ED%A0%80",
]  # fmt: skip
PATHS = [
    ("GET", "/api/v1/cameras/{}"),
    ("DELETE", "/api/v1/cameras/{}"),
    ("GET", "/api/v1/cameras/{}/status"),
    ("GET", "/api/v1/cameras/{}/snapshot.jpg"),
    ("GET", "/api/v1/recordings/{}"),
    ("GET", "/api/v1/streams/{}"),
    ("GET", "/api/v1/cities/{}"),
    ("GET", "/hls/stream_{}/index.m3u8"),
]


async def test_what_is_no_id_is_not_found(town, subtests):
    for method, path in PATHS:
        for name in NO_IDS:
            if (path, name) == ("/api/v1/cameras/{}/status", "%2e%2e"):
                continue  # clients ask for /api/v1/status then, which is another address
            with subtests.test(path=path, name=name[:60]):
                answer = await town.ask(method, path.format(name), who=town.root, city=town.here)
                assert answer.status == 404, answer.raw
                assert b"sqlite" not in answer.raw.lower()


@pytest.mark.parametrize("header", ["x", "", "1", "urn:uuid:{}", "{{{}}}", "{}x", " ", "\xff"])
async def test_a_malformed_city_is_malformed(town, header):
    named = header.format(town.here.public_id)
    answer = await town.ask("GET", "/api/v1/cameras", who=town.root, X_City_ID=named)
    assert answer.status == 400, answer.raw


async def test_a_city_in_capitals_is_the_same_city(town):
    answer = await town.ask("GET", "/api/v1/cameras", who=town.root, X_City_ID=town.here.public_id.upper())
    assert answer.status == 200
