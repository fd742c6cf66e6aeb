"""What the index of recordings proves of a camera within a period of wall-clock time."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from vmsd.clock import rfc3339
from vmsd.model.acceptance import AcceptedGap, AcceptedProof
from vmsd.model.audit import Action
from vmsd.model.camera import Camera
from vmsd.services.acceptance_box import whole
from vmsd.services.gaps import GAP_TOLERANCE_MS
from vmsd.services.timeline import UNSETTLED_MS, CityTimeline, Recorded
from vmsd.store.audit import CityAudit
from vmsd.store.scope import Scope

SOURCE = frozenset({"protocol", "source_url", "vendor", "host", "channel", "subtype", "tunnel", "tunnel_target"})
"""What makes it another camera's video, as the audit log names it."""
MOST_ROWS = 10_000


@dataclass(frozen=True)
class Window:
    """The last minutes of which it is known what there is: what is newer may still be on its way to the disk."""

    start_ms: int
    end_ms: int

    @property
    def whole_ms(self) -> int:
        return self.end_ms - self.start_ms


def window_of(now_ms: int, minutes: int) -> Window:
    settled_ms = now_ms - UNSETTLED_MS
    end_ms = settled_ms - settled_ms % 1000
    return Window(end_ms - minutes * 60_000, end_ms)


async def proven_ms(timeline: CityTimeline, camera: Camera, window: Window) -> int:
    """How much of the end of the window is there without a gap."""
    found = await timeline.recorded(camera, window.start_ms, window.end_ms)
    if window.end_ms - found.to_ms > GAP_TOLERANCE_MS:
        return 0
    since_ms = max(found.from_ms, *(end_ms for _, end_ms in found.missing)) if found.missing else found.from_ms
    return window.whole_ms if _is_whole(found, window) else max(0, window.end_ms - since_ms)


async def sources_since(scope: Scope, cameras: Sequence[Camera], window: Window) -> Mapping[str, int]:
    """Of the cameras whose video has come from somewhere else within the window: since when it comes from here."""
    asked = {camera.public_id: window.start_ms for camera in cameras}
    found: dict[str, int] = {}
    for row in await CityAudit(scope).about(asked, limit=MOST_ROWS):
        if row.subject is not None and _is_another(row.action, row.facts):
            found[row.subject] = max(row.at_ms, found.get(row.subject, 0))
    return found


def _is_another(action: str, facts: str) -> bool:
    """A row that somebody has damaged proves nothing for the camera."""
    if action != Action.CAMERA_CHANGED:
        return action == Action.CAMERA_REPLACED
    try:
        return not SOURCE.isdisjoint(json.loads(facts).get("fields", ()))
    except (ValueError, TypeError, AttributeError):
        return True


async def proof_of(timeline: CityTimeline, camera: Camera, window: Window) -> tuple[AcceptedProof, bool]:
    """With its gaps and their causes, and whether there is none."""
    found = await timeline.recorded(camera, window.start_ms, window.end_ms)
    line = await timeline.get(camera, window.start_ms, window.end_ms)
    files = await timeline.files(camera, window.start_ms, window.end_ms)
    recorded_ms = max(0, found.to_ms - found.from_ms - found.missing_ms)
    gaps: list[AcceptedGap] = [
        {"start": rfc3339(gap.start_ms), "end": rfc3339(gap.end_ms), "cause": gap.cause} for gap in line.gaps
    ]
    proof: AcceptedProof = {
        "recorded_seconds": whole(recorded_ms / 1000),
        "missing_seconds": whole((window.whole_ms - recorded_ms) / 1000),
        "clock_trusted": all(span.trusted for span in found.footage),
        "files": files.count,
        "bytes": files.bytes,
        "gaps": gaps,
    }
    return proof, _is_whole(found, window)


def _is_whole(found: Recorded, window: Window) -> bool:
    begins = found.from_ms - window.start_ms <= GAP_TOLERANCE_MS
    return begins and window.end_ms - found.to_ms <= GAP_TOLERANCE_MS and not found.missing
