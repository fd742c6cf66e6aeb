"""The timeline and the calendar over HTTP, the certificate of continuity, announced maintenance."""

from __future__ import annotations

import asyncio
import io
import json

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from pypdf import PdfReader

from tests.unit.tasks.recording_box import NOW_MS
from vmsd.clock import rfc3339
from vmsd.model.audit import fingerprint
from vmsd.model.segment import Segment, SegmentFlag, SegmentState
from vmsd.services.continuity import coverage_of

CAMERAS = "/api/v1/cameras"
CONTINUITY = "/api/v1/continuity"
MAINTENANCE = "/api/v1/system/maintenance"
MINUTE_MS = 60_000
NO_ID = "00000000-0000-4000-8000-000000000000"


def period(start: float, end: float) -> str:
    """Minutes after `NOW_MS`, when the camera is added."""
    times = [rfc3339(round(NOW_MS + minute * MINUTE_MS)) for minute in (start, end)]
    return "start={}&end={}".format(*times)


async def record(town, camera, start: float, minutes: float, flags: int = 0) -> None:
    stored = await town.served.base.cameras(town.here).get(camera["id"])
    start_us = round((NOW_MS + start * MINUTE_MS) * 1000)
    row = Segment(
        stored.city_id,
        stored.id,
        start_us,
        round(minutes * MINUTE_MS),
        1_000_000,
        1_000_000,
        SegmentState.CLOSED,
        SegmentFlag(flags),
    )
    await town.served.daemon._volume.system.put([row])


async def get(town, path, status=200, who=None):
    answer = await town.ask("GET", path, who=who or town.gestor)
    assert answer.status == status, answer.raw
    return answer.body


@pytest.fixture
async def camera(town):
    return await town.served.camera(town.gestor, town.here)


async def test_a_timeline_says_what_is_there_what_is_missing_and_why(town, camera):
    await record(town, camera, 0, 10)
    town.served.clock.pass_s(600)
    for method, seconds in (("DELETE", 600), ("PUT", 300)):
        answer = await town.ask(method, f"{CAMERAS}/{camera['id']}/recording", who=town.gestor)
        assert answer.status == 200
        town.served.clock.pass_s(seconds)
    await record(town, camera, 20, 5, SegmentFlag.CLOCK_UNTRUSTED)
    found = await get(town, f"{CAMERAS}/{camera['id']}/timeline?{period(-60, 60)}", who=town.guard)
    times = {name: rfc3339(NOW_MS + minute * MINUTE_MS) for name, minute in (("off", 10), ("on", 20), ("now", 25))}
    assert (found["from"], found["to"], found["now"]) == (rfc3339(NOW_MS), times["now"], times["now"])
    assert found["time_zone"] == "America/Sao_Paulo"
    assert found["coverage"] == pytest.approx(15 / 25)
    assert found["spans"] == [
        {"start": rfc3339(NOW_MS), "end": times["off"], "preserved": False, "clock_trusted": True, "running": False},
        {"start": times["on"], "end": times["now"], "preserved": False, "clock_trusted": False, "running": False},
    ]
    assert found["gaps"] == [
        {"start": times["off"], "end": times["on"], "cause": "switched_off", "detail": None, "purged_at": None}
    ]


async def test_a_change_of_the_camera_that_switches_recording_off_is_found_by_the_timeline_too(town, camera):
    await record(town, camera, 0, 10)
    town.served.clock.pass_s(600)
    body = {"recording_enabled": False}
    answer = await town.ask("PATCH", f"{CAMERAS}/{camera['id']}", body, who=town.gestor)
    assert answer.status == 200
    town.served.clock.pass_s(600)
    found = await get(town, f"{CAMERAS}/{camera['id']}/timeline?{period(0, 20)}")
    assert [gap["cause"] for gap in found["gaps"]] == ["switched_off"]


@pytest.mark.parametrize("what", ["timeline", "calendar"])
async def test_only_who_may_replay_a_camera_of_their_own_city_is_told(town, camera, what):
    query = period(0, 10) if what == "timeline" else "month=2026-11"
    path = f"{CAMERAS}/{camera['id']}/{what}?{query}"
    assert (await get(town, path, who=town.guard))["camera_id"] == camera["id"]
    await get(town, path, 404, who=town.other)
    await get(town, f"{CAMERAS}/{NO_ID}/{what}?{query}", 404)


@pytest.mark.parametrize(
    ("what", "query", "pointer"),
    [
        ("timeline", "", "/start"),
        ("timeline", period(0, 36 * 24 * 60), "/end"),
        ("timeline", period(0, 0), "/end"),
        ("timeline", "start=0001-01-01T00:00:00Z&end=0001-01-02T00:00:00Z", "/start"),
        ("timeline", "start=9999-12-30T00:00:00Z&end=9999-12-31T00:00:00Z", "/end"),
        ("timeline", period(0, 1) + "&x=1", "/x"),
        ("calendar", "month=2026-13", "/month"),
        ("calendar", "month=1926-12", "/month"),
        ("calendar", "month=2026-1", "/month"),
    ],
)
async def test_a_period_that_cannot_be_told_of_is_refused_by_its_name(town, camera, what, query, pointer):
    answer = await town.ask("GET", f"{CAMERAS}/{camera['id']}/{what}?{query}", who=town.gestor)
    assert answer.status == 422
    assert pointer in answer.pointers


@pytest.mark.parametrize("start", ["1970-01-01T00:00:00Z", "2999-12-30T00:00:00Z"])
async def test_the_ends_of_time_are_empty(town, camera, start):
    query = f"start={start}&end={start.replace('00:00Z', '10:00Z')}"
    found = await get(town, f"{CAMERAS}/{camera['id']}/timeline?{query}")
    assert (found["spans"], found["gaps"], found["coverage"]) == ([], [], 1.0)
    certificate = await get(town, f"{CONTINUITY}?camera_id={camera['id']}&{query}")
    assert certificate["certificate"]["coverage"] == 1


async def test_a_calendar_has_the_days_of_the_site(town, camera):
    await record(town, camera, 0, 60)
    town.served.clock.pass_s(24 * 3600)
    found = await get(town, f"{CAMERAS}/{camera['id']}/calendar?month=2026-11")
    assert (found["month"], found["time_zone"]) == ("2026-11", "America/Sao_Paulo")
    first, second = found["days"]
    assert first == {
        "date": "2026-11-21",
        "start": "2026-11-21T03:00:00.000Z",
        "end": "2026-11-22T03:00:00.000Z",
        "seconds": 3600,
        "coverage": pytest.approx(1 / 16),
        "preserved": False,
    }
    assert (second["date"], second["seconds"], second["coverage"]) == ("2026-11-22", 0, 0)


async def certified(town, camera, query=""):
    path = f"{CONTINUITY}?camera_id={camera['id']}&{period(-10, 30)}{query}"
    return await town.ask("GET", path, who=town.gestor)


def check(body) -> None:
    """As anybody would who has nothing but the certificate."""
    signature = body["signature"]
    signed = json.dumps(body["certificate"], sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    assert signature["fingerprint"] == fingerprint(bytes.fromhex(signature["public_key"]))
    key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(signature["public_key"]))
    key.verify(bytes.fromhex(signature["signature"]), signed)


async def test_a_certificate_says_all_of_a_period_and_is_signed_and_written_down(town, camera):
    await record(town, camera, 0, 10)
    await record(town, camera, 15, 15, SegmentFlag.CLOCK_UNTRUSTED)
    town.served.clock.pass_s(1800)
    await town.served.base.audit.sign_head()
    answer = await certified(town, camera)
    assert answer.status == 200, answer.raw
    check(answer.body)
    certificate = answer.body["certificate"]
    assert certificate["camera"] == {"id": camera["id"], "name": camera["name"]}
    assert certificate["city"] == {"id": town.here.public_id, "name": town.here.name}
    assert certificate["period"] == {
        "start": rfc3339(NOW_MS - 600_000),
        "end": rfc3339(NOW_MS + 1_800_000),
        "from": rfc3339(NOW_MS),
        "to": rfc3339(NOW_MS + 1_800_000),
        "local_start": "2026-11-21T07:50:00.000-03:00",
        "local_end": "2026-11-21T08:30:00.000-03:00",
    }
    numbers = [certificate[name] for name in ("requested_seconds", "recorded_seconds", "missing_seconds", "coverage")]
    assert numbers == [1800, 1500, 300, 0.8333]
    (gap,) = certificate["gaps"]
    assert (gap["seconds"], gap["cause"], gap["local_start"]) == (300, "unknown", "2026-11-21T08:10:00.000-03:00")
    assert [span["clock_trusted"] for span in certificate["spans"]] == [True, False]
    files = certificate["segments"]
    assert (files["count"], files["bytes"], files["hashed"], files["clock_untrusted"]) == (2, 2_000_000, 0, 1)
    assert certificate["clock"]["untrusted_seconds"] == 900
    assert certificate["clock"]["trusted"] is False
    assert certificate["issued_by"]["name"]
    assert certificate["software"]["vmsd"]
    assert certificate["box"]["fingerprint"] == answer.body["signature"]["fingerprint"]
    assert certificate["audit_head"] is not None
    log = await get(town, "/api/v1/audit?action=continuity.certified")
    (row,) = log["items"]
    assert row["facts"]["certificate"] == certificate["id"]


def test_a_certificate_gives_away_no_share_of_what_was_recorded():
    assert [coverage_of(share, 10_000) for share in range(10_001)] == [share / 10_000 for share in range(10_001)]
    assert (coverage_of(9_999_999, 10_000_000), coverage_of(0, 0)) == (0.9999, 1)


async def test_a_certificate_somebody_changed_is_not_what_the_box_signed(town, camera):
    body = (await certified(town, camera)).body
    check(body)
    body["certificate"]["coverage"] = 1
    body["certificate"]["camera"]["name"] += "x"
    with pytest.raises(InvalidSignature):
        check(body)


async def test_a_certificate_holds_no_number_a_browser_would_write_otherwise(town, camera):
    """Python writes 1.0 and 1e-05 where a browser writes 1 and 0.00001."""
    await record(town, camera, 0, 29.99985)
    town.served.clock.pass_s(1800)
    certificate = (await certified(town, camera)).body["certificate"]

    def numbers(value):
        if isinstance(value, dict | list):
            for one in value.values() if isinstance(value, dict) else value:
                yield from numbers(one)
        elif isinstance(value, float):
            yield value

    assert all(not number.is_integer() and "e" not in repr(number) for number in numbers(certificate))


async def test_a_certificate_can_be_printed(town, camera):
    await record(town, camera, 0, 10)
    town.served.clock.pass_s(1800)
    answer = await certified(town, camera, "&format=pdf")
    assert (answer.status, answer.content_type) == (200, "application/pdf")
    pages = await asyncio.to_thread(lambda: PdfReader(io.BytesIO(answer.raw)).pages)
    text = pages[0].extract_text()
    assert camera["name"] in text


async def test_a_guard_gets_no_certificate(town, camera):
    path = f"{CONTINUITY}?camera_id={camera['id']}&{period(0, 10)}"
    assert (await town.ask("GET", path, who=town.guard)).status == 403


async def test_maintenance_is_announced_extended_and_ended_and_explains_what_is_missing(town, camera):
    ask = town.served.ask
    assert (await ask("GET", MAINTENANCE, who=town.root)).status == 404
    assert (await ask("DELETE", MAINTENANCE, who=town.root)).status == 404
    said = await ask("POST", MAINTENANCE, {"minutes": 10, "reason": "disco novo"}, who=town.root)
    assert said.body == {"start": rfc3339(NOW_MS), "end": rfc3339(NOW_MS + 600_000), "reason": "disco novo"}
    town.served.clock.pass_s(300)
    said = await ask("POST", MAINTENANCE, {"minutes": 20, "reason": "disco novo"}, who=town.root)
    assert said.body["start"] == rfc3339(NOW_MS)
    town.served.clock.pass_s(600)
    assert (await ask("DELETE", MAINTENANCE, who=town.root)).status == 204
    assert (await ask("GET", MAINTENANCE, who=town.root)).status == 404
    town.served.clock.pass_s(900)
    found = await get(town, f"{CAMERAS}/{camera['id']}/timeline?{period(0, 30)}")
    assert [(gap["cause"], gap["detail"]) for gap in found["gaps"]] == [
        ("maintenance", "disco novo"),
        ("unknown", None),
    ]
    assert found["gaps"][0]["end"] == rfc3339(NOW_MS + 900_000)
    for who in (town.gestor, town.guard):
        assert (await ask("POST", MAINTENANCE, {"minutes": 10, "reason": "x"}, who=who)).status == 403
    for body in ({"minutes": 0, "reason": "x"}, {"minutes": 1441, "reason": "x"}, {"minutes": 1, "reason": ""}):
        assert (await ask("POST", MAINTENANCE, body, who=town.root)).status == 422
