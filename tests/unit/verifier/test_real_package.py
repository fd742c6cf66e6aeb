"""What holds for packages made for tests holds for one the box itself has made of its recordings."""

from __future__ import annotations

import json
import random
import warnings
import zipfile
from pathlib import Path

from tests.unit.tasks.export_box import START_MS, ExportBox, wish
from tests.unit.tasks.recording_box import BOX_KEY, open_box
from tests.unit.verifier.package_box import Made
from tests.unit.verifier.tamperings import TAMPERINGS
from tests.unit.verifier.test_tampering import check, names
from vmsd.model.export import ExportFormat, ExportState
from vmsd.verifier.verificar import MANIFEST, SIGNATURE

COUNT = 150


async def test_every_tampering_with_a_package_of_the_box_is_named(tmp_path: Path) -> None:
    file = await _export(tmp_path / "box")
    made = _parts(file)
    assert made.zipped() == file.read_bytes()
    assert check(tmp_path, made.zipped(), BOX_KEY.fingerprint).findings == []
    ways, weights = zip(*TAMPERINGS, strict=True)
    for number in range(COUNT):
        draw = random.Random(900_000 + number)
        way = draw.choices(ways, weights)[0]
        with warnings.catch_warnings(action="ignore"):
            tampered = way(draw, made)
        report = check(tmp_path, tampered.data, tampered.fingerprint)
        assert names(report, tampered), (number, way.__name__, tampered.touched, report.findings)


async def _export(folder: Path) -> Path:
    async with open_box(folder) as box:
        exports = ExportBox(box)
        camera = await box.camera()
        await exports.record(camera, START_MS, START_MS + 20_000)
        asked = await exports.city().ask(wish(camera, seconds=30, format=ExportFormat.PACKAGE))
        export = await exports.made(exports.exporter(), asked)
        await exports.close()
        assert export.state is ExportState.DONE, export.failure
        assert export.result
        assert export.result.file
        return exports.folder(export) / export.result.file.name


def _parts(file: Path) -> Made:
    with zipfile.ZipFile(file) as package:
        files = {name: package.read(name) for name in package.namelist()}
    manifest, signature = (json.loads(files.pop(name)) for name in (MANIFEST, SIGNATURE))
    return Made(BOX_KEY._private, manifest, files, signature)
