"""Thresholds over HTTP: a manager moves them, everybody's board follows."""

from __future__ import annotations

import pytest

THRESHOLDS = "/api/v1/thresholds"


async def test_a_manager_moves_them_and_they_are_usual_again_when_left_out(town):
    await town.served.camera(town.gestor, town.here)
    usual = (await town.ask("GET", THRESHOLDS, who=town.guard)).body
    assert (
        usual["cameras_offline"] | {"amber": 1, "red": 3, "usual": {"amber": 1, "red": 3}} == usual["cameras_offline"]
    )
    assert usual["camera_fps"]["red"] < usual["camera_fps"]["amber"]
    moved = {"cameras_offline": {"amber": 2, "red": 9}, "promise": {"amber": 1.5, "red": 1.2}}
    answer = await town.ask("PUT", THRESHOLDS, moved, who=town.gestor)
    assert answer.status == 200, answer.raw
    assert answer.body["cameras_offline"] == usual["cameras_offline"] | {"amber": 2, "red": 9}
    assert (await town.ask("GET", THRESHOLDS, who=town.guard)).body == answer.body
    figures = (await town.ask("GET", "/api/v1/health-board", who=town.guard)).body["figures"]
    assert (figures["cameras_offline"]["amber"], figures["promise"]["red"]) == (2, 1.2)
    assert (await town.ask("GET", THRESHOLDS, who=town.other)).body == usual
    assert (await town.ask("PUT", THRESHOLDS, moved, who=town.gestor)).body == answer.body
    stale = await town.ask("PUT", THRESHOLDS, {}, who=town.gestor, If_Match='"old"')
    assert stale.status == 412
    again = await town.ask("PUT", THRESHOLDS, {}, who=town.gestor, If_Match=answer.headers["ETag"])
    assert again.body == usual
    rows = (await town.ask("GET", "/api/v1/audit?action=thresholds.changed", who=town.gestor)).body["items"]
    assert [row["facts"] for row in reversed(rows)] == [
        {"cameras_offline": "1 / 3 -> 2 / 9", "promise": "1.1 / 1 -> 1.5 / 1.2"},
        {"cameras_offline": "2 / 9 -> 1 / 3", "promise": "1.5 / 1.2 -> 1.1 / 1"},
    ]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"cameras_offline": {"amber": 3, "red": 3}}, "/cameras_offline/red"),
        ({"cameras_offline": {"amber": 3, "red": 2}}, "/cameras_offline/red"),
        ({"cameras_offline": {"amber": 0, "red": 2}}, "/cameras_offline/amber"),
        ({"cameras_offline": {"amber": 1.5, "red": 2}}, "/cameras_offline/amber"),
        ({"camera_fps": {"amber": 0.3, "red": 0.3}}, "/camera_fps/red"),
        ({"camera_fps": {"amber": 0.3, "red": 0.5}}, "/camera_fps/red"),
        ({"disk_used": {"amber": 0.9, "red": 1.1}}, "/disk_used/red"),
        ({"disk_used": {"amber": "0.9", "red": 0.95}}, "/disk_used/amber"),
        ({"disk_used": {"amber": 0.9}}, "/disk_used/red"),
        ({"disk_used": {"amber": 0.9, "red": 1e999}}, ""),
        ({"moon": {"amber": 1, "red": 2}}, "/moon"),
        ([], ""),
    ],
)
async def test_limits_that_make_no_sense_are_refused(town, body, pointer):
    answer = await town.ask("PUT", THRESHOLDS, body, who=town.gestor)
    assert answer.status in (400, 422), answer.raw
    if answer.status == 422:
        assert answer.pointers == {pointer}, answer.raw


async def test_only_managers_move_them(town):
    await town.served.camera(town.gestor, town.here)
    for who, city in ((town.guard, None), (town.other, town.here)):
        assert (await town.ask("PUT", THRESHOLDS, {}, who=who, city=city)).status == 403
