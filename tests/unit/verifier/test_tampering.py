"""Whatever is done to a package is named, and no package that nobody has touched is refused."""

from __future__ import annotations

import json
import os
import random
import warnings
from functools import cache
from pathlib import Path

import pytest

from tests.unit.verifier.package_box import Made, make_package
from tests.unit.verifier.tamperings import TAMPERINGS, Tampered
from vmsd.verifier import verificar

COUNT = int(os.environ.get("VMSD_TAMPERINGS", "2000"))
"""How many tamperings; a tenth as many packages are checked as they are. The full proof is 10000."""
PARTS = 8
PACKAGES = 60


@cache
def package(seed: int) -> Made:
    return make_package(seed)


def check(folder: Path, data: bytes, fingerprint: str | None = None) -> verificar.Report:
    file = folder / "package.zip"
    file.write_bytes(data)
    report = verificar.verify(str(file), fingerprint)
    for language in verificar.LANGUAGES:
        assert list(verificar.Words(report, language).lines())
    json.dumps(report.answer(), allow_nan=False)
    return report


@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.timeout(1800)
def test_every_tampering_is_named(part: int, tmp_path: Path) -> None:
    ways, weights = zip(*TAMPERINGS, strict=True)
    for number in range(part, COUNT, PARTS):
        draw = random.Random(number)
        way = draw.choices(ways, weights)[0]
        with warnings.catch_warnings(action="ignore"):
            tampered = way(draw, package(draw.randrange(PACKAGES)))
        report = check(tmp_path, tampered.data, tampered.fingerprint)
        assert names(report, tampered), (number, way.__name__, tampered.touched, tampered.codes, report.findings)


def names(report: verificar.Report, tampered: Tampered) -> bool:
    """Whether something that was touched is told of, by a code that fits."""
    return any(
        finding.path.split("#")[0] in tampered.touched and (not tampered.codes or finding.code in tampered.codes)
        for finding in report.findings
    )


@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.timeout(1800)
def test_no_clean_package_is_refused(part: int, tmp_path: Path) -> None:
    for seed in range(part, COUNT // 10, PARTS):
        made = make_package(100_000 + seed, largest=10 ** random.Random(seed).randint(1, 6))
        key = made.signature["fingerprint"]
        assert check(tmp_path, made.zipped(), key).findings == [], seed


def test_each_byte_of_the_headers_matters(tmp_path: Path) -> None:
    """Of one whole local header, and of the directory's last two entries and its end."""
    data = make_package(7, largest=20).zipped()
    second = data.index(b"PK\3\4", 4)
    last = data.rindex(b"PK\1\2", 0, data.rindex(b"PK\1\2"))
    for at in [*range(second, second + 44), *range(last, len(data))]:
        flipped = data[:at] + bytes([data[at] ^ (1 << at % 8)]) + data[at + 1 :]
        assert not check(tmp_path, flipped).ok, at
