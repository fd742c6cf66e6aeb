"""The units of an installed box, where systemd runs: stopped, and started again."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

RUNNING = Path("/run/systemd/system")
PATIENCE_S = 120


def is_systemd() -> bool:
    return RUNNING.is_dir()


def stop(units: Sequence[str]) -> None:
    """Raises `OSError` for one that does not stop; those that are not installed are none."""
    known = [unit for unit in units if _systemctl("show", "--property=LoadState", "--value", unit) == "loaded"]
    if known:
        _systemctl("stop", *known)


def disable(units: Sequence[str]) -> None:
    _systemctl("disable", "--quiet", *units)


def start(units: Sequence[str]) -> None:
    _systemctl("start", *units)


def _systemctl(*words: str) -> str:
    command = ["systemctl", "--no-ask-password", *words]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=True)  # noqa: S603 - fixed words
    except subprocess.TimeoutExpired as error:
        raise OSError(f"systemctl {words[0]} took more than {PATIENCE_S} s") from error
    except subprocess.CalledProcessError as error:
        raise OSError(f"systemctl {words[0]}: {error.stderr.strip()}") from error
    return done.stdout.strip()
