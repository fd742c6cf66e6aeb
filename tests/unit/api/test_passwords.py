"""Choosing another password, and giving the present one once more for what matters."""

from __future__ import annotations

import pytest

from tests.unit.api.logins import LOGIN, ME, PASSWORD_PATH, REAUTHENTICATE, log_in, sql, who_by
from tests.unit.api.served import PASSWORD
from vmsd.clock import rfc3339
from vmsd.services.lockout import Attempt

NEW = "uma outra senha"


async def test_a_new_password_needs_the_old_one_and_ends_every_session(town):
    camera = await town.served.camera(town.gestor, town.here)
    mine, elsewhere = await town.served.session("guarda"), await town.served.session("guarda")
    opened = (await town.ask("POST", f"/api/v1/streams?camera_id={camera['id']}", who=elsewhere)).body
    wrong = await town.ask("POST", PASSWORD_PATH, {"password": "x", "new_password": "outra senha boa"}, who=mine)
    assert (wrong.status, wrong.pointers) == (422, {"/password"})
    short = await town.ask("POST", PASSWORD_PATH, {"password": PASSWORD, "new_password": "curta"}, who=mine)
    assert (short.status, short.pointers) == (422, {"/new_password"})
    assert (await town.ask("GET", ME, who=mine)).status == 200
    new = "  com espaços à volta  "
    assert (await town.ask("POST", PASSWORD_PATH, {"password": PASSWORD, "new_password": new}, who=mine)).status == 204
    for who in (mine, elsewhere):
        assert (await town.ask("GET", ME, who=who)).status == 401
    assert (await town.ask("GET", opened["hls_url"])).status == 401
    assert (await log_in(town, "guarda")).status == 401
    assert (await log_in(town, "guarda", new.strip())).status == 401
    assert (await log_in(town, "guarda", new)).status == 200


@pytest.mark.parametrize("new", [PASSWORD, "curta", "x" * 257, "1234567890", "aaaaaaaaaaaa", "password123"])
async def test_a_new_password_is_another_and_none_that_everybody_would_guess(town, new):
    who = await town.served.session("guarda")
    answer = await town.ask("POST", PASSWORD_PATH, {"password": PASSWORD, "new_password": new}, who=who)
    assert (answer.status, answer.pointers) == (422, {"/new_password"})
    assert (await town.ask("GET", ME, who=who)).status == 200
    assert (await log_in(town, "guarda")).status == 200


async def test_a_new_password_is_not_the_name(town):
    await sql(town.served, "UPDATE person SET name = 'Guarda da Portaria' WHERE name = 'guarda'")
    who = await town.served.session("guarda")
    body = {"password": PASSWORD, "new_password": "guarda da portaria"}
    answer = await town.ask("POST", PASSWORD_PATH, body, who=who)
    assert (answer.status, answer.pointers) == (422, {"/new_password"})


async def test_who_must_choose_a_password_does_nothing_else_first(town):
    await sql(town.served, "UPDATE person SET must_change = 1 WHERE name = 'gestora'")
    who = who_by(await log_in(town))
    me = await town.ask("GET", ME, who=who)
    assert (me.status, me.body["must_change_password"]) == (200, True)
    for method, path in (
        ("GET", "/api/v1/cameras"),
        ("GET", "/api/v1/states"),
        ("GET", "/api/v1/auth/sessions"),
        ("POST", REAUTHENTICATE),
        ("POST", "/api/v1/auth/totp"),
    ):
        answer = await town.ask(method, path, who=who)
        assert (answer.status, answer.body["cause"]) == (403, "change_password"), path
    body = {"password": PASSWORD, "new_password": NEW}
    assert (await town.ask("POST", PASSWORD_PATH, body, who=who)).status == 204
    who = who_by(await log_in(town, password=NEW))
    assert (await town.ask("GET", ME, who=who)).body["must_change_password"] is False
    assert (await town.ask("GET", "/api/v1/cameras", who=who)).status == 200


async def fresh_until(town, who):
    return (await town.ask("GET", ME, who=who)).body["fresh_until"]


async def begin_factor(town, who):
    """Of all that wants a fresh proof, what needs the least besides."""
    return await town.ask("POST", "/api/v1/auth/totp", who=who)


async def test_ten_minutes_after_the_password_it_must_be_given_again_for_what_matters(town):
    clock = town.served.clock
    who = await town.served.session("guarda")
    assert await fresh_until(town, who) == rfc3339(clock.wall_ms() + 600_000)
    clock.pass_s(600)
    assert (await begin_factor(town, who)).status == 200
    clock.pass_s(1)
    refused = await begin_factor(town, who)
    assert (refused.status, refused.body["cause"]) == (403, "reauthenticate")
    assert await fresh_until(town, who) is None
    wrong = await town.ask("POST", REAUTHENTICATE, {"password": "errada errada"}, who=who)
    assert (wrong.status, wrong.pointers) == (422, {"/password"})
    assert (await begin_factor(town, who)).status == 403
    assert (await town.ask("POST", REAUTHENTICATE, {"password": PASSWORD}, who=who)).status == 204
    assert await fresh_until(town, who) == rfc3339(clock.wall_ms() + 600_000)
    assert (await begin_factor(town, who)).status == 200


async def test_a_proof_counts_for_its_own_session_alone(town):
    first, second = await town.served.session("guarda"), await town.served.session("guarda")
    town.served.clock.pass_s(601)
    assert (await town.ask("POST", REAUTHENTICATE, {"password": PASSWORD}, who=first)).status == 204
    assert (await begin_factor(town, first)).status == 200
    assert (await begin_factor(town, second)).status == 403


async def test_a_token_proves_nothing(town):
    answer = await town.ask("POST", REAUTHENTICATE, {"password": PASSWORD}, who=town.guard)
    assert answer.status == 403


@pytest.mark.parametrize("path", [REAUTHENTICATE, PASSWORD_PATH])
async def test_guessing_in_somebody_elses_session_costs_what_a_login_costs(town, path):
    who = await town.served.session("guarda")
    body = {"password": "errada errada"} | ({"new_password": NEW} if path == PASSWORD_PATH else {})
    statuses = [(await town.ask("POST", path, body, who=who)).status for _ in range(6)]
    assert statuses == [422] * 5 + [429]
    assert (await town.ask("POST", LOGIN, {"name": "guarda", "password": PASSWORD})).status == 429


async def test_an_account_hammered_from_elsewhere_still_proves_itself_in_its_session(town):
    who = await town.served.session("guarda")
    for _ in range(12):
        town.served.site.accounts._lockout.note_failure(Attempt("guarda", "203.0.113.9"))
    assert (await town.ask("POST", REAUTHENTICATE, {"password": PASSWORD}, who=who)).status == 204
