"""Keys and updates made for a test; nothing outside it trusts them."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from vmsd.update.keys import TrustedKeys, load_trusted

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "packaging"))

from update import bundle, signing  # noqa: E402 - lives beside vmsd, not in it


@dataclass(frozen=True)
class Signer:
    """A pair of keys in a folder: `<name>.key` and `<name>.pub`."""

    folder: Path
    name: str = "release"

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        signing.make_key(self.private, self.public)

    @property
    def private(self) -> Path:
        return self.folder / f"{self.name}.key"

    @property
    def public(self) -> Path:
        return self.folder / f"{self.name}.pub"

    def trusted(self) -> TrustedKeys:
        return load_trusted(self.folder, self.folder / "none", self.folder / "none")

    def release(
        self,
        out: Path,
        files: dict[str, Path],
        version: str = "0.2.0",
        minimum: str = "0.1.0",
        arch: str = "amd64",
        expires: str | None = None,
        preset: int = 6,
    ) -> Path:
        out.mkdir(parents=True, exist_ok=True)
        made = bundle.Release(version, minimum, arch, "2026-11-01T00:00:00Z", expires, files, out / "work", preset)
        return bundle.build_bundle(made, signing.read_key(self.private), out)
