"""Every unit of the package in one list, and what an installation does with it. A new unit is one line here."""

from __future__ import annotations

SHIPPED, ENABLED, STARTED = "shipped", "enabled", "started"
"""Only put in its place; wanted by its `[Install]` from the next boot on; that, and started at once."""
UNITS = {
    "mediamtx.service": ENABLED,
    "vmsd.service": ENABLED,
    "vmsd-render.service": SHIPPED,
    "vmsd-volume.service": ENABLED,
    "srv-vmsd.mount": SHIPPED,
    r"run-vmsd\x2dsite.mount": SHIPPED,
    "vmsd-site.service": STARTED,
    "vmsd-site-store.service": SHIPPED,
    "vmsd-network.service": ENABLED,
    "vmsd-console.service": SHIPPED,
    "vmsd-update-resume.service": ENABLED,
    "vmsd-update-health.service": ENABLED,
    "vmsd-update-install.service": SHIPPED,
    "vmsd-update-return.service": SHIPPED,
    "vmsd-update@.service": SHIPPED,
}
"""`mediamtx.service` and `vmsd.service` are started by the scripts themselves: recording goes on through an upgrade."""


def filled_in(script: str) -> str:
    """A maintainer's script with the lists it goes through."""
    enabled = [name for name, fate in UNITS.items() if fate in (ENABLED, STARTED)]
    started = [name for name, fate in UNITS.items() if fate == STARTED]
    return script.replace("@ENABLED@", " ".join(enabled)).replace("@STARTED@", " ".join(started))
