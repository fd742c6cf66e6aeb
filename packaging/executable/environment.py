"""The build's own virtual environment: exactly what the two lock files name, each file checked by its hash."""

from __future__ import annotations

import hashlib
import shutil
from typing import TYPE_CHECKING

from executable.command import run, say

if TYPE_CHECKING:
    from executable.place import Place

STAMP = "made-of"
PIP = ("-m", "pip", "install", "--no-input", "--disable-pip-version-check", "--quiet", "--require-hashes")


def prepare(place: Place, base_python: str) -> None:
    """Make it, or leave it alone where it is of this Python and these locks."""
    wanted, stamp = fingerprint(place, base_python), place.venv / STAMP
    if stamp.is_file() and stamp.read_text("utf-8") == wanted:
        return
    say("making the build environment")
    shutil.rmtree(place.venv, ignore_errors=True)
    run([base_python, "-m", "venv", place.venv])
    locks = [word for lock in place.locks for word in ("-r", lock)]
    run([place.python, *PIP, *locks], env={"PIP_NO_CACHE_DIR": ""})
    stamp.write_text(wanted, "utf-8")


def fingerprint(place: Place, base_python: str) -> str:
    version = run([base_python, "-c", "import sys; print(sys.version, sys.base_prefix)"])
    digest = hashlib.sha256(f"{version}{place.venv}".encode())
    for lock in place.locks:
        digest.update(lock.read_bytes())
    return digest.hexdigest()
