"""Finds the MediaMTX to run here: the real one of the pinned version, or the stand-in where there is none."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from vmsd.assets import mediamtx_dir

VERSION_S = 10


@dataclass(frozen=True)
class MediaServer:
    """`command` takes the configuration file as its one argument."""

    kind: Literal["real", "standin"]
    command: tuple[str, ...]


def find_media_server() -> MediaServer:
    """`MEDIAMTX_BINARY`, then the one the set-up installed, then the one on the PATH, then the stand-in."""
    folder = mediamtx_dir()
    version = tomllib.loads((folder / "version.toml").read_text("utf-8"))["version"]
    named = (os.environ.get("MEDIAMTX_BINARY"), str(folder / "bin" / "mediamtx"), shutil.which("mediamtx"))
    for binary in named:
        if binary and _version_of(binary) == f"v{version}":
            return MediaServer("real", (binary,))
    return MediaServer("standin", (sys.executable, str(folder / "standin")))


def _version_of(binary: str) -> str | None:
    if not Path(binary).is_file():
        return None
    try:
        answer = subprocess.run(  # noqa: S603 - a program the operator installed
            [binary, "--version"], capture_output=True, text=True, timeout=VERSION_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return answer.stdout.strip()
