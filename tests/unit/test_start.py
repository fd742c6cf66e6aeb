"""What the daemon does not do before it answers: who needs it waits for it, a box that comes up does not."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from vmsd.assets import web_dir
from vmsd.pages import assets

NOT_LOADED = ("av", "PIL", "reportlab", "obstore", "vmsd.paper.document")
"""Heavy, and of use to other processes or on some days only."""


def test_heavy_libraries_are_not_loaded_to_start() -> None:
    told = f"import sys, vmsd.app; print([one for one in {NOT_LOADED} if one in sys.modules])"
    done = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"


def test_no_file_of_the_pages_is_packed_before_it_is_asked_for() -> None:
    assets._gzipped.cache_clear()
    all_files = assets.Assets(Path(web_dir()) / "static")
    assert assets._gzipped.cache_info().currsize == 0
    file = all_files.find("css/base.css")
    assert file is not None
    assert file.gzipped() is file.gzipped()
    assert assets._gzipped.cache_info().currsize == 1
