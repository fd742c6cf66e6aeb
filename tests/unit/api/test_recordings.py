"""Recordings over the API: what will go, what is taken away, and people who may replay but not look on."""

from __future__ import annotations

import errno
import json
import os
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote

import pytest

from tests.unit.api.conftest import Town
from tests.unit.api.kept import DAY_MS, EVER, HOUR_MS, MINUTE_MS, Archive, at, make_archive
from tests.unit.tasks.recording_box import NOW_MS
from vmsd.model.person import Role, Verb
from vmsd.model.segment import Segment, SegmentFlag, SegmentState

PAPER = {"number": "12", "authority": "1ª Vara", "purpose": "x"}


@pytest.fixture
async def archive(town: Town) -> Archive:
    return await make_archive(town)


def old(camera: int, ends_ago_ms: int, size: int = 1000) -> Segment:
    start_us = (NOW_MS - ends_ago_ms - MINUTE_MS) * 1000
    return Segment(1, camera, start_us, MINUTE_MS, size, size, SegmentState.CLOSED, SegmentFlag(0))


async def with_old_files(archive: Archive) -> None:
    """In the square one that goes in 10 h and one in 30 h; in the school one that goes in 5 h, by its own days."""
    served = archive.town.served
    served.base.keeper.begin(None)
    system = served.daemon._volume.system
    await archive.town.ask("PATCH", f"/api/v1/cameras/{archive.school}", {"retention_days": 2}, who=archive.town.gestor)
    week_ms = 7 * DAY_MS
    await system.put([old(1, week_ms - 10 * HOUR_MS), old(1, week_ms - 30 * HOUR_MS), old(2, 2 * DAY_MS - 5 * HOUR_MS)])
    untrusted = replace(old(1, week_ms - 2 * HOUR_MS), flags=SegmentFlag.CLOCK_UNTRUSTED)
    await system.put([untrusted, old(1, week_ms - 3 * HOUR_MS)])
    body = {"camera_id": archive.square, "start": at(-week_ms + 3 * HOUR_MS - 1000), "end": at(-week_ms + 3 * HOUR_MS)}
    await archive.done("POST", "/preservations", body)


async def test_what_will_go_is_told_with_the_time_and_the_rule(archive: Archive):
    await with_old_files(archive)
    page = await archive.done("GET", "/recordings/expiring")
    assert [(one["camera_id"], one["expires_at"], one["rule"]) for one in page["items"]] == [
        (archive.school, at(5 * HOUR_MS), "retention_camera"),
        (archive.square, at(10 * HOUR_MS), "retention_plan"),
    ]
    first = await archive.done("GET", "/recordings/expiring?within_hours=40&limit=2")
    rest = await archive.done("GET", f"/recordings/expiring?within_hours=40&limit=2&cursor={first['next']}")
    assert first["items"] == page["items"]
    assert [(one["expires_at"], one["kept"]) for one in rest["items"]] == [(at(30 * HOUR_MS), [])]
    assert rest["next"] is None
    only = await archive.done("GET", f"/recordings/expiring?camera_id={archive.square}")
    assert only["items"] == page["items"][1:]
    mine = await archive.done("GET", "/recordings/expiring", who=archive.square_keeper)
    assert mine["items"] == page["items"][1:]
    assert (await archive.done("GET", "/recordings/expiring", who=archive.town.other))["items"] == []
    for query in ("within_hours=0", "within_hours=745", "within_hours=nan", f"camera_id={archive.square}x"):
        assert (await archive.ask("GET", f"/recordings/expiring?{query}")).status == 422


async def test_a_day_before_recordings_go_the_city_is_told_each_of_what_is_theirs(archive: Archive):
    await with_old_files(archive)

    async def told(who) -> dict:
        found = (await archive.done("GET", "/notices", who=who))["items"]
        return {one["code"]: (one["level"], one["facts"]) for one in found}

    facts = {"recordings": 2, "bytes": 2000, "cameras": 2, "first": at(5 * HOUR_MS), "within_hours": 24}
    assert await told(archive.keeper) == {"recordings_expiring": ("info", facts)}
    own = facts | {"recordings": 1, "bytes": 1000, "cameras": 1, "first": at(10 * HOUR_MS)}
    assert await told(archive.square_keeper) == {"recordings_expiring": ("info", own)}
    assert await told(archive.town.other) == {}


async def test_a_hold_is_announced_a_week_and_a_day_before_it_ends_to_who_may_see_it(archive: Archive):
    for days, number, camera in ((3, "3/2026", archive.square), (5, "5/2026", archive.school)):
        body = PAPER | {"number": number, "deadline": at(days * DAY_MS), "periods": [archive.period(camera)]}
        await archive.done("POST", "/holds", body)
    clock = archive.town.served.clock

    async def told(who) -> dict:
        found = (await archive.done("GET", "/notices", who=who))["items"]
        return {one["code"]: (one["level"], one["facts"]["numbers"]) for one in found}

    assert await told(archive.keeper) == {"holds_ending": ("warning", ["3/2026", "5/2026"])}
    clock.pass_s(2 * 86_400)
    assert await told(archive.keeper) == {
        "holds_ending_today": ("error", ["3/2026"]),
        "holds_ending": ("warning", ["5/2026"]),
    }
    assert await told(archive.square_keeper) == {"holds_ending_today": ("error", ["3/2026"])}
    assert await told(archive.town.other) == {}


async def downloader(archive: Archive) -> dict[str, str]:
    verbs = frozenset({Verb.REPLAY, Verb.EXPORT})
    await archive.town.served.person("perita", Role.USER, archive.town.here, {0: verbs})
    return await archive.town.served.token("perita")


def write_file(archive: Archive, item: dict, size: int = 1000) -> Path:
    folder = archive.town.served.base.settings.recordings_dir / archive.town.here.public_id / item["camera_id"]
    folder.mkdir(parents=True, exist_ok=True)
    name = item["start"][:19].replace("T", "_").replace(":", "-") + "-000000.mp4"
    path = folder / name
    path.write_bytes(bytes(range(256)) * (size // 256) + bytes(size % 256))
    return path


async def test_a_whole_file_is_taken_away_in_parts_under_a_name_that_tells_what_it_is(archive: Archive):
    who, item = await downloader(archive), archive.recordings[archive.square][0]
    raw = write_file(archive, item).read_bytes()
    path = f"/recordings/{item['id']}/download"
    whole = await archive.ask("GET", path, who=who)
    assert (whole.status, whole.raw, whole.content_type) == (200, raw, "video/mp4")
    named = whole.headers["Content-Disposition"]
    assert 'filename="Pra_a _ norte_2026-11-21_07-45-00.mp4"' in named
    assert unquote(named.partition("filename*=UTF-8''")[2]) == "Praça _ norte_2026-11-21_07-45-00.mp4"
    tag = whole.headers["ETag"]
    for first in (0, 300, 600, 900):
        part = await archive.ask("GET", path, who=who, Range=f"bytes={first}-{first + 299}", If_Range=tag)
        assert (part.status, part.raw) == (206, raw[first : first + 300])
    assert (await archive.ask("HEAD", path, who=who)).headers["Content-Length"] == "1000"
    (row,) = await archive.told("recording.downloaded")
    assert (row.subject, row.person_name) == (archive.square, "perita")
    assert json.loads(row.facts) == {"start": item["start"], "end": item["end"]}
    await archive.ask("GET", f"/recordings/{archive.recordings[archive.square][1]['id']}/download", who=who)
    assert len(await archive.told("recording.downloaded")) == 1, "what is not there was not downloaded"
    archive.town.served.clock.pass_s(121)
    await archive.ask("GET", path, who=who, Range="bytes=0-9")
    assert len(await archive.told("recording.downloaded")) == 2
    assert (await archive.ask("GET", path)).status == 403
    assert (await archive.ask("GET", path, who=archive.town.other)).status == 404


async def test_a_disk_that_fails_is_no_fault_of_the_program(archive: Archive, monkeypatch):
    who, item = await downloader(archive), archive.recordings[archive.square][0]
    path, stat = write_file(archive, item), Path.stat

    def failing(self: Path, **how: bool) -> os.stat_result:
        if self == path:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return stat(self, **how)

    monkeypatch.setattr(Path, "stat", failing)
    assert (await archive.ask("GET", f"/recordings/{item['id']}/download", who=who)).status == 404


async def test_of_a_file_that_is_still_written_what_is_whole_is_taken_away(archive: Archive):
    who = await downloader(archive)
    segment = replace(old(1, 0), state=SegmentState.RUNNING, valid_bytes=700)
    await archive.town.served.daemon._volume.system.put([segment])
    item = (await archive.done("GET", f"/recordings?camera_id={archive.square}&{EVER}"))["items"][-1]
    raw = write_file(archive, item, 900).read_bytes()
    path = f"/recordings/{item['id']}/download"
    running = await archive.ask("GET", path, who=who)
    assert (running.status, running.raw) == (200, raw[:700])
    await archive.town.served.daemon._volume.system.put([replace(segment, state=SegmentState.CLOSED, bytes=900)])
    rest = await archive.ask("GET", path, who=who, Range="bytes=700-", If_Range=running.headers["ETag"])
    assert (rest.status, rest.raw) == (200, raw), "closing a file changes its beginning"


async def test_the_clock_and_the_state_of_the_bytes_are_said_of_every_file(archive: Archive):
    flags = {
        SegmentFlag.CLOCK_UNTRUSTED: ("untrusted", False),
        SegmentFlag.CLOCK_CORRECTED: ("corrected", False),
        SegmentFlag.ALTERED: ("trusted", True),
    }
    for hours, flag in enumerate(flags, 1):
        await archive.town.served.daemon._volume.system.put([replace(old(1, hours * HOUR_MS), flags=flag)])
    items = (await archive.done("GET", f"/recordings?camera_id={archive.square}&{EVER}"))["items"]
    assert [(one["clock"], one["altered"]) for one in items[:3]] == list(flags.values())[::-1]
    one = await archive.done("GET", f"/recordings/{items[0]['id']}")
    assert one == items[0]


async def test_who_may_replay_but_not_look_on_names_cameras_and_hears_nothing_of_their_address(archive: Archive):
    cameras = (await archive.done("GET", "/cameras"))["items"]
    assert [one["id"] for one in cameras] == [archive.square, archive.school]
    for one in (*cameras, await archive.done("GET", f"/cameras/{archive.square}")):
        assert {one[name] for name in ("source_url", "sub_source_url", "host", "username", "tunnel_target")} == {""}
        assert "198.51.100" not in json.dumps(one)
    assert [one["name"] for one in (await archive.done("GET", "/groups"))["items"]] == ["Praça", "Escola"]
    own = (await archive.done("GET", "/cameras", who=archive.square_keeper))["items"]
    assert [one["id"] for one in own] == [archive.square]
    assert (await archive.ask("GET", f"/cameras/{archive.school}", who=archive.square_keeper)).status == 404
    for path in ("/states", f"/cameras/{archive.square}/status", f"/cameras/{archive.square}/snapshot.jpg"):
        assert (await archive.ask("GET", path)).status == 403
    assert (await archive.ask("POST", f"/streams?camera_id={archive.square}")).status == 403
    seen = await archive.done("GET", f"/cameras/{archive.square}", who=archive.town.guard)
    assert seen["source_url"] == "rtsp://198.51.100.10/live"
