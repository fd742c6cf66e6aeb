"""The sites in a terminal: a table, the worst first, and under it what is wrong with each."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from typing import IO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from vmsd.fleet.cells import Cells, cells_of, heads
from vmsd.fleet.finding import Level
from vmsd.fleet.rounds import Round
from vmsd.fleet.words import Language, say

STYLES = {Level.GREEN: "green", Level.AMBER: "yellow", Level.RED: "bold red"}
SIGNS = {Level.GREEN: "✓", Level.AMBER: "!", Level.RED: "✗"}
NUMBERS = ("cameras", "coverage", "disk", "promise", "alerts", "took")
PLAIN_WIDTH = 160
"""Of a line in a file or a mail, where no terminal says how wide it is."""
NARROW, SPARED = 120, ("disk", "alerts", "audit", "version", "took")
"""In a narrower terminal the names of the sites need the room of these; what is wrong stands below in any case."""
NAME_CHARS = 16


def print_round(found: Round, language: Language, out: IO[str]) -> None:
    if isinstance(out, TextIOWrapper):
        out.reconfigure(errors="replace")  # a locale without a tick hides no alarm
    console = Console(file=out, highlight=False, width=None if out.isatty() else PLAIN_WIDTH)
    spared = SPARED if console.width < NARROW else ()
    shown = [name for name in Cells._fields if name not in spared]
    table, words = Table(box=None, pad_edge=False), heads(language)._asdict()
    for name in shown:
        least = NAME_CHARS if name == "site" else None
        table.add_column(
            Text(words[name]), justify="right" if name in NUMBERS else "left", no_wrap=not least, min_width=least
        )
    for report in found.reports:
        cells = cells_of(report, language)._asdict()
        table.add_row(*(_cell(name, cells[name], report.level) for name in shown))
    console.print(table)
    _print_findings(found, language, console)


def _cell(name: str, text: str, level: Level) -> Text:
    return Text(f"{SIGNS[level]} {text}", STYLES[level]) if name == "state" else Text(text)


def _print_findings(found: Round, language: Language, console: Console) -> None:
    wrong = [report for report in found.reports if report.findings]
    if wrong:
        console.print()
    for report in wrong:
        console.print(Text(cells_of(report, language).site, STYLES[report.level]))
        for finding in report.findings:
            console.print(Text(f"  {SIGNS[finding.level]} {finding.text(language)}", STYLES[finding.level]))
    console.print()
    counts = {level.word: found.count(level) for level in Level}
    console.print(Text(say("summary", language, all=len(found.reports), **counts)))


@contextmanager
def progress(total: int, language: Language, out: IO[str]) -> Iterator[Progress]:
    """Seen where a terminal is; `advance` its only task after each site."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(file=out), transient=True, disable=not out.isatty()) as bar:
        bar.add_task(say("asking", language), total=total)
        yield bar
