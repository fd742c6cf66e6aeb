"""All the checks, and what they found, for people and for programs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vmsd import __version__
from vmsd.clock import SystemClock, rfc3339
from vmsd.config import load_settings
from vmsd.doctor import cameras, disks, machine, media, network, service, settings, storing
from vmsd.doctor.check import Box, Check, Finding, Mark
from vmsd.doctor.running import examine
from vmsd.errors import BadSetting
from vmsd.host.machine import host_name

if TYPE_CHECKING:
    from rich.table import Table

GROUPS = (settings, service, media, disks, storing, machine, network, cameras)
CHECKS: tuple[Check, ...] = tuple(check for group in GROUPS for check in group.CHECKS)
STYLES = {Mark.PASS: "green", Mark.WARN: "yellow", Mark.FAIL: "bold red"}
WORST = (Mark.PASS, Mark.WARN, Mark.FAIL)


def box_of(config_file: Path) -> Box:
    """Of a file that makes no sense too: much can be looked at all the same."""
    try:
        return Box(config_file, SystemClock(), load_settings(config_file))
    except BadSetting as error:
        return Box(config_file, SystemClock(), None, str(error), isinstance(error.__cause__, PermissionError))


def look(box: Box) -> list[tuple[Check, Finding]]:
    return list(zip(CHECKS, examine(CHECKS, box), strict=True))


def worst_of(findings: Sequence[tuple[Check, Finding]]) -> Mark:
    return max((finding.mark for _, finding in findings), key=WORST.index)


def as_json(box: Box, findings: Sequence[tuple[Check, Finding]]) -> dict[str, Any]:
    return {
        "result": worst_of(findings),
        "at": rfc3339(box.clock.wall_ms()),
        "host": host_name(),
        "version": __version__,
        "checks": [
            {"name": check.name, "result": one.mark, "found": one.found, "do": one.advice or None}
            for check, one in findings
        ],
    }


def as_table(findings: Sequence[tuple[Check, Finding]]) -> Table:
    from rich.table import Table  # late: `vmsd --help` needs none
    from rich.text import Text

    table = Table(show_lines=False, pad_edge=False, box=None)
    table.add_column("", no_wrap=True)
    table.add_column("check", no_wrap=True, style="bold")
    table.add_column("found", ratio=1, overflow="fold")
    for check, one in findings:
        said = Text(one.found)
        if one.advice:
            said.append(f"\n→ {one.advice}", style=STYLES[one.mark])
        table.add_row(Text(one.mark.upper(), style=STYLES[one.mark]), check.name, said)
    return table
