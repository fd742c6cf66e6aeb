"""How worn a disk is: what it says, and nothing where it says nothing."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from vmsd.host import wear
from vmsd.host.wear import Wear, read_wear, used_ratio_of


@pytest.fixture
def sys(tmp_path: Path) -> Path:
    (tmp_path / "sys" / "dev" / "block").mkdir(parents=True)
    return tmp_path / "sys"


def put(file: Path, text: str = "") -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def behind(sys: Path, block: Path) -> None:
    """Says that the folder of the test is on this device."""
    device = sys.stat().st_dev
    (sys / "dev" / "block" / f"{os.major(device)}:{os.minor(device)}").symlink_to(block)


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, Any]:
    """What a smartctl would say of each device; one of our own, which is found as the real one is."""
    said: dict[str, Any] = {}
    program = tmp_path / "smartctl"

    def install() -> str:
        program.write_text(f'#!/bin/sh\nfor last; do :; done\ncat \'{tmp_path}/\'"$(basename "$last")".json\nexit 4\n')
        program.chmod(0o755)
        for device, answer in said.items():
            (tmp_path / f"{device}.json").write_text(answer if isinstance(answer, str) else json.dumps(answer))
        return str(program)

    monkeypatch.setattr(wear.shutil, "which", lambda *_, **__: install() if said else None)
    return said


@pytest.mark.parametrize(
    ("life", "reserve", "expected"),
    [
        ("0x01 0x01", "0x01", Wear("emmc", 0.1, False, "life_time")),
        ("0x02 0x09", "0x02", Wear("emmc", 0.9, True, "life_time")),
        ("0x0b 0x0b", "0x03", Wear("emmc", 1.1, True, "life_time")),
        ("0x00 0x03", "0x00", Wear("emmc", 0.3, None, "life_time")),
        ("0x00 0x00", "0x01", Wear("emmc", None, None, None)),
        ("nonsense", "", Wear("emmc", None, None, None)),
    ],
)
def test_an_emmc_says_it_in_tenths(sys: Path, answers: Any, life: str, reserve: str, expected: Wear) -> None:
    disk = sys / "devices" / "mmc0" / "block" / "mmcblk0"
    put(disk / "device" / "life_time", f"{life}\n")
    put(disk / "device" / "pre_eol_info", f"{reserve}\n")
    put(disk / "mmcblk0p2" / "partition", "2\n")
    behind(sys, disk / "mmcblk0p2")
    assert read_wear(sys, sys) == expected


def test_the_most_worn_disk_of_an_array_counts(sys: Path, answers: dict[str, Any]) -> None:
    array = sys / "devices" / "virtual" / "block" / "md0"
    for name, percent, passed in (("nvme0n1", 12, True), ("nvme1n1", 103, True)):
        disk = sys / "devices" / "pci" / name
        put(disk / f"{name}p1" / "partition", "1")
        put(array / "slaves" / ".keep")
        (array / "slaves" / f"{name}p1").symlink_to(disk / f"{name}p1")
        log = {"percentage_used": percent}
        answers[name] = {"smart_status": {"passed": passed}, "nvme_smart_health_information_log": log}
    behind(sys, array)
    assert read_wear(sys, sys) == Wear("nvme", 1.03, False, "smart")


def test_a_rotating_disk_does_not_wear_and_may_fail(sys: Path, answers: dict[str, Any]) -> None:
    disk = sys / "devices" / "ata" / "sda"
    put(disk / "queue" / "rotational", "1\n")
    answers["sda"] = {"smart_status": {"passed": False}, "ata_smart_attributes": {"table": [{"id": 231, "value": 5}]}}
    behind(sys, disk)
    assert read_wear(sys, sys) == Wear("rotating", None, True, "smart")


@pytest.mark.parametrize("answer", ["", "no json", "[]", '{"smart_status": {}}', '{"smart_status": null}'])
def test_a_disk_that_says_nothing_is_not_guessed_at(sys: Path, answers: dict[str, Any], answer: str) -> None:
    put(sys / "devices" / "ata" / "sda" / "queue" / "rotational", "0\n")
    answers["sda"] = answer
    behind(sys, sys / "devices" / "ata" / "sda")
    assert read_wear(sys, sys) == Wear("ssd", None, None, None)


def test_without_the_program_and_without_a_disk_nothing_is_said(sys: Path, answers: Any) -> None:
    assert read_wear(sys, sys) is None
    behind(sys, sys / "devices" / "ata" / "vda")
    assert read_wear(sys, sys) is None
    put(sys / "devices" / "ata" / "vda" / "size")
    assert read_wear(sys, sys) == Wear("unknown", None, None, None)


def test_the_real_machine_is_asked_without_trouble() -> None:
    found = read_wear(Path("/"))
    assert found is None or found.used_ratio is None or found.used_ratio >= 0


@pytest.mark.parametrize(
    ("said", "ratio"),
    [
        ({"endurance_used": {"current_percent": 7}}, 0.07),
        ({"ata_smart_attributes": {"table": [{"id": 177, "value": 93}, {"id": 9, "value": 1}]}}, 0.07),
        ({"ata_smart_attributes": {"table": [{"id": 231, "value": 253}]}}, None),
        ({"ata_smart_attributes": {"table": []}}, None),
        ({"nvme_smart_health_information_log": {"percentage_used": "many"}}, None),
    ],
)
def test_each_kind_of_ssd_says_it_in_its_own_way(said: dict[str, Any], ratio: float | None) -> None:
    assert used_ratio_of(said) == ratio
