"""Applies a site file to the box it lies on: checked whole, once, and free of secrets afterwards.

Order: the database (and with it the marker that it is done), then settings and network, then the result is written
beside the file, then its secrets are taken out, and it bears a stamp. What is broken off anywhere is gone on with at
the next start: the file has no stamp then, and every step finds what it has done already. Nor has a file a good stamp
whose network somebody has changed since.
"""

from __future__ import annotations

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
MISNAMED = ("site.toml.txt", "site.txt", "site", "sitetoml", "Site.toml", "SITE.TOML")


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
    """The first of the folders that has something new; OSError when a file cannot be read."""
    for folder in folders:
        try:
            finish(folder / NAME)
        except OSError as error:
            log.warning("site.not_finished", why=error.strerror)
        outcome = apply_site(folder / NAME, box) if (folder / NAME).is_file() else _misnamed(folder)
        if outcome.result is not None:
            return outcome
    return Outcome()


def _misnamed(folder: Path) -> Outcome:
    """There is no site file; perhaps there is one that is called otherwise."""
    found = next((name for name in MISNAMED if (folder / name).is_file()), None)
    return _refused(folder, [Problem(found, 0, "", "wrong_name", {"found": found})]) if found else Outcome()


def apply_site(file: Path, box: Box) -> Outcome:
    """OSError when the file cannot be read."""
    reading = read_site(file)
    if reading.site is None:
        return _refused(file.parent, reading.problems)
    marker = box.marker()
    ours = marker is not None and marker.done and marker.digest == digest_of(reading)
    if ours and reading.raw == text_without_secrets(reading):
        return Outcome()
    if marker is not None and marker.done and not ours:
        return _told(file.parent, Result([line("in_use")]), failed=True)
    network, problems = settled(reading.site.network, box.root)
    if problems or (reading.removed and not ours):
        return _refused(file.parent, [*_placed(problems, reading), *(() if ours else reading.removed)])
    return _apply(reading, reading.site.model_copy(update={"network": network}), box, before=ours)


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
