"""Cities over HTTP, and what the box says of itself."""

from __future__ import annotations

import pytest

from vmsd.model.alert import AlertKind
from vmsd.services.alerts import NewAlert
from vmsd.store import thresholds
from vmsd.store.scope import Scope

CITIES = "/api/v1/cities"


async def test_a_city_is_made_changed_and_removed(town):
    made = await town.ask("POST", CITIES, {"name": "Nova", "plan": "pro"}, who=town.root)
    assert made.status == 201
    assert made.headers["Location"] == f"{CITIES}/{made.body['id']}"
    assert made.body | {"name": "Nova", "status": "active", "plan": "pro", "retention_days": 15} == made.body
    path = made.headers["Location"]
    changed = await town.ask("PATCH", path, {"plan": "basic"}, who=town.root)
    assert changed.body == made.body | {"plan": "basic", "retention_days": 7}
    assert (await town.ask("PATCH", path, {}, who=town.root)).body == changed.body
    assert (await town.ask("GET", path, who=town.root)).body == changed.body
    assert (await town.ask("DELETE", path, who=town.root)).status == 204
    assert (await town.ask("GET", path, who=town.root)).status == 404
    assert (await town.ask("DELETE", path, who=town.root)).status == 404


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/name"),
        ({"name": ""}, "/name"),
        ({"name": "   "}, "/name"),
        ({"name": None}, "/name"),
        ({"name": "x", "status": "gone"}, "/status"),
        ({"name": "x", "status": None}, "/status"),
        ({"name": "x", "plan": "gold"}, "/plan"),
        ({"name": "x", "id": "y"}, "/id"),
    ],
)
async def test_a_wrong_field_of_a_city_is_named(town, body, pointer):
    answer = await town.ask("POST", CITIES, body, who=town.root)
    assert (answer.status, answer.pointers) == (422, {pointer})
    if body:
        answer = await town.ask("PATCH", f"{CITIES}/{town.here.public_id}", body, who=town.root)
        assert (answer.status, answer.pointers) == (422, {pointer})


async def test_a_city_in_use_is_not_removed(town):
    answer = await town.ask("DELETE", f"{CITIES}/{town.here.public_id}", who=town.root)
    assert answer.status == 409


async def test_a_city_somebody_looked_at_can_be_removed(town):
    who = await town.served.session("root")
    made = (await town.ask("POST", CITIES, {"name": "Nova"}, who=town.root)).body["id"]
    assert (await town.ask("POST", "/api/v1/auth/city", {"city_id": made}, who=who)).status == 204
    assert (await town.ask("DELETE", f"{CITIES}/{made}", who=town.root)).status == 204
    assert (await town.ask("GET", "/", who=who)).status == 200


async def test_a_city_the_box_has_told_of_itself_can_be_removed(town):
    """What is wrong with the box is an alert in every city, also in one that was added by mistake."""
    made = (await town.ask("POST", CITIES, {"name": "Nova"}, who=town.root)).body["id"]
    served = town.served
    scope = Scope(served.base.database, (await served.base.cities.get(made)).id)
    async with scope.write() as transaction:
        new = NewAlert(AlertKind.BREAKER, "breaker", "critical", served.clock.wall_ms())
        await served.daemon.guards_room.alerts.raise_alert(transaction, new, served.clock.wall_ms())
        await transaction.execute(thresholds.ADD, figure="storage", amber=80, red=90)
    assert (await town.ask("DELETE", f"{CITIES}/{made}", who=town.root)).status == 204


async def test_everybody_sees_their_own_city_and_a_superadmin_all_of_them(town):
    for who, city in ((town.guard, town.here), (town.other, town.there)):
        items = (await town.ask("GET", CITIES, who=who)).body["items"]
        assert [item["id"] for item in items] == [city.public_id]
    seen, cursor = [], ""
    while True:
        page = (await town.ask("GET", f"{CITIES}?limit=1{cursor}", who=town.root)).body
        seen += [item["name"] for item in page["items"]]
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"
    assert seen == ["Aqui", "Lá"]


async def test_the_city_named_must_be_the_callers(town):
    unknown = "00000000-0000-4000-8000-000000000000"
    cases = [
        (town.root, unknown, 404),
        (town.gestor, unknown, 403),
        (town.gestor, town.there.public_id, 403),
        (town.gestor, town.here.public_id, 200),
        (town.gestor, "x", 400),
        (town.root, "x", 400),
    ]
    for who, named, status in cases:
        assert (await town.ask("GET", "/api/v1/cameras", who=who, X_City_ID=named)).status == status


async def test_health_is_for_everybody_and_says_no_more_than_it_must(served):
    answer = await served.ask("GET", "/health")
    assert (answer.status, answer.body["status"]) == (200, "degraded")
    assert answer.body.keys() == {"status", "mediamtx", "database", "disk"}
    assert answer.body["mediamtx"] is False


async def test_what_all_cities_watch_together_is_only_the_superadmins(town):
    assert (await town.ask("GET", "/api/v1/system", who=town.root)).body["hls"] != {}
    assert (await town.ask("GET", "/api/v1/system", who=town.gestor)).body["hls"] == {}


async def test_states_are_not_sent_twice(town):
    await town.served.camera(town.gestor, town.here)
    first = await town.ask("GET", "/api/v1/states", who=town.guard)
    assert (first.status, len(first.body["items"])) == (200, 1)
    again = await town.ask("GET", "/api/v1/states", who=town.guard, If_None_Match=first.headers["ETag"])
    assert (again.status, again.raw) == (304, b"")


async def test_a_box_without_a_city_says_so(served):
    await served.person("root", "SUPERADMIN")
    who = await served.session("root")
    assert (await served.ask("GET", "/", who=who)).status == 404
    assert (await served.ask("GET", CITIES, who=who)).body == {"items": [], "next": None}
