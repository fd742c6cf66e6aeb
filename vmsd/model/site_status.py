"""The status of a whole site, member by member, as the box signs it and as a central office reads it.

There is no name in it, of a camera, a city or a person: ids alone, states and figures.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field
from typing_extensions import TypedDict

from vmsd.model.continuity import BoxIdentity, Hex, Signature
from vmsd.model.shapes import Bytes, Count, Id, Ratio, Seconds, Time
from vmsd.model.state import Cause, State

FORMAT: Final = "vmsd-status/1"
MOST_CAMERAS = 64
"""So many are told of one by one, the worst first: the document stays below 20 kB."""
MOST_NOTICES = 20
MOST_DAYS = 100_000
"""An empty disk beside a camera that sends next to nothing."""
MOST_TASKS = 20
Word = Annotated[str, Field(pattern=r"^[a-z0-9_. ]{1,40}$", examples=["breaker_open"])]
Version = Annotated[str, Field(max_length=60, examples=["0.1.0"])]
Row = Annotated[int, Field(ge=0, le=2**53, description="The number of a row of the audit log; 0 of an empty one.")]


class StatusMediaMtx(TypedDict):
    alive: bool
    version: Version | None
    applied: Annotated[bool, Field(description="It was seen to have every change of every camera.")]


class StatusClock(TypedDict):
    trusted: bool
    synchronised: bool | None
    reason: Word | None


class StatusDisk(TypedDict):
    """The recordings volume; figures are null before the first look."""

    condition: Word
    total_bytes: Bytes | None
    free_bytes: Bytes | None
    used_ratio: Ratio | None
    recording: Annotated[bool, Field(description="Whether anything may be recorded.")]
    reason: Annotated[Word | None, Field(description="Why nothing may.")]
    failing: Annotated[bool | None, Field(description="What the disk says of itself; null where it says nothing.")]
    wear_ratio: Annotated[float | None, Field(ge=0, le=1000, description="Of its expected life, used.", examples=[0.2])]


class StatusPromise(TypedDict):
    """Of the city that was promised most; null before anything was measured."""

    promised_days: Count | None
    holds_days: Annotated[float | None, Field(ge=0, le=MOST_DAYS, examples=[31.5])]
    breaks_at: Annotated[Time | None, Field(description="When the first recording will have to go too early.")]
    protected_bytes: Annotated[Bytes, Field(description="Of recordings that somebody keeps.")]


class StatusCounts(TypedDict):
    all: Count
    online: Count
    offline: Count
    stalled: Count
    starting: Count
    disabled: Count
    recording: Annotated[Count, Field(description="Their bytes reach the disk.")]
    unrecorded: Annotated[Count, Field(description="They should be recorded and are not, whatever the reason.")]


class StatusCoverage(TypedDict):
    """The share of the last 24 hours of which there is video, of the cameras that are to be recorded."""

    worst: Ratio | None
    camera: Id | None
    mean: Ratio | None


class StatusCamera(TypedDict):
    id: Id
    state: State
    since: Time
    cause: Cause | None
    enabled: Annotated[bool, Field(description="It is to be recorded.")]
    recording: bool
    written_age: Annotated[Seconds | None, Field(description="Since bytes of it last reached the disk.")]
    coverage: Annotated[Ratio | None, Field(description="Of the last 24 hours, as far as it was to be recorded.")]


class StatusAlerts(TypedDict):
    """Those that nobody has closed yet."""

    critical: Count
    warning: Count
    info: Count


class StatusNotice(TypedDict):
    code: Word
    level: Literal["error", "warning", "info"]
    since: Time | None


class StatusPowerLoss(TypedDict):
    start: Time
    end: Time
    lost: Seconds


class StatusHead(TypedDict):
    """What the audit log had come to when the box signed it, at most an hour ago; `vmsd.model.audit` has the text."""

    row: Row
    hash: Hex
    at_ms: int
    clock_trusted: bool
    public_key: Hex
    signature: Hex


class StatusRow(TypedDict):
    row: Row
    hash: Hex


class StatusAudit(TypedDict):
    """`row` is the last one; `asked` is the one the caller remembers, null when there is none of that number."""

    row: Row
    hash: Hex
    signed: StatusHead | None
    asked: StatusRow | None


class SiteStatus(TypedDict):
    """Made at most once every few seconds. Numbers that are whole are written as such."""

    format: Literal["vmsd-status/1"]
    made_at: Time
    box: BoxIdentity
    version: Version
    uptime: Seconds
    safe_mode: bool
    mediamtx: StatusMediaMtx
    database: bool
    clock: StatusClock
    disk: StatusDisk
    promise: StatusPromise
    counts: StatusCounts
    coverage: StatusCoverage
    cameras: Annotated[list[StatusCamera], Field(max_length=MOST_CAMERAS, description="The worst first.")]
    left_off: Annotated[Count, Field(description="Cameras that are not in the list.")]
    alerts: StatusAlerts
    notices: Annotated[list[StatusNotice], Field(max_length=MOST_NOTICES)]
    tasks_late: Annotated[list[Word], Field(max_length=MOST_TASKS, description="What should have been done by now.")]
    power_loss: StatusPowerLoss | None
    audit: StatusAudit


class SignedStatus(TypedDict):
    """`signature` is over the canonical JSON of `status`: UTF-8, keys sorted, no space."""

    status: SiteStatus
    signature: Signature
