"""An alert: something somebody has to answer, and what was done about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Literal

from vmsd.model.person import Role

Level = Literal["critical", "warning", "info"]
LEVELS: tuple[Level, ...] = ("info", "warning", "critical")
"""From the least to the loudest."""


class AlertKind(StrEnum):
    """What an alert tells of. Words are added, never renamed: closed alerts keep them for ever."""

    WANTED_PLATE = "wanted_plate"
    NOT_RECORDING = "not_recording"
    BREAKER = "breaker"
    DISK = "disk"
    CLOCK = "clock"
    INTEGRITY = "integrity"
    EXPIRY = "expiry"
    BACKLOG = "backlog"
    FAILED_LOGINS = "failed_logins"
    MEDIAMTX = "mediamtx"
    MOTION = "motion"
    EVENT = "event"


class AlertState(StrEnum):
    """Only ever onwards, but for one on hold that comes back to whoever has taken it. Closed is final."""

    NEW = "new"
    ACKNOWLEDGED = "acknowledged"
    ON_HOLD = "on_hold"
    CLOSED = "closed"


class Step(StrEnum):
    """What was done about an alert. Words are added, never renamed."""

    RAISED = "raised"
    ACKNOWLEDGED = "acknowledged"
    TAKEN_OVER = "taken_over"
    HELD = "held"
    RETURNED = "returned"
    """It was on hold and is not any more."""
    NOTED = "noted"
    REMINDED = "reminded"
    ENDED = "ended"
    """What it tells of is over."""
    AGAIN = "again"
    """What it told of was over, and is there again."""
    CLOSED = "closed"


@dataclass(frozen=True)
class Manner:
    """How alerts of a kind live.

    One that `closes_itself` is closed when what it tells of is over, whoever has taken it. One that `must_be_resolved`
    is closed by nobody as long as that lasts; `place` is the page where it is put right.
    """

    closes_itself: bool = False
    must_be_resolved: bool = False
    place: str | None = None


MANNERS: Mapping[AlertKind, Manner] = MappingProxyType(
    {
        AlertKind.WANTED_PLATE: Manner(),
        AlertKind.NOT_RECORDING: Manner(closes_itself=True, must_be_resolved=True, place="/camera/{camera_id}"),
        AlertKind.BREAKER: Manner(closes_itself=True, must_be_resolved=True, place="/health-board"),
        AlertKind.DISK: Manner(closes_itself=True, must_be_resolved=True, place="/health-board"),
        AlertKind.CLOCK: Manner(closes_itself=True, must_be_resolved=True, place="/health-board"),
        AlertKind.INTEGRITY: Manner(place="/health-board"),
        AlertKind.EXPIRY: Manner(closes_itself=True, place="/evidence/kept"),
        AlertKind.BACKLOG: Manner(closes_itself=True, must_be_resolved=True, place="/admin/destinations"),
        AlertKind.FAILED_LOGINS: Manner(place="/audit"),
        AlertKind.MEDIAMTX: Manner(closes_itself=True, must_be_resolved=True, place="/health-board"),
        AlertKind.MOTION: Manner(),
        AlertKind.EVENT: Manner(),
    }
)


@dataclass(frozen=True)
class AlertCamera:
    """Of the camera an alert is about, what is needed to show it and to judge who may see it."""

    id: int
    public_id: str
    name: str
    group_id: int | None


@dataclass(frozen=True)
class AlertDetection:
    """The plate that was read, as long as it may be known."""

    public_id: str
    plate: str | None
    pictured: bool


@dataclass(frozen=True)
class Alert:
    """`subject` makes two of a kind the same one. `person` has taken it. `audience` is the least role it concerns."""

    city_id: int
    id: int
    public_id: str
    kind: AlertKind
    level: Level
    state: AlertState
    subject: str
    audience: Role
    camera: AlertCamera | None
    detection: AlertDetection | None
    at_ms: int
    raised_ms: int
    last_ms: int
    times: int
    ended_ms: int | None = None
    reminded_ms: int | None = None
    held_until_ms: int | None = None
    closed_ms: int | None = None
    person: str | None = None
    person_name: str | None = None
    note: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def manner(self) -> Manner:
        return MANNERS[self.kind]

    @property
    def lasts(self) -> bool:
        """It cannot be closed yet: what it tells of goes on, and is to be put right."""
        return self.manner.must_be_resolved and self.ended_ms is None

    @property
    def place(self) -> str | None:
        """The page where it is put right."""
        if self.manner.place is None:
            return None
        return self.manner.place.format(camera_id=self.camera.public_id if self.camera else "")


@dataclass(frozen=True)
class AlertStep:
    """One line of what was done; all None is the box itself."""

    number: int
    at_ms: int
    step: Step
    note: str
    person: str | None
    person_name: str | None


def louder(one: Level, other: Level) -> Level:
    return max(one, other, key=LEVELS.index)
