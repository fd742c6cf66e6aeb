"""A power cut takes nothing that a row has promised; and without the syncs it would."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from functools import lru_cache
from pathlib import Path

import pytest

HERE = Path(__file__)
ROOT = HERE.parents[3]
PRIVATE = ["unshare", "--mount", "--propagation", "private"]


@lru_cache(maxsize=1)
def why_not() -> str | None:
    if os.geteuid() != 0:
        return "mounting needs root"
    if not (shutil.which("mkfs.ext4") and shutil.which("unshare")):
        return "mkfs.ext4 and unshare are needed"
    script = """t=$(mktemp -d) && truncate -s 16M $t/i && mkfs.ext4 -qF $t/i && mkdir $t/m && mount -o loop $t/i $t/m
        s=$?; umount $t/m; rm -r $t; exit $s"""
    tried = subprocess.run([*PRIVATE, "sh", "-c", script], capture_output=True, text=True, timeout=20, check=False)
    return None if tried.returncode == 0 else f"no loop mounts: {tried.stderr.strip()}"


def cut_power(folder: Path, cycles: int, *how: str) -> dict[str, int]:
    reason = why_not()
    if reason:
        pytest.skip(reason)
    script = str(HERE.with_name("power_cut_scenario.py"))
    done = subprocess.run(
        [*PRIVATE, sys.executable, script, str(folder), str(cycles), *how],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return json.loads(done.stdout)


def test_nothing_a_row_has_promised_is_lost_in_a_power_cut(tmp_path: Path):
    found = cut_power(tmp_path, 5)
    assert found["told"] >= 5
    assert (found["lost"], found["dangling"]) == (0, 0)


def test_without_the_syncs_rows_would_point_at_nothing(tmp_path: Path):
    assert cut_power(tmp_path, 2, "careless")["dangling"] > 0
