"""Cameras, MediaMTX, and how live video reaches people."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated

from pydantic import Field, field_validator

from vmsd.config.shapes import MIB, Port, Section


class MediaMtx(Section):
    """Where MediaMTX listens; the rendered file says the same to MediaMTX. Ports on loopback but `rtmp`.

    `webrtc_port` is where calls are set up; the pictures travel as `[webrtc]` says. Low latency takes seven
    `hls_segments` at least: a smaller number counts as seven.
    """

    api_port: Port = 9997
    metrics_port: Port = 9998
    hls_port: Port = 8888
    webrtc_port: Port = 8889
    rtsp_port: Port = 8554
    rtmp_port: Port = 1935
    rtmp_host: str = ""
    deadline_s: float = Field(5, gt=0, le=30)
    answer_bytes: int = Field(8 * MIB, ge=MIB)
    segment_s: int = Field(1800, ge=2, le=86400)
    hls_segment_s: float = Field(2, ge=0.5, le=10)
    hls_segments: int = Field(7, ge=3, le=20)
    hls_part_ms: int = Field(200, ge=100, le=1000)


class WebRtc(Section):
    """Live pictures with the least delay, straight from MediaMTX to the browser: over UDP, or TCP, at `port`.

    An empty `host` is every address, each of which browsers are told to try, of the named `interfaces` alone when
    there are any; a `host` is the only one. `hosts` are more to try: those of a router that forwards the port.
    `sessions` may be open at once, and so many by one person.
    """

    enabled: bool = True
    host: str = Field("", pattern=r"^[0-9.]*$")
    port: Port = 8189
    hosts: tuple[Annotated[str, Field(pattern=r"^[0-9A-Za-z.:-]{1,253}$")], ...] = Field((), max_length=16)
    interfaces: tuple[Annotated[str, Field(pattern=r"^[^\s/]{1,15}$")], ...] = Field((), max_length=16)
    sessions: int = Field(500, ge=1)
    sessions_per_person: int = Field(100, ge=1)

    @field_validator("host")
    @classmethod
    def _is_address(cls, host: str) -> str:
        if host:
            IPv4Address(host)
        return host


class CameraRules(Section):
    """`networks` lists where cameras may live besides the ordinary networks.

    Loopback, link-local and the box's own addresses are refused unless listed here; its own ports always are.
    `interfaces` are where they are searched for (of none named, all but loopback), at `discovery_port`, for `search_s`.
    Each is asked every `devices_every_s` who it is and what its clock shows: `clock_offset_s` is how far it may be
    wrong before people are told. With `follow_moved` one that has got another address is followed there by the box
    itself, once it has shown that it is the same one.
    """

    networks: tuple[IPv4Network | IPv6Network, ...] = ()
    interfaces: tuple[Annotated[str, Field(pattern=r"^[^\s/]{1,15}$")], ...] = Field((), max_length=16)
    discovery_port: Port = 3702
    search_s: float = Field(3, gt=0, le=10)
    devices_every_s: float = Field(1800, ge=1, le=86_400)
    clock_offset_s: float = Field(10, ge=2, le=3600)
    follow_moved: bool = False
    probe_deadline_s: float = Field(5, gt=0, le=30)
    health_every_s: float = Field(60, gt=0)
    stall_s: float = Field(5, gt=0, le=60)
    stills_every_s: float = Field(10, gt=0, le=3600)
    live_delay_s: float = Field(8, gt=0)


class Tunnel(Section):
    """A command that prints the URL of the tunnelled camera on its first line and runs while it is up.

    `{target}` in an argument is the camera's `tunnel_target`.
    """

    command: tuple[str, ...] = Field(min_length=1)


class LiveLimits(Section):
    """`waiting` are the requests of low-latency players for what is still to come: one or two of each at any time."""

    cache_bytes: int = Field(256 * MIB, ge=16 * MIB)
    object_bytes: int = Field(32 * MIB, ge=MIB)
    in_flight: int = Field(512, ge=1)
    in_flight_per_viewer: int = Field(48, ge=1)
    waiting: int = Field(4096, ge=1)
    waiting_per_viewer: int = Field(64, ge=1)
    streams: int = Field(2000, ge=1)
    streams_per_person: int = Field(400, ge=1)
    viewing_s: int = Field(60, ge=10, le=3600)
    sockets: int = Field(600, ge=1)
    sockets_per_person: int = Field(200, ge=1)


class Map(Section):
    """`tiles` is a map in one file on the box (MBTiles with pictures); without one the map is a plain grid."""

    tiles: Path | None = None

    @field_validator("tiles")
    @classmethod
    def _absolute(cls, path: Path | None) -> Path | None:
        if path is not None and not path.is_absolute():
            raise ValueError("must be an absolute path")
        return path
