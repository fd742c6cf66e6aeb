"""The frozen program starts the system's programs without the libraries in its own folder."""

from __future__ import annotations

import os
import runpy
import sys
from pathlib import Path

import pytest

ENTRY = Path(__file__).resolve().parents[2] / "packaging/executable/entry.py"


@pytest.mark.parametrize("given", [None, "/opt/theirs"])
def test_what_it_starts_has_the_libraries_of_the_system(monkeypatch: pytest.MonkeyPatch, given: str | None) -> None:
    """As PyInstaller's loader leaves it; every way of starting a program takes this process's own words."""
    monkeypatch.setenv("LD_LIBRARY_PATH", "/usr/lib/vmsd/_internal")
    monkeypatch.delenv("LD_LIBRARY_PATH_ORIG", raising=False)
    if given:
        monkeypatch.setenv("LD_LIBRARY_PATH_ORIG", given)
    monkeypatch.setattr(sys, "argv", ["vmsd", "--version"])
    with pytest.raises(SystemExit):
        runpy.run_path(str(ENTRY))
    assert os.environ.get("LD_LIBRARY_PATH") == given
    assert "LD_LIBRARY_PATH_ORIG" not in os.environ
