"""Broken off anywhere, everything is as before or as after: nothing acknowledged is lost, nothing points at nothing."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest

from tests.system.crash_scenarios import SCENARIOS
from tests.unit.tasks.test_indexer_power_cut import PRIVATE
from tests.unit.tasks.test_indexer_power_cut import why_not as why_no_mounts

RUNNER = Path(__file__).with_name("crash_runner.py")
ROOT = RUNNER.parents[2]
EVERY_S, CUT_S = 300, 120


@lru_cache(maxsize=1)
def why_no_strace() -> str | None:
    if not shutil.which("strace"):
        return "strace is not installed"
    with subprocess.Popen(["sleep", "20"]) as sleeping:
        try:
            tried = subprocess.run(
                ["timeout", "2", "strace", "-qq", "-p", str(sleeping.pid)], capture_output=True, text=True, check=False
            )
        finally:
            sleeping.kill()
    return f"ptrace is not allowed: {tried.stderr.strip()}" if "ptrace" in tried.stderr else None


def run(folder: Path, seconds: int, *words: str, private: bool = False) -> dict[str, Any]:
    done = subprocess.run(
        [*(PRIVATE if private else []), sys.executable, str(RUNNER), *words],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    shutil.rmtree(folder, ignore_errors=True)
    assert done.returncode == 0, done.stderr[-4000:]
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.timeout(EVERY_S + 20)
@pytest.mark.parametrize("name", SCENARIOS)
def test_a_kill_before_any_system_call_leaves_the_old_or_the_new(tmp_path: Path, name: str) -> None:
    reason = why_no_strace()
    if reason:
        pytest.skip(reason)
    found = run(tmp_path, EVERY_S, "strace", name, str(tmp_path))
    assert found["failures"] == []
    assert found["kills"] > 30, "each change takes more calls than that"


@pytest.mark.timeout(CUT_S + 20)
@pytest.mark.parametrize("name", SCENARIOS)
def test_a_power_cut_leaves_the_old_or_the_new_and_without_the_syncs_it_would_not(tmp_path: Path, name: str) -> None:
    reason = why_no_mounts()
    if reason:
        pytest.skip(reason)
    for folder, cuts, careless in (("kept", 4, []), ("lost", 1, ["careless"])):
        (tmp_path / folder).mkdir()
        words = ["power", name, str(tmp_path / folder), str(cuts), *careless]
        found = run(tmp_path / folder, CUT_S, *words, private=True)
        assert bool(found["failures"]) == bool(careless), found["failures"]
