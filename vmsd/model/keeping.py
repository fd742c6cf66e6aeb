"""Periods of recordings that are never purged, and what they are kept for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

Stretch = tuple[int, int]
"""From the one to the other, that not included, in ms."""


def merged(stretches: Iterable[Stretch]) -> Sequence[Stretch]:
    """The same time in as few stretches as possible, in order; none touches the next."""
    found: list[Stretch] = []
    for start_ms, end_ms in sorted(stretches):
        if found and start_ms <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end_ms))
        elif start_ms < end_ms:
            found.append((start_ms, end_ms))
    return found


def without(stretch: Stretch, gone: Stretch) -> Sequence[Stretch]:
    """What is left of a stretch, to the left and to the right of what is gone."""
    left, right = (stretch[0], min(stretch[1], gone[0])), (max(stretch[0], gone[1]), stretch[1])
    return [part for part in (left, right) if part[0] < part[1]]


class Keeping(StrEnum):
    """Why a period is kept: somebody pressed *Preservar*, or it belongs to an incident, a hold or a running export."""

    PRESERVED = "preserved"
    INCIDENT = "incident"
    HOLD = "hold"
    EXPORT = "export"


@dataclass(frozen=True)
class KeptPeriod:
    """A stretch of one camera, `end_ms` not included; it may lie in the future. Kept until `released_ms`."""

    id: int
    public_id: str
    camera_id: int
    start_ms: int
    end_ms: int
    incident_id: int | None
    hold_id: int | None
    export_id: int | None
    reason: str
    person: str | None
    person_name: str | None
    created_ms: int
    released_ms: int | None = None

    @property
    def keeping(self) -> Keeping:
        if self.hold_id is not None:
            return Keeping.HOLD
        if self.export_id is not None:
            return Keeping.EXPORT
        return Keeping.PRESERVED if self.incident_id is None else Keeping.INCIDENT


@dataclass(frozen=True)
class Incident:
    """Ties periods of several cameras together; open until somebody closes it, which releases them."""

    id: int
    public_id: str
    name: str
    note: str
    person: str | None
    person_name: str | None
    created_ms: int
    changed_ms: int
    closed_ms: int | None = None


EndedWhy = Literal["released", "deadline"]


@dataclass(frozen=True)
class Hold:
    """What an authority has asked to be kept. It ends at `deadline_ms` unless confirmed with a new deadline."""

    id: int
    public_id: str
    number: str
    authority: str
    purpose: str
    deadline_ms: int
    person: str | None
    person_name: str | None
    created_ms: int
    changed_ms: int
    confirmed_ms: int | None = None
    ended_ms: int | None = None
    ended_why: EndedWhy | None = None
