"""Acceptance reports over the API: what a site that is not whole is told, who may ask, and what is signed."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pypdf import PdfReader

from tests.unit.api.conftest import Town
from tests.unit.api.kept import MINUTE_MS, SCHOOL, SQUARE, Archive, make_archive
from tests.unit.paper.test_acceptance_paper import picture
from vmsd.errors import Invalid
from vmsd.model.camera import Camera
from vmsd.model.segment import Segment, SegmentFlag, SegmentState
from vmsd.model.state import LiveState, State
from vmsd.services.stills import Still
from vmsd.verifier import verificar

ASKED = {"installer": "Equipe 2", "minutes": 5, "note": "Poste 14"}
NO_FLAG = SegmentFlag(0)


@pytest.fixture
async def archive(town: Town) -> Archive:
    town.served.daemon._volume.index.complete = True
    return await make_archive(town)


async def look(archive: Archive) -> None:
    """A pass of the task that makes them."""
    runner = archive.town.served.daemon._runner("acceptance")
    await runner.run_once()
    assert runner.pulse.error is None


async def ask(archive: Archive, **more: Any) -> dict[str, Any]:
    answer = await archive.ask("POST", "/acceptances", ASKED | more, who=archive.town.gestor)
    assert answer.status == 202, answer.raw
    return dict(answer.body)


async def test_a_camera_without_a_picture_makes_a_report_that_is_not_passed(archive: Archive, tmp_path: Path):
    gestor = archive.town.gestor
    one = await ask(archive)
    assert (one["state"], one["passed"], one["progress"]) == ("queued", None, None)
    await look(archive)
    one = await archive.done("GET", f"/acceptances/{one['id']}", who=gestor)
    cameras = {camera["id"]: camera for camera in one["progress"]["cameras"]}
    assert (one["state"], set(cameras)) == ("running", {archive.square, archive.school})
    assert (cameras[archive.square]["proven_seconds"], cameras[archive.square]["picture"]) == (0, False)
    assert (await archive.ask("GET", f"/acceptances/{one['id']}.pdf", who=gestor)).status == 409
    archive.town.served.clock.pass_s(8 * 60)
    await look(archive)
    one = await archive.done("GET", f"/acceptances/{one['id']}", who=gestor)
    assert (one["state"], one["passed"], one["progress"]) == ("done", False, None)
    signed = await archive.ask("GET", f"/acceptances/{one['id']}.json", who=gestor)
    certificate = signed.body["certificate"]
    assert {camera["result"] for camera in certificate["cameras"]} == {"fail"}
    assert {fault for camera in certificate["cameras"] for fault in camera["faults"]} == {
        "no_picture",
        "no_signal",
        "not_proven",
    }
    paper = await archive.ask("GET", f"/acceptances/{one['id']}.pdf", who=gestor)
    text = "\n".join(page.extract_text() for page in PdfReader(io.BytesIO(paper.raw)).pages)
    for words in ("NÃO APROVADO", "SEM IMAGEM", "Praça / norte", "Escola", "Equipe 2", "Poste 14", one["id"]):
        assert words in text
    (asked, done) = await archive.told("acceptance.")
    assert (asked.action, asked.person_name, done.action) == ("acceptance.asked", "gestora", "acceptance.done")
    assert json.loads(done.facts)["passed"] is False
    file = tmp_path / "laudo.json"
    file.write_bytes(signed.raw)
    assert verificar.report(str(file), certificate["box"]["fingerprint"]) == 0
    file.write_bytes(signed.raw.replace(b'"passed": false', b'"passed": true'))
    assert verificar.report(str(file), None) == 1


async def test_what_is_missing_is_counted_by_the_clock_and_not_by_the_files(archive: Archive):
    """Ten minutes were recorded, the last of them five minutes ago: of the last ten a half is there."""
    archive.town.served.clock.pass_s(15)
    one = await ask(archive, minutes=10)
    await look(archive)
    archive.town.served.clock.pass_s(10 * 60 + 3 * 60)
    await look(archive)
    signed = await archive.done("GET", f"/acceptances/{one['id']}.json", who=archive.town.gestor)
    for camera in signed["certificate"]["cameras"]:
        proof = camera["proof"]
        assert proof["recorded_seconds"] + proof["missing_seconds"] == signed["certificate"]["period"]["seconds"] == 600
        assert proof["recorded_seconds"] == 0


async def test_one_is_made_at_a_time_and_can_be_stopped(archive: Archive):
    gestor = archive.town.gestor
    one = await ask(archive)
    assert (await archive.ask("POST", "/acceptances", ASKED, who=gestor)).status == 409
    assert (await archive.ask("DELETE", f"/acceptances/{one['id']}", who=gestor)).status == 204
    assert (await archive.ask("DELETE", f"/acceptances/{one['id']}", who=gestor)).status == 409
    archive.town.served.clock.pass_s(3600)
    await look(archive)
    again = await ask(archive)
    found = (await archive.done("GET", "/acceptances", who=gestor))["items"]
    assert [(item["id"], item["state"]) for item in found] == [(again["id"], "queued"), (one["id"], "cancelled")]


async def test_a_report_is_for_who_manages_every_camera_of_that_city(archive: Archive):
    one = await ask(archive)
    for who, status in ((archive.town.guard, 403), (archive.town.other, 404)):
        assert (await archive.ask("GET", f"/acceptances/{one['id']}", who=who)).status == status
        for ending in ("pdf", "json"):
            assert (await archive.ask("GET", f"/acceptances/{one['id']}.{ending}", who=who)).status == status
        assert (await archive.ask("DELETE", f"/acceptances/{one['id']}", who=who)).status == status
    assert (await archive.done("GET", "/acceptances", who=archive.town.other))["items"] == []


@pytest.mark.parametrize("wrong", [{"minutes": 0}, {"minutes": 61}, {"installer": ""}, {"more": 1}, {"note": "\x00"}])
async def test_what_makes_no_sense_is_refused_by_name(archive: Archive, wrong: dict[str, Any]):
    answer = await archive.ask("POST", "/acceptances", ASKED | wrong, who=archive.town.gestor)
    assert (answer.status, answer.pointers) == (422, {f"/{next(iter(wrong))}"})


async def test_a_report_asked_for_before_the_power_went_is_made_by_the_next_daemon(archive: Archive):
    """Nothing of it is in memory: another task takes it up, and by the wall clock its time is over."""
    one = await ask(archive)
    await look(archive)
    archive.town.served.daemon.acceptance.task._draft = None
    archive.town.served.clock.pass_s(20 * MINUTE_MS / 1000)
    await look(archive)
    assert (await archive.done("GET", f"/acceptances/{one['id']}", who=archive.town.gestor))["state"] == "done"


@pytest.fixture
async def proven(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> Archive:
    """Both cameras have a signal, a picture and the last twenty minutes recorded."""
    daemon, now_ms = archive.town.served.daemon, archive.town.served.clock.wall_ms()
    parts = daemon.acceptance.task._maker._from
    await daemon._runner("breaker").run_once()
    for camera in (SQUARE, SCHOOL):
        parts.states.set((archive.town.here.id, camera), LiveState(State.ONLINE, now_ms))
    await daemon._volume.system.put(
        Segment(archive.town.here.id, camera, minute_ms * 1000, MINUTE_MS, 1000, 1000, SegmentState.CLOSED, NO_FLAG)
        for camera in (SQUARE, SCHOOL)
        for minute_ms in range(now_ms - 20 * MINUTE_MS, now_ms, MINUTE_MS)
    )
    monkeypatch.setattr(parts.stills, "get", Showing(archive).get)
    monkeypatch.setattr(parts.prober, "probe", nobody_there)
    return archive


async def nobody_there(_: Camera) -> dict[str, Any]:
    raise Invalid("there is nothing to open")


@dataclass
class Showing:
    """What every camera shows: a picture of that moment, the same each time."""

    archive: Archive

    async def get(self, *_: object, **__: object) -> Still:
        clock = self.archive.town.served.clock
        clock.pass_s(0.001)
        return Still(picture(), clock.wall_ms())


async def made(archive: Archive) -> dict[str, Any]:
    """The certificate of a report that was made at once."""
    one = await ask(archive)
    await look(archive)
    return dict((await archive.done("GET", f"/acceptances/{one['id']}.json", who=archive.town.gestor))["certificate"])


def marks(certificate: dict[str, Any]) -> dict[str, str]:
    return {point["name"]: point["result"] for point in certificate["points"]}


async def test_a_picture_that_never_changes_is_told(proven: Archive):
    certificate = await made(proven)
    assert [(camera["result"], camera["faults"]) for camera in certificate["cameras"]] == [("warn", ["frozen"])] * 2
    assert marks(certificate)["cameras"] == "warn"


async def test_a_camera_that_has_just_gone_is_not_passed(proven: Archive):
    one = await ask(proven)
    states = proven.town.served.daemon.acceptance.task._maker._from.states
    states.set((proven.town.here.id, SQUARE), LiveState(State.OFFLINE, 0))
    await look(proven)
    assert (await proven.done("GET", f"/acceptances/{one['id']}", who=proven.town.gestor))["state"] == "running"


async def test_what_another_source_has_recorded_proves_nothing(proven: Archive):
    gestor = proven.town.gestor
    at = {"source_url": "rtsp://192.0.2.9/other"}
    await proven.done("PATCH", f"/cameras/{proven.square}", at, who=gestor)
    one = await ask(proven)
    await look(proven)
    progress = (await proven.done("GET", f"/acceptances/{one['id']}", who=gestor))["progress"]["cameras"]
    assert {camera["id"]: camera["proven_seconds"] for camera in progress} == {proven.square: 0, proven.school: 300}


async def test_cameras_that_are_not_recorded_prove_nothing(proven: Archive):
    for camera in (proven.square, proven.school):
        await proven.done("PATCH", f"/cameras/{camera}", {"recording_enabled": False}, who=proven.town.gestor)
    certificate = await made(proven)
    assert {"not_recorded"} <= set(certificate["cameras"][0]["faults"])
    assert marks(certificate)["cameras"] == "fail"
