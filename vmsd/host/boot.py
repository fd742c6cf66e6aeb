"""Which boot of the machine this is."""

from __future__ import annotations

from pathlib import Path

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
"""Drawn anew by the kernel at each boot; random(4)."""


def read_boot_id() -> str:
    """Empty where the kernel would not say."""
    try:
        return BOOT_ID.read_text("ascii").strip()
    except (OSError, ValueError):
        return ""
