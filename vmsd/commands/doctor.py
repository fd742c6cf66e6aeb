"""`vmsd doctor`: examines this machine and says what to do."""

from __future__ import annotations

import json
import sys
from collections import Counter
from io import TextIOWrapper
from pathlib import Path

import click

from vmsd.commands.base import DEFAULT_CONFIG

ANY_FILE = click.Path(readable=False, path_type=Path)
"""One that cannot be read is something to be told of, and no end of it."""


@click.command()
@click.option("--config", "config_file", type=ANY_FILE, default=DEFAULT_CONFIG, show_default=True, help="the settings")
@click.option("--json", "for_programs", is_flag=True, help="for programs")
def doctor(config_file: Path, for_programs: bool) -> None:
    """Examine this machine, with vmsd running or not, and say what to do; exit code 1 when anything fails.

    Changes nothing. As root it sees the most; as another user it says what it may not look at.
    """
    from rich.console import Console

    from vmsd.doctor import report
    from vmsd.doctor.check import Mark

    box = report.box_of(config_file)
    findings = report.look(box)
    if for_programs:
        click.echo(json.dumps(report.as_json(box, findings), indent=1))
    else:
        if isinstance(sys.stdout, TextIOWrapper):
            sys.stdout.reconfigure(errors="replace")  # a terminal that has no arrows is told the rest
        console = Console(highlight=False, soft_wrap=False)
        console.print(report.as_table(findings))
        counts = Counter(finding.mark for _, finding in findings)
        console.print(f"{counts[Mark.PASS]} pass, {counts[Mark.WARN]} warn, {counts[Mark.FAIL]} fail")
    sys.exit(1 if report.worst_of(findings) is Mark.FAIL else 0)
