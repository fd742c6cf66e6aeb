"""Log lines on stdout, in the words and shape of the server this program stands in for."""

import json
import sys
import threading
from datetime import datetime

LEVELS = {"debug": 0, "info": 1, "warn": 2, "error": 3}
_LABELS = ("DEB", "INF", "WAR", "ERR")


class Journal:
    """Safe to call from every thread; `configure` before the first line."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._level = LEVELS["info"]
        self._structured = False

    def configure(self, level: str, *, structured: bool) -> None:
        self._level = LEVELS[level]
        self._structured = structured

    def debug(self, message: str) -> None:
        self._write(0, message)

    def info(self, message: str) -> None:
        self._write(1, message)

    def warn(self, message: str) -> None:
        self._write(2, message)

    def error(self, message: str) -> None:
        self._write(3, message)

    def _write(self, level: int, message: str) -> None:
        if level < self._level:
            return
        now = datetime.now().astimezone()
        if self._structured:
            stamp = now.isoformat().replace("+00:00", "Z")
            line = json.dumps({"timestamp": stamp, "level": _LABELS[level], "message": message}, separators=(",", ":"))
        else:
            line = f"{now:%Y/%m/%d %H:%M:%S} {_LABELS[level]} {message}"
        with self._lock:
            sys.stdout.write(line + "\n")
            sys.stdout.flush()
