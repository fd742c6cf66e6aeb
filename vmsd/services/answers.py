"""What the box says of itself, in the shape in which it leaves: cameras, health, notices, its parts."""

from __future__ import annotations

from typing import Annotated, Any, Literal, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from vmsd.host.volume import Condition
from vmsd.model.shapes import Bytes, Count, Id, Ratio, Seconds, Time, Yes
from vmsd.model.state import Cause, State
from vmsd.services.clock_trust import Doubt
from vmsd.services.storage import OpenReason

Bitrate = Annotated[int, Field(ge=0, description="In bit/s, measured.", examples=[2_048_000])]
Fps = Annotated[float, Field(ge=0, description="Frames per second that come, counted.", examples=[15.0])]
Latency = Annotated[
    float,
    Field(ge=0, description="Age in seconds of the newest frame that live HLS offers, measured.", examples=[1.4]),
]
Age = Annotated[float, Field(ge=0, description="Seconds since bytes last arrived from the camera.", examples=[0.4])]
Viewers = Annotated[int, Field(ge=0, description="Viewing sessions of this camera.")]
Recording = Annotated[Yes, Field(description="Bytes of this camera reached the disk within the last seconds.")]
Rationed = Annotated[
    Yes, Field(description="It is to be recorded, and is not: only recordings that are kept are left to be deleted.")
]
Enabled = Annotated[Yes, Field(description="What was asked for.")]


class HealthAnswer(TypedDict):
    status: Literal["healthy", "degraded"]
    mediamtx: Yes
    database: Yes
    disk: Yes


class StatusAnswer(TypedDict):
    """What one camera is doing now; every figure is measured, null before it was."""

    state: State
    since: Time
    cause: Cause | None
    bitrate: Bitrate | None
    fps: Fps | None
    codecs: Annotated[list[str], Field(examples=[["H264"]])]
    width: Annotated[int | None, Field(examples=[1920])]
    height: Annotated[int | None, Field(examples=[1080])]
    viewers: Viewers
    last_frame_age: Age | None
    recording: Recording
    enabled: Enabled
    rationed: Rationed
    last_written_at: Time | None


class StreamMetricsAnswer(TypedDict):
    bitrate: Bitrate | None
    fps: Fps | None
    latency: Latency | None
    viewers: Viewers


class CameraFactsAnswer(StreamMetricsAnswer):
    """What is measured of a camera's stream now."""

    codecs: Annotated[list[str], Field(examples=[["H264"]])]
    width: Annotated[int | None, Field(examples=[1920])]
    height: Annotated[int | None, Field(examples=[1080])]


class PublishAnswer(TypedDict):
    """Where a camera that pushes must send to."""

    rtmp_port: Annotated[str, Field(examples=["1935"])]
    rtmp_path: str


class StateLine(TypedDict):
    id: Id
    state: State
    since: Time
    cause: Cause | None
    last_frame_age: Age | None
    recording: Recording
    enabled: Enabled
    rationed: Rationed


class NoticeAnswer(TypedDict):
    """Something everybody must see until it is put right."""

    code: Annotated[str, Field(examples=["breaker_open"])]
    level: Annotated[Literal["error", "warning", "info"], Field(description="`info` wants nothing put right.")]
    since: Time | None
    facts: dict[str, Any]


class States(TypedDict):
    items: list[StateLine]
    notices: list[NoticeAnswer]


class ClockAnswer(TypedDict):
    now: Time
    trusted: Annotated[Yes, Field(description="While it is not, nothing is deleted by age and nothing is signed.")]
    synchronised: Annotated[bool | None, Field(description="Null when the kernel does not say.")]
    reason: Doubt | None


class MediaMtxAnswer(TypedDict):
    alive: Yes
    version: str | None
    kind: Literal["real", "standin"]
    started: str | None
    applied: Annotated[Yes, Field(description="It was seen to have every change of every camera.")]


class DiskAnswer(TypedDict):
    """The recordings volume; figures are null before the first look."""

    condition: Condition
    path: str
    total_bytes: Bytes | None
    free_bytes: Bytes | None
    used_ratio: Ratio | None
    inodes_free_ratio: Ratio | None
    opens_over: NotRequired[Annotated[float, Field(description="Used ratio over which nothing is recorded.")]]
    sweeps_over: NotRequired[Annotated[float, Field(description="Used ratio over which the oldest is deleted.")]]


class BreakerAnswer(TypedDict):
    """Open: nothing is recorded, to keep the disk from filling up."""

    open: bool
    reason: OpenReason | None
    since: Time


class PulseAnswer(TypedDict):
    """How a task that runs by itself is doing."""

    name: str
    every: Seconds
    last_started: Time | None
    last_finished: Time | None
    last_ok: Time | None
    duration: Seconds | None
    failures: Annotated[int, Field(ge=0, description="In a row.")]
    error: str | None
    late: bool


class DatabaseAnswer(TypedDict):
    bytes: Bytes
    ok: Yes


class PowerLossAnswer(TypedDict):
    """From the last sign of life before the power went to the first recording after it was back."""

    start: Time
    end: Time
    lost: Annotated[Seconds, Field(description="Of the camera that lost most of what it had sent before.")]
    cameras: Annotated[int, Field(ge=0, description="Those that were being recorded.")]
    torn: Annotated[int, Field(ge=0, description="Recordings that end within a fragment; what is before it is whole.")]
    integrity: Literal["ok", "files_missing", "database_restored"]


class SystemAnswer(TypedDict):
    version: str
    uptime: Seconds
    clock: ClockAnswer
    mediamtx: MediaMtxAnswer
    disk: DiskAnswer
    breaker: BreakerAnswer
    tasks: list[PulseAnswer]
    database: DatabaseAnswer
    hls: Annotated[dict[str, Count], Field(description="Of the live cache; empty for all but superadmins.")]
    last_power_loss: PowerLossAnswer | None
    notices: list[NoticeAnswer]
