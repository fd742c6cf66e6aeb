"""Alerts as people meet them: found by who may see them, taken once, held, closed, told in the audit log, printed."""

from __future__ import annotations

import asyncio
import io
import json
from typing import TYPE_CHECKING, Any

import pytest
from pypdf import PdfReader

from tests.unit.api.alert_room import Room
from vmsd.model.alert import AlertKind
from vmsd.model.person import Role, Verb

if TYPE_CHECKING:
    from tests.unit.api.conftest import Town


@pytest.fixture
def room(town: Town) -> Room:
    return Room(town)


def text_of(pdf: bytes) -> str:
    return "\n".join(page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages)


async def patch(town: Town, alert: Any, change: dict[str, Any], who: dict[str, str]) -> Any:
    return await town.ask("PATCH", f"/api/v1/alerts/{alert.public_id}", change, who=who)


async def listed(town: Town, who: dict[str, str], query: str = "", **more: Any) -> list[str]:
    answer = await town.ask("GET", f"/api/v1/alerts{query}", who=who, **more)
    assert answer.status == 200, answer.raw
    return [one["id"] for one in answer.body["items"]]


async def colleague(town: Town, name: str = "colega") -> dict[str, str]:
    await town.served.person(name, Role.USER, town.here)
    return await town.served.token(name)


async def test_an_alert_goes_from_new_to_closed_and_every_step_is_kept(town, room):
    camera = await room.camera()
    alert = await room.raised(camera=camera, facts={"text": "alguém no telhado"})
    taken = await patch(town, alert, {"state": "acknowledged"}, town.guard)
    assert (taken.status, taken.body["owner"]["name"]) == (200, "guarda")
    held = await patch(town, alert, {"state": "on_hold", "note": "Viatura 12 a caminho"}, town.guard)
    assert held.body["state"] == "on_hold"
    assert held.body["held_until"] is not None
    town.served.clock.pass_s(60)
    closed = await patch(town, alert, {"state": "closed", "note": "Era o gato"}, town.guard)
    assert (closed.body["state"], closed.body["note"]) == ("closed", "Era o gato")
    assert [(one["step"], one["by"] and one["by"]["name"]) for one in closed.body["steps"]] == [
        ("raised", None),
        ("acknowledged", "guarda"),
        ("held", "guarda"),
        ("closed", "guarda"),
    ]
    assert closed.body["replay_url"].startswith(f"/replay?camera={camera.public_id}&at=")
    for state in ("acknowledged", "on_hold", "closed", "new"):
        assert (await patch(town, alert, {"state": state}, town.guard)).status == 409


async def test_of_two_guards_who_take_the_same_alert_at_once_one_is_told_who_has_it(town, room):
    other, alert = await colleague(town), await room.raised()
    answers = await asyncio.gather(*(patch(town, alert, {"state": "acknowledged"}, who) for who in (town.guard, other)))
    assert sorted(one.status for one in answers) == [200, 409]
    winner, loser = sorted(answers, key=lambda one: one.status)
    assert winner.body["owner"]["name"] in loser.body["detail"]
    again = await patch(town, alert, {"state": "acknowledged", "take_over": True}, other)
    assert again.body["owner"]["name"] == "colega"


async def test_what_somebody_else_has_taken_is_neither_held_nor_closed_behind_their_back(town, room):
    other, alert = await colleague(town), await room.raised()
    await patch(town, alert, {"state": "acknowledged"}, town.guard)
    for state in ("on_hold", "closed"):
        refused = await patch(town, alert, {"state": state}, other)
        assert refused.status == 409
        assert "guarda" in refused.body["detail"]
    assert (await patch(town, alert, {"note": "vi também"}, other)).body["owner"]["name"] == "guarda"
    closed = await patch(town, alert, {"state": "closed", "take_over": True}, other)
    assert [one["step"] for one in closed.body["steps"]][-2:] == ["taken_over", "closed"]


async def test_what_lasts_and_must_be_put_right_is_closed_by_nobody(town, room):
    camera = await room.camera()
    alert = await room.raised(camera.public_id, kind=AlertKind.NOT_RECORDING, camera=camera)
    refused = await patch(town, alert, {"state": "closed"}, town.guard)
    assert refused.status == 409
    assert f"/camera/{camera.public_id}" in refused.body["detail"]
    assert (await patch(town, alert, {"state": "acknowledged"}, town.guard)).body["place"].endswith(camera.public_id)
    town.served.clock.pass_s(90)
    ended = await room.ended(alert)
    assert (ended.state, ended.facts["duration"]) == ("closed", 90)
    again = await room.raised(camera.public_id, kind=AlertKind.NOT_RECORDING, camera=camera)
    assert again.public_id != alert.public_id


async def test_the_same_thing_happening_again_is_counted_and_not_told_as_another(town, room):
    first = await room.raised("porta", facts={"text": "uma"})
    town.served.clock.pass_s(5)
    second = await room.raised("porta", level="critical", facts={"score": 1})
    assert (second.public_id, second.times, second.level) == (first.public_id, 2, "critical")
    assert second.facts == {"text": "uma", "score": 1}
    assert await listed(town, town.guard) == [first.public_id]


async def test_nobody_sees_alerts_of_cameras_they_may_not_view_nor_of_another_city(town, room):
    group = await town.ask("POST", "/api/v1/groups", {"name": "Praça"}, who=town.gestor)
    grouped = await room.camera(group="Praça")
    number = grouped.group_id
    await town.served.person("da praça", Role.USER, town.here, {number: frozenset({Verb.VIEW})})
    theirs = await town.served.token("da praça")
    apart, seen = await room.raised("a", camera=await room.camera()), await room.raised("b", camera=grouped)
    box = await room.raised("c")
    governed = await room.raised("d", audience=Role.GESTOR)
    assert group.status == 201
    assert await listed(town, theirs) == [box.public_id, seen.public_id]
    assert await listed(town, town.gestor) == [one.public_id for one in (governed, box, seen, apart)]
    assert await listed(town, town.other) == []
    for who, alert in ((theirs, apart), (town.guard, governed), (town.other, seen)):
        for ask in ("", ".pdf"):
            assert (await town.ask("GET", f"/api/v1/alerts/{alert.public_id}{ask}", who=who)).status == 404
        assert (await patch(town, alert, {"state": "closed"}, who)).status == 404
    counts = await town.ask("GET", "/api/v1/alerts/counts", who=theirs)
    assert counts.body == {"new": 2, "acknowledged": 0, "on_hold": 0, "mine": 0, "loudest": "warning"}


async def test_who_may_not_read_plates_sees_that_there_was_one_and_not_which(town, room):
    camera = await room.camera(group="Entrada")
    await town.served.person("sem placas", Role.USER, town.here, {camera.group_id: frozenset({Verb.VIEW})})
    without = await town.served.token("sem placas")
    detection = await room.detection(camera, "BRA2E19")
    facts = {"reason": "roubo"}
    alert = await room.raised(
        kind=AlertKind.WANTED_PLATE, camera=camera, detection_id=detection, facts=facts, level="critical"
    )
    path = f"/api/v1/alerts/{alert.public_id}"
    told, masked = [await town.ask("GET", path, who=who) for who in (town.guard, without)]
    assert told.body["facts"] == {"reason": "roubo", "plate": "BRA2E19"}
    assert told.body["image_url"] == f"/api/v1/detections/{told.body['detection_id']}/image.jpg"
    assert (masked.body["facts"], masked.body["image_url"], masked.body["detection_id"]) == ({}, None, None)
    paper = await town.ask("GET", f"{path}.pdf", who=without)
    assert "BRA2E19" not in text_of(paper.raw)
    assert "BRA2E19" in text_of((await town.ask("GET", f"{path}.pdf", who=town.guard)).raw)
    async with town.served.base.database.write() as transaction:
        await transaction.execute("UPDATE detection SET plate = NULL, image = NULL")
    forgotten = await town.ask("GET", path, who=town.guard)
    assert (forgotten.body["facts"]["plate"], forgotten.body["image_url"]) == (None, None)


async def test_many_are_taken_at_once_and_those_of_others_stay_theirs(town, room):
    other, alerts = await colleague(town), [await room.raised(str(number)) for number in range(4)]
    await patch(town, alerts[0], {"state": "acknowledged"}, other)
    ids = [one.public_id for one in alerts] + ["00000000-0000-4000-8000-000000000000"]
    answer = await town.ask("POST", "/api/v1/alerts/acknowledge", {"ids": ids}, who=town.guard)
    assert answer.body == {"acknowledged": ids[1:4], "refused": [ids[0], ids[4]]}
    counts = await town.ask("GET", "/api/v1/alerts/counts", who=town.guard)
    assert counts.body == {"new": 0, "acknowledged": 4, "on_hold": 0, "mine": 3, "loudest": None}
    assert await listed(town, town.guard, "?mine=true") == ids[3:0:-1]


async def test_alerts_are_found_by_state_kind_level_camera_and_period_a_page_at_a_time(town, room):
    camera = await room.camera()
    old = await room.raised("a", kind=AlertKind.MOTION, camera=camera, level="info")
    town.served.clock.pass_s(3600)
    middle = await room.raised("b", level="critical")
    town.served.clock.pass_s(3600)
    new = await room.raised("c")
    await patch(town, old, {"state": "closed"}, town.guard)
    noon = (await town.ask("GET", f"/api/v1/alerts/{middle.public_id}", who=town.guard)).body["time"]
    for query, found in {
        "?state=closed": [old],
        "?state=open": [new, middle],
        "?kind=motion": [old],
        "?level=critical": [middle],
        f"?camera_id={camera.public_id}": [old],
        f"?start={noon}": [new, middle],
        f"?end={noon}": [old],
    }.items():
        assert await listed(town, town.guard, query) == [one.public_id for one in found], query
    page = await town.ask("GET", "/api/v1/alerts?limit=2", who=town.guard)
    assert [one["id"] for one in page.body["items"]] == [new.public_id, middle.public_id]
    assert await listed(town, town.guard, f"?limit=2&cursor={page.body['next']}") == [old.public_id]
    assert (await town.ask("GET", f"/api/v1/alerts?cursor={new.public_id[:-1]}", who=town.guard)).status == 422


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"state": "open"}, 422),
        ({"state": "on_hold", "until": "2020-01-01T00:00:00Z"}, 422),
        ({"state": "on_hold", "until": "2100-01-01T00:00:00Z"}, 422),
        ({"state": "on_hold", "until": "soon"}, 422),
        ({"note": "x" * 1001}, 422),
        ({"owner": "me"}, 422),
        ({"state": "new"}, 409),
        ({}, 200),
    ],
)
async def test_a_change_that_makes_no_sense_is_refused(town, room, change, status):
    alert = await room.raised()
    assert (await patch(town, alert, change, town.guard)).status == status
    assert (await patch(town, alert, {"state": "acknowledged"}, town.guard)).status == 200


async def test_who_takes_holds_and_closes_is_in_the_audit_log(town, room):
    camera = await room.camera()
    alert = await room.raised(camera=camera)
    await patch(town, alert, {"state": "on_hold", "note": "depois"}, town.guard)
    await patch(town, alert, {"state": "closed", "note": "feito"}, town.guard)
    rows = (await town.ask("GET", f"/api/v1/audit?subject={alert.public_id}", who=town.gestor)).body["items"]
    assert [(one["action"], one["reason"]) for one in reversed(rows)] == [
        ("alert.acknowledged", None),
        ("alert.held", "depois"),
        ("alert.closed", "feito"),
    ]
    assert rows[0]["facts"] == {"kind": "event", "camera": camera.public_id}


async def test_the_record_is_printed_with_its_steps(town, room):
    alert = await room.raised(camera=await room.camera(), facts={"text": "alguém no telhado"})
    await patch(town, alert, {"state": "closed", "note": "Era o gato"}, town.guard)
    paper = await town.ask("GET", f"/api/v1/alerts/{alert.public_id}.pdf", who=town.guard)
    assert (paper.status, paper.content_type) == (200, "application/pdf")
    for words in ("alguém no telhado", "Era o gato", "guarda", "encerrado"):
        assert words in text_of(paper.raw)


async def test_a_closed_alert_and_its_news_are_in_the_outbox_of_who_asked_for_them(town, room):
    async with town.served.base.database.write() as transaction:
        await transaction.execute(
            """INSERT INTO destination (city_id, id, public_id, kind, name, address, topics, enabled, sent_id, failures,
            created_ms, changed_ms) VALUES (:city, 1, 'd', 'webhook', 'd', x'', 'alertas.novo alertas.encerrado', 1, 0,
            0, 0, 0)""",
            {"city": town.here.id},
        )
    alert = await room.raised()
    await patch(town, alert, {"state": "acknowledged"}, town.guard)
    await patch(town, alert, {"state": "closed"}, town.guard)
    rows = await town.served.base.database.read("SELECT topic, priority, body FROM outbox ORDER BY id")
    assert [(row["topic"], row["priority"]) for row in rows] == [("alertas.novo", 1), ("alertas.encerrado", 1)]
    assert json.loads(rows[1]["body"])["owner"]["name"] == "guarda"
