"""A camera: where its video comes from and what the box does with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Protocol = Literal["rtsp", "rtmp", "http", "p2p"]


@dataclass(frozen=True)
class Secret:
    """What is encrypted at rest: never printed, never in an answer.

    The addresses are sealed with it. What cannot be opened is not `readable`: nothing is known then of either.
    """

    password: str | None = None
    publish_key: str | None = None
    readable: bool = True

    def __repr__(self) -> str:
        return "Secret(***)"


@dataclass(frozen=True)
class Location:
    """Degrees, WGS 84."""

    lat: float
    lon: float


@dataclass(frozen=True)
class Camera:
    """One camera of one city. URLs here carry no credentials; `secret` holds them.

    `source_url` is empty for a camera that pushes (RTMP without a URL). A substream, when there is one, is
    what live tiles show; the main stream is what is recorded.
    """

    city_id: int
    id: int
    public_id: str
    name: str
    protocol: Protocol
    source_url: str
    sub_source_url: str
    vendor: str
    host: str
    channel: int
    subtype: int
    username: str
    secret: Secret
    tunnel: str
    tunnel_target: str
    recording_enabled: bool
    recording_since_ms: int
    retention_days: int | None
    location: Location | None
    audio: bool
    group_id: int | None
    group: str
    created_ms: int
    changed_ms: int
    priority: int = 2
    """1 is the first to stop recording when there is no room left, 3 the last."""

    @property
    def pushes(self) -> bool:
        """True when the camera calls us instead of us calling the camera."""
        return self.protocol == "rtmp" and not self.source_url
