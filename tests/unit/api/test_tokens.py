"""API tokens over HTTP: shown once, never more than their owner, rotated without a gap, revoked at once."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest
from structlog.testing import capture_logs

from vmsd.base import CONSOLE
from vmsd.clock import rfc3339
from vmsd.errors import Conflict
from vmsd.model.person import ALL_VERBS, Role, Verb

TOKENS = "/api/v1/tokens"
CAMERAS = "/api/v1/cameras"
UNKNOWN = "00000000-0000-4000-8000-000000000000"
DAY_S = 86_400
VIEW, MANAGE = frozenset({Verb.VIEW}), frozenset({Verb.MANAGE})


def bearer(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}


async def make(town: Any, who: dict[str, str], **fields: Any) -> Any:
    answer = await town.ask("POST", TOKENS, {"name": "painel"} | fields, who=who)
    assert answer.status == 201, answer.raw
    return answer.body


@pytest.fixture
async def session(town):
    """Of a guard; the tokens of guards make no others."""
    return await town.served.session("guarda")


async def ids(town, who, **rest):
    seen, cursor = [], ""
    while True:
        page = (await town.ask("GET", f"{TOKENS}?limit=2{cursor}", who=who, **rest)).body
        seen += [item["id"] for item in page["items"]]
        if page["next"] is None:
            return seen
        cursor = f"&cursor={page['next']}"


async def id_of(town, who):
    """Of the token somebody comes with."""
    secret = who["Authorization"].removeprefix("Bearer ")
    found = [one for one in await town.served.base.tokens.list() if secret.startswith(one.prefix)]
    return found[0].public_id


async def status_of(town, secret, path=CAMERAS):
    return (await town.ask("GET", path, who=bearer(secret))).status


def at(moment_ms: int) -> str:
    return rfc3339(moment_ms)


async def test_a_token_is_shown_once_and_kept_as_a_hash(town):
    who = await town.served.session("guarda")
    with capture_logs() as logs:
        answer = await town.ask("POST", TOKENS, {"name": "painel"}, who=who)
    made = answer.body
    assert answer.headers["Cache-Control"] == "no-store"
    secret = made.pop("token")
    assert secret.startswith("vmsd_")
    assert secret.startswith(made["prefix"])
    assert len(made["prefix"]) < len(secret) / 3
    now_ms = town.served.clock.wall_ms()
    assert made == made | {
        "name": "painel",
        "scope": ["plates", "replay", "view"],
        "person": {"id": town.served.people["guarda"].public_id, "name": "guarda"},
        "created_at": at(now_ms),
        "expires_at": at(now_ms + 90 * DAY_S * 1000),
        "last_used_at": None,
        "rotating_until": None,
    }
    path = answer.headers["Location"]
    assert path == f"{TOKENS}/{made['id']}"
    assert (await town.ask("GET", path, who=who)).body == made
    assert made in (await town.ask("GET", TOKENS, who=who)).body["items"]
    assert await status_of(town, secret) == 200
    await town.served.base.database.checkpoint()
    kept = b"".join(file.read_bytes() for file in town.served.base.settings.data_dir.glob("vmsd.db*"))
    assert made["prefix"].encode() in kept
    assert secret.encode() not in kept
    assert secret not in str(logs)


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"name": ""}, "/name"),
        ({"name": None}, "/name"),
        ({"name": "a\u202eb"}, "/name"),
        ({"scope": ["see"]}, "/scope/0"),
        ({"scope": "view see"}, "/scope/1"),
        ({"scope": 1}, "/scope"),
        ({"expires_at": 1_900_000_000}, "/expires_at"),
        ({"expires_at": "1900000000"}, "/expires_at"),
        ({"expires_at": "2026-12-01"}, "/expires_at"),
        ({"expires_at": "2026-12-01T00:00:00"}, "/expires_at"),
        ({"expires_at": "2026-13-01T00:00:00Z"}, "/expires_at"),
        ({"expires_at": "2020-01-01T00:00:00Z"}, "/expires_at"),
        ({"expires_at": "0001-01-01T00:00:00+14:00"}, "/expires_at"),
        ({"expires_at": "9999-12-31T23:59:59-14:00"}, "/expires_at"),
        ({"days": 3}, "/days"),
    ],
)
async def test_a_wrong_field_of_a_token_is_named(town, session, fields, pointer):
    answer = await town.ask("POST", TOKENS, {"name": "x"} | fields, who=session)
    assert (answer.status, answer.pointers) == (422, {pointer}), answer.raw


async def test_a_token_ends_when_it_was_said_and_within_a_year(town, session):
    clock = town.served.clock
    year_ms = clock.wall_ms() + 366 * DAY_S * 1000
    for moment_ms, status in ((clock.wall_ms(), 422), (year_ms + 1000, 422), (year_ms, 201)):
        answer = await town.ask("POST", TOKENS, {"name": "x", "expires_at": at(moment_ms)}, who=session)
        assert answer.status == status, answer.raw
    soon = datetime.fromtimestamp(clock.wall_ms() / 1000 + 60, UTC).isoformat()
    secret = (await make(town, session, expires_at=soon))["token"]
    clock.pass_s(59)
    assert await status_of(town, secret) == 200
    clock.pass_s(1)
    assert await status_of(town, secret) == 401


async def test_a_token_may_what_its_scope_and_its_owner_may(town, session):
    camera = await town.served.camera(town.gestor, town.here)
    path, recordings = f"{CAMERAS}/{camera['id']}", f"/api/v1/recordings?camera_id={camera['id']}"
    recordings += "&start=2026-01-01T00:00:00Z&end=2027-01-01T00:00:00Z"
    cases: list[tuple[Any, list[str], list[int]]] = [
        (None, sorted(ALL_VERBS), [200, 200, 204, 200]),
        ([], [], [403, 403, 403, 200]),
        ("", [], [403, 403, 403, 200]),
        ("view  replay", ["replay", "view"], [200, 200, 403, 200]),
        (["view", "view"], ["view"], [200, 403, 403, 200]),
        (["configure"], ["configure"], [403, 403, 204, 200]),
    ]
    for scope, shown, statuses in cases:
        made = await make(town, town.gestor, scope=scope)
        assert made["scope"] == shown
        extra = (await town.served.camera(town.gestor, town.here, name="Outra"))["id"]
        asked = [("GET", path), ("GET", recordings), ("DELETE", f"{CAMERAS}/{extra}"), ("GET", "/api/v1/system")]
        answers = [(await town.ask(method, at, who=bearer(made["token"]))).status for method, at in asked]
        assert answers == statuses, scope
    taken = await make(town, session, scope=["view", "replay"])
    person = f"/api/v1/users/{town.served.people['guarda'].public_id}"
    only_replay = {"groups": [{"group": "*", "verbs": ["replay"]}]}
    assert (await town.ask("PATCH", person, only_replay, who=town.gestor)).status == 200
    asked = (path, recordings, f"{path}/status")
    assert [await status_of(town, taken["token"], one) for one in asked] == [200, 200, 403]


@pytest.mark.parametrize("scope", [["export"], "view export", ["manage"], sorted(ALL_VERBS)])
async def test_nobody_makes_a_token_that_may_more_than_they(town, session, scope):
    before = await ids(town, session)
    assert (await town.ask("POST", TOKENS, {"name": "x", "scope": scope}, who=session)).status == 403
    narrow = await town.served.token("gestora", VIEW | MANAGE)
    if isinstance(scope, list):
        assert (await town.ask("POST", TOKENS, {"name": "x", "scope": [*scope, "export"]}, who=narrow)).status == 403
    assert (await make(town, narrow))["scope"] == ["manage", "view"]
    assert await ids(town, session) == before


async def test_what_a_token_makes_does_not_outlive_it(town):
    clock = town.served.clock
    soon_ms = clock.wall_ms() + 3_600_000
    parent = await make(town, town.gestor, expires_at=at(soon_ms))
    who = bearer(parent["token"])
    assert (await make(town, who))["expires_at"] == parent["expires_at"]
    longer = {"name": "x", "expires_at": at(soon_ms + 1000)}
    answer = await town.ask("POST", TOKENS, longer, who=who)
    assert (answer.status, answer.pointers) == (422, {"/expires_at"})
    assert (await town.ask("POST", f"{TOKENS}/{parent['id']}/rotate", who=who)).body["expires_at"] == at(soon_ms)


async def test_a_rotated_token_counts_twice_for_a_while(town, session):
    made = await make(town, session, scope=["view"])
    path, clock = f"{TOKENS}/{made['id']}", town.served.clock
    rotated = await town.ask("POST", f"{path}/rotate", {"overlap_hours": 1}, who=session)
    assert rotated.status == 200
    answer = rotated.body
    second = answer.pop("token")
    assert second.startswith(answer["prefix"])
    until = at(clock.wall_ms() + 3_600_000)
    shown = (await town.ask("GET", path, who=session)).body
    assert shown == answer
    assert shown == {name: made[name] for name in shown} | {"prefix": shown["prefix"], "rotating_until": until}
    assert [await status_of(town, secret) for secret in (made["token"], second)] == [200, 200]
    clock.pass_s(3599)
    assert [await status_of(town, secret) for secret in (made["token"], second)] == [200, 200]
    clock.pass_s(1)
    assert [await status_of(town, secret) for secret in (made["token"], second)] == [401, 200]
    assert (await town.ask("GET", path, who=session)).body["rotating_until"] is None


async def test_no_more_than_two_secrets_of_a_token_count(town, session):
    made = await make(town, session)
    secrets = [made["token"]]
    for _ in range(2):
        answer = await town.ask("POST", f"{TOKENS}/{made['id']}/rotate", who=session)
        secrets.append(answer.body["token"])
    assert [await status_of(town, secret) for secret in secrets] == [401, 200, 200]
    answer = await town.ask("POST", f"{TOKENS}/{made['id']}/rotate", {"overlap_hours": 0}, who=session)
    secrets.append(answer.body["token"])
    assert answer.body["rotating_until"] is None
    assert [await status_of(town, secret) for secret in secrets] == [401, 401, 401, 200]


async def test_of_two_who_rotate_at_once_one_is_told_to_look_again(town):
    tokens = town.served.base.tokens
    token = await tokens.get(await id_of(town, town.guard))
    rotated = await tokens.rotate(token, 0, CONSOLE)
    with pytest.raises(Conflict, match="just rotated"):
        await tokens.rotate(token, 0, CONSOLE)
    assert await status_of(town, rotated.secret) == 200


async def test_a_token_that_has_expired_is_not_rotated_but_revoked(town, session):
    made = await make(town, session, expires_at=at(town.served.clock.wall_ms() + 60_000))
    town.served.clock.pass_s(60)
    path = f"{TOKENS}/{made['id']}"
    assert (await town.ask("GET", path, who=session)).status == 200
    assert (await town.ask("POST", f"{path}/rotate", who=session)).status == 409
    assert (await town.ask("DELETE", path, who=session)).status == 204


@pytest.mark.parametrize("body", [{"overlap_hours": -1}, {"overlap_hours": 169}, {"overlap_hours": 1.5}])
async def test_an_overlap_has_its_limits(town, session, body):
    made = await make(town, session)
    answer = await town.ask("POST", f"{TOKENS}/{made['id']}/rotate", body, who=session)
    assert (answer.status, answer.pointers) == (422, {"/overlap_hours"})
    assert await status_of(town, made["token"]) == 200


async def test_a_revoked_token_is_gone_with_both_its_secrets(town, session):
    made = await make(town, session)
    path = f"{TOKENS}/{made['id']}"
    second = (await town.ask("POST", f"{path}/rotate", who=session)).body["token"]
    assert (await town.ask("DELETE", path, who=session)).status == 204
    assert [await status_of(town, secret) for secret in (made["token"], second)] == [401, 401]
    for method, address in (("GET", path), ("DELETE", path), ("POST", f"{path}/rotate")):
        assert (await town.ask(method, address, who=session)).status == 404


async def test_the_last_use_is_known_to_the_minute_and_not_written_each_time(town, session):
    made = await make(town, session)
    clock, who = town.served.clock, await town.served.session("guarda")
    first_ms = clock.wall_ms()
    seen = []
    for _ in range(5):
        assert await status_of(town, made["token"]) == 200
        shown = await town.ask("GET", f"{TOKENS}/{made['id']}", who=who)
        seen.append(shown.body["last_used_at"])
        clock.pass_s(20)
    assert seen == [at(first_ms)] * 3 + [at(first_ms + 60_000)] * 2
    clock.wall -= 30 * DAY_S * 1000
    assert await status_of(town, made["token"]) == 200
    found = await town.served.base.tokens.get(made["id"])
    assert found.last_used_ms == clock.wall_ms()


async def test_everybody_sees_the_tokens_that_are_theirs_to_see(town):
    served = town.served
    own = {name: await id_of(town, getattr(town, name)) for name in ("root", "gestor", "guard", "other")}
    root, gestor, guard, other = own.values()
    view = await served.token("gestora", VIEW)
    nothing = await served.token("root", frozenset())
    manage = await served.token("gestora", MANAGE)
    extra = [await id_of(town, who) for who in (view, nothing, manage)]
    here = [gestor, guard, extra[0], extra[2]]
    cases: list[tuple[Any, Any, list[str]]] = [
        (town.guard, None, [guard]),
        (await served.session("guarda"), None, [guard]),
        (town.other, None, [other]),
        (town.gestor, None, here),
        (town.gestor, town.here, here),
        (await served.session("gestora"), None, here),
        (manage, None, here),
        (view, None, [extra[0]]),
        (nothing, None, [extra[1]]),
        (town.root, None, [root, gestor, guard, other, *extra]),
        (town.root, town.there, [other]),
    ]
    for who, city, expected in cases:
        assert await ids(town, who, city=city) == expected
        for known in (root, gestor, guard, other, *extra):
            status = (await town.ask("GET", f"{TOKENS}/{known}", who=who, city=city)).status
            mine = who is town.root and known in (root, extra[1])
            assert status == (200 if known in expected or mine else 404), (who, known)
    for who, named, status in (
        (town.gestor, town.there.public_id, 403),
        (town.gestor, UNKNOWN, 403),
        (town.root, UNKNOWN, 404),
        (town.root, "x", 400),
        (town.guard, "x", 400),
    ):
        assert (await town.ask("GET", TOKENS, who=who, X_City_ID=named)).status == status


async def test_a_cursor_names_only_what_its_user_may_see(town):
    other = await id_of(town, town.other)
    for cursor in (other, UNKNOWN, "x"):
        answer = await town.ask("GET", f"{TOKENS}?cursor={cursor}", who=town.gestor)
        assert (answer.status, answer.pointers) == (422, {"/cursor"})


async def test_nobody_gets_at_more_by_way_of_a_token(town):
    served = town.served
    await served.person("praça", Role.USER, town.here, {0: VIEW | MANAGE})
    callers = {
        "guard": town.guard,
        "gestor": town.gestor,
        "other": town.other,
        "root": town.root,
        "view": await served.token("gestora", VIEW),
        "manage": await served.token("gestora", MANAGE),
        "user_manage": await served.token("praça", VIEW | MANAGE),
    }
    known = {name: await id_of(town, who) for name, who in callers.items()}
    callers["view_again"] = await served.token("gestora", VIEW)
    known["view_again"] = await id_of(town, callers["view_again"])
    cases: list[tuple[str, str, str, int]] = [
        # who, does what, with whose token, answer
        ("view", "make", "", 403),
        ("view", "rotate", "gestor", 404),
        ("view", "revoke", "gestor", 404),
        ("view", "revoke", "manage", 404),
        ("manage", "rotate", "gestor", 403),
        ("manage", "rotate", "view", 403),
        ("user_manage", "rotate", "guard", 404),
        ("user_manage", "revoke", "gestor", 404),
        ("guard", "make", "", 403),
        ("guard", "rotate", "gestor", 404),
        ("guard", "revoke", "gestor", 404),
        ("gestor", "rotate", "guard", 403),
        ("gestor", "rotate", "user_manage", 403),
        ("gestor", "rotate", "root", 404),
        ("gestor", "revoke", "root", 404),
        ("gestor", "revoke", "other", 404),
        ("gestor", "rotate", "other", 404),
        ("other", "revoke", "guard", 404),
        ("root", "rotate", "gestor", 403),
        ("manage", "make", "", 201),
        ("user_manage", "make", "", 201),
        ("manage", "rotate", "manage", 200),
        ("view", "rotate", "view", 200),
        ("gestor", "rotate", "view", 200),
        ("gestor", "revoke", "user_manage", 204),
        ("view_again", "revoke", "view_again", 204),
        ("root", "revoke", "gestor", 204),
    ]
    for caller, deed, whose, status in cases:
        path = f"{TOKENS}/{known[whose]}" if whose else TOKENS
        method = "DELETE" if deed == "revoke" else "POST"
        path += "/rotate" if deed == "rotate" else ""
        answer = await town.ask(method, path, {"name": "x"} if deed == "make" else None, who=callers[caller])
        assert answer.status == status, (caller, deed, whose, answer.raw)


async def test_a_person_has_fifty_tokens_and_no_more(town, session):
    base, person = town.served.base, town.served.people["guarda"]
    for _ in range(49):
        await base.tokens.add(person, "x", VIEW, CONSOLE)
    asked = [town.ask("POST", TOKENS, {"name": "x"}, who=session) for _ in range(3)]
    assert {answer.status for answer in await asyncio.gather(*asked)} == {409}
    last = (await base.tokens.list(person_id=person.id))[-1]
    assert (await town.ask("DELETE", f"{TOKENS}/{last.public_id}", who=session)).status == 204
    asked = [town.ask("POST", TOKENS, {"name": "x"}, who=session) for _ in range(3)]
    assert sorted(answer.status for answer in await asyncio.gather(*asked)) == [201, 409, 409]
    assert (await town.ask("POST", TOKENS, {"name": "x"}, who=town.gestor)).status == 201


async def test_tokens_are_managed_with_a_password_given_a_short_while_ago(town, session):
    made, who = await make(town, session), await town.served.session("guarda")
    town.served.clock.pass_s(601)
    path = f"{TOKENS}/{made['id']}"
    for method, address, body in (
        ("POST", TOKENS, {"name": "x"}),
        ("POST", f"{path}/rotate", None),
        ("DELETE", path, None),
    ):
        answer = await town.ask(method, address, body, who=who)
        assert (answer.status, answer.body["cause"]) == (403, "reauthenticate")
    assert (await town.ask("GET", path, who=who)).status == 200
