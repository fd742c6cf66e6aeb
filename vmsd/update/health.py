"""How the box does, seen from outside of the daemon: whether it answers, and whether bytes reach the disk."""

from __future__ import annotations

import http.client
import json
import os
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

from vmsd.config import Settings
from vmsd.errors import BadSetting
from vmsd.update.journal import Before

DEADLINE_S = 5
ANSWER_BYTES = 16 * 1024
FOLDERS = 4096
"""Of cameras, at most, that are looked into."""

_LOOPBACK = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - asked, not listened at

Newest = dict[str, tuple[str, int]]
"""The newest recording of each camera, and its size."""


@dataclass(frozen=True)
class Look:
    answers: bool = False
    database: bool = False
    mediamtx: bool = False
    disk: bool = False
    safe_mode: bool = False
    recording: int = 0

    def as_before(self) -> Before:
        return Before(self.answers, self.mediamtx, self.disk, self.recording)

    def faults(self, before: Before) -> list[str]:
        """In words; none when the new version does what the old one did. A camera may fail by itself: half will do."""
        found = {
            "vmsd does not answer": not self.answers,
            "vmsd runs in safe mode": self.safe_mode,
            "the database cannot be used": self.answers and not self.database,
            "the media server is away": self.answers and before.mediamtx and not self.mediamtx,
            "the recordings volume is away": self.answers and before.disk and not self.disk,
            f"{self.recording} cameras are recorded, before there were {before.recording}": self.recording * 2
            < before.recording,
        }
        return [words for words, true in found.items() if true]


class Watcher:
    """Remembers the look before: only what has grown since is being recorded."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._newest = newest_recordings(settings.recordings_dir)

    def look(self) -> Look:
        """Blocks for some seconds at most."""
        told = ask_health(self._settings.http.host, self._settings.http.port)
        now = newest_recordings(self._settings.recordings_dir)
        grown = sum(1 for folder, newest in now.items() if self._newest.get(folder) != newest)
        self._newest = now
        if told is None:
            return Look(recording=grown)
        facts = {name: told.get(name) is True for name in ("database", "mediamtx", "disk")}
        safe_mode = told.get("status") != "healthy" and all(facts.values())
        return Look(answers=True, safe_mode=safe_mode, recording=grown, **facts)


def refuse_unaskable(host: str) -> None:
    """`BadSetting` where the daemon does not listen on loopback: no version could ever prove itself there."""
    if host in (*_LOOPBACK, "localhost"):
        return
    with suppress(ValueError):
        if ip_address(host).is_loopback:
            return
    raise BadSetting(
        f"[http] host is {host}: for updates vmsd has to be asked by loopback, at 127.0.0.1 or all addresses"
    )


def ask_health(host: str, port: int) -> dict[str, object] | None:
    """The daemon's own words, by loopback, where no certificate is needed; None when it has none."""
    connection = http.client.HTTPConnection(_LOOPBACK.get(host, host), port, timeout=DEADLINE_S)
    with suppress(OSError, http.client.HTTPException, ValueError):
        connection.request("GET", "/health")
        answer = connection.getresponse()
        told = json.loads(answer.read(ANSWER_BYTES))
        connection.close()
        return told if isinstance(told, dict) else None
    connection.close()
    return None


def newest_recordings(recordings_dir: Path) -> Newest:
    """By their names, which begin with the time; of each camera's folder one file alone is asked for its size."""
    found: Newest = {}
    for camera in (camera for city in _folders(recordings_dir) for camera in _folders(Path(city.path))):
        if len(found) >= FOLDERS:
            break
        newest = max((one.name for one in _entries(Path(camera.path)) if one.name.endswith(".mp4")), default=None)
        if newest:
            with suppress(OSError):
                found[camera.path] = (newest, os.lstat(f"{camera.path}/{newest}").st_size)
    return found


def _folders(path: Path) -> list[os.DirEntry[str]]:
    return [one for one in _entries(path) if not one.name.startswith(".") and one.is_dir(follow_symlinks=False)]


def _entries(path: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(path) as found:
            return list(found)
    except OSError:
        return []
