"""A creation that is sent twice under one key happens once, whatever lies between the two."""

from __future__ import annotations

import asyncio
import io
import json
import sqlite3
from typing import TYPE_CHECKING

import pytest
import structlog
from aiohttp import web

from tests.unit.api.layers import LAYERS, serve_layers
from vmsd.api.bodies import json_answer
from vmsd.api.policy import Route, Tenant
from vmsd.errors import Conflict, MediaServerAway, StorageFull
from vmsd.logs import set_up_logs
from vmsd.store import idempotency as store

if TYPE_CHECKING:
    from pathlib import Path

SECRET = "vmsd_Canari0SecretInAnAnswer"
THINGS = "/api/v1/things"
DAY_S = 24 * 3600


async def add(request: web.Request) -> web.Response:
    """What it makes is in the body and the headers of its answer."""
    made = request.app[LAYERS].made
    made.append(await request.json())
    headers = {"Location": f"{THINGS}/{len(made)}", "ETag": f'"{len(made)}"', "X-Other": "1"}
    return json_answer({"id": len(made), "token": SECRET, "ação": "ç"}, 201, headers)


async def add_nothing(request: web.Request) -> web.Response:
    request.app[LAYERS].made.append(1)
    return web.Response(status=204)


async def fail_once(request: web.Request) -> web.Response:
    made = request.app[LAYERS].made
    made.append(1)
    if len(made) == 1:
        raise {"away": MediaServerAway("away"), "conflict": Conflict("taken"), "bug": RuntimeError("bug")}[
            request.query["how"]
        ]
    return json_answer({"id": len(made)}, 201)


async def wait(request: web.Request) -> web.Response:
    """Answers when it is let go."""
    layers = request.app[LAYERS]
    layers.made.append(1)
    layers.entered.set()
    await layers.let_go.wait()
    return json_answer({"id": len(layers.made)}, 201)


async def stream(request: web.Request) -> web.StreamResponse:
    request.app[LAYERS].made.append(1)
    response = web.StreamResponse(status=201)
    await response.prepare(request)
    await response.write(b"x")
    return response


async def file(request: web.Request) -> web.Response:
    request.app[LAYERS].made.append(1)
    return web.Response(status=201, body=io.BytesIO(b"x"))


ROUTES = (
    Route("POST", THINGS, add, Tenant.PERSON, query=None, creates=True),
    Route("POST", "/api/v1/things/{id}/parts", add, Tenant.PERSON, creates=True),
    Route("POST", "/api/v1/nothing", add_nothing, Tenant.PERSON, creates=True),
    Route("POST", "/api/v1/fail", fail_once, Tenant.PERSON, creates=True),
    Route("POST", "/api/v1/wait", wait, Tenant.PERSON, creates=True),
    Route("POST", "/api/v1/stream", stream, Tenant.PERSON, creates=True),
    Route("POST", "/api/v1/file", file, Tenant.PERSON, creates=True),
    Route("POST", "/api/v1/plain", add, Tenant.PERSON),
    Route("POST", "/api/v1/public", add, Tenant.PUBLIC, creates=True),
)


@pytest.fixture
async def layers(tmp_path: Path):
    async with serve_layers(tmp_path, *ROUTES, http={"body_bytes": 4096}) as layers:
        yield layers


async def send(layers, path: str = THINGS, body=None, *, key: str = "k1", **rest):
    return await layers.ask("POST", path, {"name": "a"} if body is None else body, Idempotency_Key=key, **rest)


async def rows(layers) -> int:
    return len(await layers.database.read("SELECT 1 FROM idempotency"))


async def test_the_second_time_says_what_the_first_said_and_does_nothing(layers):
    first, second = await send(layers), await send(layers)
    assert (first.status, second.status, len(layers.made)) == (201, 201, 1)
    assert first.raw == second.raw
    for name in ("Location", "ETag", "Content-Type", "Cache-Control"):
        assert first.headers.getall(name) == second.headers.getall(name), name
    assert "Idempotent-Replayed" not in first.headers
    assert second.headers["Idempotent-Replayed"] == "true"
    assert second.headers["X-Request-ID"] != first.headers["X-Request-ID"]
    assert second.headers["X-Content-Type-Options"] == "nosniff"


async def test_without_a_key_or_on_a_route_that_makes_nothing_each_one_counts(layers):
    for _ in range(2):
        assert (await layers.ask("POST", THINGS, {"name": "a"})).status == 201
        assert (await send(layers, "/api/v1/plain")).status == 201
        assert (await send(layers, "/api/v1/public", who=None)).status == 201
    assert (len(layers.made), await rows(layers)) == (6, 0)


async def test_an_answer_without_a_body_is_said_again_too(layers):
    answers = [await send(layers, "/api/v1/nothing") for _ in range(2)]
    assert [(one.status, one.raw) for one in answers] == [(204, b"")] * 2
    assert layers.made == [1]


@pytest.mark.parametrize(
    "changed",
    [
        {"body": {"name": "b"}},
        {"body": {"name": "a", "more": 1}},
        {"path": f"{THINGS}?dry_run=true"},
        {"city": "another"},
        {"token": "another"},
    ],
    ids=str,
)
async def test_the_same_key_with_another_request_is_refused(layers, changed):
    await send(layers)
    answer = await send(layers, **changed)
    assert (answer.status, len(layers.made)) == (422, 1)
    assert answer.body["errors"][0]["pointer"] == "/Idempotency-Key"
    assert SECRET.encode() not in answer.raw


async def test_another_thing_in_the_path_is_another_request(layers):
    assert (await send(layers, "/api/v1/things/1/parts")).status == 201
    assert (await send(layers, "/api/v1/things/2/parts")).status == 422


async def test_a_key_is_one_person_s_on_one_route(layers):
    for times in (0, 1, 2):
        answers = [await send(layers), await send(layers, who=8), await send(layers, "/api/v1/things/1/parts")]
        assert [(one.status, one.body["id"]) for one in answers] == [(201, 1), (201, 2), (201, 3)]
        assert ["Idempotent-Replayed" in one.headers for one in answers] == [times > 0] * 3
    assert len(layers.made) == 3


@pytest.mark.parametrize("key", ["", "a b", "é", "a" * 256, "a\tb"])
async def test_what_is_no_key_is_malformed(layers, key):
    answer = await send(layers, key=key)
    assert (answer.status, layers.made) == (400, [])


async def test_two_keys_are_malformed_and_the_longest_is_taken(layers):
    twice = [("Idempotency-Key", "a"), ("Idempotency-Key", "b")]
    assert (await layers.ask("POST", THINGS, {}, headers=twice)).status == 400
    for key in ("a" * 255, '"8e03978e-40d5-43dd-bc93-6894a57f9324"', "~!;,"):
        assert [(await send(layers, key=key)).status for _ in range(2)] == [201, 201]
    assert len(layers.made) == 3


@pytest.mark.parametrize("how", ["away", "conflict", "bug"])
async def test_an_error_is_not_said_again_but_tried_again(layers, how):
    path = f"/api/v1/fail?how={how}"
    answers = [await send(layers, path) for _ in range(3)]
    assert answers[0].status >= 400
    assert [one.status for one in answers[1:]] == [201, 201]
    assert len(layers.made) == 2


@pytest.mark.parametrize("path", ["/api/v1/stream", "/api/v1/file"])
async def test_an_answer_that_is_no_text_in_memory_is_not_kept(layers, path):
    for _ in range(2):
        assert (await send(layers, path)).status == 201
    assert (len(layers.made), await rows(layers)) == (2, 0)


async def test_while_the_first_is_running_the_second_is_told_to_wait(layers):
    path = "/api/v1/wait"
    first = asyncio.ensure_future(send(layers, path))
    await asyncio.wait_for(layers.entered.wait(), 5)
    second = await send(layers, path)
    assert (second.status, second.headers["Retry-After"]) == (409, "1")
    assert (await send(layers, path, {"name": "b"})).status == 422
    assert (await send(layers, key="k2")).status == 201, "other keys do not wait"
    layers.let_go.set()
    assert (await first).status == 201
    assert (await send(layers, path)).raw == (await first).raw


async def test_another_person_s_key_of_the_same_name_is_not_running(layers):
    running = []
    for who in (7, 8):
        layers.entered.clear()
        running.append(asyncio.ensure_future(send(layers, "/api/v1/wait", who=who)))
        await asyncio.wait_for(layers.entered.wait(), 5)
    layers.let_go.set()
    assert [(await one).status for one in running] == [201, 201]
    assert len(layers.made) == 2


async def test_many_at_once_make_one(layers):
    layers.let_go.set()
    answers = await asyncio.gather(*(send(layers) for _ in range(20)))
    assert len(layers.made) == 1
    assert {one.status for one in answers} <= {201, 409}
    assert len({one.raw for one in answers if one.status == 201}) == 1


async def test_it_outlives_a_restart(tmp_path):
    async with serve_layers(tmp_path, *ROUTES) as layers:
        first = await send(layers)
    async with serve_layers(tmp_path, *ROUTES) as layers:
        second = await send(layers)
        assert (second.raw, second.headers["Idempotent-Replayed"], layers.made) == (first.raw, "true", [])


async def test_neither_answer_nor_request_nor_key_lies_in_the_database_in_clear(layers, tmp_path):
    body = {"name": "Canari0Name"}
    await send(layers, body=body, key="Canari0Key")
    assert await rows(layers) == 1
    files = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    for secret in (SECRET, "Canari0Name", "Canari0Key", f"{THINGS}/1"):
        assert secret.encode() not in files
    (row,) = await layers.database.read("SELECT * FROM idempotency")
    assert set(row.keys()) == {"person_id", "key_hash", "created_ms", "sealed"}, "nothing to guess a password by"


async def test_an_answer_under_another_s_name_or_key_cannot_be_opened(layers):
    await send(layers)
    await send(layers, who=8, key="k2")
    move = "UPDATE idempotency SET sealed = (SELECT sealed FROM idempotency WHERE person_id = 7) WHERE person_id = 8"
    async with layers.database.write() as transaction:
        await transaction.execute(move)
    answer = await send(layers, who=8, key="k2")
    assert (answer.status, len(layers.made)) == (201, 3), "as if it were not there"
    assert "Idempotent-Replayed" not in answer.headers


async def test_another_vault_key_is_as_if_nothing_had_been_kept(tmp_path):
    async with serve_layers(tmp_path, *ROUTES) as layers:
        await send(layers)
    async with serve_layers(tmp_path, *ROUTES, key=b"1" * 32) as layers:
        assert [(await send(layers)).status for _ in range(2)] == [201, 201]
        assert len(layers.made) == 1


async def test_after_a_day_it_is_forgotten_and_the_row_goes(layers):
    await send(layers)
    layers.clock.pass_s(DAY_S - 1)
    assert (await send(layers)).headers["Idempotent-Replayed"] == "true"
    layers.clock.pass_s(1)
    assert "Idempotent-Replayed" not in (await send(layers)).headers
    assert (len(layers.made), await rows(layers)) == (2, 1)
    layers.clock.pass_s(DAY_S)
    await send(layers, who=8)
    assert await rows(layers) == 1, "whosever it was"


async def test_only_so_many_are_kept_of_each_person_the_newest(layers, monkeypatch):
    monkeypatch.setattr(store, "MOST_EACH", 3)
    for number in range(5):
        layers.clock.pass_s(1)
        await send(layers, key=f"k{number}")
        if number in (0, 3):
            await send(layers, key=f"k{number}", who=8)
    assert await rows(layers) == 5
    for who, number in ((7, 2), (7, 3), (7, 4), (8, 0), (8, 3)):
        assert (await send(layers, key=f"k{number}", who=who)).headers["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in (await send(layers, key="k1")).headers


async def test_only_so_many_bytes_are_kept_of_each_person(layers, monkeypatch):
    await send(layers, key="first")
    (row,) = await layers.database.read("SELECT length(sealed) AS bytes FROM idempotency")
    monkeypatch.setattr(store, "MOST_EACH_BYTES", 2 * row["bytes"] + 20)
    for number in range(4):
        layers.clock.pass_s(1)
        await send(layers, key=f"k{number}")
    assert await rows(layers) == 2


async def test_the_rows_of_a_person_go_with_the_person(layers):
    await send(layers)
    await send(layers, who=8)
    async with layers.database.write() as transaction:
        await transaction.execute("DELETE FROM person WHERE id = 7")
    assert await rows(layers) == 1


@pytest.mark.parametrize("trouble", [StorageFull("full"), sqlite3.OperationalError("disk I/O error")])
async def test_a_full_disk_takes_nothing_back_and_the_answer_goes_out(layers, monkeypatch, trouble):
    output = io.StringIO()
    before = structlog.get_config()
    set_up_logs("info", output)
    write = layers.database.write

    def refuse():
        raise trouble

    monkeypatch.setattr(layers.database, "write", refuse)
    answer = await send(layers)
    structlog.configure(**before)
    assert (answer.status, answer.body["id"]) == (201, 1)
    (line,) = [json.loads(line) for line in output.getvalue().splitlines()]
    assert (line["event"], line["level"], line["error"]) == ("idempotency.not_kept", "warning", "StorageFull")
    assert line["request_id"] == answer.headers["X-Request-ID"]
    monkeypatch.setattr(layers.database, "write", write)


async def test_a_person_removed_meanwhile_is_still_answered(layers):
    answer = await send(layers, who=99)
    assert (answer.status, await rows(layers)) == (201, 0)


async def test_the_limits_of_a_body_hold_before_anything_else(layers):
    assert (await send(layers, body={"name": "x" * 5000})).status == 413
    gzipped = await layers.ask("POST", THINGS, raw=b"x", Idempotency_Key="k", Content_Encoding="gzip")
    assert (gzipped.status, layers.made) == (415, [])


async def test_nobody_gets_an_answer_the_door_would_not_let_them_have(layers):
    await send(layers)
    assert (await send(layers, who=None)).status == 401
