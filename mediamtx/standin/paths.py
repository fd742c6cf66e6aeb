"""The paths at run time: who feeds each, who reads it, and whether it is being recorded."""

import threading
import time
from collections.abc import Callable
from typing import Any, Protocol

from clock import NEVER, timestamp
from logs import Journal
from muxer import Muxer
from recorder import Recipe, Recorder
from settings import Settings
from tracks import Sample, Track, describe_codecs

RECORD_KEYS = (
    "record",
    "recordPath",
    "recordFormat",
    "recordPartDuration",
    "recordMaxPartSize",
    "recordSegmentDuration",
    "recordDeleteAfter",
)
_HOT_KEYS = frozenset({*RECORD_KEYS, "forward"})


class Source(Protocol):
    """Whatever feeds a path: a pulled camera or a publisher."""

    kind: str
    id: str

    def start(self) -> None: ...

    def close(self) -> None: ...


class NoStreamError(Exception):
    """The path exists and nothing feeds it."""


class NotConfiguredError(Exception):
    """No path of that name is configured."""


class Stream:
    """What a source offers while it lives."""

    def __init__(self, tracks: list[Track]) -> None:
        self.tracks = tracks
        self.since_ns = time.time_ns()
        self.inbound_bytes = 0
        self.outbound_bytes = 0
        self.frames_in_error = 0


class Path:
    """One path; `lock` orders the source's thread with the loop."""

    def __init__(self, name: str, conf: dict[str, Any], journal: Journal) -> None:
        self.name = name
        self.conf = conf
        self.source: Source | None = None
        self.stream: Stream | None = None
        self.readers: dict[str, str] = {}
        self.muxer: Muxer | None = None
        self.changed: Callable[[Path], None] = lambda _path: None
        self._journal = journal
        self._lock = threading.RLock()
        self._recorder: Recorder | None = None

    @property
    def label(self) -> str:
        return f"[path {self.name}]"

    def open(self, source: Source, tracks: list[Track]) -> bool:
        """Take a source's stream; False when it is not this path's source any more."""
        with self._lock:
            if self.source is not source:
                return False
            self.stream = Stream(tracks)
            if self.conf["record"]:
                self._record()
        self._journal.info(f"{self.label} stream is available and online, {describe_codecs(tracks)}")
        self.changed(self)
        return True

    def write(self, source: Source, index: int, sample: Sample) -> bool:
        """Hand on one sample; False when the source should stop."""
        with self._lock:
            if self.source is not source or self.stream is None:
                return False
            size_bytes = len(sample.payload)
            self.stream.inbound_bytes += size_bytes
            self.stream.outbound_bytes += size_bytes * len(self.readers)
            if self.muxer:
                self.muxer.write(index, sample)
            if self._recorder:
                self._recorder.write(index, sample)
        return True

    def shut(self, source: Source) -> None:
        """Take note that the source's stream has ended."""
        with self._lock:
            if self.source is not source or self.stream is None:
                return
            self._end()
        self.changed(self)

    def close(self) -> None:
        with self._lock:
            source, self.source = self.source, None
            self._end()
        if source:
            source.close()
        self.changed(self)

    def adopt(self, source: Source | None) -> None:
        """Make this the source, or leave the path without one."""
        with self._lock:
            self._end()
            self.source = source
        self.changed(self)

    def reload(self, conf: dict[str, Any]) -> None:
        """Take over record keys; source and readers are not touched."""
        with self._lock:
            old, self.conf = self.conf, conf
            if self._recorder and any(old[key] != conf[key] for key in RECORD_KEYS):
                self._recorder.close()
                self._recorder = None
            if conf["record"] and self.stream and self._recorder is None:
                self._record()

    def attach(self, muxer: Muxer | None) -> None:
        with self._lock:
            old, self.muxer = self.muxer, muxer
        if old:
            old.close()

    def describe(self) -> dict[str, Any]:
        with self._lock:
            stream, source = self.stream, self.source
            since = timestamp(stream.since_ns) if stream else None
            online = source is not None
            return {
                "name": self.name,
                "confName": self.conf["name"],
                "ready": stream is not None,
                "readyTime": since,
                "available": stream is not None,
                "availableTime": since,
                "online": online,
                "onlineTime": (since or NEVER) if online else None,
                "source": {"type": source.kind, "id": source.id} if source else None,
                "tracks": [track.codec for track in stream.tracks] if stream else [],
                "tracks2": [track.describe() for track in stream.tracks] if stream else [],
                "readers": sorted(
                    ({"type": kind, "id": number} for number, kind in self.readers.items()),
                    key=lambda reader: (reader["type"], reader["id"]),
                ),
                "inboundBytes": stream.inbound_bytes if stream else 0,
                "outboundBytes": stream.outbound_bytes if stream else 0,
                "inboundFramesInError": stream.frames_in_error if stream else 0,
                "bytesReceived": stream.inbound_bytes if stream else 0,
                "bytesSent": stream.outbound_bytes if stream else 0,
            }

    def _record(self) -> None:
        if self.stream is None:
            return
        if self.conf["recordFormat"] != "fmp4":
            self._journal.warn(f"{self.label} [recorder] the stand-in records fmp4 only, skipping recording")
            return
        recipe = Recipe.of(self.conf, self.name)
        self._recorder = Recorder(recipe, self.stream.tracks, self._journal, self.label)

    def _end(self) -> None:
        if self._recorder:
            self._recorder.close()
        self._recorder = None
        self.stream = None
        self.readers.clear()


class Paths:
    """All paths by name; lives on the loop."""

    def __init__(self, journal: Journal, changed: Callable[[Path], None]) -> None:
        self._journal = journal
        self._changed = changed
        self._paths: dict[str, Path] = {}
        self.start_source: Callable[[Path], Source | None] = lambda _path: None

    def find(self, name: str) -> Path | None:
        return self._paths.get(name)

    def get(self, name: str) -> Path:
        path = self._paths.get(name)
        if path is None:
            raise NotConfiguredError(f"path '{name}' is not configured")
        return path

    def list(self) -> list[Path]:
        return [self._paths[name] for name in sorted(self._paths)]

    def apply(self, settings: Settings) -> None:
        """Make the paths those of the settings, each with as little disturbance as the change allows."""
        wanted = {name: conf for name, conf in settings.paths.items() if not _is_pattern(name)}
        for path in self.list():
            conf = wanted.get(path.name)
            if conf is None or _needs_rebuild(path.conf, conf):
                del self._paths[path.name]
                path.close()
            elif conf != path.conf:
                path.reload(conf)
        for name, conf in wanted.items():
            if name not in self._paths:
                self._add(name, conf)

    def close(self) -> None:
        for path in self.list():
            path.close()
        self._paths.clear()

    def _add(self, name: str, conf: dict[str, Any]) -> None:
        path = self._paths[name] = Path(name, conf, self._journal)
        path.changed = self._changed
        path.adopt(self.start_source(path))


def _is_pattern(name: str) -> bool:
    return name.startswith("~") or name in ("all", "all_others")


def _needs_rebuild(old: dict[str, Any], new: dict[str, Any]) -> bool:
    return any(old[key] != new[key] for key in new if key not in _HOT_KEYS)
