"""What the person at the terminal sees: numbered steps, elapsed time, and what to do when one fails."""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from pathlib import Path

    from setup.errors import SetupError

BOLD, RED, YELLOW, PLAIN = "\x1b[1m", "\x1b[31m", "\x1b[33m", "\x1b[0m"
CLEAR_LINE = "\r\x1b[K"


class Progress:
    """A live line per step on a terminal, one line when it starts and one when it ends elsewhere."""

    def __init__(self, out: TextIO = sys.stdout) -> None:
        self._out = out
        self._terminal = out.isatty() and os.environ.get("TERM") != "dumb"
        self._colours = self._terminal and not os.environ.get("CI") and "NO_COLOR" not in os.environ
        self._began = time.monotonic()
        self._label = ""

    def start(self, number: int, total: int, title: str) -> None:
        self._began = time.monotonic()
        self._label = f"[{number}/{total}] {title}"
        self.beat() if self._terminal else self._line(f"{self._label} ...")

    def beat(self) -> None:
        if self._terminal:
            self._write(f"{CLEAR_LINE}{self._label} ... {self._elapsed()}")

    def end(self, note: str) -> None:
        begin = CLEAR_LINE if self._terminal else ""
        self._line(f"{begin}{self._label}: {note} ({self._elapsed()})")
        self._label = ""

    def fail(self, error: SetupError, log: Path) -> None:
        if self._label:
            self._line(f"{CLEAR_LINE if self._terminal else ''}{self._label}: failed ({self._elapsed()})")
        self._line("")
        self._line(self._in(BOLD + RED, f"Stopped: {error}"))
        for line in error.output.splitlines():
            self._line(f"    {line}")
        self._line(self._in(BOLD, f"What to do: {error.advice}"))
        if error.output and log.exists():
            self._line(f"All that was said is in {log}")

    def say(self, text: str) -> None:
        self._line(text)

    def warn(self, lines: list[str]) -> None:
        """Put a frame around what nobody may overlook."""
        width = max(map(len, lines))
        bar = "*" * (width + 4)
        for line in (bar, *(f"* {line.ljust(width)} *" for line in lines), bar):
            self._line(self._in(BOLD + YELLOW, line))

    def _elapsed(self) -> str:
        return f"{time.monotonic() - self._began:.0f} s"

    def _in(self, colour: str, text: str) -> str:
        return f"{colour}{text}{PLAIN}" if self._colours else text

    def _line(self, text: str) -> None:
        self._write(f"{text}\n")

    def _write(self, text: str) -> None:
        self._out.write(text)
        self._out.flush()
