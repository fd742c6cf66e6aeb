"""Notices that the daemon keeps ending by itself, from a note in the runtime folder, which every boot empties."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from vmsd.errors import BadSetting

NAME = "starts.json"
NOTE_BYTES = 4096
CRASHES = 5
WINDOW_S = 300.0


@dataclass(frozen=True)
class Note:
    """`crashes_s` are by the monotonic clock, which all programs of one boot share; `running` until a good end."""

    crashes_s: tuple[float, ...] = ()
    running: bool = False


class Starts:
    """Used as a context by the daemon; what cannot be read or written counts as no crash at all."""

    def __init__(self, runtime_dir: Path, now_s: float) -> None:
        """`is_loop`: so many starts within so short a time have ended badly that this one had better do less."""
        self._file = runtime_dir / NAME
        before = _read(self._file)
        ended = (now_s,) if before.running else ()
        self.crashes_s = tuple(one for one in (*before.crashes_s, *ended) if 0 <= now_s - one <= WINDOW_S)
        self.is_loop = len(self.crashes_s) >= CRASHES

    def __enter__(self) -> Self:
        self._write(running=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """An end that was asked for is no crash, and a bad setting is the operator's: systemd leaves that one alone."""
        if kind is None or not issubclass(kind, Exception) or issubclass(kind, BadSetting):
            self._write(running=False)

    def _write(self, *, running: bool) -> None:
        text = json.dumps({"crashes_s": self.crashes_s[-CRASHES:], "running": running})
        new = self._file.with_name(f".{NAME}.new")
        with suppress(OSError):
            handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
            new.rename(self._file)


def _read(file: Path) -> Note:
    try:
        with file.open("rb") as opened:
            told = json.loads(opened.read(NOTE_BYTES))
        return Note(tuple(float(one) for one in told["crashes_s"]), told["running"] is True)
    except (OSError, ValueError, TypeError, KeyError):
        return Note()
