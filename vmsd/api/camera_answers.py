"""What is answered about a camera."""

from __future__ import annotations

from typing import Annotated, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from vmsd.model.camera import Protocol
from vmsd.model.shapes import Id, Time, Yes
from vmsd.model.state import Cause, State
from vmsd.services.answers import Enabled, PublishAnswer

MayBeEmpty = Annotated[str, Field(examples=[""])]


class PlaceAnswer(TypedDict):
    """Degrees, WGS 84."""

    lat: float
    lon: float


class SourceAnswer(TypedDict):
    """Where a camera's picture comes from; all empty for who may neither view, manage nor configure it."""

    source_url: Annotated[
        str,
        Field(
            description="Without user and password; empty for a camera that pushes.",
            examples=["rtsp://198.51.100.20/live"],
        ),
    ]
    sub_source_url: Annotated[MayBeEmpty, Field(description="Of the smaller stream live tiles show; may be empty.")]
    host: MayBeEmpty
    username: Annotated[str, Field(examples=["admin"])]
    tunnel: MayBeEmpty
    tunnel_target: MayBeEmpty


class CameraAnswer(SourceAnswer):
    """Never its password."""

    id: Id
    name: Annotated[str, Field(examples=["Portaria"])]
    protocol: Protocol
    vendor: MayBeEmpty
    channel: Annotated[int, Field(examples=[1])]
    subtype: int
    recording_enabled: Yes
    retention_days: Annotated[int | None, Field(description="Of its own; null is the city's.")]
    location: PlaceAnswer | None
    audio: bool
    priority: Annotated[int, Field(description="1 is the first to stop recording when no room is left, 3 the last.")]
    group: Annotated[str, Field(description="The name of its group; empty for none.", examples=["Prefeitura"])]
    created_at: Time
    state: State
    state_since: Time
    state_cause: Cause | None
    applied: Annotated[Yes, Field(description="Whether MediaMTX was seen to have every change so far.")]
    publish: NotRequired[PublishAnswer]


class StateChangeAnswer(TypedDict):
    at: Time
    state: State
    cause: Cause | None


class RecordingAnswer(TypedDict):
    camera_id: Id
    enabled: Enabled
    recording: Annotated[Yes, Field(description="What reaches the disk; to `PUT` and `DELETE`, what was asked.")]
    storage_path: Annotated[str, Field(description="`<city>/<camera>`, below the recordings of the box.")]
    started_at: Time | None
    enabled_at: Time | None
    applied: NotRequired[Annotated[Yes, Field(description="Whether MediaMTX was seen to have the change.")]]


class WarningAnswer(TypedDict):
    code: Annotated[str, Field(examples=["gop_long"])]
    text: str


class ProbeAnswer(TypedDict):
    """What a source really sends."""

    codec: Annotated[str, Field(examples=["h264"])]
    width: Annotated[int, Field(examples=[1920])]
    height: Annotated[int, Field(examples=[1080])]
    fps: Annotated[float | None, Field(description="Measured; null for a single picture.", examples=[15.0])]
    gop_s: Annotated[float | None, Field(description="Seconds between keyframes.", examples=[2.0])]
    b_frames: bool
    audio: Annotated[str | None, Field(examples=["aac"])]
    bitrate: Annotated[int | None, Field(description="In bit/s, all tracks, measured.", examples=[2_048_000])]
    warnings: list[WarningAnswer]
