"""Accounts over HTTP: who makes, sees, changes and removes whom, and what never goes that way."""

from __future__ import annotations

import asyncio
import unicodedata
from typing import Any

import pytest

from tests.unit.api.served import PASSWORD
from vmsd.base import CONSOLE
from vmsd.errors import Conflict, Invalid
from vmsd.model.person import ALL_VERBS, Role, Verb
from vmsd.services.people import PersonFields, fields_of

USERS = "/api/v1/users"
UNKNOWN = "00000000-0000-4000-8000-000000000000"
GUARD = [{"group": "*", "verbs": ["plates", "replay", "view"]}]
EVERYTHING = [{"group": "*", "verbs": sorted(ALL_VERBS)}]


def new(name: str, **fields: Any) -> dict[str, Any]:
    return {"name": name, "password": PASSWORD} | fields


async def add(town, who, name, *, city=None, **fields):
    answer = await town.ask("POST", USERS, new(name, **fields), who=who, city=city)
    assert answer.status == 201, answer.raw
    return answer.body


def at(person: Any) -> str:
    return f"{USERS}/{person['id'] if isinstance(person, dict) else person.public_id}"


async def names(town, who, **rest):
    seen, cursor = [], ""
    while True:
        page = (await town.ask("GET", f"{USERS}?limit=2{cursor}", who=who, **rest)).body
        seen += [item["name"] for item in page["items"]]
        if page["next"] is None:
            return seen
        cursor = f"&cursor={page['next']}"


async def can_log_in(town, name, password=PASSWORD):
    answer = await town.ask("POST", "/api/v1/auth/login", {"name": name, "password": password})
    return answer.status == 200


async def test_a_user_is_made_shown_changed_and_removed(town):
    made = await town.ask("POST", USERS, new("Ana"), who=town.gestor)
    assert made.status == 201, made.raw
    assert made.headers["Location"] == at(made.body)
    assert PASSWORD not in str(made.body)
    created = made.body.pop("created_at")
    assert created.endswith("Z")
    person = made.body
    assert {**person, "created_at": created} == made.body | {
        "name": "Ana",
        "role": "USER",
        "city_id": town.here.public_id,
        "groups": GUARD,
        "status": "active",
        "must_change_password": False,
        "totp": False,
        "last_login_at": None,
        "created_at": created,
    }
    assert await can_log_in(town, "Ana")
    shown = await town.ask("GET", at(person), who=town.gestor)
    assert shown.body["last_login_at"] is not None
    changed = await town.ask("PATCH", at(person), {"name": "Ana Maria", "status": "disabled"}, who=town.gestor)
    assert changed.body == shown.body | {"name": "Ana Maria", "status": "disabled"}
    assert not await can_log_in(town, "Ana Maria")
    assert (await town.ask("DELETE", at(person), who=town.gestor)).status == 204
    for method in ("GET", "DELETE"):
        assert (await town.ask(method, at(person), who=town.gestor)).status == 404
    assert "Ana Maria" not in await names(town, town.gestor)


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"name": ""}, "/name"),
        ({"name": " "}, "/name"),
        ({"name": "x" * 101}, "/name"),
        ({"name": None}, "/name"),
        ({"name": "a\nb"}, "/name"),
        ({"name": "a\u202eb"}, "/name"),
        ({"name": "admin\u200b"}, "/name"),
        ({"name": "\ud800"}, "/name"),
        ({"password": "curta"}, "/password"),
        ({"password": None}, "/password"),
        ({"role": "ROOT"}, "/role"),
        ({"role": None}, "/role"),
        ({"role": "GESTOR", "groups": ["*"]}, "/groups"),
        ({"groups": [{"group": "x", "verbs": ["see"]}]}, "/groups/0/verbs/0"),
        ({"groups": [{"group": "x"}]}, "/groups/0/verbs"),
        ({"groups": [{"group": "", "verbs": ["view"]}]}, "/groups/0/group"),
        ({"groups": [{"group": "x", "verbs": ["view"], "until": 1}]}, "/groups/0/until"),
        ({"groups": ["a", "b", "a"]}, "/groups"),
        ({"groups": ["é", unicodedata.normalize("NFD", "é")]}, "/groups"),
        ({"groups": "*"}, "/groups"),
        ({"groups": ["x"] * 201}, "/groups"),
        ({"must_change_password": 1}, "/must_change_password"),
        ({"id": UNKNOWN}, "/id"),
        ({"city_id": "x"}, "/city_id"),
    ],
)
async def test_a_wrong_field_of_a_user_is_named(town, fields, pointer):
    answer = await town.ask("POST", USERS, new("Ana") | fields, who=town.gestor)
    assert (answer.status, answer.pointers) == (422, {pointer}), answer.raw
    answer = await town.ask("PATCH", at(town.served.people["guarda"]), fields, who=town.gestor)
    assert (answer.status, answer.pointers) == (422, {pointer}), answer.raw


@pytest.mark.parametrize(
    ("fields", "pointer"), [({"totp": True}, "/totp"), ({"status": "gone"}, "/status"), ({"groups": None}, "/groups")]
)
async def test_a_wrong_field_of_a_change_is_named(town, fields, pointer):
    answer = await town.ask("PATCH", at(town.served.people["guarda"]), fields, who=town.gestor)
    assert (answer.status, answer.pointers) == (422, {pointer}), answer.raw


async def test_rights_are_by_group_and_naming_a_group_makes_it(town):
    camera = await town.served.camera(town.gestor, town.here, group="Escola")
    cases: list[tuple[Any, Any]] = [
        (None, GUARD),
        ([], []),
        (["*"], GUARD),
        (["Praça"], [{"group": "Praça", "verbs": ["plates", "replay", "view"]}]),
        (
            [{"group": "Praça", "verbs": ["view", "export", "view"]}, {"group": "*", "verbs": ["replay"]}],
            [{"group": "*", "verbs": ["replay"]}, {"group": "Praça", "verbs": ["export", "view"]}],
        ),
        ([{"group": "Praça", "verbs": []}], []),
        (["Escola"], [{"group": "Escola", "verbs": ["plates", "replay", "view"]}]),
    ]
    for number, (said, held) in enumerate(cases):
        made = await add(town, town.gestor, f"n{number}", groups=said)
        assert made["groups"] == held, said
        who = {"Authorization": f"Bearer {(await token_of(town, made['name']))}"}
        sees = any({"view", "replay"} & set(one["verbs"]) for one in held if one["group"] in ("*", "Escola"))
        assert (await town.ask("GET", f"/api/v1/cameras/{camera['id']}", who=who)).status in (
            (200,) if sees else (403, 404)
        )
    found = await town.ask("GET", "/api/v1/groups", who=town.gestor)
    assert [group["name"] for group in found.body["items"]] == ["Escola", "Praça"]


async def token_of(town, name):
    person = await town.served.base.people.get_named(name)
    return (await town.served.base.tokens.add(person, "t", ALL_VERBS, CONSOLE)).secret


async def test_a_name_is_one_whatever_keyboard_and_capitals_it_is_typed_with(town):
    made = await add(town, town.gestor, "  " + unicodedata.normalize("NFD", "José") + " ")
    assert made["name"] == "José"
    for taken in ("José", "JOSé", "josé", unicodedata.normalize("NFD", "José")):
        assert (await town.ask("POST", USERS, new(taken), who=town.gestor)).status == 409
        path = at(town.served.people["guarda"])
        assert (await town.ask("PATCH", path, {"name": taken}, who=town.gestor)).status == 409
    assert (await town.ask("PATCH", at(made), {"name": "JOSé"}, who=town.gestor)).body["name"] == "JOSé"


async def test_of_two_who_want_one_name_at_once_one_gets_it(town):
    asked = [town.ask("POST", USERS, new("Ana"), who=who) for who in (town.gestor, town.other)]
    assert sorted(answer.status for answer in await asyncio.gather(*asked)) == [201, 409]


async def test_everybody_who_manages_sees_their_own_people_page_by_page(town):
    assert await names(town, town.gestor) == ["gestora", "guarda"]
    assert await names(town, town.other) == ["outra"]
    assert await names(town, town.root) == ["root", "gestora", "guarda", "outra"]
    assert await names(town, town.root, city=town.there) == ["outra"]
    assert (await town.ask("GET", USERS, who=town.guard)).status == 403
    theirs = town.served.people["outra"].public_id
    for cursor in (theirs, UNKNOWN, "x"):
        answer = await town.ask("GET", f"{USERS}?cursor={cursor}", who=town.gestor)
        assert (answer.status, answer.pointers) == (422, {"/cursor"})


async def test_somebody_of_another_city_is_as_unknown_as_nobody(town):
    people = town.served.people
    for who, city in ((town.gestor, None), (town.root, town.here)):
        for person in (people["outra"].public_id, people["root"].public_id, UNKNOWN, "x"):
            answers = []
            for method, body in (("GET", None), ("PATCH", {"name": "x"}), ("DELETE", None)):
                answers.append(await town.ask(method, f"{USERS}/{person}", body, who=who, city=city))
            assert {answer.status for answer in answers} == {404}
            assert {answer.body["detail"] for answer in answers} == {"there is no such person"}


async def test_a_superadmin_says_whose_city_once(town):
    here, there = town.here.public_id, town.there.public_id
    cases: list[tuple[dict[str, Any], Any, Any]] = [
        ({}, None, {"/city_id"}),
        ({"role": "GESTOR"}, None, {"/city_id"}),
        ({"city_id": UNKNOWN}, None, {"/city_id"}),
        ({"city_id": there}, town.here, {"/city_id"}),
        ({"role": "SUPERADMIN", "city_id": here}, None, {"/city_id"}),
        ({}, town.here, here),
        ({"city_id": there}, None, there),
        ({"city_id": there}, town.there, there),
        ({"city_id": None}, town.there, there),
        ({"role": "SUPERADMIN"}, None, None),
        ({"role": "SUPERADMIN"}, town.here, None),
    ]
    for number, (fields, city, expected) in enumerate(cases):
        answer = await town.ask("POST", USERS, new(f"n{number}", **fields), who=town.root, city=city)
        if isinstance(expected, set):
            assert (answer.status, answer.pointers) == (422, expected), fields
        else:
            assert (answer.status, answer.body["city_id"]) == (201, expected), fields


async def test_a_gestor_adds_to_their_own_city_alone(town):
    own = await add(town, town.gestor, "a", city_id=town.here.public_id, role="GESTOR")
    assert (own["city_id"], own["groups"]) == (town.here.public_id, EVERYTHING)
    for fields, why in (
        ({"city_id": town.there.public_id}, "not your city"),
        ({"city_id": UNKNOWN}, "not your city"),
        ({"role": "SUPERADMIN"}, "only a SUPERADMIN"),
    ):
        answer = await town.ask("POST", USERS, new("b", **fields), who=town.gestor)
        assert answer.status == 403, fields
        assert why in answer.body["detail"]


ESCALATIONS: list[tuple[str, str, str, dict[str, Any] | None, int]] = [
    # who, method, about whom, what, answer
    ("square_manager", "GET", "", None, 403),
    ("square_manager", "POST", "", new("novo"), 403),
    ("square_manager", "PATCH", "guarda", {"groups": ["*"]}, 403),
    ("square_manager", "PATCH", "square", {"groups": [{"group": "*", "verbs": ["configure"]}]}, 403),
    ("square_manager", "PATCH", "square", {"role": "GESTOR"}, 403),
    ("square_manager", "DELETE", "gestora", None, 403),
    ("gestor", "PATCH", "guarda", {"role": "SUPERADMIN"}, 403),
    ("gestor", "PATCH", "guarda", {"role": "SUPERADMIN", "city_id": None}, 403),
    ("gestor", "PATCH", "gestora", {"role": "SUPERADMIN"}, 403),
    ("gestor", "PATCH", "guarda", {"city_id": "there"}, 403),
    ("gestor", "PATCH", "guarda", {"city_id": UNKNOWN}, 403),
    ("gestor", "PATCH", "guarda", {"city_id": None}, 403),
    ("gestor", "PATCH", "root", {"password": "tomada de assalto"}, 404),
    ("gestor", "PATCH", "outra", {"password": "tomada de assalto"}, 404),
    ("gestor", "DELETE", "root", None, 404),
    ("gestor", "POST", "", new("novo", role="SUPERADMIN"), 403),
    ("gestor_naming_there", "POST", "", new("novo"), 403),
    ("gestor_naming_there", "PATCH", "outra", {"name": "x"}, 403),
    ("gestor_view", "GET", "", None, 403),
    ("gestor_view", "POST", "", new("novo"), 403),
    ("gestor_manage", "POST", "", new("novo"), 403),
    ("gestor_manage", "POST", "", new("novo", groups=[{"group": "*", "verbs": ["manage"]}]), 201),
    ("gestor_manage", "POST", "", new("novo", groups=[{"group": "*", "verbs": ["configure"]}]), 403),
    ("gestor_manage", "POST", "", new("novo", role="GESTOR"), 403),
    ("gestor_manage", "PATCH", "guarda", {"password": "tomada de assalto"}, 403),
    ("gestor_manage", "PATCH", "colega", {"password": "tomada de assalto"}, 403),
    ("gestor_manage", "PATCH", "square", {"groups": [{"group": "Praça", "verbs": ["manage", "view"]}]}, 403),
    ("gestor_manage", "PATCH", "square", {"role": "GESTOR"}, 403),
    ("gestor_manage", "PATCH", "square", {"name": "Praça dois"}, 200),
    ("gestor_manage", "DELETE", "colega", None, 403),
    ("root_manage", "PATCH", "gestora", {"password": "tomada de assalto"}, 403),
    ("root_manage", "POST", "", new("novo", role="SUPERADMIN"), 403),
    ("gestor", "PATCH", "colega", {"role": "USER"}, 200),
    ("gestor", "PATCH", "guarda", {"role": "GESTOR"}, 200),
    ("root", "PATCH", "guarda", {"role": "SUPERADMIN"}, 200),
]


@pytest.fixture
async def callers(town):
    await town.served.camera(town.gestor, town.here, group="Praça")
    await town.served.person("square", Role.USER, town.here, {1: frozenset({Verb.MANAGE})})
    await town.served.person("colega", Role.GESTOR, town.here)
    token, manage = town.served.token, frozenset({Verb.MANAGE})
    return {
        "square_manager": await token("square"),
        "gestor": town.gestor,
        "gestor_naming_there": town.gestor | {"X-City-ID": town.there.public_id},
        "gestor_view": await token("gestora", frozenset({Verb.VIEW})),
        "gestor_manage": await token("gestora", manage),
        "root": town.root,
        "root_manage": await token("root", manage),
    }


async def test_nobody_climbs(town, callers):
    people = town.served.people
    for caller, method, about, said, status in ESCALATIONS:
        body = said
        if said and said.get("city_id") == "there":
            body = said | {"city_id": town.there.public_id}
        path = f"{USERS}/{people[about].public_id}" if about else USERS
        before = await everybody(town)
        answer = await town.ask(method, path, body, who=callers[caller])
        assert answer.status == status, (caller, method, about, body, answer.raw)
        if status >= 400:
            assert await everybody(town) == before, (caller, method, about, body)


async def everybody(town):
    return await town.served.base.people.list()


SELF: list[tuple[dict[str, Any], int]] = [
    ({"role": "USER"}, 403),
    ({"role": "SUPERADMIN"}, 403),
    ({"status": "disabled"}, 403),
    ({"groups": ["*"]}, 403),
    ({"groups": []}, 403),
    ({"password": "outra senha boa"}, 403),
    ({"must_change_password": True}, 403),
    ({"totp": False}, 403),
    ({"name": "Outro Nome", "role": "USER"}, 403),
    ({"role": "GESTOR", "status": "active", "must_change_password": False}, 200),
    ({"name": "Outro Nome"}, 200),
]


async def test_of_oneself_one_changes_the_name_alone(town):
    own = town.served.people["gestora"]
    for who in (town.gestor, await town.served.session("gestora")):
        for fields, status in SELF:
            before = await town.served.base.people.get(own.public_id)
            answer = await town.ask("PATCH", at(own), fields, who=who)
            assert answer.status == status, (fields, answer.raw)
            if status == 403:
                assert await town.served.base.people.get(own.public_id) == before
        assert (await town.ask("DELETE", at(own), who=who)).status == 403
    root = town.served.people["root"]
    for fields in ({"role": "USER", "city_id": town.here.public_id}, {"status": "disabled"}):
        assert (await town.ask("PATCH", at(root), fields, who=town.root)).status == 403
    assert (await town.ask("DELETE", at(root), who=town.root)).status == 403


async def test_the_last_active_superadmin_stays(town):
    people = town.served.base.people
    await town.served.person("segundo", Role.SUPERADMIN)
    second = await people.get_named("segundo")
    await people.change(second, PersonFields("segundo", Role.SUPERADMIN, status="disabled"), CONSOLE)
    root = town.served.people["root"]
    for fields in (
        PersonFields("root", Role.SUPERADMIN, status="disabled"),
        PersonFields("root", Role.GESTOR, town.here.id),
        PersonFields("root", Role.USER, town.here.id),
    ):
        with pytest.raises(Conflict, match="last active SUPERADMIN"):
            await people.change(root, fields, CONSOLE)
    with pytest.raises(Conflict, match="last active SUPERADMIN"):
        await people.remove(root, CONSOLE)
    assert await people.get(root.public_id) == root
    assert (await town.ask("GET", USERS, who=town.root)).status == 200


@pytest.mark.parametrize(
    "body", [None, {"status": "disabled"}, {"role": "GESTOR"}], ids=["remove", "disable", "demote"]
)
async def test_two_superadmins_who_turn_on_each_other_at_once_leave_one(town, body):
    await town.served.person("segundo", Role.SUPERADMIN)
    people, second = town.served.people, await town.served.token("segundo")
    if body and "role" in body:
        body = body | {"city_id": town.here.public_id}
    method = "PATCH" if body else "DELETE"
    answers = await asyncio.gather(
        town.ask(method, at(people["segundo"]), body, who=town.root),
        town.ask(method, at(people["root"]), body, who=second),
    )
    left = [one for one in await everybody(town) if one.role is Role.SUPERADMIN and one.status == "active"]
    assert len(left) == 1
    statuses = sorted(answer.status for answer in answers)
    assert statuses[0] in (200, 204)
    assert statuses[1] in (401, 403, 409)


async def test_rights_follow_the_role(town):
    person = at(town.served.people["guarda"])
    steps: list[tuple[dict[str, Any], Any]] = [
        ({"groups": ["Praça"]}, [{"group": "Praça", "verbs": ["plates", "replay", "view"]}]),
        ({"name": "outro"}, [{"group": "Praça", "verbs": ["plates", "replay", "view"]}]),
        ({"role": "GESTOR"}, EVERYTHING),
        ({"role": "USER"}, GUARD),
        ({"role": "GESTOR"}, EVERYTHING),
        ({"role": "USER", "groups": []}, []),
        ({"role": "SUPERADMIN"}, EVERYTHING),
        ({"role": "USER", "city_id": town.there.public_id}, GUARD),
    ]
    for fields, groups in steps:
        answer = await town.ask("PATCH", person, fields, who=town.root)
        assert (answer.status, answer.body["groups"]) == (200, groups), (fields, answer.raw)
    rows = await town.served.base.database.read("SELECT city_id, person_id, verbs FROM person_right")
    assert [tuple(row) for row in rows] == [(town.there.id, town.served.people["guarda"].id, "plates replay view")]


async def test_who_moves_to_another_city_takes_nothing_along(town):
    camera = (await town.served.camera(town.gestor, town.here))["id"]
    person = at(town.served.people["guarda"])
    session = await town.served.session("guarda")
    moved = await town.ask("PATCH", person, {"city_id": town.there.public_id}, who=town.root)
    assert (moved.body["city_id"], moved.body["groups"]) == (town.there.public_id, [])
    assert await town.served.base.database.read("SELECT * FROM person_right") == []
    for who in (session, town.guard):
        assert (await town.ask("GET", f"/api/v1/cameras/{camera}", who=who)).status == 401
    assert (await town.ask("GET", person, who=town.gestor)).status == 404
    assert (await town.ask("PATCH", person, {"groups": ["*"]}, who=town.other)).body["groups"] == GUARD
    back = {"city_id": town.here.public_id}
    assert (await town.ask("PATCH", person, back, who=town.root)).body["groups"] == []


async def test_a_change_of_what_has_changed_meanwhile_is_refused(town):
    person = town.served.people["guarda"]
    first = await town.ask("GET", at(person), who=town.gestor)
    tag = first.headers["ETag"]
    changed = await town.ask("PATCH", at(person), {"name": "b"}, who=town.gestor, If_Match=tag)
    assert changed.status == 200
    assert changed.headers["ETag"] != tag
    for method, body in (("PATCH", {"name": "c"}), ("DELETE", None)):
        assert (await town.ask(method, at(person), body, who=town.gestor, If_Match=tag)).status == 412
    people = town.served.base.people
    with pytest.raises(Conflict, match="just changed"):
        await people.change(person, fields_of(person), CONSOLE)
    with pytest.raises(Conflict, match="just changed"):
        await people.remove(person, CONSOLE)
    assert (await people.get(person.public_id)).name == "b"


async def test_a_change_that_is_refused_changes_nothing_at_all(town):
    person = at(town.served.people["guarda"])
    before = (await town.ask("GET", person, who=town.gestor)).body
    for fields in (
        {"name": "outra", "groups": ["Nova"]},
        {"name": "GESTORA", "status": "disabled", "groups": [], "password": "outra senha boa"},
        {"groups": ["Nova"], "role": "GESTOR"},
        {"groups": ["Nova"], "password": "curta"},
    ):
        assert (await town.ask("PATCH", person, fields, who=town.gestor)).status in (409, 422), fields
        assert (await town.ask("GET", person, who=town.gestor)).body == before
    assert (await town.ask("GET", "/api/v1/groups", who=town.gestor)).body["items"] == []
    assert (await town.ask("GET", "/api/v1/cameras", who=town.guard)).status == 200


async def test_a_manager_gives_a_new_password_and_takes_the_second_factor_away(town):
    base, person = town.served.base, town.served.people["guarda"]
    async with base.database.write() as transaction:
        await transaction.execute("UPDATE person SET totp = x'00' WHERE name = 'guarda'")
    assert (await town.ask("GET", at(person), who=town.gestor)).body["totp"] is True
    said = {"password": "outra senha boa", "must_change_password": True, "totp": False}
    answer = await town.ask("PATCH", at(person), said, who=town.gestor)
    assert answer.body | {"must_change_password": True, "totp": False} == answer.body, answer.raw
    assert not await can_log_in(town, "guarda")
    login = await town.ask("POST", "/api/v1/auth/login", {"name": "guarda", "password": "outra senha boa"})
    assert login.status == 200
    who = {"Cookie": login.headers["Set-Cookie"].partition(";")[0]}
    refused = await town.ask("GET", "/api/v1/cameras", who=who)
    assert (refused.status, refused.body["cause"]) == (403, "change_password")
    released = await town.ask("PATCH", at(person), {"must_change_password": False}, who=town.gestor)
    assert released.body["must_change_password"] is False
    assert (await town.ask("GET", "/api/v1/cameras", who=who)).status == 200


async def test_people_are_managed_with_a_password_given_a_short_while_ago(town):
    who, person = await town.served.session("gestora"), town.served.people["guarda"]
    town.served.clock.pass_s(601)
    for method, path, body in (
        ("POST", USERS, new("x")),
        ("PATCH", at(person), {"name": "x"}),
        ("DELETE", at(person), None),
    ):
        answer = await town.ask(method, path, body, who=who)
        assert (answer.status, answer.body["cause"]) == (403, "reauthenticate")
    assert (await town.ask("GET", USERS, who=who)).status == 200


async def test_the_service_holds_without_the_api(town):
    people, here = town.served.base.people, town.here.id
    verbs = frozenset({Verb.VIEW})
    for fields, pointer in (
        (PersonFields("a\tb", Role.USER, here), "/name"),
        (PersonFields("x", Role.USER, None), "/city_id"),
        (PersonFields("x", Role.SUPERADMIN, here), "/city_id"),
        (PersonFields("x", Role.GESTOR, here, groups={"*": verbs}), "/groups"),
        (PersonFields("x", Role.USER, here, groups={"a\u202e": verbs}), "/groups"),
    ):
        with pytest.raises(Invalid) as caught:
            await people.add(fields, PASSWORD, CONSOLE)
        assert [one.pointer for one in caught.value.problems] == [pointer]
