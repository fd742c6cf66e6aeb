"""Makes a sealed package: original files, copies to look at, their papers, and the box's signature over all of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path
from typing import Any

from vmsd.clock import rfc3339
from vmsd.host.tree import Tree
from vmsd.model.continuity import Software
from vmsd.model.export import CameraResult, ExportResult
from vmsd.model.timeline import Gap
from vmsd.services.box_seal import BoxSeal
from vmsd.services.custody import Papers, audit_extract, custody, read_me
from vmsd.services.export_plan import ExportPlan, PlannedCamera
from vmsd.services.export_work import Work
from vmsd.services.films import NothingRecorded, clip_content, file_of, film_of, result_of, write_file
from vmsd.services.originals import Original, shown, take_original
from vmsd.services.recordings import SegmentIds
from vmsd.services.stored_zip import Measured, content_of, measure

MANIFEST = "manifest.json"
VIDEO = "video/"
VERIFIERS = ("verificar.py", "verificar.html")


@dataclass(frozen=True)
class Sealer:
    """What every package of this box is made with; `software` names versions."""

    tree: Tree
    seal: BoxSeal
    ids: SegmentIds
    site: str
    time_zone: str
    software: Callable[[], Software]


@dataclass(frozen=True)
class Packed:
    """A camera in the package."""

    planned: PlannedCamera
    result: CameraResult
    film: Measured | None
    originals: Sequence[Original]

    @property
    def files(self) -> Sequence[Measured]:
        return [original.file for original in self.originals if original.file is not None]


def make_package(
    plan: ExportPlan, papers: Papers, sealer: Sealer, folder: Path, now_ms: int, work: Work
) -> ExportResult:
    """The finished package is durable in `folder`; raises `NothingRecorded`."""
    with ExitStack() as stack:
        originals = sum(segment.bytes for camera in plan.cameras for segment in camera.segments)
        work.steps_bytes = 2 * max(originals, plan.export.total_bytes)
        cameras = [_pack(one, plan, sealer.tree, folder, stack, work) for one in plan.cameras]
        if all(camera.film is None and not camera.files for camera in cameras):
            raise NothingRecorded("there is not one picture of this period")
        return _seal(plan, papers, sealer, cameras, folder, now_ms, work)


def _pack(planned: PlannedCamera, plan: ExportPlan, tree: Tree, folder: Path, stack: ExitStack, work: Work) -> Packed:
    export, film = plan.export, None
    originals = [take_original(tree, planned.folder, segment, work) for segment in planned.segments]
    readable = [one.segment for one in originals if one.file is not None]
    unread = {"file_missing"} if len(readable) < len(originals) else set()
    planned = replace(planned, segments=readable)
    clip = film_of(planned, export.start_ms, export.end_ms, tree, folder, work)
    result = result_of(planned, export.start_ms, export.end_ms, clip, unread)
    if clip is not None:
        stack.callback(clip.close)
        film = measure(clip_content(planned, clip, VIDEO), work.tell)
        result = replace(result, file=file_of(film))
    return Packed(planned, result, film, originals)


def _seal(
    plan: ExportPlan,
    papers: Papers,
    sealer: Sealer,
    cameras: Sequence[Packed],
    folder: Path,
    now_ms: int,
    work: Work,
) -> ExportResult:
    manifest = {**_head(plan, papers, sealer, now_ms), "cameras": [_camera(one, sealer.ids, plan) for one in cameras]}
    record = custody(plan.export, papers.hold, now_ms, _recorded(cameras, now_ms))
    made = [
        _paper("LEIA-ME.txt", read_me(manifest, papers).encode(), "readme"),
        _paper("custody.json", _json(record), "custody"),
        _paper("audit-extract.json", _json(audit_extract(papers)), "audit"),
        *(_paper(name, data, "verifier") for name, data in _verifiers()),
    ]
    listed = [
        *made,
        *((camera.film, "viewing_copy") for camera in cameras if camera.film is not None),
        *((file, "original") for camera in cameras for file in camera.files),
    ]
    form = _paper("termo.pdf", _print_form({**manifest, "files": _listed(listed)}, record), "form")
    listed.insert(1, form)
    sealed = _json({**manifest, "files": _listed(listed)})
    first = [
        _small(MANIFEST, sealed),
        _small("signature.json", _json({**sealer.seal.sign_bytes(sealed), "signed": MANIFEST})),
    ]
    file = write_file(
        folder / f"evidencia-{plan.export.public_id[:8]}.zip", [*first, *(one for one, _ in listed)], work
    )
    return ExportResult(file, tuple(camera.result for camera in cameras))


def _head(plan: ExportPlan, papers: Papers, sealer: Sealer, now_ms: int) -> Mapping[str, Any]:
    export, clock, head = plan.export, papers.clock, papers.head
    return {
        "format": "vmsd-evidence/1",
        "package": {
            "id": export.public_id,
            "created_at": rfc3339(now_ms),
            "site": sealer.site,
            "city": {"id": plan.city.public_id, "name": plan.city.name},
        },
        "box": sealer.seal.identity,
        "software": dict(sealer.software()),
        "request": {
            "number": export.request_number,
            "reason": export.reason,
            "asked_by": {"name": export.person_name, "role": export.person_role},
            "asked_at": rfc3339(export.created_ms),
            "start": rfc3339(export.start_ms),
            "end": rfc3339(export.end_ms),
        },
        "time_zone": sealer.time_zone,
        "clock": {"trusted": clock.trusted, "synchronised": clock.synchronised, "reason": clock.reason},
        "audit_head": None if head is None else {"hash": head.hash.hex(), "at": rfc3339(head.at_ms)},
    }


def _camera(packed: Packed, ids: SegmentIds, plan: ExportPlan) -> Mapping[str, Any]:
    result, camera = packed.result, packed.planned.camera

    def recording_id(original: Original) -> str:
        return ids.seal(plan.city.id, camera.id, original.segment.start_us)

    return {
        "id": camera.public_id,
        "name": camera.name,
        "viewing_copy": packed.film.content.name if packed.film else None,
        "requested_seconds": result.requested_ms / 1000,
        "delivered_seconds": result.delivered_ms / 1000,
        "missing_seconds": result.missing_ms / 1000,
        "notes": list(result.notes),
        "segments": [shown(one, recording_id(one)) for one in packed.originals if one.file is not None],
        "unreadable": [
            {"recording_id": recording_id(one), "start": rfc3339(one.segment.start_ms), "error": one.error}
            for one in packed.originals
            if one.file is None
        ],
        "gaps": [_gap(gap) for gap in result.gaps],
    }


def _gap(gap: Gap) -> Mapping[str, Any]:
    return {"start": rfc3339(gap.start_ms), "end": rfc3339(gap.end_ms), "cause": gap.cause, "detail": gap.detail}


def _recorded(cameras: Sequence[Packed], now_ms: int) -> tuple[int, int, int]:
    """When the last recording was closed, how many were hashed then, and how many only now."""
    originals = [original for camera in cameras for original in camera.originals if original.file is not None]
    closed = [original.segment.end_ms for original in originals if original.hashed_at_close]
    return max(closed, default=now_ms), len(closed), len(originals) - len(closed)


def _listed(listed: Sequence[tuple[Measured, str]]) -> Sequence[Mapping[str, Any]]:
    return [
        {"path": file.content.name, "bytes": file.content.size, "sha256": file.sha256, "what": what}
        for file, what in listed
    ]


def _json(said: Mapping[str, Any]) -> bytes:
    return json.dumps(said, sort_keys=True, indent=1, ensure_ascii=False).encode("utf-8", "replace") + b"\n"


def _verifiers() -> Iterator[tuple[str, bytes]]:
    """What checks the package, without anything of ours."""
    folder = files("vmsd.verifier")
    for name in VERIFIERS:
        file = folder.joinpath(name)
        if not file.is_file():
            raise RuntimeError(f"{name} is missing: the installation is not whole")
        yield name, file.read_bytes()


def _print_form(manifest: Mapping[str, Any], record: Mapping[str, Any]) -> bytes:
    from vmsd.paper.custody_form import render  # the printing library is heavy, and most days nobody prints

    return render(manifest, record)


def _paper(name: str, data: bytes, what: str) -> tuple[Measured, str]:
    return _small(name, data), what


def _small(name: str, data: bytes) -> Measured:
    return measure(content_of(name, data), lambda _: None)
