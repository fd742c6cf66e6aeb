"""A wall clock that jumps for the processes of a test and for nobody else."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from pathlib import Path

import pytest

LIBRARY = Path(f"/usr/lib/{platform.machine()}-linux-gnu/faketime/libfaketime.so.1")
needs_faketime = pytest.mark.skipif(not LIBRARY.exists(), reason="libfaketime is not installed")


@dataclass(frozen=True)
class FakeClock:
    """The wall clock of every process started with `env`; a static program (MediaMTX) does not notice."""

    file: Path

    def jump(self, offset: str) -> None:
        """To so far from the true time, for example `+56y`; running processes see it at once."""
        self.file.write_text(offset)

    @property
    def env(self) -> dict[str, str]:
        return {
            "LD_PRELOAD": str(LIBRARY),
            "FAKETIME_TIMESTAMP_FILE": str(self.file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }
