"""Where the image's build finds and leaves things."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

FILES = Path(__file__).parent / "files"
PACKAGES = Path(__file__).parent / "packages.txt"
PACKAGE_NAME = re.compile(r"vmsd_(?P<version>[^_]+)_(?P<architecture>[^_]+)\.deb")


@dataclass(frozen=True)
class Place:
    """Nothing is written outside `work` and `out`; `package` is the .deb that goes in."""

    package: Path
    work: Path
    out: Path

    @property
    def version(self) -> str:
        match = PACKAGE_NAME.fullmatch(self.package.name)
        return match["version"] if match else "unknown"

    @property
    def base(self) -> Path:
        return self.work / "base.tar"

    @property
    def tree(self) -> Path:
        """The root file system as a folder, while it is made."""
        return self.work / "tree"

    @property
    def root(self) -> Path:
        """The root file system as it is written to a slot: what updates carry too."""
        return self.work / "root.ext4"

    @property
    def image(self) -> Path:
        return self.work / f"vmsd-appliance-{self.version}-amd64.img"

    @property
    def packed(self) -> Path:
        return self.out / f"{self.image.name}.xz"
