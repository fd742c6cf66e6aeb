"""Camera groups over HTTP: who sees them, and what becomes of cameras and rights."""

from __future__ import annotations

import unicodedata

import pytest

from vmsd.model.person import Role, Verb

GROUPS = "/api/v1/groups"
UNKNOWN = "00000000-0000-4000-8000-000000000000"


async def names(town, who, **rest):
    seen, cursor = [], ""
    while True:
        page = (await town.ask("GET", f"{GROUPS}?limit=2{cursor}", who=who, **rest)).body
        seen += [item["name"] for item in page["items"]]
        if page["next"] is None:
            return seen
        cursor = f"&cursor={page['next']}"


async def add(town, who, name, **rest):
    answer = await town.ask("POST", GROUPS, {"name": name}, who=who, **rest)
    assert answer.status == 201, answer.raw
    return answer.body


async def test_a_group_is_made_renamed_and_removed(town):
    made = await town.ask("POST", GROUPS, {"name": "Praça"}, who=town.gestor)
    assert made.status == 201
    path = made.headers["Location"]
    assert path == f"{GROUPS}/{made.body['id']}"
    assert made.body | {"name": "Praça", "cameras": 0, "rights": []} == made.body
    assert made.body["created_at"].endswith("Z")
    assert (await town.ask("GET", path, who=town.gestor)).body == made.body
    renamed = await town.ask("PATCH", path, {"name": "Escola"}, who=town.gestor)
    assert renamed.body == made.body | {"name": "Escola"}
    assert (await town.ask("PATCH", path, {}, who=town.gestor)).body == renamed.body
    assert (await town.ask("DELETE", path, who=town.gestor)).status == 204
    for method, body in (("GET", None), ("PATCH", {"name": "x"}), ("DELETE", None)):
        assert (await town.ask(method, path, body, who=town.gestor)).status == 404


@pytest.mark.parametrize("name", ["", " ", "*", " * ", "x" * 101, "a\nb", "a\u202eb", "\u200b", None, 1, ["x"]])
async def test_a_name_that_is_none_is_refused(town, name):
    made = await add(town, town.gestor, "Praça")
    for method, path in (("POST", GROUPS), ("PATCH", f"{GROUPS}/{made['id']}")):
        answer = await town.ask(method, path, {"name": name}, who=town.gestor)
        assert (answer.status, answer.pointers) == (422, {"/name"}), answer.raw


async def test_a_name_is_one_whatever_keyboard_it_is_typed_with(town):
    apart = unicodedata.normalize("NFD", "Praça")
    camera = (await town.served.camera(town.gestor, town.here, group=apart))["id"]
    assert (await town.ask("GET", f"/api/v1/cameras/{camera}", who=town.gestor)).body["group"] == "Praça"
    assert await names(town, town.gestor) == ["Praça"]
    for name in ("Praça", apart):
        assert (await town.ask("POST", GROUPS, {"name": name}, who=town.gestor)).status == 409
    other = await add(town, town.gestor, "Escola")
    for name in ("Praça", apart):
        assert (await town.ask("PATCH", f"{GROUPS}/{other['id']}", {"name": name}, who=town.gestor)).status == 409


async def test_cameras_and_rights_stay_when_a_group_is_renamed(town):
    camera = await town.served.camera(town.gestor, town.here, group="Praça")
    await town.served.camera(town.gestor, town.here, name="Outra", group="Praça")
    person = f"/api/v1/users/{town.served.people['guarda'].public_id}"
    assert (await town.ask("PATCH", person, {"groups": ["Praça"]}, who=town.gestor)).status == 200
    (group,) = (await town.ask("GET", GROUPS, who=town.gestor)).body["items"]
    holders = [
        {
            "user": {"id": town.served.people["guarda"].public_id, "name": "guarda"},
            "verbs": ["plates", "replay", "view"],
        }
    ]
    assert (group["cameras"], group["rights"]) == (2, holders)
    path = f"{GROUPS}/{group['id']}"
    assert (await town.ask("PATCH", path, {"name": "Centro"}, who=town.gestor)).body == group | {"name": "Centro"}
    assert (await town.ask("GET", f"/api/v1/cameras/{camera['id']}", who=town.guard)).body["group"] == "Centro"
    held = [{"group": "Centro", "verbs": ["plates", "replay", "view"]}]
    assert (await town.ask("GET", person, who=town.gestor)).body["groups"] == held


async def test_a_group_with_cameras_stays_and_takes_its_rights_along_when_it_goes(town):
    camera = await town.served.camera(town.gestor, town.here, group="Praça")
    person = f"/api/v1/users/{town.served.people['guarda'].public_id}"
    assert (await town.ask("PATCH", person, {"groups": ["Praça"]}, who=town.gestor)).status == 200
    (group,) = (await town.ask("GET", GROUPS, who=town.gestor)).body["items"]
    path = f"{GROUPS}/{group['id']}"
    assert (await town.ask("DELETE", path, who=town.gestor)).status == 409
    assert (await town.ask("DELETE", f"/api/v1/cameras/{camera['id']}", who=town.gestor)).status == 204
    assert (await town.ask("DELETE", path, who=town.gestor)).status == 204
    assert (await town.ask("GET", person, who=town.gestor)).body["groups"] == []
    await town.served.camera(town.gestor, town.here, group="Outra")
    assert (await town.ask("GET", "/api/v1/cameras", who=town.guard)).status == 403


async def test_a_user_sees_the_groups_they_have_rights_on_and_nobody_elses_rights(town):
    for name in ("Praça", "Escola", "Centro", "Porto"):
        await town.served.camera(town.gestor, town.here, name=name, group=name)
    view, replay = frozenset({Verb.VIEW}), frozenset({Verb.REPLAY})
    await town.served.person("praça", Role.USER, town.here, {1: view, 3: replay})
    await town.served.person("praça toda", Role.USER, town.here, {1: frozenset(Verb)})
    who = await town.served.token("praça")
    every = ["Praça", "Escola", "Centro", "Porto"]
    assert await names(town, who) == ["Praça", "Centro"]
    assert await names(town, town.guard) == await names(town, town.gestor) == every
    assert await names(town, town.other) == []
    assert await names(town, town.root, city=town.here) == every

    async def rights(caller):
        items = (await town.ask("GET", GROUPS, who=caller)).body["items"]
        return {item["name"]: [one["user"]["name"] for one in item["rights"]] for item in items if item["rights"]}

    assert await rights(who) == {"Praça": ["praça"], "Centro": ["praça"]}
    assert await rights(town.guard) == {}
    assert await rights(town.gestor) == {"Praça": ["praça", "praça toda"], "Centro": ["praça"]}
    assert await rights(await town.served.token("gestora", frozenset({Verb.VIEW}))) == {}
    assert await rights(await town.served.token("praça toda")) == {"Praça": ["praça toda"]}
    ids = {item["name"]: item["id"] for item in (await town.ask("GET", GROUPS, who=town.gestor)).body["items"]}
    for name, status in (("Praça", 200), ("Escola", 404), ("Centro", 200)):
        assert (await town.ask("GET", f"{GROUPS}/{ids[name]}", who=who)).status == status
    for caller, cursor in ((who, ids["Escola"]), (town.other, ids["Praça"]), (town.gestor, UNKNOWN)):
        answer = await town.ask("GET", f"{GROUPS}?cursor={cursor}", who=caller)
        assert answer.status in (403, 422)
        assert "items" not in answer.body


async def test_only_managers_change_groups_and_only_their_own(town):
    group = await add(town, town.gestor, "Praça")
    await town.served.person("praça toda", Role.USER, town.here, {1: frozenset(Verb)})
    path = f"{GROUPS}/{group['id']}"
    cases = [
        (town.guard, None, 403),
        (await town.served.token("praça toda"), None, 403),
        (await town.served.token("gestora", frozenset({Verb.VIEW})), None, 403),
        (town.other, None, 404),
        (town.other, town.here, 403),
        (town.root, None, 400),
        (town.root, town.there, 404),
    ]
    for who, city, status in cases:
        for method, body in (("PATCH", {"name": "x"}), ("DELETE", None)):
            assert (await town.ask(method, path, body, who=who, city=city)).status == status
        made = await town.ask("POST", GROUPS, {"name": "*"}, who=who, city=city)
        assert made.status == (422 if status == 404 else status)
    assert await names(town, town.gestor) == ["Praça"]


async def test_the_same_name_in_two_cities_is_two_groups(town):
    here, there = await add(town, town.gestor, "Praça"), await add(town, town.other, "Praça")
    assert here["id"] != there["id"]
    assert (await town.ask("GET", f"{GROUPS}/{there['id']}", who=town.gestor)).status == 404


async def test_a_change_of_what_has_changed_meanwhile_is_refused(town):
    group = await add(town, town.gestor, "Praça")
    path = f"{GROUPS}/{group['id']}"
    tag = (await town.ask("GET", path, who=town.gestor)).headers["ETag"]
    changed = await town.ask("PATCH", path, {"name": "a"}, who=town.gestor, If_Match=tag)
    assert changed.status == 200
    for method, body in (("PATCH", {"name": "b"}), ("DELETE", None)):
        assert (await town.ask(method, path, body, who=town.gestor, If_Match=tag)).status == 412
    new = changed.headers["ETag"]
    assert (await town.ask("DELETE", path, who=town.gestor, If_Match=new)).status == 204
