"""How worn the disk behind a folder is, as far as the disk itself says so."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

SYS = Path("/sys")
SMARTCTL_S = 10.0
ANSWER_BYTES = 1024 * 1024
LAYERS = 4
"""A partition on a volume on a RAID on a disk, and no deeper."""
EMMC_STEP = 0.1
"""JEDEC eMMC 5.0: each step of DEVICE_LIFE_TIME_EST is a tenth of the life that was expected."""
EMMC_OVER = 0x0B
SMART_LEFT = frozenset({169, 177, 202, 231, 233})
"""Attributes whose normalised value counts from 100 (new) down, by the makers of most SATA SSDs."""

Kind = Literal["emmc", "nvme", "ssd", "rotating", "unknown"]


@dataclass(frozen=True)
class Wear:
    """Of the most worn of the disks behind one folder.

    `used_ratio` is how much of its expected life is used, over 1 when it lasts longer; None when nobody says.
    `failing` is the disk's own judgement of its health; None when it gives none.
    """

    kind: Kind
    used_ratio: float | None
    failing: bool | None
    source: Literal["life_time", "smart"] | None


def read_wear(folder: Path, sys: Path = SYS) -> Wear | None:
    """Blocks for as long as a disk needs to answer: call it from a thread. None when no disk is behind the folder."""
    disks = disks_of(folder, sys)
    found = [_wear_of(disk) for disk in disks]
    return max(found, key=lambda one: (one.failing is True, one.used_ratio or 0.0), default=None)


def disks_of(folder: Path, sys: Path = SYS) -> Sequence[Path]:
    """The whole disks, as folders of `/sys`; empty for tmpfs, a network, or a file system that does not say."""
    try:
        device = folder.stat().st_dev
        block = (sys / "dev" / "block" / f"{os.major(device)}:{os.minor(device)}").resolve(strict=True)
    except OSError:
        return ()
    return _below(block, LAYERS)


def _below(block: Path, layers: int) -> Sequence[Path]:
    if (block / "partition").exists():
        block = block.parent
    slaves = sorted((block / "slaves").glob("*")) if (block / "slaves").is_dir() else []
    if not slaves or not layers:
        return (block,)
    return [disk for slave in slaves for disk in _below(slave.resolve(), layers - 1)]


def _wear_of(disk: Path) -> Wear:
    kind, (life, failing) = _kind(disk), _emmc(disk)
    if life is not None:
        return Wear("emmc", life, failing, "life_time")
    said = _smart(f"/dev/{disk.name}")
    used = None if kind == "rotating" else used_ratio_of(said)
    passed = (said.get("smart_status") or {}).get("passed")
    judged = not passed if isinstance(passed, bool) else None
    return Wear(kind, used, judged, None if used is None and judged is None else "smart")


def _kind(disk: Path) -> Kind:
    if disk.name.startswith("mmcblk"):
        return "emmc"
    if disk.name.startswith("nvme"):
        return "nvme"
    if disk.name.startswith("sd"):
        return {"1": "rotating", "0": "ssd"}.get(_read(disk / "queue" / "rotational"), "unknown")  # type: ignore[return-value]
    return "unknown"


def _emmc(disk: Path) -> tuple[float | None, bool | None]:
    """The worse of its two kinds of cells, and whether its reserve is almost used up."""
    steps = [int(word, 16) for word in _read(disk / "device" / "life_time").split() if _is_hex(word)]
    known = [step for step in steps if 0 < step <= EMMC_OVER]
    if not known:
        return None, None
    reserve = _read(disk / "device" / "pre_eol_info")
    failing = int(reserve, 16) > 1 if _is_hex(reserve) and int(reserve, 16) else None
    return round(max(known) * EMMC_STEP, 2), failing


def used_ratio_of(said: Mapping[str, Any]) -> float | None:
    """From what `smartctl --json` answered."""
    percents = (
        (said.get("endurance_used") or {}).get("current_percent"),
        (said.get("nvme_smart_health_information_log") or {}).get("percentage_used"),
    )
    for percent in percents:
        if isinstance(percent, int):
            return max(0, percent) / 100
    table = (said.get("ata_smart_attributes") or {}).get("table") or ()
    left = [one.get("value") for one in table if one.get("id") in SMART_LEFT]
    known = [value for value in left if isinstance(value, int) and 0 <= value <= 100]  # noqa: PLR2004 - per cent
    return (100 - min(known)) / 100 if known else None


def _smart(device: str) -> Mapping[str, Any]:
    """Empty where the program is not installed, may not ask, or does not answer in time."""
    program = shutil.which("smartctl", path="/usr/sbin:/sbin:/usr/bin:/bin")
    if program is None:
        return {}
    command = [program, "--json", "--health", "--attributes", "--nocheck=standby", device]
    try:
        answer = subprocess.run(command, capture_output=True, timeout=SMARTCTL_S, check=False)  # noqa: S603 - fixed words, a device of ours
        said = json.loads(answer.stdout[:ANSWER_BYTES])
    except (OSError, ValueError, subprocess.SubprocessError):
        return {}
    return said if isinstance(said, dict) else {}


def _read(file: Path) -> str:
    try:
        return file.read_text("ascii").strip()
    except (OSError, ValueError):
        return ""


def _is_hex(word: str) -> bool:
    return word.startswith("0x") and all(letter in "0123456789abcdefABCDEF" for letter in word[2:]) and len(word) > 2  # noqa: PLR2004 - after the 0x
