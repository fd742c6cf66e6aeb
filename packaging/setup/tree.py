"""Where things are in a checkout, and what the set-up remembers of having done."""

from __future__ import annotations

import fcntl
import hashlib
import shutil
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

from setup.errors import SetupError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

STAMPS = ".setup"


@dataclass(frozen=True)
class Tree:
    root: Path

    @property
    def venv(self) -> Path:
        return self.root / ".venv"

    @property
    def python(self) -> Path:
        return self.venv / "bin" / "python"

    @property
    def web(self) -> Path:
        return self.root / "web"

    @property
    def log(self) -> Path:
        return self.venv / STAMPS / "log"

    def stamp(self, step: str) -> str:
        """Return what the step left behind when it last succeeded; empty when it never did."""
        try:
            return (self.venv / STAMPS / step).read_text("utf-8")
        except OSError:
            return ""

    def set_stamp(self, step: str, text: str) -> None:
        self.make_stamps_folder()
        (self.venv / STAMPS / step).write_text(text, "utf-8")

    def make_stamps_folder(self) -> None:
        try:
            (self.venv / STAMPS).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            advice = f"run as the user who owns {self.root}, or give yourself the right to write there."
            raise SetupError(f"{self.venv} cannot be written: {error.strerror}", advice) from error

    def start_log(self) -> None:
        self.make_stamps_folder()
        self.log.write_bytes(b"")

    def remove_venv(self) -> None:
        shutil.rmtree(self.venv, ignore_errors=True)

    def fingerprint(self, *names: str, extra: str = "") -> str:
        """Return a digest of files (by their path from the root, missing ones included) and of `extra`."""
        digest = hashlib.sha256(extra.encode())
        for name in names:
            file = self.root / name
            digest.update(f"\0{name}\0".encode())
            digest.update(hashlib.sha256(file.read_bytes()).digest() if file.is_file() else b"none")
        return digest.hexdigest()

    @contextmanager
    def locked(self, on_wait: Callable[[], None]) -> Iterator[None]:
        """Hold off a second set-up of the same checkout; `on_wait` is told when this one is the second."""
        with (self.root / "pyproject.toml").open("rb") as file:
            lock(file, on_wait)
            yield


def lock(file: IO[bytes], on_wait: Callable[[], None]) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        on_wait()
        fcntl.flock(file, fcntl.LOCK_EX)
