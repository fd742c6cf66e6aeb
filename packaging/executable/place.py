"""Where the build finds and leaves things."""

from __future__ import annotations

import platform
import re
from dataclasses import dataclass
from pathlib import Path

ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
"""What machines call themselves, and what Debian calls them."""


@dataclass(frozen=True)
class Place:
    """`root` is the checkout; nothing is written outside `work` and `out`."""

    root: Path
    work: Path
    out: Path

    @property
    def version(self) -> str:
        text = (self.root / "vmsd/__init__.py").read_text("utf-8")
        match = re.search(r'^__version__ = "([^"]+)"$', text, re.MULTILINE)
        if match is None:
            raise ValueError("vmsd/__init__.py says no version")
        return match[1]

    @property
    def architecture(self) -> str:
        return ARCHITECTURES[platform.machine()]

    @property
    def name(self) -> str:
        return f"vmsd-{self.version}-linux-{self.architecture}"

    @property
    def folder(self) -> Path:
        return self.out / self.name

    @property
    def venv(self) -> Path:
        return self.work / "venv"

    @property
    def python(self) -> Path:
        return self.venv / "bin" / "python"

    @property
    def locks(self) -> tuple[Path, Path]:
        """What the program is made of, and what makes it."""
        return self.root / "requirements.lock", self.root / "packaging/executable/requirements-build.lock"
