"""Where the files that are no Python lie: beside the package in a checkout, inside it when installed."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).parent


def _folder(name: str) -> Path:
    installed = _PACKAGE / f"_{name}"
    return installed if installed.exists() else _PACKAGE.parent / name


def web_dir() -> Path:
    """Templates, static files and translations."""
    return _folder("web")


def mediamtx_dir() -> Path:
    """The configuration template, the pinned version and the stand-in."""
    return _folder("mediamtx")
