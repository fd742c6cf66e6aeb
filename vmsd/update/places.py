"""Where updates live on a box."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Places:
    """`state` survives boots and updates of the system, and only root writes there."""

    state: Path = Path("/var/lib/vmsd-update")
    runtime: Path = Path("/run/vmsd-update")
    program: Path = Path("/usr/lib/vmsd")
    own_keys: Path = Path("/etc/vmsd/update-keys")
    appliance: Path = Path("/usr/lib/vmsd-appliance.toml")
    command_line: Path = Path("/proc/cmdline")

    @property
    def packaged_keys(self) -> Path:
        return self.program / "update-keys"

    @property
    def replaced_keys(self) -> Path:
        return self.state / "keys.vmsdk"

    @property
    def current(self) -> Path:
        """The update at hand; there is none when the folder is not there."""
        return self.state / "current"

    @property
    def status(self) -> Path:
        return self.state / "status.json"
