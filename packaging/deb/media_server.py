"""The MediaMTX that goes into the package: the pinned release, or one that is owned up to in the version."""

from __future__ import annotations

import os
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from executable.archive import sha256
from executable.command import BuildError, run, say

if TYPE_CHECKING:
    from executable.place import Place

GIVEN, ALLOWED = "MEDIAMTX_BINARY", "ALLOW_UNPINNED_MEDIAMTX"
UNPINNED = "+unpinned"
"""Ends the version of a package whose MediaMTX is not known to be the official one."""


@dataclass(frozen=True)
class MediaServer:
    program: Path
    version: str
    pinned: bool


def find_media_server(place: Place) -> MediaServer:
    """Downloaded, or from the release's own archive at hand: both are checked. A bare program cannot be."""
    pin = tomllib.loads((place.root / "mediamtx/version.toml").read_text("utf-8"))
    given = os.environ.get(GIVEN)
    if given and not is_archive(Path(given), pin):
        return MediaServer(unpinned(place, Path(given)), pin["version"], pinned=False)
    archive = ["--archive", given] if given else []
    return MediaServer(install(place, *archive), pin["version"], pinned=True)


def is_archive(file: Path, pin: dict[str, dict[str, str]]) -> bool:
    if not file.is_file():
        raise BuildError(f"{GIVEN}: there is no file {file}")
    return sha256(file) in pin["sha256"].values()


def unpinned(place: Place, program: Path) -> Path:
    if os.environ.get(ALLOWED) != "1":
        raise BuildError(
            f"{program} is not the archive of the pinned release, so nobody knows what it is. Give the archive, or say"
            f" {ALLOWED}=1: the version of the package then ends in {UNPINNED}, and it is not for a site"
        )
    say("!" * 100)
    say(f"!! {program} is NOT known to be the official MediaMTX. The package is for tests alone.")
    say("!" * 100)
    return install(place, "--binary", str(program))


def install(place: Place, *words: str) -> Path:
    """Not one that merely lies about on this machine: PATH is empty for it."""
    into = place.work / "mediamtx"
    command = [sys.executable, place.root / "mediamtx/install.py", "--into", into, *words]
    return Path(run(command, env={"PATH": "/nonexistent", GIVEN: ""}).splitlines()[-1])
