"""What is said about updates, in a file that anybody on the box may read."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from vmsd.clock import Clock, rfc3339
from vmsd.update.journal import Journal, write_readable
from vmsd.update.places import Places

IDLE = "idle"


@dataclass(frozen=True)
class Progress:
    """Of a trial."""

    healthy_s: int = 0
    faults: tuple[str, ...] = ()


def describe(places: Places, now: str, progress: Progress | None = None, *, over: bool = False) -> dict[str, Any]:
    """`state` is `idle` or a phase of `journal`, `last` how the update before ended, `refused` the last file that was.

    `over` tells already what is true as soon as the update that has ended is cleared away.
    """
    journal = Journal(places)
    phase, floor = None if over else journal.phase(), journal.floor()
    told: dict[str, Any] = {
        "state": phase.value if phase else IDLE,
        "told_at": now,
        "highest_confirmed": floor.text if floor else None,
        "last": journal.last(),
        "refused": journal.refused(),
    }
    if phase is not None:
        plan = journal.plan()
        trial = {"healthy_s": progress.healthy_s, "faults": list(progress.faults)} if progress else {}
        told |= {"old": plan.old, "new": plan.new, "kind": plan.kind, "began": plan.began, "reason": journal.reason()}
        told |= {"confirm_s": plan.confirm_s, **trial}
    return told


def publish(places: Places, clock: Clock, progress: Progress | None = None, *, over: bool = False) -> None:
    places.state.mkdir(mode=0o755, parents=True, exist_ok=True)
    told = describe(places, rfc3339(clock.wall_ms()), progress, over=over)
    write_readable(places.status, json.dumps(told, indent=1) + "\n")
