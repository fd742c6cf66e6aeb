"""The same rules on real small file systems, full, read-only and gone."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import lru_cache
from pathlib import Path

import pytest

HERE = Path(__file__)
ROOT = HERE.parents[3]


@lru_cache(maxsize=1)
def why_not() -> str | None:
    if os.geteuid() != 0:
        return "mounting needs root"
    command = ["unshare", "--mount", "--propagation", "private", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
    try:
        tried = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except OSError as error:
        return f"unshare: {error.strerror}"
    return None if tried.returncode == 0 else f"no private mount namespace: {tried.stderr.strip()}"


@pytest.mark.parametrize(
    "scenario", ["full", "brimful", "inodes", "create_fails", "read_only", "unmounted", "database_full"]
)
def test_on_a_real_small_file_system(scenario: str, tmp_path: Path):
    reason = why_not()
    if reason:
        pytest.skip(reason)
    script = str(HERE.with_name("mounted_scenarios.py"))
    command = ["unshare", "--mount", "--propagation", "private", sys.executable, script, scenario, str(tmp_path)]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
