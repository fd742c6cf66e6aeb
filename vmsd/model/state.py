"""What a camera is doing right now, and why when it is not."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    ONLINE = "online"
    OFFLINE = "offline"
    STALLED = "stalled"
    STARTING = "starting"
    DISABLED = "disabled"


class Cause(StrEnum):
    """Why a camera has no picture; the dashboard has the words."""

    UNKNOWN = "unknown"
    HOST_UNREACHABLE = "host_unreachable"
    ADDRESS_REFUSED = "address_refused"
    PORT_CLOSED = "port_closed"
    WRONG_PASSWORD = "wrong_password"  # noqa: S105 - a word, not a secret
    NO_SUCH_STREAM = "no_such_stream"
    REDIRECTS = "redirects"
    UNSUPPORTED_CODEC = "unsupported_codec"
    NOT_A_CAMERA = "not_a_camera"
    TIMEOUT = "timeout"
    TUNNEL_DOWN = "tunnel_down"
    UNSTABLE = "unstable"
    MEDIAMTX_AWAY = "mediamtx_away"
    NO_DATA = "no_data"
    DISABLED = "disabled"
    SECRET_UNREADABLE = "secret_unreadable"  # noqa: S105 - a word, not a secret


@dataclass(frozen=True)
class StreamFacts:
    """What MediaMTX says of a live path; bitrate in bit/s, measured between two looks."""

    codecs: tuple[str, ...] = ()
    width: int | None = None
    height: int | None = None
    bitrate: int | None = None
    readers: int = 0


@dataclass(frozen=True)
class LiveState:
    """One camera's state since `since_ms`; `last_bytes_ms` is when bytes last arrived from the camera."""

    state: State
    since_ms: int
    cause: Cause | None = None
    last_bytes_ms: int | None = None
    facts: StreamFacts = StreamFacts()


@dataclass(frozen=True)
class StateChange:
    """A line of a camera's history."""

    at_ms: int
    state: State
    cause: Cause | None
