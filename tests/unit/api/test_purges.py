"""Purge reports over the API: what went and what was kept, the paper and the ledger; and who stops recording first."""

from __future__ import annotations

import io
import json

import pytest
from pypdf import PdfReader

from tests.unit.api.conftest import Town
from tests.unit.api.kept import DAY_MS, HOUR_MS, MINUTE_MS, Archive, at, make_archive
from tests.unit.tasks.recording_box import NOW_MS
from vmsd import __version__
from vmsd.host.signing import load_box_key
from vmsd.model.segment import PurgeReason, Segment, SegmentFlag, SegmentState
from vmsd.paper.words import spaced
from vmsd.services.storage import Capacity, Shortage
from vmsd.store.deletable import free_stretches
from vmsd.store.purges import Purge, ledger_digest

PERIOD = {"start": at(-HOUR_MS), "end": at(0)}


@pytest.fixture
async def archive(town: Town) -> Archive:
    return await make_archive(town)


async def purge(archive: Archive, count: int, reason: PurgeReason, at_ms: int) -> None:
    """The oldest files of the square, as the sweeper deletes them."""
    system = archive.town.served.daemon._volume.system
    (stretch, *_) = free_stretches(await system.kept(), {(archive.town.here.id, 1): None})
    marked = await system.mark(await system.free(stretch, count), reason)
    assert len(marked) == count
    await system.drop_garbage(marked, at_ms)


async def made(archive: Archive) -> dict[str, object]:
    answer = await archive.done("POST", "/purges", PERIOD, who=archive.town.gestor)
    return dict(answer)


async def test_a_report_says_what_went_by_which_rule_and_what_was_kept(archive: Archive):
    periods = {"periods": [archive.period(archive.school, 0, 2)]}
    await archive.done("POST", "/incidents", {"name": "Furto"} | periods)
    old_ms = NOW_MS - 40 * DAY_MS
    old = [
        Segment(archive.town.here.id, 2, (old_ms + n * MINUTE_MS) * 1000, MINUTE_MS, 700, 700, *CLOSED)
        for n in range(3)
    ]
    await archive.town.served.daemon._volume.system.put(old)
    span = {"start": at(-40 * DAY_MS), "end": at(-40 * DAY_MS + 2 * MINUTE_MS)}
    await archive.done("POST", "/preservations", {"camera_id": archive.school, "reason": "x"} | span)
    await purge(archive, 3, PurgeReason.RETENTION_PLAN, NOW_MS - 30 * MINUTE_MS)
    await purge(archive, 2, PurgeReason.SPACE, NOW_MS - 20 * MINUTE_MS)
    await purge(archive, 1, PurgeReason.SPACE, NOW_MS - 2 * HOUR_MS)
    report = await made(archive)
    first = archive.recordings[archive.square]
    assert (report["recordings"], report["bytes"]) == (5, 5000)
    assert (report["oldest"], report["newest"]) == (first[0]["start"], first[4]["start"])
    assert report["by_rule"] == [
        {"rule": "retention_plan", "recordings": 3, "bytes": 3000},
        {"rule": "space", "recordings": 2, "bytes": 2000},
    ]
    (camera,) = report["by_camera"]
    assert (camera["camera_id"], camera["name"], camera["recordings"]) == (archive.square, "Praça / norte", 5)
    assert report["kept"] == [{"keeping": "preserved", "periods": 1, "bytes": 1400, "name": None}]
    assert report["ledger"] == {"lines": 5, "proved": 5}
    assert report["by"]["name"] == "gestora"
    assert await archive.done("GET", f"/purges/{report['id']}", who=archive.town.gestor) == report
    assert (await archive.done("GET", "/purges", who=archive.town.gestor))["items"] == [report]
    (row,) = await archive.told("purge.reported")
    assert (row.subject, row.person_name) == (report["id"], "gestora")


CLOSED = (SegmentState.CLOSED, SegmentFlag(0))


async def test_the_ledger_comes_page_by_page_and_is_what_the_log_proves(archive: Archive):
    await purge(archive, 3, PurgeReason.RETENTION_PLAN, NOW_MS - 30 * MINUTE_MS)
    await purge(archive, 2, PurgeReason.SPACE, NOW_MS - 20 * MINUTE_MS)
    report, lines, cursor = await made(archive), [], ""
    while cursor is not None:
        page = await archive.done("GET", f"/purges/{report['id']}/files?limit=2{cursor}", who=archive.town.gestor)
        lines += page["items"]
        cursor = page["next"] and f"&cursor={page['next']}"
    assert [line["start"] for line in lines] == [one["start"] for one in archive.recordings[archive.square][:5]]
    told = [json.loads(row.facts)["ledger_sha256"] for row in await archive.told("recording.purged")]
    first_us = (NOW_MS - 15 * MINUTE_MS) * 1000
    by_age = [
        Purge(archive.square, first_us + n * MINUTE_MS * 1000, NOW_MS - 30 * MINUTE_MS, MINUTE_MS, 1000, None, why)
        for n, why in enumerate([PurgeReason.RETENTION_PLAN] * 3)
    ]
    assert ledger_digest(by_age) == told[0]


async def test_a_line_that_was_changed_is_no_longer_proved(archive: Archive):
    await purge(archive, 3, PurgeReason.RETENTION_PLAN, NOW_MS - 30 * MINUTE_MS)
    await purge(archive, 2, PurgeReason.SPACE, NOW_MS - 20 * MINUTE_MS)
    async with archive.town.served.base.database.write() as transaction:
        await transaction.execute("UPDATE purge SET bytes = 1 WHERE reason = 'space' AND bytes = 1000")
    assert (await made(archive))["ledger"] == {"lines": 5, "proved": 3}


async def test_the_report_is_printed(archive: Archive):
    await purge(archive, 3, PurgeReason.RETENTION_PLAN, NOW_MS - 30 * MINUTE_MS)
    report = await made(archive)
    answer = await archive.ask("GET", f"/purges/{report['id']}.pdf", who=archive.town.gestor)
    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/pdf")
    text = "".join(page.extract_text() for page in PdfReader(io.BytesIO(answer.raw)).pages)
    assert "3 gravações foram apagadas" in text
    assert "Praça / norte" in text
    fingerprint = load_box_key(archive.town.served.site.settings.data_dir).fingerprint
    assert f"caixa {spaced(fingerprint[:16])}" in text
    assert f"vmsd {__version__}" in text


async def test_reports_are_for_who_manages_every_camera_of_the_city(archive: Archive):
    report = await made(archive)
    for path in (f"/purges/{report['id']}", f"/purges/{report['id']}.pdf", f"/purges/{report['id']}/files"):
        assert (await archive.ask("GET", path, who=archive.town.other)).status == 404
        assert (await archive.ask("GET", path, who=archive.keeper)).status == 403
    assert (await archive.ask("POST", "/purges", PERIOD, who=archive.keeper)).status == 403


@pytest.mark.parametrize(
    ("start", "end"), [(-HOUR_MS, HOUR_MS), (0, -HOUR_MS), (-HOUR_MS, -HOUR_MS), (-400 * DAY_MS, 0)]
)
async def test_only_a_period_that_is_over_and_no_longer_than_a_year_is_reported(archive: Archive, start: int, end: int):
    body = {"start": at(start), "end": at(end)}
    answer = await archive.ask("POST", "/purges", body, who=archive.town.gestor)
    assert answer.status == 422
    assert answer.body["errors"][0]["pointer"] == "/end"


async def test_who_stops_first_is_said_by_who_manages_the_camera(archive: Archive):
    path = f"/cameras/{archive.square}"
    assert (await archive.done("GET", path))["priority"] == 2
    assert (await archive.done("PATCH", path, {"priority": 3}, who=archive.town.gestor))["priority"] == 3
    (row,) = await archive.told("camera.changed")
    assert json.loads(row.facts)["fields"] == ["priority"]
    assert (await archive.ask("PATCH", path, {"priority": 4}, who=archive.town.gestor)).status == 422
    assert (await archive.ask("PATCH", path, {"priority": 1}, who=archive.keeper)).status == 403


async def test_a_rationed_camera_says_so_and_everybody_is_told(archive: Archive):
    daemon = archive.town.served.daemon
    path, who = f"/cameras/{archive.square}/status", archive.town.gestor
    assert (await archive.done("GET", path, who=who))["rationed"] is False
    daemon._base.desired.ration(frozenset({(archive.town.here.id, 1)}))
    daemon._volume.watch.capacity = Capacity(10, 10, 10, 1.0, None, {}, Shortage(NOW_MS, 3.26, 77))
    assert (await archive.done("GET", path, who=who))["rationed"] is True
    states = await archive.done("GET", "/states", who=who)
    assert [line["rationed"] for line in states["items"]] == [True, False]
    (notice,) = [one for one in states["notices"] if one["code"] == "only_protected"]
    assert (notice["level"], notice["facts"]) == ("error", {"protected_bytes": 77, "hours": 3.3})
    plan = await daemon._base.desired.plan()
    assert {path.name.rpartition("/")[2]: path.record for path in plan.desired.paths} == {
        archive.square: False,
        archive.school: True,
    }


async def test_storage_says_what_is_kept_and_what_it_costs(archive: Archive):
    here = archive.town.here.id
    kept = {(here, 1): 5000, (archive.town.there.id, 1): 10**9}
    archive.town.served.daemon._volume.watch.capacity = Capacity(10_000.0, 10**6, 10**6, 5.0, None, kept)
    storage = await archive.done("GET", "/storage", who=archive.town.gestor)
    assert [(one["protected_bytes"], one["protected_days"]) for one in storage["items"]] == [(5000, 0.5), (0, 0.0)]
    assert (storage["total"]["protected_bytes"], storage["total"]["protected_days"]) == (5000, 0.5)
