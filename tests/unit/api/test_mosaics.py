"""Mosaics over HTTP: who has which, what stands in them, and who may change them."""

from __future__ import annotations

import pytest

from vmsd.model.person import Role, Verb
from vmsd.services import mosaics as limits
from vmsd.tasks.mosaics import MosaicSweep

MOSAICS = "/api/v1/mosaics"
STREAMS = "/api/v1/streams"
UNKNOWN = "00000000-0000-4000-8000-000000000000"


async def cameras(town, count, who=None, **fields):
    who = who or town.gestor
    return [(await town.served.camera(who, town.here, name=f"Câmera {n}", **fields))["id"] for n in range(count)]


async def add(town, who, **fields):
    answer = await town.ask("POST", MOSAICS, {"name": "Centro", "layout": "2x2"} | fields, who=who)
    assert answer.status == 201, answer.raw
    return answer.body


async def refused(town, who, path=MOSAICS, method="POST", **fields):
    base = {"name": "Centro", "layout": "2x2"} if method == "POST" else {}
    answer = await town.ask(method, path, base | fields, who=who)
    return answer.status, answer.pointers


async def names(town, who):
    return [item["name"] for item in (await town.ask("GET", MOSAICS, who=who)).body["items"]]


async def sweep(town):
    base = town.served.base
    await MosaicSweep(base.database, base.audit, base.clock).once()


async def test_a_mosaic_is_made_changed_and_removed(town):
    one, two, three = await cameras(town, 3)
    body = {"name": "Centro", "layout": "2x2", "cameras": [one, None, two], "hotspot": 3, "number": 4}
    made = await town.ask("POST", MOSAICS, body, who=town.gestor)
    assert made.status == 201, made.raw
    path = made.headers["Location"]
    assert made.body | body == made.body
    assert made.body | {"shared": True, "owner": None, "editable": True, "expires_at": None} == made.body
    assert (await town.ask("GET", path, who=town.gestor)).body == made.body
    turning = {"cell": 1, "cameras": [two, three], "seconds": 5}
    changed = await town.ask("PATCH", path, {"carousel": turning, "name": "Norte"}, who=town.gestor)
    assert changed.status == 200, changed.raw
    assert changed.body | body | {"name": "Norte", "carousel": turning} == changed.body
    again = await town.ask("PATCH", path, {"number": None}, who=town.gestor)
    assert (again.body["carousel"], again.body["cameras"], again.body["number"]) == (turning, [one, None, two], None)
    stale = await town.ask("PATCH", path, {"name": "Sul"}, who=town.gestor, If_Match=made.headers["ETag"])
    assert stale.status == 412
    assert (await town.ask("DELETE", path, who=town.gestor)).status == 204
    assert (await town.ask("GET", path, who=town.gestor)).status == 404


async def test_what_does_not_fit_is_refused_and_said_where(town):
    ids = await cameras(town, 5)
    elsewhere = (await town.served.camera(town.other, town.there))["id"]
    wrong = [
        ({"cameras": ids}, "/cameras"),
        ({"cameras": [None] * 5}, "/cameras"),
        ({"cameras": [ids[0], None, ids[0]]}, "/cameras/2"),
        ({"cameras": [UNKNOWN]}, "/cameras/0"),
        ({"cameras": [None, elsewhere]}, "/cameras/1"),
        ({"cameras": ["x"]}, "/cameras/0"),
        ({"layout": "5x5"}, "/layout"),
        ({"hotspot": 4}, "/hotspot"),
        ({"hotspot": -1}, "/hotspot"),
        ({"carousel": {"cell": 4, "cameras": ids[:2]}}, "/carousel/cell"),
        ({"carousel": {"cell": 0, "cameras": []}}, "/carousel/cameras"),
        ({"carousel": {"cell": 0, "cameras": [ids[0], ids[0]]}}, "/carousel/cameras/1"),
        ({"carousel": {"cell": 0, "cameras": [elsewhere]}}, "/carousel/cameras/0"),
        ({"carousel": {"cell": 0, "cameras": ids[:1], "seconds": 1}}, "/carousel/seconds"),
        ({"hotspot": 1, "carousel": {"cell": 1, "cameras": ids[:1]}}, "/carousel/cell"),
        ({"number": 10}, "/number"),
        ({"number": 1, "ephemeral": True}, "/number"),
        ({"shared": True, "ephemeral": True}, "/shared"),
        ({"color": "red"}, "/color"),
        ({"name": ""}, "/name"),
    ]
    for fields, pointer in wrong:
        answer = await town.ask("POST", MOSAICS, {"name": "Centro", "layout": "2x2"} | fields, who=town.gestor)
        assert (answer.status, answer.pointers) == (422, {pointer}), (fields, answer.raw)
    assert await names(town, town.gestor) == []


async def test_in_a_smaller_layout_cameras_move_up_or_it_is_refused(town):
    ids = await cameras(town, 5)
    made = await add(town, town.gestor, layout="3x3", cameras=[ids[0], None, None, None, None, ids[1], None, ids[2]])
    path = f"{MOSAICS}/{made['id']}"
    small = await town.ask("PATCH", path, {"layout": "2x2"}, who=town.gestor)
    assert small.body["cameras"] == ids[:3]
    assert await refused(town, town.gestor, path, "PATCH", layout="1x1") == (422, {"/cameras"})
    assert await refused(town, town.gestor, path, "PATCH", cameras=ids) == (422, {"/cameras"})
    await town.ask("PATCH", path, {"hotspot": 3}, who=town.gestor)
    assert await refused(town, town.gestor, path, "PATCH", layout="1x1", cameras=[]) == (422, {"/hotspot"})
    one = await town.ask("PATCH", path, {"layout": "1x1", "cameras": ids[:1], "hotspot": None}, who=town.gestor)
    assert one.body["cameras"] == ids[:1]


async def test_the_citys_are_changed_by_who_may_manage_and_ones_own_by_oneself(town):
    shared, own = await add(town, town.gestor, name="Da cidade"), await add(town, town.guard, name="Do guarda")
    assert shared | {"shared": True, "owner": None, "editable": True} == shared
    guard = town.served.people["guarda"]
    assert own | {"shared": False, "owner": {"id": guard.public_id, "name": "guarda"}, "editable": True} == own
    assert await names(town, town.guard) == ["Da cidade", "Do guarda"]
    assert await names(town, town.gestor) == ["Da cidade"]
    assert await names(town, town.other) == []
    assert (await refused(town, town.guard, shared=True))[0] == 403
    path = f"{MOSAICS}/{shared['id']}"
    assert (await town.ask("GET", path, who=town.guard)).body["editable"] is False
    for method, body in (("PATCH", {"name": "x"}), ("DELETE", None)):
        assert (await town.ask(method, path, body, who=town.guard)).status == 403
        assert (await town.ask(method, path, body, who=town.other)).status == 404
        mine = f"{MOSAICS}/{own['id']}"
        assert (await town.ask(method, mine, body, who=town.gestor)).status == 404
    assert (await refused(town, town.guard, f"{MOSAICS}/{own['id']}", "PATCH", shared=True))[0] == 403
    viewer = await town.served.token("gestora", frozenset({Verb.VIEW}))
    assert (await town.ask("PATCH", path, {"name": "x"}, who=viewer)).status == 403
    assert (await add(town, viewer))["shared"] is False


async def test_a_camera_one_may_not_view_is_null_and_stays_where_it_is(town):
    (hidden,) = await cameras(town, 1, group="Fórum")
    seen, more = await cameras(town, 2, group="Praça")
    groups = (await town.ask("GET", "/api/v1/groups", who=town.gestor)).body["items"]
    number = next(place for place, one in enumerate(groups, 1) if one["name"] == "Praça")
    held = {number: frozenset({Verb.VIEW, Verb.MANAGE})}
    await town.served.person("chefe", Role.USER, town.here, held)
    chief = await town.served.token("chefe")
    turning = {"cell": 3, "cameras": [hidden, seen], "seconds": 5}
    made = await add(town, town.gestor, cameras=[seen, hidden], carousel=turning)
    path = f"{MOSAICS}/{made['id']}"
    theirs = (await town.ask("GET", path, who=chief)).body
    assert theirs["cameras"] == [seen]
    assert theirs["carousel"]["cameras"] == [seen]
    assert await refused(town, chief, path, "PATCH", cameras=[hidden]) == (422, {"/cameras/0"})
    moved = await town.ask(
        "PATCH", path, {"cameras": [None, None, seen], "carousel": turning | {"cameras": [more]}}, who=chief
    )
    assert moved.body["cameras"] == [None, None, seen]
    whole = (await town.ask("GET", path, who=town.gestor)).body
    assert whole["cameras"] == [None, hidden, seen]
    assert whole["carousel"]["cameras"] == [more, hidden]


async def test_a_removed_camera_leaves_its_cells(town):
    one, two = await cameras(town, 2)
    made = await add(town, town.gestor, cameras=[one, two], carousel={"cell": 2, "cameras": [one, two]})
    await town.ask("DELETE", f"/api/v1/cameras/{one}", who=town.gestor)
    left = (await town.ask("GET", f"{MOSAICS}/{made['id']}", who=town.gestor)).body
    assert (left["cameras"], left["carousel"]["cameras"]) == ([None, two], [two])


async def test_a_number_calls_one_of_the_city_and_one_of_each_person(town):
    shared, own = await add(town, town.gestor, number=1), await add(town, town.guard, number=1)
    assert (shared["number"], own["number"]) == (1, 1)
    assert (await refused(town, town.gestor, number=1))[0] == 409
    assert (await refused(town, town.guard, number=1))[0] == 409
    other = await add(town, town.gestor, number=2)
    assert (await refused(town, town.gestor, f"{MOSAICS}/{other['id']}", "PATCH", number=1))[0] == 409
    assert (await town.ask("PATCH", f"{MOSAICS}/{shared['id']}", {"number": 1}, who=town.gestor)).status == 200


async def test_one_nobody_saves_is_gone_after_two_hours_swept_or_not(town):
    made, saved = await add(town, town.gestor, ephemeral=True), await add(town, town.gestor, ephemeral=True)
    assert made | {"shared": False, "ephemeral": True} == made
    path = f"{MOSAICS}/{saved['id']}"
    kept = await town.ask("PATCH", path, {"ephemeral": False, "number": 3}, who=town.gestor)
    assert (kept.body["ephemeral"], kept.body["expires_at"], kept.body["number"]) == (False, None, 3)
    assert (await refused(town, town.gestor, path, "PATCH", ephemeral=True, number=None)) == (422, {"/ephemeral"})
    town.served.clock.pass_s(2 * 3600 - 1)
    assert (await town.ask("GET", f"{MOSAICS}/{made['id']}", who=town.gestor)).status == 200
    await sweep(town)
    assert len(await names(town, town.gestor)) == 2
    town.served.clock.pass_s(1)
    assert (await town.ask("GET", f"{MOSAICS}/{made['id']}", who=town.gestor)).status == 404
    assert await names(town, town.gestor) == ["Centro"]
    await sweep(town)
    async with town.served.base.database.write() as transaction:
        assert [row["public_id"] for row in await transaction.fetch("SELECT public_id FROM mosaic")] == [saved["id"]]
    rows = (await town.ask("GET", "/api/v1/audit?action=mosaic.removed", who=town.gestor)).body["items"]
    assert [row["person"] for row in rows] == [None]


async def test_a_viewing_session_brings_its_camera_in_and_takes_it_out(town):
    ids = await cameras(town, 3)
    made = await add(town, town.gestor, layout="2x2", cameras=[None, ids[0]], hotspot=0)
    path = f"{MOSAICS}/{made['id']}"
    sessions = [
        (await town.ask("POST", f"{STREAMS}?camera_id={one}", who=town.gestor)).body["session_id"] for one in ids
    ]
    for _ in range(2):
        placed = await town.ask("POST", f"{path}/streams/{sessions[1]}", who=town.gestor)
        assert (placed.status, placed.body["cameras"]) == (200, [None, ids[0], ids[1]])
    await town.ask("POST", f"{path}/streams/{sessions[2]}", who=town.gestor)
    more = (await cameras(town, 1))[0]
    full = (await town.ask("POST", f"{STREAMS}?camera_id={more}", who=town.gestor)).body["session_id"]
    assert (await town.ask("POST", f"{path}/streams/{full}", who=town.gestor)).status == 409
    assert (await town.ask("DELETE", f"{path}/streams/{full}", who=town.gestor)).status == 404
    assert (await town.ask("DELETE", f"{path}/streams/{sessions[0]}", who=town.gestor)).status == 204
    left = (await town.ask("GET", path, who=town.gestor)).body
    assert left["cameras"] == [None, None, ids[1], ids[2]]
    assert (await town.ask("POST", f"{path}/streams/{UNKNOWN}", who=town.gestor)).status == 404
    assert (await town.ask("POST", f"{path}/streams/{sessions[0]}", who=town.guard)).status in {403, 404}


async def test_how_many_there_may_be(town, monkeypatch):
    for name in ("MOST_OWN", "MOST_SHARED", "MOST_UNSAVED"):
        monkeypatch.setattr(limits, name, 2)
    for fields, who in (({}, town.gestor), ({}, town.guard), ({"ephemeral": True}, town.guard)):
        for _ in range(2):
            last = await add(town, who, **fields)
        assert (await refused(town, who, **fields))[0] == 409
    assert (await refused(town, town.guard, f"{MOSAICS}/{last['id']}", "PATCH", ephemeral=False))[0] == 409


async def test_a_city_that_is_removed_takes_its_mosaics_along(town):
    empty = await town.served.city("Vazia")
    made = await town.ask("POST", MOSAICS, {"name": "x", "layout": "1x1"}, who=town.root, city=empty)
    assert made.status == 201, made.raw
    assert (await town.ask("DELETE", f"/api/v1/cities/{empty.public_id}", who=town.root)).status == 204


async def test_a_person_who_is_removed_takes_their_own_along(town):
    await add(town, town.guard)
    kept = await add(town, town.gestor)
    path = f"/api/v1/users/{town.served.people['guarda'].public_id}"
    assert (await town.ask("DELETE", path, who=town.gestor)).status == 204
    async with town.served.base.database.write() as transaction:
        assert [row["public_id"] for row in await transaction.fetch("SELECT public_id FROM mosaic")] == [kept["id"]]


@pytest.mark.parametrize("path", [MOSAICS, f"{MOSAICS}/{UNKNOWN}"])
async def test_a_superadmin_says_which_city(town, path):
    assert (await town.ask("GET", path, who=town.root)).status == 400
