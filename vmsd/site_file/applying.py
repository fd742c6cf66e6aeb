"""Applies a site file to the box it lies on: checked whole, once, and free of secrets afterwards.

Order: the database (and with it the marker that it is done), then settings and network, then the result is written
beside the file, then its secrets are taken out, and it bears a stamp. What is broken off anywhere is gone on with at
the next start: the file has no stamp then, and every step finds what it has done already. Nor has a file a good stamp
whose network somebody has changed since.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import structlog

from vmsd.clock import Clock, rfc3339
from vmsd.errors import Conflict, VmsdError
from vmsd.site_file.box_settings import write_settings
from vmsd.site_file.lines import find_lines, line_of
from vmsd.site_file.model import SiteToml
from vmsd.site_file.networkd import settled, write_network
from vmsd.site_file.reading import Reading, read_site
from vmsd.site_file.replacing import finish, replace_for_good
from vmsd.site_file.result import Line, Result, line, write_result
from vmsd.site_file.storing import Marker, Plans, Stored
from vmsd.site_file.texts import decoded
from vmsd.site_file.without_secrets import digest_of, text_without_secrets
from vmsd.site_file.words import Problem, translated

log = structlog.get_logger()

NAME = "site.toml"
MISNAMED = ("site.txt", "site", "sitetoml")
COPIED = re.compile(r".*\bsite\b.*\.toml(\.example)?(\.txt)?")
"""What programs make of the name, in small letters: of a copy, of one that is saved as text."""


@dataclass(frozen=True)
class Box:
    """Where things lie on this machine; `root` is `/` but for tests."""

    settings_dir: Path
    root: Path
    clock: Clock
    marker: Callable[[], Marker | None]
    store: Callable[[Plans], Stored]


@dataclass(frozen=True)
class Outcome:
    """`changed` when the daemon has to learn of it; `failed` when the file has still to be applied."""

    result: Result | None = None
    changed: bool = False
    failed: bool = False


def apply_first(folders: Sequence[Path], box: Box) -> Outcome:
    """The first of the folders that has something new; one with mistakes keeps none of the others from being read."""
    failed = Outcome()
    for folder in folders:
        try:
            finish(folder / NAME)
        except OSError as error:
            log.warning("site.not_finished", why=error.strerror)
        outcome = _look_into(folder, box)
        if outcome.result is not None and not outcome.failed:
            return outcome
        failed = failed if failed.failed else outcome
    return failed


def _look_into(folder: Path, box: Box) -> Outcome:
    try:
        return apply_site(folder / NAME, box) if (folder / NAME).is_file() else _misnamed(folder)
    except OSError as error:
        log.warning("site.unreadable", why=error.strerror)
        return _refused(folder, [Problem(NAME, 0, "", "file_unreadable")])


def _misnamed(folder: Path) -> Outcome:
    """There is no site file; perhaps there is one under another name, or the example was filled in."""
    names = sorted(one.name for one in folder.iterdir() if one.is_file()) if folder.is_dir() else []
    found = next((name for name in names if _is_meant(folder / name)), None)
    return _refused(folder, [Problem(found, 0, "", "wrong_name", {"found": found})]) if found else Outcome()


def _is_meant(file: Path) -> bool:
    """The example as it came is not: nothing has a name in it."""
    if file.name.lower() not in MISNAMED and not COPIED.fullmatch(file.name.lower()):
        return False
    blank = {"[site] name", "[city] name"}
    return not blank <= {one.field for one in read_site(file).problems if one.code == "string_too_short"}


def apply_site(file: Path, box: Box) -> Outcome:
    """OSError when the file cannot be read."""
    reading, marker = read_site(file), box.marker()
    if reading.site is None:
        return _refused(file.parent, _all_wrong(reading, box, new=marker is None))
    ours = marker is not None and marker.done and marker.digest == digest_of(reading)
    if ours and reading.raw == text_without_secrets(reading):
        return Outcome()
    if marker is not None and marker.done and not ours:
        return _told(file.parent, Result([line("in_use")]), failed=True)
    network, problems = settled(reading.site.network, box.root)
    if problems or (reading.removed and not ours):
        return _refused(file.parent, [*_placed(problems, reading), *(() if ours else reading.removed)])
    return _apply(reading, reading.site.model_copy(update={"network": network}), box, before=ours)


def _all_wrong(reading: Reading, box: Box, *, new: bool) -> list[Problem]:
    """With what is only found out on this box; secrets that were removed are missing on a new one."""
    problems = settled(reading.network, box.root)[1] if reading.network else []
    return [*reading.problems, *_placed(problems, reading), *(reading.removed if new else ())]


def _placed(problems: Sequence[Problem], reading: Reading) -> list[Problem]:
    """With the lines of the fields, which are known by their names here."""
    lines = find_lines(decoded(reading.raw) or "")
    at = {"[network.cameras] interface": ("network", "cameras", "interface")}
    placed = []
    for one in problems:
        place = at.get(one.field, tuple(one.field.replace("[", "").replace("]", "").split()))
        placed.append(Problem(one.file, line_of(lines, place), one.field, one.code, one.facts))
    return placed


def _apply(reading: Reading, site: SiteToml, box: Box, *, before: bool) -> Outcome:
    """`before`: the database has it already."""
    folder = reading.file.parent
    try:
        stored = None if before else box.store(_plans(reading))
        write_settings(box.settings_dir, site)
        networked = write_network(site.network, box.root)
    except Conflict:
        return _told(folder, Result([line("in_use")]), failed=True)
    except (OSError, VmsdError) as error:
        detail = error.strerror if isinstance(error, OSError) else str(error)
        return _told(folder, Result([line("failed", detail=detail)]), failed=True)
    lines = [line("applied"), *_done(site, stored, networked=networked), line("time", at=rfc3339(box.clock.wall_ms()))]
    outcome = _told(folder, Result([*lines, line("removed")]), changed=True)
    try:
        replace_for_good(reading.file, text_without_secrets(reading))
    except OSError as error:
        log.warning("site.secrets_stay", why=error.strerror)
        return _told(folder, Result([*lines, line("not_removed", detail=error.strerror)]), changed=True)
    return outcome


def _plans(reading: Reading) -> Plans:
    assert reading.site is not None  # noqa: S101 - called for a good file
    site = reading.site
    return Plans(
        digest=digest_of(reading),
        city=site.city.name,
        plan=site.city.plan,
        admin=site.admin.name,
        password=site.admin.password,
        token=site.central.token if site.central else None,
        cameras=[row.fields for row in reading.rows],
    )


def _done(site: SiteToml, stored: Stored | None, *, networked: bool) -> list[Line]:
    lines = [line("city", site=site.site.name, city=site.city.name, plan=site.city.plan)]
    if stored is not None:
        lines.append(line("cameras", added=stored.added))
        lines += [
            line("camera_refused", name=one["name"], **translated(problem["detail"]))
            for one in stored.refused
            for problem in one["errors"]
        ]
    if not networked:
        lines.append(line("network_untouched"))
    code = "log_in_chosen" if site.admin.password else "log_in"
    return [*lines, line(code, name=site.network.name, admin=site.admin.name)]


def _refused(folder: Path, problems: Sequence[Problem]) -> Outcome:
    return _told(folder, Result([line("refused")], problems), failed=True)


def _told(folder: Path, result: Result, *, changed: bool = False, failed: bool = False) -> Outcome:
    try:
        write_result(folder, result)
    except OSError as error:
        log.warning("site.result_not_written", why=error.strerror)
    return Outcome(result, changed=changed, failed=failed)
