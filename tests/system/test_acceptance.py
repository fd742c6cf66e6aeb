"""An acceptance report of a whole site: proven from what the media server really records, through a kill, signed."""

from __future__ import annotations

import hashlib
import io
import json
import signal
import sys
from base64 import a85decode
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from pypdf import PdfReader

from tests.support.processes import Process, until
from tests.support.site import Site

PROVING_S = 100
"""A minute, what the index needs to know of it, and the start of two cameras."""


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with Site(tmp_path) as site:
        yield await site.start()


async def report_of(site: Site, one: dict[str, Any]) -> dict[str, Any]:
    answer: dict[str, Any] = await site.get(f"/api/v1/acceptances/{one['id']}")
    return answer


@pytest.mark.timeout(240)
async def test_a_report_survives_a_kill_and_is_what_the_verifier_and_the_paper_say(site: Site, tmp_path: Path):
    cameras = [await site.camera("Praça"), await site.camera("Escola")]
    ids = await site.add_cameras(*cameras)
    status, one = await site.ask("POST", "/api/v1/acceptances", {"installer": "Equipe 2", "minutes": 1})
    assert status == 202, one

    async def progressing() -> bool:
        progress = (await report_of(site, one))["progress"]
        return progress is not None and all(camera["proven_seconds"] > 5 for camera in progress["cameras"])

    await until(progressing, 60, "the proof grows")
    await site.stop_vmsd(signal.SIGKILL)
    await site.start_vmsd()

    async def over() -> dict[str, Any] | None:
        found = await report_of(site, one)
        return found if found["state"] not in ("queued", "running") else None

    ended = await until(over, PROVING_S, "the report is made")
    assert ended["state"] == "done"
    signed = await site.get(f"/api/v1/acceptances/{one['id']}.json")
    certificate = signed["certificate"]
    assert {camera["id"] for camera in certificate["cameras"]} == set(ids)
    for camera in certificate["cameras"]:
        assert camera["faults"] == []
        assert camera["proof"]["recorded_seconds"] == pytest.approx(60, abs=1.5)  # less is no gap
        assert camera["proof"]["gaps"] == []
        assert (camera["codec"]["codec"], camera["codec"]["width"], camera["codec"]["b_frames"]) == ("h264", 320, False)
    points = {point["name"]: point["result"] for point in certificate["points"]}
    real = site.server.kind == "real"
    assert (points["cameras"], points["volume"], points["mediamtx"]) == ("pass", "pass", "pass" if real else "fail")
    assert ended["passed"] is certificate["passed"] is ("fail" not in points.values())
    assert certificate["disk"]["write_bytes_per_s"] > certificate["disk"]["recording_bytes_per_s"] > 0
    await check_paper(site, certificate)
    await check_signature(signed, tmp_path)


async def check_paper(site: Site, certificate: dict[str, Any]) -> None:
    """It says what was signed, and has the very pictures that were hashed."""
    status, pdf = await site.ask("GET", f"/api/v1/acceptances/{certificate['id']}.pdf")
    assert status == 200
    pages = PdfReader(io.BytesIO(pdf)).pages
    text = "\n".join(page.extract_text() for page in pages)
    assert ("NÃO APROVADO" in text) is (certificate["passed"] is False)
    for words in ("Praça", "Escola", "Equipe 2", "1 min 00 s, sem lacuna", certificate["box"]["serial"]):
        assert words in text
    things = [thing.get_object() for page in pages for thing in page["/Resources"].get("/XObject", {}).values()]
    shown = {hashlib.sha256(a85decode(thing._data.strip().removesuffix(b"~>"))).hexdigest() for thing in things}
    assert shown == {camera["picture"]["sha256"] for camera in certificate["cameras"]}


async def check_signature(signed: dict[str, Any], folder: Path) -> None:
    """By the command of the product, and by the file that is given away with every package."""
    file = folder / "laudo.json"
    file.write_text(json.dumps(signed), "utf-8")
    own = (sys.executable, "-m", "vmsd", "verify", file)
    alone = (sys.executable, Path(__file__).parents[2] / "vmsd" / "verifier" / "verificar.py", file)
    for command in (own, alone):
        process = await Process.start(*command, "--lang", "en", log=folder / "verify.log")
        assert await process.wait(20) == 0, process.output()
        assert "RESULT: OK" in process.output()
    signed["certificate"]["cameras"][0]["name"] = "Outra"
    file.write_text(json.dumps(signed), "utf-8")
    for command in (own, alone):
        process = await Process.start(*command, log=folder / "verify.log")
        assert await process.wait(20) == 1
