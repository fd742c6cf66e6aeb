"""What proves why nothing was recorded, each proof as the stretch of time it explains.

`network` needs other evidence than the camera's own silence: while the box could not reach this camera, it could not
reach another one of the same city either, give or take `TOGETHER_MS`. Else it is called the camera's.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import NamedTuple

from vmsd.model.camera import Camera
from vmsd.model.outage import Outage, OutageKind
from vmsd.model.segment import PurgeReason
from vmsd.model.state import Cause, State, StateChange
from vmsd.model.timeline import Gap, GapCause
from vmsd.services.gaps import Stretch, subtract, union
from vmsd.store.switches import Switch
from vmsd.store.timeline import UNREACHABLE, Purged

ORDER = (
    OutageKind.POWER,
    OutageKind.BREAKER,
    OutageKind.DISK,
    OutageKind.MEDIAMTX,
    OutageKind.MAINTENANCE,
    OutageKind.CLOCK,
)
"""Which outage explains what several could; `daemon` explains nothing: MediaMTX records without it."""
TOGETHER_MS = 60_000
"""Cameras behind one switch are not found out at the same moment, nor do they return at the same."""
SILENT = frozenset({State.OFFLINE, State.STALLED, State.DISABLED})


class Trouble(NamedTuple):
    """A time in which the camera sent no picture."""

    start_ms: int
    end_ms: int
    state: State
    cause: Cause | None


def of_purges(purged: Iterable[Purged]) -> list[Gap]:
    """A file that vanished was not deleted by the box: that is the disk's doing."""
    proof = []
    for start_us, duration_ms, reason, purged_ms in purged:
        start_ms = start_us // 1000
        vanished = reason is PurgeReason.VANISHED
        cause = GapCause.DISK if vanished else GapCause.PURGE
        proof.append(Gap(start_ms, start_ms + duration_ms, cause, reason, None if vanished else purged_ms))
    return proof


def of_switches(camera: Camera, switches: Sequence[Switch], to_ms: int) -> list[Gap]:
    """The camera's own row has the last word, whoever changed it."""
    known = [*switches]
    if not known or known[-1].at_ms < camera.recording_since_ms < to_ms:
        known.append(Switch(camera.recording_since_ms, camera.recording_enabled))
    return _switched_off(known, to_ms, GapCause.SWITCHED_OFF)


def of_rationing(switches: Sequence[Switch], to_ms: int) -> list[Gap]:
    """The box stopped the camera, so that there is room for others."""
    return _switched_off(switches, to_ms, GapCause.BREAKER, "rationed")


def _switched_off(switches: Sequence[Switch], to_ms: int, cause: GapCause, detail: str | None = None) -> list[Gap]:
    lines = [*switches, Switch(to_ms, enabled=True)]
    return [Gap(one.at_ms, after.at_ms, cause, detail) for one, after in pairwise(lines) if not one.enabled]


def of_outages(outages: Iterable[Outage], to_ms: int) -> list[list[Gap]]:
    """One proof per kind, in their order."""
    proofs: dict[OutageKind, list[Gap]] = {kind: [] for kind in ORDER}
    for one in outages:
        if one.kind in proofs:
            reason = one.facts.get("reason")
            end_ms = to_ms if one.end_ms is None else one.end_ms
            gap = Gap(one.start_ms, end_ms, GapCause(one.kind), reason if isinstance(reason, str) else None)
            proofs[one.kind].append(gap)
    return [*proofs.values()]


def troubles(changes: Sequence[StateChange], to_ms: int) -> list[Trouble]:
    """The times without a picture, of the camera's history.

    `starting` is what a camera is called while nobody knows yet; what it was after that, it was before.
    """
    found: list[Trouble] = []
    for change, after in pairwise([*changes, None]):
        if change is None:
            break
        told = after if after is not None and change.state is State.STARTING else change
        if told.state in SILENT:
            found.append(Trouble(change.at_ms, to_ms if after is None else after.at_ms, told.state, told.cause))
    return found


def of_troubles(found: Iterable[Trouble], unwatched: Iterable[Stretch], elsewhere: Iterable[Stretch]) -> list[Gap]:
    """Without the times in which nobody was there to see what the camera did."""
    absent = union(unwatched)
    together = union((start_ms - TOGETHER_MS, end_ms + TOGETHER_MS) for start_ms, end_ms in elsewhere)
    proof: list[Gap] = []
    for one in found:
        for seen in subtract(Stretch(one.start_ms, one.end_ms), absent):
            gap = Gap(*seen, _blamed(one), None if one.cause is Cause.MEDIAMTX_AWAY else one.cause)
            proof += _with_network(gap, together) if is_unreachable(one) else [gap]
    return proof


def is_unreachable(trouble: Trouble) -> bool:
    return trouble.state is State.OFFLINE and trouble.cause in UNREACHABLE


def _blamed(trouble: Trouble) -> GapCause:
    return GapCause.MEDIAMTX if trouble.cause is Cause.MEDIAMTX_AWAY else GapCause.CAMERA


def _with_network(gap: Gap, together: Sequence[Stretch]) -> list[Gap]:
    alone = subtract(Stretch(gap.start_ms, gap.end_ms), together)
    shared = subtract(Stretch(gap.start_ms, gap.end_ms), alone)
    pieces = [replace(gap, start_ms=start_ms, end_ms=end_ms) for start_ms, end_ms in alone]
    network = replace(gap, cause=GapCause.NETWORK)
    return pieces + [replace(network, start_ms=start_ms, end_ms=end_ms) for start_ms, end_ms in shared]
