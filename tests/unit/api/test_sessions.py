"""Staying logged in, seeing where, and being put out again."""

from __future__ import annotations

import pytest

from tests.unit.api.logins import ME, SESSIONS, cookie_of, log_in, sql, who_by
from tests.unit.api.served import viewing_token
from vmsd.clock import rfc3339
from vmsd.model.person import Role, Verb


async def test_a_login_opens_a_session_scripts_cannot_read(town):
    answer = await log_in(town)
    assert answer.status == 200
    now_ms = town.served.clock.wall_ms()
    verbs = ["configure", "export", "manage", "plates", "preserve", "replay", "view"]
    assert answer.body == {
        "id": town.served.people["gestora"].public_id,
        "name": "gestora",
        "role": "GESTOR",
        "city_id": town.here.public_id,
        "verbs": verbs,
        "groups": [{"group": "*", "verbs": verbs}],
        "must_change_password": False,
        "totp": False,
        "fresh_until": rfc3339(now_ms + 600_000),
        "session_expires_at": rfc3339(now_ms + 1_800_000),
    }
    attributes = {part.strip().lower() for part in cookie_of(answer).split(";")[1:]}
    assert {"httponly", "samesite=strict", "path=/"} <= attributes
    assert "secure" not in attributes
    me = await town.ask("GET", ME, who=who_by(answer))
    assert (me.status, me.body) == (200, answer.body)


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


ROLES = [("guarda", "session"), ("gestora", "session_admin"), ("root", "session_admin")]


@pytest.mark.parametrize(("name", "rule"), ROLES)
async def test_a_session_ends_when_it_is_idle_and_when_it_is_old(town, name, rule):
    http, clock = town.served.base.settings.http, town.served.clock
    idle_s, absolute_s = getattr(http, f"{rule}_idle_s"), getattr(http, f"{rule}_absolute_s")
    who = await town.served.session(name)
    assert (await town.ask("GET", ME, who=who)).status == 200
    clock.pass_s(idle_s - 1)
    assert (await town.ask("GET", ME, who=who)).status == 200
    clock.pass_s(idle_s + 1)
    assert (await town.ask("GET", ME, who=who)).status == 401
    who = await town.served.session(name)
    for _ in range(absolute_s // 1200):
        clock.pass_s(1200)
        assert (await town.ask("GET", ME, who=who)).status == 200
    clock.pass_s(2)
    assert (await town.ask("GET", ME, who=who)).status == 401


async def test_a_guard_stays_a_shift_and_a_manager_does_not(town):
    ages = {name: cookie_of(await log_in(town, name)).partition("Max-Age=")[2].partition(";")[0] for name, _ in ROLES}
    assert ages == {"guarda": "86400", "gestora": "28800", "root": "28800"}


async def test_an_open_dashboard_keeps_its_manager_logged_in(town):
    who = await town.served.session("gestora")
    for _ in range(60):
        town.served.clock.pass_s(60)
        assert (await town.ask("GET", "/api/v1/states", who=who)).status == 200


async def test_somebody_who_becomes_a_manager_is_held_to_a_managers_rules(town):
    who = await town.served.session("guarda")
    town.served.clock.pass_s(1900)
    assert (await town.ask("GET", ME, who=who)).status == 200
    await sql(town.served, "UPDATE person SET role = 'GESTOR' WHERE name = 'guarda'")
    town.served.clock.pass_s(1900)
    assert (await town.ask("GET", ME, who=who)).status == 401


async def test_a_login_clears_away_nobodys_living_session(town):
    guard, old = await town.served.session("guarda"), await town.served.session("gestora")
    town.served.clock.pass_s(11 * 3600)
    await log_in(town)
    rows = await town.served.base.database.read("SELECT count(*) AS n FROM session")
    assert rows[0]["n"] == 3
    assert (await town.ask("GET", ME, who=guard)).status == 200
    assert (await town.ask("GET", ME, who=old)).status == 401
    town.served.clock.pass_s(14 * 3600)
    await log_in(town)
    rows = await town.served.base.database.read("SELECT count(*) AS n FROM session")
    assert rows[0]["n"] == 1


async def test_a_clock_set_back_makes_no_session_eternal(town):
    who = await town.served.session("gestora")
    town.served.clock.wall -= 240_000
    assert (await town.ask("GET", ME, who=who)).status == 200
    town.served.clock.wall -= 3_600_000
    assert (await town.ask("GET", ME, who=who)).status == 401


async def test_a_proof_that_is_still_to_come_is_none(town):
    who = await town.served.session("gestora")
    await sql(town.served, "UPDATE session SET proved_ms = :ms", ms=town.served.clock.wall_ms() + 3_600_000)
    assert (await town.ask("GET", ME, who=who)).body["fresh_until"] is None


async def test_one_person_has_at_most_fifty_sessions(town):
    first = await town.served.session("guarda")
    for _ in range(49):
        town.served.clock.pass_s(1)
        await town.served.session("guarda")
    other = await town.served.session("gestora")
    assert (await town.ask("GET", ME, who=first)).status == 200
    who = who_by(await log_in(town, "guarda"))
    assert (await town.ask("GET", ME, who=first)).status == 401
    assert (await town.ask("GET", ME, who=other)).status == 200
    assert len((await town.ask("GET", f"{SESSIONS}?limit=500", who=who)).body["items"]) == 50


async def test_people_see_where_they_are_logged_in_and_nobody_else(town):
    first = await town.served.session("guarda")
    town.served.clock.pass_s(5)
    second = await town.served.session("guarda")
    await town.served.session("gestora")
    answer = await town.ask("GET", SESSIONS, who=first)
    newest, oldest = answer.body["items"]
    assert answer.body["next"] is None
    assert (newest["current"], oldest["current"], oldest["address"]) == (False, True, "127.0.0.1")
    assert newest["created_at"] == newest["seen_at"] == rfc3339(town.served.clock.wall_ms())
    page = await town.ask("GET", f"{SESSIONS}?limit=1", who=first)
    assert [one["id"] for one in page.body["items"]] == [newest["id"]]
    rest = await town.ask("GET", f"{SESSIONS}?limit=1&cursor={page.body['next']}", who=first)
    assert ([one["id"] for one in rest.body["items"]], rest.body["next"]) == ([oldest["id"]], None)
    assert (await town.ask("GET", f"{SESSIONS}?cursor=x", who=second)).pointers == {"/cursor"}


async def test_a_session_that_has_ended_is_in_no_list(town):
    await town.served.session("gestora")
    town.served.clock.pass_s(1801)
    who = await town.served.session("gestora")
    assert len((await town.ask("GET", SESSIONS, who=who)).body["items"]) == 1


async def test_a_session_is_ended_from_another_one_with_what_was_watched_in_it(town):
    camera = await town.served.camera(town.gestor, town.here)
    mine, lost = await town.served.session("guarda"), await town.served.session("guarda")
    opened = [
        (await town.ask("POST", f"/api/v1/streams?camera_id={camera['id']}", who=who)).body for who in (mine, lost)
    ]
    items = (await town.ask("GET", SESSIONS, who=mine)).body["items"]
    gone = next(one["id"] for one in items if not one["current"])
    assert (await town.ask("DELETE", f"{SESSIONS}/{gone}", who=mine)).status == 204
    assert (await town.ask("GET", ME, who=lost)).status == 401
    assert (await town.ask("GET", ME, who=mine)).status == 200
    assert [(await town.ask("GET", one["hls_url"])).status for one in opened] == [503, 401]
    assert (await town.ask("DELETE", f"{SESSIONS}/{gone}", who=mine)).status == 404


async def test_nobody_ends_another_persons_session(town):
    theirs, mine = await town.served.session("guarda"), await town.served.session("gestora")
    session = (await town.ask("GET", SESSIONS, who=theirs)).body["items"][0]["id"]
    for bad in (session, "x", "00000000-0000-4000-8000-000000000000"):
        assert (await town.ask("DELETE", f"{SESSIONS}/{bad}", who=mine)).status == 404
    assert (await town.ask("GET", ME, who=theirs)).status == 200


async def test_a_token_sees_and_ends_no_session(town):
    who = await town.served.session("gestora")
    session = (await town.ask("GET", SESSIONS, who=who)).body["items"][0]["id"]
    assert (await town.ask("GET", SESSIONS, who=town.gestor)).status == 403
    assert (await town.ask("DELETE", f"{SESSIONS}/{session}", who=town.gestor)).status == 403
    assert (await town.ask("GET", ME, who=who)).status == 200


async def test_what_a_token_may_do_is_what_it_says_of_itself(town):
    await town.served.person("vigia", Role.USER, town.here, {0: frozenset({Verb.VIEW, Verb.REPLAY})})
    token = await town.served.token("vigia", frozenset({Verb.VIEW}))
    me = (await town.ask("GET", ME, who=token)).body
    assert me["verbs"] == ["view"]
    assert me["groups"] == [{"group": "*", "verbs": ["view"]}]
    assert (me["fresh_until"], me["session_expires_at"]) == (None, None)


async def test_a_disabled_account_is_out_at_once(town):
    session = await town.served.session("guarda")
    camera = await town.served.camera(town.gestor, town.here)
    opened = (await town.ask("POST", f"/api/v1/streams?camera_id={camera['id']}", who=session)).body
    await sql(town.served, "UPDATE person SET status = 'disabled' WHERE name = 'guarda'")
    for who in (session, town.guard):
        assert (await town.ask("GET", ME, who=who)).status == 401
    town.served.clock.pass_s(4)
    assert (await town.ask("GET", opened["hls_url"])).status == 401
    assert (await log_in(town, "guarda")).status == 401


async def test_a_token_ends_on_its_day(town):
    town.served.clock.pass_s(90 * 86_400 - 1)
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
