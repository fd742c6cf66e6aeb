"""Logging in, staying in, and being put out again."""

from __future__ import annotations

import asyncio
import time

import pytest

from tests.unit.api.served import PASSWORD, viewing_token
from vmsd.model.person import Role

LOGIN = "/api/v1/auth/login"
ME = "/api/v1/auth/me"


async def log_in(town, name="gestora", password=PASSWORD, **headers):
    return await town.ask("POST", LOGIN, {"name": name, "password": password}, **headers)


def cookie_of(answer) -> str:
    return answer.headers["Set-Cookie"]


def who_by(answer) -> dict[str, str]:
    return {"Cookie": cookie_of(answer).partition(";")[0]}


async def test_a_login_opens_a_session_scripts_cannot_read(town):
    answer = await log_in(town)
    assert answer.status == 200
    assert answer.body == {
        "id": town.served.people["gestora"].public_id,
        "name": "gestora",
        "role": "GESTOR",
        "city_id": town.here.public_id,
    }
    attributes = {part.strip().lower() for part in cookie_of(answer).split(";")[1:]}
    assert {"httponly", "samesite=strict", "path=/"} <= attributes
    assert "secure" not in attributes
    me = await town.ask("GET", ME, who=who_by(answer))
    assert (me.status, me.body["name"], me.body["city_id"]) == (200, "gestora", town.here.public_id)
    assert "configure" in me.body["verbs"]


async def test_over_tls_the_cookie_stays_on_tls(town):
    answer = await log_in(town, X_Forwarded_Proto="https")
    name, _, value = cookie_of(answer).partition(";")[0].partition("=")
    assert name == "__Host-vmsd"
    assert {"; secure", "; httponly", "; path=/"} <= {
        f"; {one.strip().lower()}" for one in cookie_of(answer).split(";")
    }
    over_tls = {"X_Forwarded_Proto": "https"}
    assert (await town.ask("GET", ME, who={"Cookie": f"{name}={value}"}, **over_tls)).status == 200
    assert (await town.ask("GET", ME, who={"Cookie": f"vmsd={value}"}, **over_tls)).status == 401
    assert (await town.ask("GET", ME, who={"Cookie": f"{name}={value}"})).status == 401


async def test_a_session_ends_when_it_is_idle_and_when_it_is_old(town):
    http, clock = town.served.base.settings.http, town.served.clock
    who = await town.served.session("gestora")
    assert (await town.ask("GET", ME, who=who)).status == 200
    clock.pass_s(http.session_idle_s - 1)
    assert (await town.ask("GET", ME, who=who)).status == 200
    clock.pass_s(http.session_idle_s + 1)
    assert (await town.ask("GET", ME, who=who)).status == 401
    who = await town.served.session("gestora")
    for _ in range(http.session_absolute_s // 3600):
        clock.pass_s(3600)
        assert (await town.ask("GET", ME, who=who)).status == 200
    clock.pass_s(2)
    assert (await town.ask("GET", ME, who=who)).status == 401


async def test_a_token_ends_on_its_day(town):
    town.served.clock.pass_s(30 * 86_400 - 1)
    assert (await town.ask("GET", ME, who=town.gestor)).status == 200
    town.served.clock.pass_s(2)
    assert (await town.ask("GET", ME, who=town.gestor)).status == 401


async def test_logging_out_ends_the_session_and_what_was_watched_in_it(town):
    camera = await town.served.camera(town.gestor, town.here)
    who, elsewhere = await town.served.session("guarda"), await town.served.session("guarda")
    opened = {
        name: (await town.ask("POST", f"/api/v1/streams?camera_id={camera['id']}", who=by)).body
        for name, by in (("here", who), ("elsewhere", elsewhere))
    }
    answer = await town.ask("POST", "/api/v1/auth/logout", who=who)
    assert answer.status == 204
    assert 'vmsd="";' in cookie_of(answer)
    assert (await town.ask("GET", ME, who=who)).status == 401
    assert (await town.ask("GET", opened["here"]["hls_url"])).status == 401
    assert (await town.ask("GET", ME, who=elsewhere)).status == 200
    assert (await town.ask("GET", opened["elsewhere"]["hls_url"])).status == 503


async def test_a_player_does_not_outlive_the_session_it_was_opened_in(town):
    camera = await town.served.camera(town.gestor, town.here)
    who = await town.served.session("guarda")
    opened = (await town.ask("POST", f"/api/v1/streams?camera_id={camera['id']}", who=who)).body
    left_s = town.served.base.settings.http.session_idle_s
    while left_s > 0:
        assert (await town.ask("GET", opened["hls_url"])).status == 503
        town.served.clock.pass_s(50)
        left_s -= 50
    town.served.clock.pass_s(10)
    assert (await town.ask("GET", opened["hls_url"])).status == 401


async def test_a_viewing_token_dies_when_nobody_uses_it(town):
    camera = await town.served.camera(town.gestor, town.here)
    opened = (await town.ask("POST", f"/api/v1/streams?camera_id={camera['id']}", who=town.guard)).body
    town.served.clock.pass_s(59)
    assert (await town.ask("GET", opened["snapshot_url"])).status == 404
    town.served.clock.pass_s(59)
    assert (await town.ask("GET", opened["snapshot_url"])).status == 404
    town.served.clock.pass_s(61)
    assert (await town.ask("GET", opened["snapshot_url"])).status == 401


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://["},
        {"Origin": ""},
        {"Origin": "http://127.0.0.1:1"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "nonsense"},
    ],
    ids=repr,
)
async def test_another_site_changes_nothing_in_a_persons_name(town, headers):
    who = await town.served.session("gestora")
    answer = await town.ask("POST", "/api/v1/cameras", {}, who=who, **headers)
    assert answer.status == 403
    assert (await town.ask("POST", "/api/v1/cameras", {}, who=town.gestor, **headers)).status == 422
    assert (await log_in(town, **headers)).status == 403


async def test_our_own_page_is_let_through(town):
    who = await town.served.session("gestora")
    origin = {"Origin": town.served.url, "Sec-Fetch-Site": "same-origin"}
    assert (await town.ask("POST", "/api/v1/cameras", {}, who=who, **origin)).status == 422


NOBODYS = [
    {"Authorization": "Bearer vmsd_" + "x" * 43},
    {"Authorization": "Bearer vmsd_"},
    {"Authorization": "Bearer"},
    {"Authorization": "bearer  vmsd_x"},
    {"Authorization": "Basic eDp5"},
    {"Authorization": "Bearer vmsd_\udcff\udcfe"},
    {"Authorization": "\udcff"},
    {"Cookie": "vmsd=x"},
    {"Cookie": "vmsd="},
    {"Cookie": "vmsd=\udcff\udcfe"},
    {"Cookie": "=;;;=,\\"},
]


async def test_what_is_no_credential_is_nobody(town, subtests):
    for who in NOBODYS:
        for path in ("/api/v1/cameras", "/hls/stream_x/index.m3u8", "/hls/stream_x/index.m3u8?token=%FF%00"):
            with subtests.test(who=repr(who), path=path):
                answer = await town.ask("GET", path, who=who)
                assert answer.status == 401, answer.raw
                assert answer.headers["WWW-Authenticate"].startswith("Bearer")


async def test_people_of_a_suspended_city_are_out_and_a_superadmin_is_in(town):
    session = await town.served.session("guarda")
    camera = await town.served.camera(town.gestor, town.here)
    opened = (await town.ask("POST", f"/api/v1/streams?camera_id={camera['id']}", who=town.guard)).body
    city = f"/api/v1/cities/{town.here.public_id}"
    assert (await town.ask("PATCH", city, {"status": "suspended"}, who=town.root)).status == 200
    for who in (town.gestor, town.guard, session):
        for path in ("/api/v1/cameras", ME, "/api/v1/cities", "/api/v1/system", "/", "/api/v1/states"):
            assert (await town.ask("GET", path, who=who)).status == 403
    assert (await town.ask("GET", opened["hls_url"])).status == 403
    assert (await log_in(town)).status == 403
    assert (await log_in(town, password="errada errada")).status == 401
    assert (await town.ask("GET", "/api/v1/cameras", who=town.root, city=town.here)).status == 200
    assert (await town.ask("GET", "/api/v1/cameras", who=town.other)).status == 200
    assert (await town.ask("POST", "/api/v1/auth/logout", who=session)).status == 204


async def test_a_new_password_needs_the_old_one_and_ends_every_session(town):
    camera = await town.served.camera(town.gestor, town.here)
    mine, elsewhere = await town.served.session("guarda"), await town.served.session("guarda")
    opened = (await town.ask("POST", f"/api/v1/streams?camera_id={camera['id']}", who=elsewhere)).body
    path = "/api/v1/auth/password"
    wrong = await town.ask("POST", path, {"password": "x", "new_password": "outra senha boa"}, who=mine)
    assert (wrong.status, wrong.pointers) == (422, {"/password"})
    short = await town.ask("POST", path, {"password": PASSWORD, "new_password": "curta"}, who=mine)
    assert (short.status, short.pointers) == (422, {"/new_password"})
    assert (await town.ask("GET", ME, who=mine)).status == 200
    new = "  com espaços à volta  "
    assert (await town.ask("POST", path, {"password": PASSWORD, "new_password": new}, who=mine)).status == 204
    for who in (mine, elsewhere):
        assert (await town.ask("GET", ME, who=who)).status == 401
    assert (await town.ask("GET", opened["hls_url"])).status == 401
    assert (await log_in(town, "guarda")).status == 401
    assert (await log_in(town, "guarda", new.strip())).status == 401
    assert (await log_in(town, "guarda", new)).status == 200


async def test_the_fifth_wrong_password_costs_a_wait_for_names_that_exist_and_names_that_do_not(town):
    for name in ("gestora", "ninguem"):
        statuses = [(await log_in(town, name, "errada errada")).status for _ in range(5)]
        assert statuses == [401] * 5
        refused = await log_in(town, name)
        assert (refused.status, refused.headers["Retry-After"]) == (429, "1")
        town.served.clock.pass_s(1000)
        town.served.site.accounts._lockout._failures.pop("address:127.0.0.1")
    assert (await log_in(town)).status == 200


async def test_a_wrong_name_and_a_wrong_password_sound_alike_and_take_alike(town):
    async def timed(name: str) -> tuple[float, bytes]:
        town.served.site.accounts._lockout._failures.clear()
        began = time.perf_counter()
        answer = await log_in(town, name, "errada errada")
        assert answer.status == 401
        return time.perf_counter() - began, answer.raw

    known, unknown = [await timed("gestora") for _ in range(5)], [await timed("ninguem") for _ in range(5)]
    assert known[0][1] == unknown[0][1]
    assert 0.4 < min(known)[0] / min(unknown)[0] < 2.5


async def test_ten_people_log_in_at_once_and_the_loop_does_not_notice(town):
    lags: list[float] = []
    counting = 0
    passwords = town.served.site.accounts._passwords
    verify = passwords._verify

    def counted(*args: str) -> bool:
        nonlocal counting
        counting += 1
        assert counting <= 2
        try:
            return verify(*args)
        finally:
            counting -= 1

    passwords._verify = counted
    for number in range(10):
        await town.served.person(f"pessoa{number}", Role.USER, town.here)

    async def measure() -> None:
        while True:
            began = time.perf_counter()
            await asyncio.sleep(0.002)
            lags.append(time.perf_counter() - began - 0.002)

    meter = asyncio.ensure_future(measure())
    answers = await asyncio.gather(*(log_in(town, f"pessoa{number}") for number in range(10)))
    meter.cancel()
    assert [answer.status for answer in answers] == [200] * 10
    late = sorted(lags)
    assert late[len(late) * 95 // 100] < 0.05, late[-5:]
    assert sum(lag > 0.05 for lag in lags) <= 3, late[-5:]


async def test_a_hundred_guesses_at_once_are_no_way_around_the_wait(town):
    answers = await asyncio.gather(*(log_in(town, "gestora", f"errada {number:05}") for number in range(60)))
    tried = [answer.status for answer in answers].count(401)
    assert 5 <= tried <= 7
    assert {answer.status for answer in answers} == {401, 429}


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"name": "x"},
        {"name": "x", "password": ""},
        {"name": "x", "password": "y" * 257},
        {"name": "x" * 101, "password": "y"},
        {"name": "x", "password": "\ud800"},
        {"name": "x", "password": 1},
        {"name": "x", "password": "y", "remember": True},
    ],
    ids=lambda body: repr(body)[:40],
)
async def test_a_login_that_cannot_be_is_not_tried(town, body):
    assert (await town.ask("POST", LOGIN, body)).status == 422


async def test_names_are_the_same_however_they_were_typed(town):
    await town.served.person("João", Role.USER, town.here)
    for name in ("Joa\u0303o", "JO\u00e3o", " João "):
        assert (await log_in(town, name)).status == 200


async def test_a_superadmin_without_header_sees_pages_of_the_city_they_chose(town):
    who = await town.served.session("root")
    chosen = {"city_id": town.there.public_id}
    assert (await town.ask("POST", "/api/v1/auth/city", chosen, who=who)).status == 204
    page = await town.ask("GET", "/", who=who)
    assert town.there.public_id in page.raw.decode()
    for bad in ({"city_id": "x"}, {"city_id": None}, {}):
        assert (await town.ask("POST", "/api/v1/auth/city", bad, who=who)).status == 422
    gone = {"city_id": "00000000-0000-4000-8000-000000000000"}
    assert (await town.ask("POST", "/api/v1/auth/city", gone, who=who)).status == 404


async def test_the_token_of_one_camera_opens_no_other(town):
    first = await town.served.camera(town.gestor, town.here)
    second = await town.served.camera(town.gestor, town.here)
    opened = (await town.ask("POST", f"/api/v1/streams?camera_id={first['id']}", who=town.guard)).body
    token = viewing_token(opened)
    path = "/hls/stream_{}/index.m3u8?token={}"
    assert (await town.ask("GET", path.format(first["id"], token))).status == 503
    assert (await town.ask("GET", path.format(second["id"], token))).status == 404
    assert (await town.ask("GET", f"/api/v1/cameras?token={token}")).status == 401
