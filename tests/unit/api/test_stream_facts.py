"""Figures of a camera over hours, over HTTP: whose, of when, and nothing that was not measured."""

from __future__ import annotations

from vmsd.clock import rfc3339
from vmsd.store.stream_facts import StreamFactRow, put_stream_facts

HOUR_MS = 3_600_000


async def test_points_are_those_of_the_hours_and_of_the_camera(town):
    served = town.served
    mine = (await served.camera(town.gestor, town.here))["id"]
    theirs = (await served.camera(town.other, town.there))["id"]
    now_ms = served.clock.wall_ms()
    rows = [
        StreamFactRow(city.id, 1, now_ms - hours * HOUR_MS, bitrate, 12.5, 1400, 2, 0.5)
        for city, bitrate in ((town.here, 1000), (town.there, 9999))
        for hours in (30, 20, 1)
    ]
    rows.append(StreamFactRow(town.here.id, 1, now_ms, None, None, None, 0, 0.0))
    await put_stream_facts(served.base.database, rows, 0)
    path = f"/api/v1/cameras/{mine}/metrics"
    found = (await town.ask("GET", path, who=town.guard)).body
    point = {"bitrate": 1000, "fps": 12.5, "latency": 1.4, "viewers": 2, "online": 0.5}
    nothing = {"bitrate": None, "fps": None, "latency": None, "viewers": 0, "online": 0.0}
    assert found["points"] == [
        {"at": rfc3339(now_ms - 20 * HOUR_MS), **point},
        {"at": rfc3339(now_ms - HOUR_MS), **point},
        {"at": rfc3339(now_ms), **nothing},
    ]
    assert found["now"] == {
        "bitrate": None, "fps": None, "latency": None, "viewers": 0, "codecs": [], "width": None, "height": None,
    }  # fmt: skip
    assert found["camera_id"] == mine
    for hours, count in (("1", 2), ("31", 4), ("192", 4)):
        assert len((await town.ask("GET", f"{path}?hours={hours}", who=town.guard)).body["points"]) == count
    for hours in ("0", "193", "x", ""):
        assert (await town.ask("GET", f"{path}?hours={hours}", who=town.guard)).status == 422
    assert (await town.ask("GET", f"/api/v1/cameras/{theirs}/metrics", who=town.guard)).status == 404
