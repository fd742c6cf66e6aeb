"""Preserving over the API: one file or a period, who may, what is told, and what it costs."""

from __future__ import annotations

import json

import pytest

from tests.unit.api.conftest import Town
from tests.unit.api.kept import DAY_MS, EVER, FILES, HOUR_MS, Archive, at, make_archive
from vmsd.services.storage import Capacity


@pytest.fixture
async def archive(town: Town) -> Archive:
    return await make_archive(town)


async def test_one_file_is_preserved_once_and_let_go(archive: Archive):
    third = archive.recordings[archive.square][3]
    path = f"/recordings/{third['id']}/preserve"
    first = await archive.done("PUT", path, {"reason": "furto"})
    assert (first["kept"], first["preserved"], first["incident"]) == (["preserved"], True, False)
    assert await archive.done("PUT", path, {"reason": "outra"}) == first
    assert await archive.kept(archive.square) == [*FILES[:3], "preserved", *FILES[4:]]
    (period,) = (await archive.done("GET", "/preservations"))["items"]
    assert (period["reason"], period["start"], period["end"]) == ("furto", third["start"], third["end"])
    assert (await archive.ask("DELETE", path)).status == 204
    assert (await archive.ask("DELETE", path)).status == 204
    assert await archive.kept(archive.square) == FILES
    rows = await archive.told("recording.")
    assert [(row.action, row.subject_kind, row.subject, row.reason) for row in rows] == [
        ("recording.preserved", "camera", archive.square, "furto"),
        ("recording.released", "camera", archive.square, None),
    ]
    facts = {"start": third["start"], "end": third["end"], "bytes": 1000}
    assert [json.loads(row.facts) for row in rows] == [facts, facts]


async def test_letting_one_file_go_splits_a_longer_period(archive: Archive):
    await archive.done("POST", "/preservations", archive.period(archive.square, 2, 8) | {"reason": "furto"})
    await archive.done("DELETE", f"/recordings/{archive.recordings[archive.square][4]['id']}/preserve", {"reason": "x"})
    kept = ["preserved"]
    assert await archive.kept(archive.square) == [*FILES[:2], *kept * 2, "", *kept * 3, *FILES[8:]]
    shown = (await archive.done("GET", "/preservations?released=true"))["items"]
    assert [one["reason"] for one in shown] == ["furto"] * 3
    assert [one["released_at"] is None for one in shown] == [True, True, False]
    assert [one["bytes"] for one in shown] == [3000, 2000, 0]


async def test_what_an_incident_or_a_hold_keeps_is_not_let_go_and_it_is_said_which(archive: Archive):
    recording = archive.recordings[archive.square][3]
    path = f"/recordings/{recording['id']}/preserve"
    await archive.done("PUT", path)
    periods = {"periods": [archive.period(archive.square, 3, 4), archive.period(archive.school)]}
    incident = await archive.done("POST", "/incidents", {"name": "Furto na praça"} | periods)
    assert (await archive.kept(archive.square))[3] == "preserved incident"
    answer = await archive.ask("DELETE", path)
    assert (answer.status, answer.body["detail"]) == (409, "incident Furto na praça keeps this recording")
    answer = await archive.ask("DELETE", path, who=archive.square_keeper)
    assert (answer.status, answer.body["detail"]) == (409, "an incident keeps this recording")
    assert (await archive.kept(archive.square))[3] == "preserved incident"
    (period,) = [
        one for one in (await archive.done("GET", "/preservations"))["items"] if one["camera_id"] == archive.school
    ]
    assert (await archive.ask("DELETE", f"/preservations/{period['id']}")).status == 409
    await archive.done("DELETE", f"/incidents/{incident['id']}")
    await archive.done("DELETE", path)
    assert await archive.kept(archive.square) == FILES


async def test_a_preserved_period_says_what_it_costs(archive: Archive):
    await archive.town.ask("GET", "/health")
    archive.town.served.daemon._volume.watch.capacity = Capacity(4000, 0, 0, None, None)
    period = archive.period(archive.square, 2, 4)
    query = "&".join(f"{name}={value}" for name, value in period.items())
    assert await archive.done("GET", f"/preservations/cost?{query}") == {"bytes": 2000, "retention_days": 0.5}
    made = await archive.done("POST", "/preservations", period | {"reason": "furto"})
    assert made == {
        **period,
        "id": made["id"],
        "keeping": "preserved",
        "reason": "furto",
        "by": {"id": archive.town.served.people["guardiã"].public_id, "name": "guardiã"},
        "created_at": at(0),
        "released_at": None,
        "incident_id": None,
        "hold_id": None,
        "bytes": 2000,
        "retention_days": 0.5,
    }
    assert await archive.done("GET", f"/preservations/{made['id']}") == made
    assert (await archive.ask("DELETE", f"/preservations/{made['id']}")).status == 204
    assert (await archive.ask("DELETE", f"/preservations/{made['id']}")).status == 204
    assert len(await archive.told("recording.released")) == 1


@pytest.mark.parametrize(
    ("start_ms", "end_ms", "status", "pointers"),
    [
        (HOUR_MS, 2 * HOUR_MS, 201, set()),
        (-DAY_MS, -DAY_MS + HOUR_MS, 409, set()),
        (HOUR_MS, HOUR_MS, 422, {"/end"}),
        (0, 32 * DAY_MS, 422, {"/end"}),
        (370 * DAY_MS, 371 * DAY_MS, 422, {"/end"}),
    ],
)
async def test_a_period_that_cannot_be_kept_is_refused(archive: Archive, start_ms, end_ms, status, pointers):
    body = {"camera_id": archive.square, "start": at(start_ms), "end": at(end_ms)}
    answer = await archive.ask("POST", "/preservations", body)
    assert (answer.status, answer.pointers) == (status, pointers), answer.raw


async def test_everybody_keeps_and_sees_what_their_rights_are_on(archive: Archive):
    square, school = archive.period(archive.square), archive.period(archive.school)
    made = {}
    for name, who, body, status in (
        ("square", archive.square_keeper, square, 201),
        ("hidden", archive.square_keeper, school, 404),
        ("unallowed", archive.school_watcher, school, 403),
        ("guard", archive.town.guard, square, 403),
        ("school", archive.keeper, school, 201),
        ("elsewhere", archive.town.other, school, 404),
    ):
        answer = await archive.ask("POST", "/preservations", body, who=who)
        assert answer.status == status, (name, answer.raw)
        made[name] = answer.body.get("id")
    for who, seen in (
        (archive.square_keeper, {"square"}),
        (archive.school_watcher, {"square", "school"}),
        (archive.town.guard, {"square", "school"}),
        (archive.town.other, set()),
    ):
        shown = {one["id"] for one in (await archive.done("GET", "/preservations", who=who))["items"]}
        assert shown == {made[name] for name in seen}
        for name in ("square", "school"):
            status = (await archive.ask("GET", f"/preservations/{made[name]}", who=who)).status
            assert status == (200 if name in seen else 404)
    for who, name, status in (
        (archive.square_keeper, "school", 404),
        (archive.school_watcher, "school", 403),
        (archive.town.guard, "square", 403),
        (archive.town.other, "square", 404),
        (archive.square_keeper, "square", 204),
    ):
        assert (await archive.ask("DELETE", f"/preservations/{made[name]}", who=who)).status == status
    for who, camera, status in (
        (archive.square_keeper, archive.school, 404),
        (archive.school_watcher, archive.school, 403),
        (archive.square_keeper, archive.square, 200),
    ):
        path = f"/recordings/{archive.recordings[camera][0]['id']}/preserve"
        assert (await archive.ask("PUT", path, who=who)).status == status


async def test_preserved_periods_are_listed_page_by_page_and_by_what_they_are(archive: Archive):
    for number in range(3):
        await archive.done("POST", "/preservations", archive.period(archive.square, number, number + 1))
    await archive.done("POST", "/incidents", {"name": "x", "periods": [archive.period(archive.school)]})
    first = await archive.done("GET", "/preservations?limit=2")
    second = await archive.done("GET", f"/preservations?limit=2&cursor={first['next']}")
    assert [one["keeping"] for one in first["items"] + second["items"]] == ["incident", *["preserved"] * 3]
    assert second["next"] is None
    found = (await archive.done("GET", f"/preservations?keeping=incident&camera_id={archive.school}"))["items"]
    assert [one["incident_id"] for one in found] == [first["items"][0]["incident_id"]]
    assert (await archive.ask("GET", f"/preservations?cursor={archive.square}")).pointers == {"/cursor"}


async def test_who_preserves_is_asked_for_no_words_but_for_no_wrong_ones_either(archive: Archive):
    path = f"/recordings/{archive.recordings[archive.square][0]['id']}/preserve"
    for body, status in (({}, 200), ({"reason": "x" * 501}, 422), ({"why": "x"}, 422), ({"reason": "a\0b"}, 422)):
        assert (await archive.ask("PUT", path, body)).status == status
    assert await archive.kept(archive.square) == ["preserved", *FILES[1:]]
    assert (await archive.done("GET", f"/recordings?camera_id={archive.square}&{EVER}"))["items"][0]["preserved"]
