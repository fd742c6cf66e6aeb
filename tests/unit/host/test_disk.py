"""Usage is what an unprivileged writer sees."""

from __future__ import annotations

import os
import shutil
from types import SimpleNamespace

import pytest

from vmsd.host.disk import DiskUsage, usage


def test_usage_agrees_with_the_system(tmp_path):
    seen, other = usage(tmp_path), shutil.disk_usage(tmp_path)
    assert seen.free_bytes == pytest.approx(other.free, rel=0.02)
    assert other.used / (other.used + other.free) == pytest.approx(seen.used_ratio, abs=0.02)


def test_what_is_reserved_for_root_counts_as_nothing(tmp_path, monkeypatch):
    facts = SimpleNamespace(f_frsize=4096, f_blocks=100, f_bfree=20, f_bavail=15, f_files=50, f_ffree=10, f_favail=5)
    monkeypatch.setattr(os, "statvfs", lambda _: facts)
    seen = usage(tmp_path)
    assert seen == DiskUsage(95 * 4096, 15 * 4096, 45, 5)
    assert seen.used_ratio == pytest.approx(80 / 95)
    assert seen.inodes_used_ratio == pytest.approx(40 / 45)


def test_a_file_system_without_a_count_of_inodes_never_runs_out_of_them():
    assert DiskUsage(100, 50, 0, 0).inodes_used_ratio == 0


def test_a_volume_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        usage(tmp_path / "none")
