"""Who may do what, all of it, is what was reviewed; and some of it must be so whoever reviewed it."""

from __future__ import annotations

import csv

import pytest
from aiohttp import web

from tests.unit.api.authz import CALLERS, TABLE, Case, ask_everybody, cases, text_of
from vmsd.api.application import add_routes
from vmsd.api.policy import Route, Tenant
from vmsd.api.routes import ROUTES
from vmsd.model.person import Role, Verb, allows

HERE = ("gestor", "gestor_session", "user", "user_session", "user_square_all", "user_both", "root_here")
SIGNED = {("POST", f"/api/v1/webhooks/lpr{end}") for end in ("", "/hikvision/{key}", "/intelbras/{key}")}
"""Whoever sends there proves it with the message itself, or with a secret address."""
OPEN = {
    ("GET", "/health"),
    ("POST", "/api/v1/auth/login"),
    ("GET", "/login"),
    ("GET", "/static/{version}/{name}"),
    ("GET", "/wall/{key}"),
    *SIGNED,
}
DENIED = {"401", "403", "404"}
PASSED = {"200", "201", "204", "304", "412", "422", "426", "503"}


def reviewed() -> list[dict[str, str]]:
    with TABLE.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def by_case() -> list[tuple[Case, dict[str, str]]]:
    table = {(row["method"], row["path"], row["about"]): row for row in reviewed()}
    return [(case, table[case.key]) for case in cases() if case.key in table]


@pytest.mark.timeout(300)
async def test_everybody_is_let_in_and_kept_out_as_reviewed(tmp_path):
    found = text_of(await ask_everybody(tmp_path)).splitlines()
    expected = TABLE.read_text("utf-8").splitlines()
    assert found == expected, "`python -m tests.unit.api.authz` makes the table anew; read what changes in it"


def test_the_table_is_large_and_whole():
    rows = reviewed()
    assert len(rows) * len(CALLERS) >= 2000
    assert [(row["method"], row["path"], row["about"]) for row in rows] == [case.key for case in cases()]
    assert list(rows[0])[3:] == list(CALLERS)


def test_nobody_gets_in_without_an_account_but_where_it_is_open_to_everybody():
    for case, row in by_case():
        outside = {row[caller] for caller in ("nobody", "expired", "disabled")}
        if case.route.tenant is not Tenant.PUBLIC:
            assert outside == {"401"}, case.key


def test_what_is_open_to_everybody_is_a_short_list():
    open_ = {case.key[:2] for case in cases() if case.route.tenant is Tenant.PUBLIC}
    assert open_ == OPEN


def test_nothing_of_the_other_city_is_reached_from_here():
    for case, row in by_case():
        if case.target == "other" and not case.route.page:
            inside = HERE if case.route.tenant is Tenant.CITY else HERE[:-1]
            assert {row[caller] for caller in inside} <= DENIED, case.key


def test_naming_a_city_that_is_not_ones_own_opens_nothing():
    for case, row in by_case():
        if case.route.tenant in (Tenant.CITY, Tenant.CITIES):
            assert row["other_here"] in DENIED, case.key


def test_people_of_a_suspended_city_can_only_leave():
    for case, row in by_case():
        if case.route.tenant is not Tenant.PUBLIC and not case.route.leaving:
            assert row["suspended"] == "403", case.key


def test_who_has_no_right_reaches_no_camera():
    for case, row in by_case():
        if case.target in ("square", "school", "alone") and not case.route.page:
            assert row["user_nothing"] in DENIED, case.key


def test_a_right_on_one_group_is_none_on_another():
    for case, row in by_case():
        if case.target in ("school", "alone") and not case.route.page:
            assert {row["user_square"], row["user_square_all"]} <= DENIED, case.key


def test_a_narrow_token_does_not_more_than_its_scope():
    for case, row in by_case():
        verb = case.route.verb
        if verb is not None:
            assert row["gestor_none"] in DENIED, case.key
        if not allows({Verb.VIEW}, verb):
            assert row["gestor_view"] in DENIED, case.key
            assert row["root_view"] in DENIED, case.key


def test_what_needs_a_role_is_closed_to_lesser_ones():
    for case, row in by_case():
        if case.route.role is Role.GESTOR:
            assert {row[one] for one in ("user", "user_session", "user_square_all", "user_both")} <= DENIED, case.key
        if case.route.tenant is Tenant.SITE:
            assert {row[one] for one in (*HERE[:-1], "other")} <= DENIED, case.key


def test_what_is_most_sensitive_wants_the_password_again():
    fresh = [(case, row) for case, row in by_case() if case.route.fresh]
    assert fresh
    for case, row in fresh:
        assert row["gestor_stale"] in DENIED, case.key


def test_who_must_choose_a_password_can_do_nothing_else():
    for case, row in by_case():
        if case.route.tenant is not Tenant.PUBLIC:
            assert (row["unready"] in PASSED) == case.route.unready, case.key


def test_viewing_tokens_open_only_reading_routes_of_one_camera():
    for case, row in by_case():
        if case.route.media:
            assert case.route.method == "GET" or "/webrtc/" in case.route.path
            of_a_camera = ("{camera_id", "{session_id}/events", "{detection_id}/image.jpg")
            assert any(part in case.route.path for part in of_a_camera)
        if case.target == "square" and case.route.media:
            assert row["viewer"] != "401"
        elif case.route.tenant is not Tenant.PUBLIC:
            assert row["viewer"] in DENIED, case.key


def test_a_route_about_a_city_without_a_verb_is_no_route():
    with pytest.raises(ValueError, match="names no verb"):
        Route("GET", "/api/v1/secrets", ROUTES[0].handler, Tenant.CITY)


async def test_a_route_without_a_policy_keeps_the_daemon_from_starting(served):
    app = web.Application()
    app.router.add_get("/secrets", ROUTES[0].handler)
    with pytest.raises(RuntimeError, match="/secrets"):
        add_routes(app, {})


async def test_a_route_nobody_wrote_into_the_table_is_not_there(served):
    there = {resource.canonical for resource in served.site_app.router.resources()}
    assert there == {case.key[1] for case in cases()}


async def test_head_is_kept_out_where_get_is(town):
    for route in ROUTES:
        if route.method == "GET" and route.tenant is not Tenant.PUBLIC and "{" not in route.path:
            assert (await town.ask("HEAD", route.path)).status == 401, route.path
