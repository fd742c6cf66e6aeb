"""What schemathesis, in its own process, is told of the box under test besides its document."""

from __future__ import annotations

import json
import os
import re
from itertools import cycle
from typing import Any

import schemathesis
from schemathesis import Case, CheckContext, GenerationMode, HookContext, Response
from schemathesis.core.parameters import ParameterLocation
from schemathesis.generation.meta import TestPhase

THINGS = {kind: cycle(ids) for kind, ids in json.loads(os.environ["THINGS"]).items()}
"""By the part of the path that stands before their id: things there are."""
OWN = json.loads(os.environ["OWN"])
"""Ids of the token and the session the fuzzer itself lives by."""
UUID = re.compile(r"[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")
NOBODY = "00000000-0000-4000-8000-000000000000"
CHECKED = {400, 413, 415, 422}
NO_SCHEMA_SAYS = {
    "/Idempotency-Key": "not that of another request",
    "/address": "where a camera may be",
    "/amber": "as far as the figure goes, and before red",
    "/area": "at least three corners, or none",
    "/box": "within the picture",
    "/camera_id": "a camera there is",
    "/cameras": "cameras there are, each once, no more than there are cells",
    "/carousel": "a cell there is, and cameras there are",
    "/city_id": "a city there is",
    "/code": "what the caller's app shows",
    "/cursor": "comes from the page before",
    "/deadline": "is to come, and later than it was",
    "/end": "is after the start",
    "/endpoint": "where a browser's maker delivers",
    "/expires_at": "is to come, but not in a year",
    "/group": "not the name that stands for every camera",
    "/groups": "each group once",
    "/hold_id": "not together with an incident",
    "/hotspot": "a cell there is",
    "/host": "one a camera may have",
    "/keys": "those of a browser",
    "/mosaic_id": "a mosaic everybody has",
    "/networks": "addresses, as networks have them",
    "/north": "north of south",
    "/number": "only of a mosaic that is saved",
    "/east": "east of west",
    "/password": "the caller's, or a good one",
    "/periods": "no more than 50 in all",
    "/plate": "letters and digits, as many as plates have",
    "/protocol": "one the vendor's cameras speak",
    "/red": "as far as the figure goes, and after amber",
    "/service_url": "where the camera is",
    "/shared": "only of a mosaic that is saved",
    "/start": "as the end, where no incident or hold is named",
    "/source_url": "an address a camera may have, or none with a vendor",
    "/sub_source_url": "an address a camera may have",
    "/time": "of late, and not to come",
    "/topics": "each topic once",
    "/tunnel": "one the box is configured for",
    "/tunnel_target": "nothing a command takes for an option",
    "/until": "is to come",
    "/url": "of its kind, and where the box may call",
    "/username": "not without a password, and not of a camera that pushes",
    "/vendor": "one the box knows",
}
"""Why what fits its schema may be refused all the same."""


def is_about_tag(case: Case) -> bool:
    """False where a tag without quotes is only what the fuzzer fills in: it would hide the body from the box."""
    if case.meta is None:
        return True
    if case.meta.phase.name == TestPhase.COVERAGE:
        return getattr(case.meta.phase.data, "parameter", None) == "If-Match"
    header = case.meta.components.get(ParameterLocation.HEADER)
    return header is not None and header.mode == GenerationMode.NEGATIVE


@schemathesis.hook
def before_call(context: HookContext, case: Case, kwargs: dict[str, Any]) -> None:
    """Made-up ids become those of things there are; and the fuzzer does not saw off the branch it sits on."""
    if not is_about_tag(case) and not case.headers.get("If-Match", '"').startswith('"'):
        del case.headers["If-Match"]
    made_up = case.meta is not None and case.meta.phase.name != TestPhase.STATEFUL and case.method != "DELETE"
    for name, value in (case.path_parameters or {}).items():
        kind = re.search(rf"(\w+)[/_]\{{{name}\}}", case.path)
        if made_up and kind and kind[1] in THINGS and UUID.fullmatch(str(value)):
            case.path_parameters[name] = next(THINGS[kind[1]])
        elif value in OWN:
            case.path_parameters[name] = NOBODY


@schemathesis.check
def valid_data_accepted(ctx: CheckContext, response: Response, case: Case) -> None:
    """What the schema allows is not refused as unreadable or unacceptable, but for what only the box can know."""
    generation = case.meta.generation if case.meta else None
    if generation is None or generation.mode != GenerationMode.POSITIVE or response.status_code not in CHECKED:
        return
    problem = response.json()
    pointers = {re.sub(r"^/periods/\d+(?=/)", "", one["pointer"]) for one in problem.get("errors", ())}
    if case.path.endswith("/map/plan") and pointers == {""}:
        return  # its body is a picture
    if case.path.endswith("/import/file") and response.status_code == 400:
        return  # its body is a table
    if not (pointers and all(map(_is_known, pointers))) and "cause" not in problem:
        raise AssertionError(f"refused although it fits the schema: {problem}")


def _is_known(pointer: str) -> bool:
    """By its member of the body, or its own name within that."""
    _, *names = pointer.split("/")
    return bool(names) and not NO_SCHEMA_SAYS.keys().isdisjoint({f"/{names[0]}", f"/{names[-1]}"})


@schemathesis.serializer("application/sdp", "application/trickle-ice-sdpfrag")
def lines_of(_context: object, value: object) -> bytes:
    """What browsers offer is text."""
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "replace")
