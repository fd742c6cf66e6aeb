"""Sealed packages as the daemon makes them of real files: whole, honest about what is not, and checked by anyone."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from typing import TYPE_CHECKING, Any

import pytest
from pypdf import PdfReader

from tests.unit.tasks.export_box import GUARD, START_MS, ExportBox, wish
from tests.unit.tasks.recording_box import BOX_KEY, DAY_MS, NOW_MS
from vmsd.model.audit import Action, Entry, Subject
from vmsd.model.export import Export, ExportFormat, ExportState
from vmsd.services import custody, package
from vmsd.store.holds import Holds
from vmsd.store.scope import Scope
from vmsd.verifier import verificar

if TYPE_CHECKING:
    from pathlib import Path

DONE, FAILED = ExportState.DONE, ExportState.FAILED


async def sealed(exports: ExportBox, *cameras: Any, **more: Any) -> Path:
    """A finished package; the verifier has nothing against it."""
    asked = await exports.city().ask(wish(*cameras, format=ExportFormat.PACKAGE, **more))
    export = await exports.made(exports.exporter(), asked)
    assert export.state is DONE, export.failure
    path = file_of(exports, export)
    assert verificar.verify(str(path)).findings == []
    return path


def file_of(exports: ExportBox, export: Export) -> Path:
    assert export.result
    return exports.folder(export) / export.result.file.name


def read(path: Path, name: str) -> bytes:
    with zipfile.ZipFile(path) as opened:
        return opened.read(name)


def paper(path: Path) -> str:
    pages = PdfReader(io.BytesIO(read(path, "termo.pdf"))).pages
    return " ".join(" ".join(page.extract_text().split()) for page in pages)


async def test_a_package_holds_the_originals_bit_by_bit_and_verifies(exports: ExportBox):
    camera, other = await exports.box.camera(1), await exports.box.camera(2)
    first, second = await exports.record(camera, START_MS, START_MS + 4000)
    await exports.record(other, START_MS)
    asked = await exports.city().ask(wish(camera, other, seconds=6, format=ExportFormat.PACKAGE))
    export = await exports.made(exports.exporter(), asked)
    assert export.state is DONE, export.failure
    path = exports.folder(export) / export.result.file.name
    assert hashlib.sha256(path.read_bytes()).hexdigest() == export.result.file.sha256

    report = verificar.verify(str(path))
    assert not report.findings, report.findings
    with zipfile.ZipFile(path) as package:
        assert package.testzip() is None
        manifest = json.loads(package.read("manifest.json"))
        one, two = manifest["cameras"]
        for original, place in ((first, 0), (second, 1)):
            segment = one["segments"][place]
            assert package.read(segment["path"]) == original.read_bytes()
            assert segment["sha256"] == hashlib.sha256(original.read_bytes()).hexdigest()
            assert (segment["hashed"], segment["altered"]) == ("at_close", False)
        assert two["missing_seconds"] == 2
        extract = json.loads(package.read("audit-extract.json"))
        assert "export.asked" in [row["action"] for row in extract["rows"]]
        assert not {"seq", "previous"} & set(extract["rows"][0])
        assert package.read(one["viewing_copy"])[4:8] == b"ftyp"
        assert package.read("termo.pdf")[:5] == b"%PDF-"
    signature = json.loads(zipfile.ZipFile(path).read("signature.json"))
    assert BOX_KEY.signed(zipfile.ZipFile(path).read("manifest.json"), bytes.fromhex(signature["signature"]))


async def test_a_byte_changed_after_the_recording_was_closed_is_said_in_the_package(exports: ExportBox):
    camera = await exports.box.camera()
    (path,) = await exports.record(camera, START_MS)
    at_close = hashlib.sha256(path.read_bytes()).hexdigest()
    data = bytearray(path.read_bytes())
    data[-10] ^= 1
    path.write_bytes(data)
    asked = await exports.city().ask(wish(camera, format=ExportFormat.PACKAGE))
    export = await exports.made(exports.exporter(), asked)
    assert export.state is DONE, export.failure
    package = exports.folder(export) / export.result.file.name
    manifest = json.loads(zipfile.ZipFile(package).read("manifest.json"))
    (segment,) = manifest["cameras"][0]["segments"]
    (listed,) = [file for file in manifest["files"] if file["what"] == "original"]
    assert segment["altered"] is True
    assert segment["sha256"] == at_close
    assert listed["sha256"] == hashlib.sha256(data).hexdigest()
    report = verificar.verify(str(package))
    assert not report.findings, report.findings
    assert [note.code for note in report.notes] == ["segment_altered"]


async def test_a_package_for_a_hold_tells_who_asked_for_it(exports: ExportBox):
    camera = await exports.box.camera()
    await exports.record(camera, START_MS)
    scope, said = Scope(exports.box.database, 1), {"number": "Of. 9", "authority": "1ª Vara", "purpose": "Inquérito"}
    async with scope.write() as transaction:
        by = {"person": None, "person_name": "gestora", "deadline_ms": NOW_MS + DAY_MS, "now_ms": NOW_MS}
        hold = await Holds(scope).add(transaction, **said, **by)
    wanted = wish(camera, format=ExportFormat.PACKAGE, hold_id=hold.public_id)
    export = await exports.made(exports.exporter(), await exports.city().ask(wanted))
    assert export.hold == hold.public_id
    with zipfile.ZipFile(exports.folder(export) / export.result.file.name) as package:
        custody = json.loads(package.read("custody.json"))
    assert custody["procedure"]["authority"] == "1ª Vara"
    steps = [event["step"] for event in custody["events"]]
    assert set(steps) == {"reconhecimento", "isolamento", "fixacao", "coleta", "acondicionamento"}
    assert "Of. 9" in next(event["detail"] for event in custody["events"] if event["step"] == "reconhecimento")


async def test_the_form_has_the_times_of_the_place_and_the_head_of_the_audit_log(exports: ExportBox):
    camera = await exports.box.camera()
    await exports.record(camera, START_MS)
    path = await sealed(exports, camera)
    manifest, extract = json.loads(read(path, "manifest.json")), json.loads(read(path, "audit-extract.json"))
    assert manifest["time_zone"] == "America/Sao_Paulo"
    assert manifest["audit_head"] == {name: extract["head"][name] for name in ("hash", "at")}
    said = paper(path)
    assert "21/11/2026 07:50:00 (UTC-03:00)" in said
    assert f"cabeça da auditoria {extract['head']['hash']}" in said


async def test_what_cameras_are_called_and_what_of_them_is_lost_never_spoils_a_package(exports: ExportBox):
    """Names that Windows keeps for devices, one name three times, no recording at all, a recording that has gone."""
    names = ("CON", "com1", "Praça", "praca", "PRAÇA!")
    cameras = [await exports.box.camera(number) for number in range(1, 6)]
    for camera, name in zip(cameras, names, strict=True):
        async with exports.box.database.write() as transaction:
            said = {"name": name, "id": camera.folder.camera}
            await transaction.execute("UPDATE camera SET name = :name WHERE public_id = :id", said)
    for camera in cameras[:4]:
        await exports.record(camera, START_MS)
    gone = cameras[3].path(START_MS)
    gone.unlink()
    gone.symlink_to(cameras[0].path(START_MS))
    path = await sealed(exports, *cameras)
    shown = json.loads(read(path, "manifest.json"))["cameras"]
    copies = [camera["viewing_copy"] for camera in shown]
    assert copies == ["video/camera-con.mp4", "video/camera-com1.mp4", "video/praca.mp4", None, None]
    assert [len(camera["segments"]) for camera in shown] == [1, 1, 1, 0, 0]
    (lost,) = shown[3]["unreadable"]
    assert "/" not in lost["error"]
    assert "file_missing" in shown[3]["notes"]
    assert "1 que não puderam ser lidos e faltam no pacote" in paper(path)


async def test_a_package_without_its_verifier_is_not_made(exports: ExportBox, monkeypatch: pytest.MonkeyPatch):
    camera = await exports.box.camera()
    await exports.record(camera, START_MS)
    monkeypatch.setattr(package, "VERIFIERS", ("verificar.py", "gone.html"))
    asked = await exports.city().ask(wish(camera, format=ExportFormat.PACKAGE))
    export = await exports.made(exports.exporter(), asked)
    assert (export.state, export.failure and export.failure.code) == (FAILED, "internal")


async def test_an_audit_log_somebody_has_damaged_does_not_keep_the_recordings_in(exports: ExportBox):
    camera = await exports.box.camera()
    await exports.record(camera, START_MS)
    await exports.box.audit.sign_head()
    asked = await exports.city().ask(wish(camera, format=ExportFormat.PACKAGE))
    async with exports.box.database.write() as transaction:
        await transaction.execute("DROP TRIGGER audit_never_changed")
        await transaction.execute("UPDATE audit SET reason = 'outra' WHERE action = 'export.asked'")
    export = await exports.made(exports.exporter(), asked)
    assert export.state is DONE, export.failure
    path = file_of(exports, export)
    extract = json.loads(read(path, "audit-extract.json"))
    assert extract["chain"] == "broken"
    assert "export.asked" not in [row["action"] for row in extract["rows"]], "nothing that its head does not cover"
    assert "não segue mais da última cabeça" in read(path, "LEIA-ME.txt").decode()
    assert verificar.verify(str(path)).findings == []


async def test_the_extract_has_the_newest_rows_of_these_cameras_alone_and_says_when_it_is_cut(
    exports: ExportBox, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(custody, "MOST_ROWS", 3)
    monkeypatch.setattr("vmsd.services.export_maker.MOST_ROWS", 3)
    camera, other = await exports.box.camera(1), await exports.box.camera(2)
    await exports.record(camera, START_MS)
    for number, told in enumerate((camera, other, camera, camera)):
        subject, facts = Subject("camera", told.folder.camera), {"number": number}
        await exports.box.audit.record(Entry(Action.CAMERA_CHANGED, GUARD, 1, subject, facts=facts))
    extract = json.loads(read(await sealed(exports, camera), "audit-extract.json"))
    assert extract["complete"] is False
    assert [row["action"] for row in extract["rows"]] == ["camera.changed", "camera.changed", "export.asked"]
    assert [json.loads(row["facts"])["number"] for row in extract["rows"][:2]] == [2, 3]
