"""The cameras of a site file, its own and those of the list beside it, checked as far as no network is needed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from vmsd.api.camera_bodies import NewCamera, Place, Source
from vmsd.camera_file import CameraFile, read_camera_file
from vmsd.errors import FieldProblem, Invalid, Malformed
from vmsd.services.names import clean_name
from vmsd.services.sources import addresses, main_field
from vmsd.site_file.lines import find_lines, line_of
from vmsd.site_file.model import REMOVED, Network
from vmsd.site_file.texts import decoded
from vmsd.site_file.words import Problem, nearest, translated
from vmsd.vendors.urls import mask

MOST_CAMERAS = 500
SECRETS = ("password", "source_url", "sub_source_url")
"""Where a camera's password may stand."""
BESIDE_THE_SOURCE = frozenset(NewCamera.model_fields) - frozenset(Source.model_fields) | {"channel", "subtype"}
"""Fields that may be wrong without anything being unknown of where the video comes from."""
AT_LINE = re.compile(r"line (\d+)")


@dataclass(frozen=True)
class CameraRow:
    """`fields` are as `POST /api/v1/cameras` takes them, with what was said alone."""

    file: str
    line: int
    label: str
    fields: dict[str, Any] = field(repr=False)

    @property
    def secret_removed(self) -> bool:
        return any(REMOVED in str(self.fields.get(name, "")) for name in SECRETS)

    @property
    def masked(self) -> dict[str, Any]:
        """Without its secrets."""
        shown = dict(self.fields)
        if shown.get("password"):
            shown["password"] = REMOVED
        for name in SECRETS[1:]:
            if shown.get(name):
                shown[name] = _masked_url(shown[name])
        return shown


def _masked_url(url: str) -> str:
    """The user stays, as it is spelled, so that a reader of the file still knows the camera."""
    user = url.partition("//")[2].rpartition("@")[0].partition(":")[0]
    return mask(url).replace(f"{REMOVED}@", f"{user}:{REMOVED}@", 1)


Raw = tuple[str, int, str, dict[str, Any], bool]
"""File, line, what it is called in a message, its fields, and whether all of them are text."""


def read_rows(
    file: Path, beside: str | None, inline: Any, lines: Mapping[Any, int], network: Network | None = None
) -> tuple[tuple[CameraRow, ...], list[Problem]]:
    """With the `network` the box will have, what cannot be reached from there is a mistake too."""
    raw, problems = _inline(file.name, inline, lines)
    if beside is not None:
        more, wrong = _beside(file, beside, lines)
        raw, problems = [*raw, *more], [*problems, *wrong]
    if len(raw) > MOST_CAMERAS:
        return (), [*problems, Problem(file.name, 0, "", "too_many_cameras", {"most": MOST_CAMERAS})]
    rows: list[CameraRow] = []
    for one in raw:
        row, wrong = _row(one, lines if one[0] == file.name else {}, network)
        problems += wrong
        if row is not None:
            rows.append(row)
    return tuple(rows), [*problems, *_twice(raw)]


def _inline(name: str, inline: Any, lines: Mapping[Any, int]) -> tuple[list[Raw], list[Problem]]:
    line = line_of(dict(lines), ("camera",))
    if not isinstance(inline, list) or not all(isinstance(one, dict) for one in inline):
        return [], [Problem(name, line, "camera", "cameras_type")]
    places = (line_of(dict(lines), ("camera", number)) for number in range(len(inline)))
    return [
        (name, at, f"[[camera]] {number}:", row, False)
        for number, (at, row) in enumerate(zip(places, inline, strict=True), 1)
    ], []


def _beside(site: Path, name: str, lines: Mapping[Any, int]) -> tuple[list[Raw], list[Problem]]:
    file = site.with_name(name)
    try:
        found = read_camera_file(file)
    except FileNotFoundError:
        return [], [Problem(site.name, line_of(dict(lines), ("cameras", "file")), "[cameras] file", "file_missing")]
    except OSError:
        return [], [Problem(name, 0, "", "file_unreadable")]
    except Malformed as error:
        return [], [_malformed(name, str(error))]
    at = _lines_of(file, found)
    return [(name, line, "", row, found.as_text) for line, row in zip(at, found.rows, strict=True)], []


def _malformed(name: str, said: str) -> Problem:
    at = AT_LINE.search(said)
    line = int(at[1]) if at else 0
    for words, code in (
        ("there is no camera", "file_empty"),
        ("larger than", "file_large"),
        ("no text", "file_no_text"),
        ("more cells", "csv_cells"),
        ("[[camera]] tables", "cameras_type"),
    ):
        if words in said:
            return Problem(name, line, "", code)
    if name.endswith(".toml"):
        return Problem(name, line, "", "syntax")
    return Problem(name, line, "", "csv", {"detail": said.rpartition(": ")[2]})


def _lines_of(file: Path, found: CameraFile) -> Sequence[int]:
    if found.lines:
        return found.lines
    lines = find_lines(decoded(file.read_bytes()) or "")
    return [line_of(lines, ("camera", number)) for number in range(len(found.rows))]


def _row(raw: Raw, lines: Mapping[Any, int], network: Network | None) -> tuple[CameraRow | None, list[Problem]]:
    file, line, called, fields, as_text = raw
    ours = (place for place, number in lines.items() if number == line and len(place) == 2)  # noqa: PLR2004 - camera, number
    at = next((place for place in ours if place[0] == "camera"), ())

    def problem(place: Sequence[str | int], code: str, facts: Mapping[str, Any]) -> Problem:
        where = line_of(dict(lines), (*at, *place)) if at else line
        return Problem(file, where, f"{called} {'.'.join(map(str, place))}".strip(), code, facts)

    body, found = _body(fields, strict=not as_text)
    problems = [problem(*_wrong(one)) for one in found]
    try:
        if body is not None:
            clean_name(body.name)
            _check_source(body, network)
    except Invalid as error:
        problems += [problem(*_refused(one)) for one in error.problems]
    if body is None or problems:
        return None, problems
    return CameraRow(file, line, called, body.model_dump(exclude_unset=True)), []


def _body(fields: Mapping[str, Any], *, strict: bool) -> tuple[NewCamera | None, Sequence[Mapping[str, Any]]]:
    """Also of a row with mistakes, without what is wrong, where its source can be judged all the same."""
    try:
        return NewCamera.model_validate(fields, strict=strict), []
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=True)
    wrong = {str(one["loc"][0]) for one in found}
    if not wrong <= BESIDE_THE_SOURCE:
        return None, found
    left = {name: value for name, value in fields.items() if name not in wrong}
    return NewCamera.model_validate({"name": "?", **left}, strict=strict), found


def _wrong(error: Mapping[str, Any]) -> tuple[Sequence[str | int], str, Mapping[str, Any]]:
    loc, code, facts = error["loc"], error["type"], dict(error.get("ctx", {}))
    if code == "extra_forbidden":
        known = Place if len(loc) > 1 else NewCamera
        facts = nearest(str(loc[-1]), [*known.model_fields])
    if code == "literal_error":
        facts["expected_pt"] = str(facts["expected"]).replace(" or ", " ou ")
    if code in ("model_type", "model_attributes_type"):
        code = "camera_type"
    return loc, code, {"detail": error["msg"], **facts}


def _refused(one: FieldProblem) -> tuple[Sequence[str | int], str, Mapping[str, Any]]:
    return one.pointer.strip("/").split("/"), "said", translated(one.detail)


def _check_source(body: NewCamera, network: Network | None) -> None:
    """Raises `Invalid` for what cannot be the address of a camera, wherever the box stands or on its network."""
    if body.protocol == "p2p":
        return
    main, _ = addresses(body)
    if main is None:
        if body.protocol != "rtmp":
            raise _invalid(main_field(body), "give an address, or a vendor and a host")
        return
    username, password = body.username or main.username, body.password or main.password
    if password and not username:
        raise _invalid("/username", "a password without a user opens nothing")
    if username and not password:
        raise _invalid("/password", "a user without a password opens nothing")
    why = network.why_unreachable(main.host) if network else None
    if why:
        raise _invalid(main_field(body), why)


def _invalid(pointer: str, detail: str) -> Invalid:
    return Invalid(detail, FieldProblem(pointer, detail))


def _twice(rows: Sequence[Raw]) -> Iterator[Problem]:
    """Also of rows with other mistakes."""
    seen: dict[str, int] = {}
    for file, line, called, fields, _ in rows:
        name = fields.get("name")
        with suppress(Invalid):
            name = clean_name(name) if isinstance(name, str) else None
        if name is None:
            continue
        if name in seen:
            yield Problem(file, line, f"{called} name".strip(), "name_twice", {"line": seen[name]})
        seen.setdefault(name, line)
