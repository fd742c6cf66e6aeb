"""What programs outside report: on the timeline at once, as an alert where somebody must look, and nobody else's."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from tests.unit.api.conftest import Town
from tests.unit.api.kept import DAY_MS, HOUR_MS, Archive, at, make_archive
from tests.unit.tasks.recording_box import NOW_MS
from vmsd.model.mark import Mark
from vmsd.store.kept_periods import KeptPeriods
from vmsd.store.marks import Marks
from vmsd.store.scope import Scope

SEEN = {"type": "person", "box": [0.4, 0.3, 0.1, 0.25], "text": "de capacete", "score": 0.9}


@pytest.fixture
async def archive(town: Town) -> Archive:
    """Its asker is the city's GESTOR."""
    return replace(await make_archive(town), keeper=town.gestor)


def event(archive: Archive, **fields: object) -> dict[str, object]:
    return {"camera_id": archive.square, "time": at(-HOUR_MS), **SEEN, **fields}


async def test_an_event_is_on_the_timeline_and_raises_the_alert_it_asks_for(archive: Archive):
    made = await archive.done("POST", "/events", event(archive, alert=True))
    assert {name: made[name] for name in SEEN} == SEEN
    assert (made["time"], made["end"], made["source"]) == (at(-HOUR_MS), at(-HOUR_MS), "gestora")
    again = await archive.done("POST", "/events", event(archive, alert=True, time=at(-60_000)))
    assert again["alert_id"] == made["alert_id"] is not None
    quiet = await archive.done("POST", "/events", event(archive))
    assert quiet["alert_id"] is None
    camera = f"/cameras/{archive.square}"
    period = f"start={at(-2 * HOUR_MS)}&end={at(0)}"
    marks = (await archive.done("GET", f"{camera}/marks?{period}"))["items"]
    assert [one["id"] for one in marks] == [made["id"], quiet["id"], again["id"]]
    assert (await archive.done("GET", f"{camera}/marks?{period}&type=car"))["items"] == []
    events = (await archive.done("GET", f"{camera}/timeline?{period}"))["events"]
    (first, *_) = [one for one in events if one["kind"] == "mark.person"]
    assert first["facts"] == {"mark_id": made["id"], "text": "de capacete", "source": "gestora", "percent": 90}
    rows = await archive.told("mark.")
    assert [row.subject for row in rows] == [archive.square] * 3
    assert json.loads(rows[0].facts) == {"alert": True, "time": at(-HOUR_MS), "type": "person"}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("type", "motion"),
        ("type", "Person"),
        ("time", at(-32 * DAY_MS)),
        ("time", at(HOUR_MS)),
        ("end", at(-2 * HOUR_MS)),
        ("end", at(2 * DAY_MS)),
        ("box", [0.9, 0, 0.2, 0.1]),
        ("box", [0.1, 0.1, 0.1]),
        ("score", 1.5),
        ("text", "a" * 501),
        ("camera_id", "0f9f6a30-6f6c-4f0e-8f3d-2f6d0c1b7a55"),
        ("colour", "red"),
    ],
)
async def test_an_event_that_cannot_be_is_refused_by_its_field(archive: Archive, field: str, value: object):
    answer = await archive.ask("POST", "/events", event(archive, **{field: value}))
    assert answer.status == 422
    assert {one["pointer"].split("/")[1] for one in answer.body["errors"]} == {field}


async def test_an_event_of_another_citys_camera_is_as_good_as_none(archive: Archive):
    answer = await archive.ask("POST", "/events", event(archive), who=archive.town.other)
    assert (answer.status, answer.body["errors"][0]["pointer"]) == (422, "/camera_id")


async def test_the_rule_of_a_camera_is_what_was_set_and_goes_back_to_the_usual_one(archive: Archive):
    path = f"/cameras/{archive.square}/motion"
    usual = await archive.done("GET", path)
    assert (usual["area"], usual["alert"], usual["windows"], usual["now"]) == ([], False, [], None)
    rule = {
        "area": [[0, 0], [0.5, 0], [0.5, 1]],
        "threshold": 0.1,
        "alert": True,
        "windows": [{"days": [0, 4], "from": "22:00", "to": "06:00"}],
    }
    await archive.done("PUT", path, rule)
    kept = await archive.done("GET", path)
    assert {name: kept[name] for name in rule} == rule
    for wrong in ({"area": [[0, 0], [1, 1]]}, {"threshold": 0}, {"windows": [{"days": [], "from": "1", "to": "2"}]}):
        assert (await archive.ask("PUT", path, rule | wrong)).status == 422
    assert (await archive.ask("DELETE", path)).status == 204
    assert await archive.done("GET", path) == usual
    assert [row.action for row in await archive.told("motion.")] == ["motion.changed"] * 2


async def test_marks_go_with_the_video_they_stand_on_unless_it_is_kept(archive: Archive):
    scope = Scope(archive.town.served.base.database, archive.town.here.id)
    marks = Marks(scope)
    async with scope.write() as transaction:
        for number, days in enumerate((40, 20, 1), start=1):
            start_ms = NOW_MS - days * DAY_MS
            mark = Mark(number, f"mark-{number}", 1, "motion", start_ms, start_ms + 1000, 0.1, None, "", "")
            await marks.add(transaction, mark, NOW_MS)
        period = {"start_ms": NOW_MS - 40 * DAY_MS, "end_ms": NOW_MS - 39 * DAY_MS, "now_ms": NOW_MS}
        by = {"reason": "furto", "person": None, "person_name": None}
        await KeptPeriods(scope).add(transaction, 1, **period, **by)
        assert await marks.drop(transaction, 1, NOW_MS - 10 * DAY_MS, limit=100) == 1
    left = [await marks.between(1, NOW_MS - days * DAY_MS, NOW_MS, limit=9) for days in (41, 21, 2)]
    assert [[one.id for one in found] for found in left] == [[1, 3], [3], [3]]
