"""Incidents and holds over the API: what they keep, who sees and changes them, how they end."""

from __future__ import annotations

import json

import pytest

from tests.unit.api.conftest import Town
from tests.unit.api.kept import DAY_MS, EVER, FILES, HOUR_MS, Archive, at, make_archive
from vmsd.services.storage import Capacity

WEEK_MS = 7 * DAY_MS
PAPER = {"number": "Ofício 12/2026", "authority": "1ª Vara Criminal", "purpose": "Inquérito 45"}


@pytest.fixture
async def archive(town: Town) -> Archive:
    return await make_archive(town)


def both(archive: Archive) -> list[dict[str, str]]:
    return [archive.period(archive.square, 1, 3), archive.period(archive.school, 2, 4)]


async def test_an_incident_ties_cameras_together_and_closing_it_lets_them_go(archive: Archive):
    archive.town.served.daemon._volume.watch.capacity = Capacity(2000, 0, 0, None, None)
    body = {"name": "Furto", "note": "Boletim 1", "periods": both(archive)}
    made = await archive.done("POST", "/incidents", body)
    periods = [{name: one[name] for name in ("camera_id", "start", "end")} for one in made["periods"]]
    assert (made["state"], made["bytes"], made["retention_days"], periods) == ("open", 4000, 2.0, both(archive))
    assert await archive.kept(archive.square) == ["", "incident", "incident", *FILES[3:]]
    path = f"/incidents/{made['id']}"
    assert await archive.done("GET", path) == made
    more = await archive.done("POST", f"{path}/periods", {"periods": [archive.period(archive.square, 2, 5)]})
    assert (len(more["periods"]), more["bytes"]) == (3, 6000)
    changed = await archive.done("PATCH", path, {"note": "Boletim 2"})
    assert (changed["name"], changed["note"]) == ("Furto", "Boletim 2")
    assert (await archive.ask("DELETE", path, {"reason": "resolvido"})).status == 204
    assert await archive.kept(archive.square) == FILES
    closed = await archive.done("GET", path)
    assert (closed["state"], closed["closed_at"], closed["bytes"]) == ("closed", at(0), 0)
    assert all(one["released_at"] for one in closed["periods"])
    for method, rest, sent in (
        ("DELETE", "", None),
        ("PATCH", "", {"note": "x"}),
        ("POST", "/periods", {"periods": both(archive)}),
    ):
        assert (await archive.ask(method, path + rest, sent)).status == 409
    assert [one["id"] for one in (await archive.done("GET", "/incidents?state=closed"))["items"]] == [made["id"]]
    assert (await archive.done("GET", "/incidents?state=open"))["items"] == []
    rows = await archive.told("incident.")
    assert [(row.action, row.subject, row.reason) for row in rows] == [
        ("incident.added", made["id"], "Boletim 1"),
        ("incident.changed", made["id"], None),
        ("incident.changed", made["id"], None),
        ("incident.closed", made["id"], "resolvido"),
    ]
    assert json.loads(rows[3].facts) == {"name": "Furto", "released": 3, "bytes": 6000}
    assert json.loads(rows[0].facts)["periods"] == [" ".join(one.values()) for one in both(archive)]


async def test_a_hold_answers_a_paper_and_is_confirmed_or_ended_by_people(archive: Archive):
    body = PAPER | {"deadline": at(WEEK_MS), "periods": both(archive)}
    made = await archive.done("POST", "/holds", body)
    assert {name: made[name] for name in PAPER} == PAPER
    assert (made["state"], made["deadline"], made["bytes"], made["ended_why"]) == ("active", at(WEEK_MS), 4000, None)
    assert (await archive.kept(archive.school))[2:4] == ["hold", "hold"]
    path = f"/holds/{made['id']}"
    for deadline in (at(-1), at(WEEK_MS), at(WEEK_MS - 1), at(3700 * DAY_MS)):
        answer = await archive.ask("POST", f"{path}/confirm", {"deadline": deadline})
        assert (answer.status, answer.pointers) == (422, {"/deadline"})
    confirmed = await archive.done("POST", f"{path}/confirm", {"deadline": at(2 * WEEK_MS)})
    assert (confirmed["deadline"], confirmed["confirmed_at"]) == (at(2 * WEEK_MS), at(0))
    more = await archive.done("POST", f"{path}/periods", {"periods": [archive.period(archive.square, 8, 10)]})
    assert len(more["periods"]) == 3
    assert (await archive.done("PATCH", path, {"number": "13"}))["number"] == "13"
    assert (await archive.ask("PATCH", path, {"deadline": at(WEEK_MS)})).status == 422
    await archive.done("DELETE", path, {"reason": "respondido"})
    ended = await archive.done("GET", path)
    assert (ended["state"], ended["ended_at"], ended["ended_why"]) == ("ended", at(0), "released")
    assert await archive.kept(archive.square) == FILES
    assert (await archive.ask("POST", f"{path}/confirm", {"deadline": at(9 * WEEK_MS)})).status == 409
    assert (await archive.ask("DELETE", path)).status == 409
    rows = await archive.told("hold.")
    assert [(row.action, row.reason) for row in rows] == [
        ("hold.added", PAPER["purpose"]),
        ("hold.confirmed", None),
        ("hold.changed", None),
        ("hold.changed", None),
        ("hold.ended", "respondido"),
    ]


@pytest.mark.parametrize(
    ("path", "body"),
    [("/incidents", {"name": "Furto"}), ("/holds", PAPER | {"deadline": at(WEEK_MS)})],
)
async def test_only_who_may_with_all_its_cameras_sees_and_changes_it(archive: Archive, path, body):
    half = body | {"periods": [archive.period(archive.square)]}
    whole = body | {"periods": both(archive)}
    for who, sent, status in (
        (archive.square_keeper, whole, 404),
        (archive.school_watcher, whole, 403),
        (archive.town.guard, half, 403),
        (archive.town.other, half, 404),
    ):
        assert (await archive.ask("POST", path, sent, who=who)).status == status
    whole_id = (await archive.done("POST", path, whole))["id"]
    half_id = (await archive.done("POST", path, half, who=archive.square_keeper))["id"]
    for who, seen in (
        (archive.keeper, [half_id, whole_id]),
        (archive.town.guard, [half_id, whole_id]),
        (archive.school_watcher, [half_id, whole_id]),
        (archive.square_keeper, [half_id]),
        (archive.town.other, []),
    ):
        assert [one["id"] for one in (await archive.done("GET", path, who=who))["items"]] == seen
        for one in (whole_id, half_id):
            assert (await archive.ask("GET", f"{path}/{one}", who=who)).status == (200 if one in seen else 404)
    for who, one, status in (
        (archive.square_keeper, whole_id, 404),
        (archive.school_watcher, whole_id, 403),
        (archive.town.guard, half_id, 403),
        (archive.town.other, half_id, 404),
    ):
        for method, rest, sent in (("PATCH", "", {}), ("DELETE", "", None), ("POST", "/periods", {})):
            assert (await archive.ask(method, f"{path}/{one}{rest}", sent, who=who)).status == status
    hidden = await archive.ask("GET", f"{path}/{whole_id}", who=archive.square_keeper)
    unknown = await archive.ask("GET", f"{path}/{archive.square}", who=archive.square_keeper)
    assert hidden.raw == unknown.raw
    period = (await archive.done("GET", "/preservations", who=archive.square_keeper))["items"][-1]
    assert (period["incident_id"], period["hold_id"]) == (None, None)
    extended = await archive.ask(
        "POST", f"{path}/{half_id}/periods", {"periods": both(archive)}, who=archive.school_watcher
    )
    assert extended.status == 403, "a camera in the body wants the same right"


@pytest.mark.parametrize(
    ("path", "body"),
    [("/incidents", {"name": "Furto"}), ("/holds", PAPER | {"deadline": at(WEEK_MS)})],
)
async def test_a_version_that_is_no_more_is_not_changed(archive: Archive, path, body):
    made = await archive.ask("POST", path, body | {"periods": both(archive)})
    assert made.headers["Location"] == f"/api/v1{path}/{made.body['id']}"
    one, first = f"{path}/{made.body['id']}", made.headers["ETag"]
    field = "note" if path == "/incidents" else "purpose"
    changed = await archive.ask("PATCH", one, {field: "x"}, If_Match=first)
    assert (changed.status, changed.headers["ETag"] == first) == (200, False)
    for method in ("PATCH", "DELETE"):
        assert (await archive.ask(method, one, {} if method == "PATCH" else None, If_Match=first)).status == 412
    assert (await archive.ask("GET", one)).headers["ETag"] == changed.headers["ETag"]
    assert (await archive.ask("DELETE", one, If_Match=changed.headers["ETag"])).status == 204


@pytest.mark.parametrize(
    ("path", "body"),
    [("/incidents", {"name": "Furto"}), ("/holds", PAPER | {"deadline": at(WEEK_MS)})],
)
async def test_nothing_wrong_is_taken(archive: Archive, path, body):
    period = archive.period(archive.square)
    good = body | {"periods": [period]}
    name = next(iter(body))
    for change, pointer in (
        ({"periods": []}, "/periods"),
        ({"periods": [period] * 51}, "/periods"),
        ({"periods": [period, period | {"end": period["start"]}]}, "/periods/1/end"),
        ({"periods": [period | {"camera_id": "x"}]}, "/periods/0/camera_id"),
        ({name: ""}, f"/{name}"),
        ({name: "x" * 201}, f"/{name}"),
        ({name: "a\nb"}, f"/{name}"),
        ({"more": 1}, "/more"),
    ):
        answer = await archive.ask("POST", path, good | change)
        assert (answer.status, answer.pointers) == (422, {pointer}), answer.raw
    past = good | {"periods": [{"camera_id": archive.square, "start": at(-DAY_MS), "end": at(-DAY_MS + HOUR_MS)}]}
    assert (await archive.ask("POST", path, past)).status == 409
    made = await archive.done("POST", path, body | {"periods": [period] * 50})
    answer = await archive.ask("POST", f"{path}/{made['id']}/periods", {"periods": [period]})
    assert (answer.status, answer.pointers) == (422, {"/periods"})


async def test_incidents_are_listed_page_by_page(archive: Archive):
    made = [
        (await archive.done("POST", "/incidents", {"name": str(number), "periods": both(archive)}))["id"]
        for number in range(5)
    ]
    seen, cursor = [], ""
    for _ in range(3):
        page = await archive.done("GET", f"/incidents?limit=2{cursor}")
        seen += [one["id"] for one in page["items"]]
        cursor = f"&cursor={page['next']}"
    assert (seen, page["next"]) == (made[::-1], None)
    assert (await archive.ask("GET", f"/incidents?cursor={archive.square}")).pointers == {"/cursor"}


async def test_recordings_are_found_by_what_keeps_them(archive: Archive):
    incident = await archive.done("POST", "/incidents", {"name": "Furto", "periods": both(archive)})
    hold = await archive.done(
        "POST", "/holds", PAPER | {"deadline": at(WEEK_MS), "periods": [archive.period(archive.square, 2, 5)]}
    )
    square, school = archive.recordings[archive.square], archive.recordings[archive.school]

    async def found(query: str, **rest) -> list[str]:
        return [one["id"] for one in (await archive.done("GET", f"/recordings?{query}", **rest))["items"]]

    def ids(*items) -> list[str]:
        return [one["id"] for one in items]

    of_incident = ids(square[1], square[2], school[2], school[3])
    assert await found(f"incident_id={incident['id']}") == of_incident
    assert await found(f"incident_id={incident['id']}&camera_id={archive.school}") == of_incident[2:]
    assert await found(f"incident_id={incident['id']}&start={square[2]['start']}") == of_incident[1:]
    assert await found(f"hold_id={hold['id']}") == ids(*square[2:5])
    assert await found(f"preserved=true&{EVER}") == ids(
        square[1], square[2], school[2], square[3], school[3], square[4]
    )
    assert await found(f"preserved=false&camera_id={archive.school}&{EVER}") == ids(*school[:2], *school[4:])
    group = (await archive.done("GET", "/groups"))["items"][1]
    assert group["name"] == "Escola"
    assert await found(f"group={group['id']}&{EVER}") == ids(*school)
    hidden = await archive.ask("GET", f"/recordings?incident_id={incident['id']}", who=archive.square_keeper)
    assert hidden.status == 404
    assert await found(EVER, who=archive.square_keeper) == ids(*square)
    await archive.done("DELETE", f"/incidents/{incident['id']}")
    assert await found(f"incident_id={incident['id']}") == of_incident
    for query, pointers in (
        ("", {"/start", "/end"}),
        (f"start={square[0]['start']}", {"/end"}),
        (f"incident_id={incident['id']}&hold_id={hold['id']}", {"/hold_id"}),
        (f"hold_id={hold['id']}&start={at(0)}&end={at(0)}", {"/end"}),
        (f"{EVER}&group=x", {"/group"}),
    ):
        answer = await archive.ask("GET", f"/recordings?{query}")
        assert (answer.status, answer.pointers) == (422, pointers), answer.raw
    seen, cursor = [], ""
    while cursor is not None:
        page = await archive.done("GET", f"/recordings?{EVER.replace('500', '3')}{cursor}")
        seen += [one["id"] for one in page["items"]]
        cursor = f"&cursor={page['next']}" if page["next"] else None
    assert seen == ids(*(one for pair in zip(square, school, strict=True) for one in pair))
