"""Makes the recordings of an export into films: one flat MP4 per camera, and one ZIP when there are several."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

from vmsd.errors import VmsdError
from vmsd.host.durable import sync
from vmsd.host.tree import Tree
from vmsd.model.export import CameraResult, ExportFile, ExportResult
from vmsd.model.segment import Segment, SegmentFlag
from vmsd.services.export_plan import ExportPlan, PlannedCamera, explained
from vmsd.services.export_work import Work
from vmsd.services.following_hash import FollowingHash
from vmsd.services.stored_zip import Content, Measured, measure, size_of, write_zip
from vmsd.video.clip import Clip, Source
from vmsd.video.spans import missing_in
from vmsd.video.stitch import stitch

TEMPORARY = ".part"
MODE = 0o640


class NothingRecorded(VmsdError):
    """There is not one picture of the period that can be read."""


def film_of(planned: PlannedCamera, start_ms: int, end_ms: int, tree: Tree, folder: Path, work: Work) -> Clip | None:
    """Close it."""
    sources = [Source(one.start_us, partial(tree.opened, planned.folder, one.file_name)) for one in planned.segments]
    return stitch(sources, start_ms, end_ms, folder, work.tell)


def result_of(
    planned: PlannedCamera, start_ms: int, end_ms: int, clip: Clip | None, more: Collection[str] = ()
) -> CameraResult:
    """What is delivered, by the wall clock, without the hash of its film; `more` notes than its own."""
    spans = clip.spans if clip else ()
    notes = {*(clip.notes if clip else ()), *more}
    notes |= {note for one in planned.segments for note in notes_of(one)}
    return CameraResult(
        camera_id=planned.camera.public_id,
        requested_ms=end_ms - start_ms,
        delivered_ms=clip.delivered_ms if clip else 0,
        gaps=explained(missing_in(spans, start_ms, end_ms), planned.known),
        notes=sorted(notes),
    )


def notes_of(segment: Segment) -> Iterator[str]:
    flags = {
        SegmentFlag.DAMAGED: "file_damaged",
        SegmentFlag.CLOCK_UNTRUSTED: "clock_untrusted",
        SegmentFlag.CLOCK_CORRECTED: "clock_corrected",
        SegmentFlag.ALTERED: "file_altered",
    }
    return (note for flag, note in flags.items() if segment.flags & flag)


def make_films(plan: ExportPlan, tree: Tree, folder: Path, zone: ZoneInfo, work: Work) -> ExportResult:
    """The finished file is durable under its name in `folder`; raises `NothingRecorded`."""
    export = plan.export
    with ExitStack() as stack:
        films: list[tuple[PlannedCamera, Clip | None]] = []
        for planned in plan.cameras:
            clip = film_of(planned, export.start_ms, export.end_ms, tree, folder, work)
            if clip is not None:
                stack.callback(clip.close)
            films.append((planned, clip))
        if len(films) == 1 and films[0][1] is not None:
            return _make_one(plan, films[0][0], films[0][1], folder, zone, work)
        return _make_many(plan, films, folder, work)


def _make_one(
    plan: ExportPlan, planned: PlannedCamera, clip: Clip, folder: Path, zone: ZoneInfo, work: Work
) -> ExportResult:
    export = plan.export
    local = datetime.fromtimestamp(export.start_ms / 1000, zone)
    name = f"{planned.slug}_{local:%Y-%m-%d_%H-%M-%S}.mp4"
    work.steps_bytes = clip.size

    def told(count: int) -> None:
        hashed.add(count)
        work.tell(count)

    with made(folder / name) as handle, FollowingHash(handle) as hashed:
        clip.write(handle, told)
        digest = hashed.finish()
    file = ExportFile(name, clip.size, digest)
    result = result_of(planned, export.start_ms, export.end_ms, clip)
    return ExportResult(file, (replace(result, file=file),))


def _make_many(
    plan: ExportPlan, films: Sequence[tuple[PlannedCamera, Clip | None]], folder: Path, work: Work
) -> ExportResult:
    export, measured, results = plan.export, [], []
    contents = [clip_content(planned, clip, "") for planned, clip in films if clip is not None]
    if not contents:
        raise NothingRecorded("there is not one picture of this period")
    work.steps_bytes = 2 * sum(content.size for content in contents)
    waiting = iter(contents)
    for planned, clip in films:
        result = result_of(planned, export.start_ms, export.end_ms, clip)
        if clip is not None:
            film = measure(next(waiting), work.tell)
            measured.append(film)
            result = replace(result, file=file_of(film))
        results.append(result)
    file = write_file(folder / f"vmsd-{export.public_id[:8]}.zip", measured, work)
    return ExportResult(file, tuple(results))


def clip_content(planned: PlannedCamera, clip: Clip, folder: str) -> Content:
    return Content(f"{folder}{planned.slug}.mp4", clip.size, clip.read)


def file_of(film: Measured) -> ExportFile:
    return ExportFile(film.content.name, film.content.size, film.sha256)


def write_file(path: Path, files: Sequence[Measured], work: Work) -> ExportFile:
    """A durable ZIP under its name."""
    with made(path) as handle, FollowingHash(handle) as hashed:
        write_zip(handle, files, work.tell, hashed.add)
        digest = hashed.finish()
    return ExportFile(path.name, size_of(file.content for file in files), digest)


@contextmanager
def made(path: Path) -> Iterator[int]:
    """A handle to write by; the file has its name only once it is whole and durable."""
    temporary = path.with_name(f"{path.name}{TEMPORARY}")
    handle = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, MODE)
    try:
        try:
            yield handle
            os.fsync(handle)
        finally:
            os.close(handle)
        temporary.rename(path)
    finally:
        temporary.unlink(missing_ok=True)
    sync(path.parent)
