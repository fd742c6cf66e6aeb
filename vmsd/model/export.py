"""An export: recordings of a period made into files that somebody takes away, and what became of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from vmsd.model.timeline import Gap


class ExportFormat(StrEnum):
    """MP4: one film per camera. PACKAGE: a sealed package with the original files."""

    MP4 = "mp4"
    PACKAGE = "package"


class ExportState(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


OPEN_STATES = frozenset({ExportState.QUEUED, ExportState.RUNNING})


class FailureCode(StrEnum):
    """Why an export has failed."""

    NOTHING_RECORDED = "nothing_recorded"
    """There is not one picture of the period that can be read."""
    DISK_FULL = "disk_full"
    UNREADABLE = "unreadable"
    """A recorded file could not be read, or the export could not be written."""
    INTERRUPTED = "interrupted"
    """The box went down, again and again, while it was being made."""
    INTERNAL = "internal"
    """A fault of the software; its log tells more."""


@dataclass(frozen=True)
class Failure:
    code: FailureCode
    detail: str


@dataclass(frozen=True)
class ExportFile:
    """A finished file; `sha256` in hexadecimal."""

    name: str
    bytes: int
    sha256: str


@dataclass(frozen=True)
class CameraResult:
    """What of a camera is in the export: wall-clock time of the pictures that are really there.

    `file` is its film, inside the file to download when that is a ZIP; None when there is not one picture. `notes` are
    words for what is unusual about it.
    """

    camera_id: str
    requested_ms: int
    delivered_ms: int
    gaps: Sequence[Gap] = ()
    file: ExportFile | None = None
    notes: Sequence[str] = ()

    @property
    def missing_ms(self) -> int:
        return max(0, self.requested_ms - self.delivered_ms)


@dataclass(frozen=True)
class ExportResult:
    """`file` is what is downloaded: the film of the one camera, or a ZIP."""

    file: ExportFile
    cameras: Sequence[CameraResult]

    @property
    def missing_ms(self) -> int:
        return sum(camera.missing_ms for camera in self.cameras)


@dataclass(frozen=True)
class Export:
    """`cameras` are public ids; so is `hold`. `bytes` is what the finished file will take, or takes.

    `attempts` counts how often it was begun. The files of one that is `removed_ms` are gone; what is known of them
    stays.
    """

    id: int
    public_id: str
    format: ExportFormat
    cameras: Sequence[str]
    start_ms: int
    end_ms: int
    reason: str
    request_number: str
    hold: str | None
    person: str | None
    person_name: str | None
    person_role: str | None
    state: ExportState
    attempts: int
    done_bytes: int
    total_bytes: int
    created_ms: int
    changed_ms: int
    ended_ms: int | None
    expires_ms: int | None
    removed_ms: int | None
    failure: Failure | None
    result: ExportResult | None

    @property
    def progress(self) -> float:
        """From 0 to 1."""
        if self.state is ExportState.DONE:
            return 1.0
        return min(1.0, self.done_bytes / self.total_bytes) if self.total_bytes else 0.0


@dataclass(frozen=True)
class Delivery:
    """That the finished file was handed over, to whom, and what it was."""

    at_ms: int
    receiver: str
    document: str
    note: str
    sha256: str
    person: str | None
    person_name: str | None
