"""What systemd knows of the daemon."""

from __future__ import annotations

import subprocess

DEADLINE_S = 10


def main_pid(unit: str = "vmsd.service") -> int:
    """0 while it does not run, or while systemd does not answer."""
    words = ["systemctl", "show", "--property", "MainPID", "--value", unit]
    try:
        said = subprocess.run(words, capture_output=True, text=True, timeout=DEADLINE_S, check=False).stdout  # noqa: S603
        return int(said)
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return 0
