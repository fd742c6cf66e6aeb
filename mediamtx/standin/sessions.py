"""HLS sessions: who is watching a muxer, for how long after the last request."""

import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from clock import timestamp
from logs import Journal
from muxer import Muxer
from paths import Path

_IDLE_S = 30
_SWEEP_S = 10


@dataclass
class Session:
    """One viewer, or the shared one of all requests that carry the CDN secret."""

    path: Path
    remote: str
    query: str
    user: str
    agent: str
    is_cdn: bool
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    secret: str = field(default_factory=lambda: str(uuid.uuid4()))
    created_ns: int = field(default_factory=time.time_ns)
    touched_s: float = field(default_factory=time.monotonic)
    outbound_bytes: int = 0

    @property
    def client(self) -> str:
        return self.remote.rpartition(":")[0]

    def describe(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "created": timestamp(self.created_ns),
            "remoteAddr": self.remote,
            "path": self.path.name,
            "query": self.query,
            "user": self.user,
            "userAgent": self.agent,
            "isCDN": self.is_cdn,
            "outboundBytes": self.outbound_bytes,
        }


class Entry:
    """A muxer with its sessions, as the server keeps it by path."""

    def __init__(self, path: Path, muxer: Muxer, journal: Journal, *, on_demand: bool) -> None:
        self.path = path
        self.muxer = muxer
        self.on_demand = on_demand
        self.created_ns = self.requested_ns = time.time_ns()
        self.outbound_bytes = 0
        self._swept_s = time.monotonic()
        self._journal = journal
        self._viewers: dict[str, Session] = {}
        self._cdn: Session | None = None

    def __iter__(self) -> Iterator[Session]:
        yield from self._viewers.values()
        if self._cdn:
            yield self._cdn

    def cdn(self) -> Session | None:
        return self._cdn

    def viewer(self, secret: str, client: str) -> Session | None:
        session = self._viewers.get(secret)
        return session if session and session.client == client else None

    def add(self, session: Session) -> None:
        if session.is_cdn:
            if self._cdn:
                self._drop(self._cdn, "replaced by new CDN session")
            self._cdn = session
        else:
            self._viewers[session.secret] = session
        self.path.readers[session.id] = "hlsSession"
        kind = " (CDN)" if session.is_cdn else ""
        self._journal.info(f"[HLS] [session {session.id[:8]}] created by {session.remote}{kind}")

    def kick(self, session_id: str) -> bool:
        for session in list(self):
            if session.id == session_id:
                self._drop(session, "kicked")
                return True
        return False

    def sweep(self) -> None:
        """Let idle sessions go; call often, it looks every ten seconds."""
        if time.monotonic() - self._swept_s < _SWEEP_S:
            return
        self._swept_s = time.monotonic()
        for session in list(self):
            if time.monotonic() - session.touched_s >= _IDLE_S:
                self._drop(session, "inactive")

    def close(self, reason: str) -> None:
        for session in list(self):
            self._drop(session, reason)
        self.muxer.close()

    def describe(self) -> dict[str, Any]:
        return {
            "path": self.path.name,
            "created": timestamp(self.created_ns),
            "lastRequest": timestamp(self.requested_ns),
            "outboundBytes": self.outbound_bytes,
            "outboundFramesDiscarded": 0,
            "bytesSent": self.outbound_bytes,
        }

    def _drop(self, session: Session, reason: str) -> None:
        if session is self._cdn:
            self._cdn = None
        self._viewers.pop(session.secret, None)
        self.path.readers.pop(session.id, None)
        self._journal.info(f"[HLS] [session {session.id[:8]}] closed: {reason}")
