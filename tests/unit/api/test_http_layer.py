"""The layers around the handlers, in the daemon itself: each holds on the routes it is there for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.unit.api.served import CAMERA, PASSWORD, serve
from vmsd.model.person import Role

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.api.conftest import Town

CENTRAL = "https://central.example"
API = "/api/v1"


@pytest.fixture
async def open_town(tmp_path: Path):
    """One city, its gestora and a superadmin, and a central office whose pages may ask."""
    few = {"heavy": {"per_s": 0.5, "burst": 2}}
    async with serve(tmp_path, http={"cors_origins": [CENTRAL]}, rates=few) as served:
        city = await served.city("Aqui")
        await served.person("root", Role.SUPERADMIN)
        await served.person("gestora", Role.GESTOR, city)
        yield served


async def test_a_camera_sent_twice_under_one_key_is_one_camera(town: Town):
    first, second = [
        await town.ask("POST", f"{API}/cameras", CAMERA, who=town.gestor, Idempotency_Key="c1") for _ in range(2)
    ]
    assert (first.status, second.status) == (201, 201)
    assert second.raw == first.raw
    assert second.headers["Idempotent-Replayed"] == "true"
    assert len((await town.ask("GET", f"{API}/cameras", who=town.gestor)).body["items"]) == 1
    other = await town.ask("POST", f"{API}/cameras", CAMERA | {"name": "B"}, who=town.gestor, Idempotency_Key="c1")
    assert other.status == 422
    refused = await town.ask("POST", f"{API}/cameras", CAMERA, who=town.guard, Idempotency_Key="c1")
    assert refused.status == 403, "the door comes first"


async def test_a_key_counts_for_each_city_by_itself(town: Town):
    answers = [
        await town.ask("POST", f"{API}/cameras", CAMERA, who=town.root, city=city, Idempotency_Key="c1")
        for city in (town.here, town.there, town.here)
    ]
    assert [one.status for one in answers] == [201, 422, 201]


async def test_a_token_made_twice_under_one_key_is_one_token_and_its_secret_lies_nowhere(town: Town, tmp_path: Path):
    first, second = [
        await town.ask("POST", f"{API}/tokens", {"name": "leitor"}, who=town.gestor, Idempotency_Key="t1")
        for _ in range(2)
    ]
    assert (first.status, first.raw) == (201, second.raw)
    assert "Content-Encoding" not in first.headers
    secret = first.body["token"].encode()
    assert not [file for file in (tmp_path / "data").glob("vmsd.db*") if secret in file.read_bytes()]


async def test_who_asks_too_often_for_what_is_heavy_may_still_do_the_rest(open_town):
    who, body = await open_town.token("gestora"), {"source_url": "not one"}
    statuses = [(await open_town.ask("POST", f"{API}/cameras/probe", body, who=who)).status for _ in range(3)]
    assert statuses == [422, 422, 429]
    refused = await open_town.ask("POST", f"{API}/cameras/probe", body, who=who)
    assert refused.headers["Retry-After"] == "2"
    assert (await open_town.ask("GET", f"{API}/cameras", who=who)).status == 200
    open_town.clock.pass_s(2)
    assert (await open_town.ask("POST", f"{API}/cameras/probe", body, who=who)).status == 422


async def test_the_central_office_s_page_may_ask_with_a_token_and_not_log_in(open_town):
    who = await open_town.token("gestora")
    before = await open_town.ask("OPTIONS", f"{API}/cameras", Origin=CENTRAL, Access_Control_Request_Method="POST")
    assert (before.status, before.headers["Access-Control-Allow-Methods"]) == (204, "GET, HEAD, POST")
    made = await open_town.ask("POST", f"{API}/cameras", CAMERA, who=who, Origin=CENTRAL, Sec_Fetch_Site="cross-site")
    assert (made.status, made.headers["Access-Control-Allow-Origin"]) == (201, CENTRAL)
    login = {"name": "gestora", "password": PASSWORD}
    refused = await open_town.ask("POST", f"{API}/auth/login", login, Origin=CENTRAL)
    assert refused.status == 403
    session = await open_town.session("gestora")
    assert (await open_town.ask("DELETE", made.headers["Location"], who=session, Origin=CENTRAL)).status == 403
    for answer in (before, made, refused):
        assert "Access-Control-Allow-Credentials" not in answer.headers


async def test_a_long_list_is_gzipped_and_the_same(town: Town):
    for number in range(8):
        await town.served.camera(town.gestor, town.here, name=f"Camera {number}")
    plain = await town.ask("GET", f"{API}/cameras", who=town.gestor, Accept_Encoding="identity")
    packed = await town.ask("GET", f"{API}/cameras", who=town.gestor, Accept_Encoding="gzip")
    assert packed.headers["Content-Encoding"] == "gzip"
    assert int(packed.headers["Content-Length"]) < len(plain.raw) / 2
    assert packed.body == plain.body


async def test_what_a_page_says_of_a_bug_can_be_found_in_the_log(town: Town, monkeypatch):
    renderer = town.served.site.renderer
    render = renderer.render

    def fail(request, template, **rest):
        if template == "error.html":
            return render(request, template, **rest)
        raise RuntimeError("a bug")

    monkeypatch.setattr(renderer, "render", fail)
    who = await town.served.session("gestora")
    answer = await town.ask("GET", "/", who=who, Accept="text/html", X_Request_ID="quote-me")
    assert (answer.status, answer.content_type) == (500, "text/html")
    assert b"quote-me" in answer.raw
    assert answer.headers["X-Request-ID"] == "quote-me"


async def test_an_older_version_is_not_changed(town: Town):
    camera = await town.served.camera(town.gestor, town.here)
    path = f"{API}/cameras/{camera['id']}"
    old = (await town.ask("GET", path, who=town.gestor)).headers["ETag"]
    changed = await town.ask("PATCH", path, {"name": "Nova"}, who=town.gestor, If_Match=old)
    assert changed.status == 200
    assert changed.headers["ETag"] != old
    assert (await town.ask("PATCH", path, {"name": "Velha"}, who=town.gestor, If_Match=old)).status == 412
    assert (await town.ask("DELETE", path, who=town.gestor, If_Match=changed.headers["ETag"])).status == 204
