"""What kept the whole box from recording, or vmsd from watching it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from vmsd.model.audit import Fact


class OutageKind(StrEnum):
    """The words are stored."""

    POWER = "power"
    DAEMON = "daemon"
    """vmsd was not there to see anything; MediaMTX records without it, so this explains no gap."""
    MEDIAMTX = "mediamtx"
    BREAKER = "breaker"
    """Recording was stopped for lack of room."""
    DISK = "disk"
    """The recordings volume was not there, not ours, or did not work."""
    CLOCK = "clock"
    """The wall clock was put forward: these times never were."""
    MAINTENANCE = "maintenance"
    """Somebody had announced that recording may stop."""


@dataclass(frozen=True)
class Outage:
    """`end_ms` None while it lasts; an announced maintenance has an end that may lie ahead."""

    id: int
    kind: OutageKind
    start_ms: int
    end_ms: int | None
    facts: Mapping[str, Fact] = field(default_factory=dict)
