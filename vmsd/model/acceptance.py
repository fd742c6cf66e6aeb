"""The acceptance report: the job that proves a site, and the document member by member, as it is signed."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field
from typing_extensions import TypedDict

from vmsd.model.continuity import AuditHead, BoxIdentity, Hex, Issuer, LocalTime, Named
from vmsd.model.shapes import Bytes, Count, Id, Ratio, Seconds, Time
from vmsd.model.timeline import GapCause


class AcceptanceState(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


OPEN = frozenset({AcceptanceState.QUEUED, AcceptanceState.RUNNING})


class Mark(StrEnum):
    """What one point of the report came to."""

    PASS = "pass"  # noqa: S105 - a word, not a secret
    WARN = "warn"
    FAIL = "fail"


class Fault(StrEnum):
    """What is wrong with a camera, or about it; those of `FAILING` make the report one that is not passed."""

    NO_PICTURE = "no_picture"
    NOT_PROVEN = "not_proven"
    CLOCK_UNTRUSTED = "clock_untrusted"
    NO_SIGNAL = "no_signal"
    SOURCE_CHANGED = "source_changed"
    STRANGER = "stranger"
    FROZEN = "frozen"
    NOT_RECORDED = "not_recorded"
    CLOCK_OFFSET = "clock_offset"
    H265_BROWSER = "h265_browser"
    B_FRAMES_WEBRTC = "b_frames_webrtc"
    GOP_LONG = "gop_long"
    AUDIO_G711_HLS = "audio_g711_hls"
    MJPEG_NO_LIVE = "mjpeg_no_live"
    NO_KEYFRAME_SEEN = "no_keyframe_seen"


FAILING = frozenset(
    {
        Fault.NO_PICTURE,
        Fault.NOT_PROVEN,
        Fault.CLOCK_UNTRUSTED,
        Fault.NO_SIGNAL,
        Fault.SOURCE_CHANGED,
        Fault.STRANGER,
    }
)


class AcceptedPeriod(TypedDict):
    """What every camera had to have recorded without a gap."""

    start: Time
    end: Time
    local_start: LocalTime
    local_end: LocalTime
    seconds: Seconds


class AcceptedPicture(TypedDict):
    """What the camera showed; the picture itself is in the PDF, byte by byte."""

    sha256: Hex
    bytes: Bytes
    width: Count
    height: Count
    taken_at: Time


class AcceptedGap(TypedDict):
    start: Time
    end: Time
    cause: GapCause


class AcceptedProof(TypedDict):
    """What of the period is in the index of recordings; `bytes` are those of the files that hold it."""

    recorded_seconds: Seconds
    missing_seconds: Seconds
    clock_trusted: bool
    files: Count
    bytes: Bytes
    gaps: list[AcceptedGap]


class AcceptedCodec(TypedDict):
    """As measured; null where it was not."""

    codec: str | None
    width: int | None
    height: int | None
    fps: float | None
    gop_s: float | None
    b_frames: bool | None
    audio: str | None
    bitrate: int | None


class AcceptedDevice(TypedDict):
    """What the camera said of itself."""

    manufacturer: str | None
    model: str | None
    firmware: str | None
    serial: str | None
    mac: str | None
    clock_offset_seconds: float | None
    seen_at: Time


class AcceptedCamera(TypedDict):
    id: Id
    name: str
    group: str
    protocol: str
    host: str
    result: Mark
    faults: list[Fault]
    state: str
    state_cause: str | None
    recording_enabled: bool
    picture: AcceptedPicture | None
    proof: AcceptedProof
    codec: AcceptedCodec
    device: AcceptedDevice | None


class AcceptedClock(TypedDict):
    """The box's own; `offset_seconds` is what the kernel still corrects."""

    trusted: bool
    synchronised: bool | None
    reason: str | None
    offset_seconds: float


class AcceptedDisk(TypedDict):
    """`write_bytes_per_s` was measured beside the recording; `recording_bytes_per_s` is what the cameras write.

    `stopped` is why nothing may be recorded now, null when it may.
    """

    condition: str
    stopped: str | None
    total_bytes: Bytes | None
    free_bytes: Bytes | None
    write_bytes_per_s: int | None
    slowest_write_seconds: float | None
    written_bytes: Bytes
    recording_bytes_per_s: int
    kind: str | None
    used_of_life: float | None


class AcceptedPromise(TypedDict):
    """`held_days` is what the disk holds at the measured rate, `promised_days` what the city's plan asks for."""

    plan: str
    promised_days: Count
    held_days: float | None
    breaks_at: Time | None


class AcceptedInterface(TypedDict):
    name: str
    mac: str | None
    addresses: list[str]


class AcceptedNetwork(TypedDict):
    host_name: str
    local_name: str | None
    https_port: int | None
    interfaces: list[AcceptedInterface]


class AcceptedVersions(TypedDict):
    vmsd: str
    mediamtx: str | None
    sqlite: str
    kernel: str
    system: str


class AcceptedCertificate(TypedDict):
    """The one browsers are shown; `key_pin` stays the same when it is renewed."""

    fingerprint: str
    key_pin: str
    made_here: bool
    not_after: Time


class AcceptedPoint(TypedDict):
    """One point of the whole box."""

    name: Literal["cameras", "clock", "volume", "disk_speed", "promise", "mediamtx", "certificate", "disk_wear"]
    result: Mark


class AcceptanceCertificate(TypedDict):
    """`passed` when no point and no camera has failed."""

    format: Literal["vmsd-acceptance/1"]
    id: Id
    issued_at: Time
    issued_by: Issuer
    installer: str
    note: str
    asked_at: Time
    passed: bool
    site: str
    time_zone: Annotated[str, Field(examples=["America/Sao_Paulo"])]
    box: BoxIdentity
    city: Named
    period: AcceptedPeriod
    points: list[AcceptedPoint]
    cameras: list[AcceptedCamera]
    clock: AcceptedClock
    disk: AcceptedDisk
    promise: AcceptedPromise
    network: AcceptedNetwork
    certificate: AcceptedCertificate | None
    software: AcceptedVersions
    audit_head: AuditHead | None


class CameraProgress(TypedDict):
    """How far the proof of one camera is; `proven_seconds` count from its last gap."""

    id: Id
    name: str
    state: str
    cause: str | None
    picture: bool
    proven_seconds: Seconds
    enabled: bool


class Progress(TypedDict):
    """Of a report that is being made; `ends_by` is when it is written, whatever there is by then."""

    share: Ratio
    ends_by: Time
    cameras: list[CameraProgress]


@dataclass(frozen=True)
class Acceptance:
    """One report of a city, or the job that will make it; `id` never leaves the box."""

    id: int
    public_id: str
    state: AcceptanceState
    installer: str
    note: str
    minutes: int
    person: str | None
    person_name: str | None
    person_role: str | None
    created_ms: int
    ended_ms: int | None
    passed: bool | None
    error: str | None
