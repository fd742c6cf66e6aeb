"""Runs one command of a build, and says which one failed."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


class BuildError(Exception):
    """What stops a build, in words for the person who started it."""


def say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def run(
    words: Sequence[str | Path], *, cwd: Path | None = None, env: Mapping[str, str] | None = None, quiet: bool = False
) -> str:
    """Return what it said on standard output; its other words go where ours go, unless `quiet`."""
    try:
        done = subprocess.run(  # noqa: S603 - fixed commands, no shell
            [str(word) for word in words],
            cwd=cwd,
            env={**os.environ, **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL if quiet else None,
            check=True,
        )
    except FileNotFoundError as error:
        raise BuildError(f"{words[0]} is not installed") from error
    except subprocess.CalledProcessError as error:
        text = error.stdout.decode(errors="replace")[-4000:]
        raise BuildError(f"{text}`{' '.join(map(str, words))}` ended with code {error.returncode}") from error
    return done.stdout.decode(errors="replace")
