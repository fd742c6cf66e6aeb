"""The files a page links to, held in memory and addressed by what they contain."""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from pathlib import Path

CONTENT_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".webmanifest": "application/manifest+json",
}
SMALLEST_WORTH_GZIP_BYTES = 1024


@dataclass(frozen=True)
class Asset:
    body: bytes
    content_type: str
    worth_gzip: bool

    def gzipped(self) -> bytes:
        """Made when somebody first asks, not when the daemon starts: the largest takes a tenth of a second."""
        return _gzipped(self.body)


class Assets:
    """Everything below one folder, read once.

    The version is a hash over all of it and stands in the path (`/static/<version>/js/x.js`), so a module's
    relative imports carry it too: a browser never mixes files of two releases and may keep each for ever.
    """

    def __init__(self, folder: Path) -> None:
        self._assets = {str(path.relative_to(folder)): _read(path) for path in _files(folder)}
        self.version = _version(self._assets)

    def url(self, name: str) -> str:
        """The address of one file; KeyError when there is no such file, so that no page links to nothing."""
        if name not in self._assets:
            raise KeyError(f"no static file {name}: the set-up step fills static/vendor")
        return f"/static/{self.version}/{name}"

    def find(self, name: str) -> Asset | None:
        return self._assets.get(name)

    def text(self, name: str) -> str:
        asset = self._assets.get(name)
        return asset.body.decode() if asset else ""


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and path.suffix in CONTENT_TYPES)


def _read(path: Path) -> Asset:
    body = path.read_bytes()
    worth_it = len(body) >= SMALLEST_WORTH_GZIP_BYTES and path.suffix != ".png"
    return Asset(body, CONTENT_TYPES[path.suffix], worth_it)


@lru_cache(maxsize=256)
def _gzipped(body: bytes) -> bytes:
    return gzip.compress(body, compresslevel=9, mtime=0)


def _version(assets: dict[str, Asset]) -> str:
    digest = sha256()
    for name, asset in sorted(assets.items()):
        digest.update(f"{name}\0{len(asset.body)}\0".encode())
        digest.update(asset.body)
    return digest.hexdigest()[:12]
