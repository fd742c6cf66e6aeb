"""Reads a site file and the list of cameras beside it, and says everything that is wrong with them at once."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from vmsd.site_file.camera_rows import CameraRow, read_rows
from vmsd.site_file.lines import find_lines, line_of
from vmsd.site_file.model import REMOVED, CameraList, Network, SiteToml
from vmsd.site_file.texts import decoded
from vmsd.site_file.words import Problem, nearest

MOST_BYTES = 1024 * 1024
MOST_IN_LINE = 5000
"""Characters: an address has 2000 at most. The time a reader of TOML takes grows with their square."""
MOST_SYNTAX = 30
"""Lines that are no TOML; what has more is no site file."""
AT = re.compile(r"^(?P<what>.*) \(at (?:line (?P<line>\d+), column \d+|end of document)\)$", re.DOTALL)
Kind = TypeVar("Kind", bound=BaseModel)
NOBODYS = "nobodys-"
"""Begins the name of a section whose heading cannot be read."""
FIELD = re.compile(r"\s*(?P<name>[A-Za-z0-9_.-]+)\s*=")
SYNTAX = (
    ("Illegal character '\\n'", "syntax_open"),
    ("Unterminated string", "syntax_open"),
    ("Unclosed", "syntax_open"),
    ("Expected newline or end of document after a statement", "syntax_value"),
    ("Invalid value", "syntax_value"),
    ("Cannot", "syntax_twice"),
    ("Expected ']", "syntax_header"),
)


@dataclass(frozen=True)
class Reading:
    """`site` is None when there is anything in `problems`.

    `removed` are secrets that are no more: no problem for the box the file was applied to. `network` is there in a
    file with mistakes too, if none of them is in that section.
    """

    file: Path
    site: SiteToml | None = None
    network: Network | None = None
    rows: tuple[CameraRow, ...] = ()
    problems: tuple[Problem, ...] = ()
    removed: tuple[Problem, ...] = ()
    raw: bytes = field(default=b"", repr=False)


@dataclass
class _Text:
    """A file that may have lines which are no TOML: those are told of, and left out."""

    name: str
    text: str
    problems: list[Problem] = field(default_factory=list)
    broken: set[int] = field(default_factory=set)
    headless: bool = False
    """The heading of a section cannot be read: who knows which."""
    lost: bool = False
    """What it says cannot be found out at all."""

    def parse(self) -> dict[str, Any]:
        for _ in range(MOST_SYNTAX):
            try:
                content = tomllib.loads(self.text)
                return {name: value for name, value in content.items() if not name.startswith(NOBODYS)}
            except tomllib.TOMLDecodeError as error:
                if not self._leave_out(str(error)):
                    break
            except RecursionError:
                self.problems.append(Problem(self.name, 0, "", "file_no_text"))
                break
        self.lost = True
        return {}

    def _leave_out(self, said: str) -> bool:
        found = AT.match(said)
        lines = self.text.split("\n")
        number = int(found["line"]) if found and found["line"] else len(lines)
        while number > 1 and not lines[number - 1].strip():
            number -= 1
        if number in self.broken:
            return False
        line = lines[number - 1]
        self.broken.add(number)
        self.problems.append(Problem(self.name, number, "", _syntax_code(found["what"] if found else said, line)))
        lines[number - 1] = self._instead(number, line, twice=said.startswith("Cannot"))
        self.text = "\n".join(lines)
        return True

    def _instead(self, number: int, line: str, *, twice: bool) -> str:
        """So that the lines around it mean what they meant."""
        if line.lstrip().startswith("["):
            self.headless |= not twice
            return f"[{NOBODYS}{number}]"
        name = FIELD.match(line)
        return f'{name["name"]} = ""' if name and not twice else ""


def _syntax_code(said: str, line: str) -> str:
    if "“" in line or "”" in line:
        return "syntax_quotes"
    if line.lstrip().startswith("[") and not said.startswith("Cannot"):
        return "syntax_header"
    return next((code for begin, code in SYNTAX if said.startswith(begin)), "syntax")


def read_site(file: Path) -> Reading:
    """OSError when it cannot be read; what is wrong with it is in the answer."""
    with file.open("rb") as opened:
        raw = opened.read(MOST_BYTES + 1)
    if len(raw) > MOST_BYTES:
        return Reading(file, problems=(Problem(file.name, 0, "", "file_large"),))
    text = decoded(raw)
    if text is None:
        return Reading(file, problems=(Problem(file.name, 0, "", "file_no_text"),))
    long = [number for number, line in enumerate(text.split("\n"), 1) if len(line) > MOST_IN_LINE]
    if long:
        return Reading(file, problems=tuple(Problem(file.name, number, "", "line_long") for number in long))
    source = _Text(file.name, text)
    content = source.parse()
    if source.lost:
        return Reading(file, problems=tuple(source.problems))
    return _checked(file, source, content, raw)


def _checked(file: Path, source: _Text, content: dict[str, Any], raw: bytes) -> Reading:
    lines = find_lines(source.text)
    cameras = content.pop("camera", [])
    site: SiteToml | None = None
    found = list(source.problems)
    try:
        site = SiteToml.model_validate(content)
    except ValidationError as error:
        found += [_problem(file.name, one, lines) for one in error.errors(include_url=False)]
    network, beside = _part(content, "network", Network), _part(content, "cameras", CameraList)
    rows, more = read_rows(file, beside.file if beside else None, cameras, lines, network)
    removed = tuple(_removed(file.name, content, rows, lines))
    found = [one for one in (*found, *more) if one in source.problems or _counts(one, source)]
    in_order = tuple(sorted(found, key=lambda one: (one.file != file.name, one.line)))
    return Reading(file, None if found else site, network, rows, in_order, removed, raw)


def _part(content: Mapping[str, Any], name: str, kind: type[Kind]) -> Kind | None:
    """A section by itself; None when it is not there or has a mistake."""
    try:
        return kind.model_validate(content[name])
    except (KeyError, ValidationError):
        return None


def _counts(one: Problem, source: _Text) -> bool:
    """What is said of a line that cannot be read, or may stand behind a heading that cannot be, is no news."""
    return one.line not in source.broken and not (one.code == "missing_section" and source.headless)


def _problem(name: str, error: Mapping[str, Any], lines: Mapping[Any, int]) -> Problem:
    loc, code, facts = error["loc"], error["type"], dict(error.get("ctx", {}))
    line = line_of(dict(lines), loc)
    if code == "missing" and len(loc) == 1:
        return Problem(name, 0, "", "missing_section", _needed(loc[0]))
    if code == "extra_forbidden":
        facts = nearest(str(loc[-1]), [*_model_at(loc[:-1]).model_fields, *(("camera",) if len(loc) == 1 else ())])
    if code in ("model_type", "model_attributes_type", "dict_type"):
        code, facts = "section_type", {"section": ".".join(map(str, loc))}
    if code == "literal_error":
        facts["expected_pt"] = str(facts["expected"]).replace(" or ", " ou ").replace("'", '"')
        facts["expected"] = str(facts["expected"]).replace("'", '"')
    return Problem(name, line, label(loc), code, facts)


def label(loc: tuple[str | int, ...]) -> str:
    """`[city] plan`; the number of one of several counts from 1."""
    words = [str(one + 1) if isinstance(one, int) else one for one in loc]
    return words[0] if len(words) == 1 else f"[{words[0]}] {'.'.join(words[1:])}"


def _needed(section: str) -> dict[str, str]:
    fields = _model_at((section,)).model_fields
    return {"section": section, "fields": ", ".join(name for name, one in fields.items() if one.is_required())}


def _model_at(loc: tuple[str | int, ...]) -> type[BaseModel]:
    model: type[BaseModel] = SiteToml
    for key in loc:
        known = model.model_fields.get(str(key))
        kinds = [known.annotation, *getattr(known.annotation, "__args__", ())] if known else []
        model = next((one for one in kinds if isinstance(one, type) and issubclass(one, BaseModel)), model)
    return model


def _removed(
    name: str, content: Mapping[str, Any], rows: tuple[CameraRow, ...], lines: Mapping[Any, int]
) -> Iterator[Problem]:
    for place in (("admin", "password"), ("central", "token")):
        section = content.get(place[0])
        if isinstance(section, dict) and section.get(place[1]) == REMOVED:
            yield Problem(name, line_of(dict(lines), place), label(place), "secret_removed")
    for row in rows:
        if row.secret_removed:
            yield Problem(row.file, row.line, f"{row.label} password", "secret_removed")
