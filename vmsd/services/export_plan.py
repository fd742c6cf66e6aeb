"""Everything an export needs of the database, gathered before its thread begins."""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from vmsd.host.tree import Folder
from vmsd.model.camera import Camera
from vmsd.model.city import City
from vmsd.model.export import Export
from vmsd.model.segment import Segment
from vmsd.model.timeline import Gap, GapCause, Timeline
from vmsd.services.timeline import CityTimeline
from vmsd.store.cameras import Cameras
from vmsd.store.segments import Segments
from vmsd.verifier.verificar import safe_name

PAGE = 5_000
SLUG_CHARS = 40
BEFORE_CAMERA = "before_camera"
"""The camera was not there yet."""


@dataclass(frozen=True)
class PlannedCamera:
    """A camera of an export; `slug` is its name in letters any file system takes, unlike that of any other here."""

    camera: Camera
    slug: str
    folder: Folder
    segments: Sequence[Segment]
    known: Timeline


@dataclass(frozen=True)
class ExportPlan:
    export: Export
    city: City
    cameras: Sequence[PlannedCamera]


async def plan_of(
    export: Export, city: City, cameras: Cameras, segments: Segments, timeline: CityTimeline
) -> ExportPlan:
    planned: list[PlannedCamera] = []
    for public_id in export.cameras:
        camera = await cameras.get(public_id, removed_too=True)
        slug = slug_of(camera.name)
        if slug in [one.slug for one in planned]:
            slug = f"{slug}--{public_id}"  # no name alone makes two dashes
        found = await _segments(segments, camera.id, export)
        known = await timeline.get(camera, export.start_ms, export.end_ms)
        planned.append(PlannedCamera(camera, slug, Folder(city.public_id, public_id), found, known))
    return ExportPlan(export, city, planned)


async def _segments(segments: Segments, camera_id: int, export: Export) -> Sequence[Segment]:
    found: list[Segment] = []
    start_us, end_us = export.start_ms * 1000, export.end_ms * 1000
    while True:
        after_us = found[-1].start_us if found else -1
        page = await segments.list(camera_id, start_us, end_us, after_us=after_us, limit=PAGE)
        found += page
        if len(page) < PAGE:
            return found


def slug_of(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:SLUG_CHARS].strip("-") or "camera"
    return slug if safe_name(slug) else f"camera-{slug}"


def explained(missing: Sequence[tuple[int, int]], known: Timeline) -> Sequence[Gap]:
    """What really is missing, cut by the causes the timeline knows; the rest of it has none."""
    found: list[Gap] = []
    ends = [gap.end_ms for gap in known.gaps]
    for start_ms, end_ms in missing:
        at_ms = start_ms
        if at_ms < known.from_ms:
            reached = min(end_ms, known.from_ms)
            found.append(Gap(at_ms, reached, GapCause.UNKNOWN, BEFORE_CAMERA))
            at_ms = reached
        for number in range(bisect_right(ends, at_ms), len(ends)):
            gap = known.gaps[number]
            begin, end = max(gap.start_ms, at_ms), min(gap.end_ms, end_ms)
            if begin >= end:
                break
            found += [Gap(at_ms, begin, GapCause.UNKNOWN)] if begin > at_ms else []
            found.append(Gap(begin, end, gap.cause, gap.detail, gap.purged_ms))
            at_ms = end
        if at_ms < end_ms:
            found.append(Gap(at_ms, end_ms, GapCause.UNKNOWN))
    return found
