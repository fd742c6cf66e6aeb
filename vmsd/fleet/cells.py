"""What a line about a site says, the same in a terminal and on a page."""

from __future__ import annotations

from typing import NamedTuple

from vmsd.fleet.judgement import percent
from vmsd.fleet.rounds import Report
from vmsd.fleet.words import Language, decimal, plain, say
from vmsd.model.site_status import StatusPromise

NONE = "—"
MOST_CHARS = 20


class Cells(NamedTuple):
    """Texts without a control character; `NONE` where nothing is known."""

    site: str
    state: str
    cameras: str
    coverage: str
    disk: str
    promise: str
    alerts: str
    audit: str
    version: str
    took: str


def cells_of(report: Report, language: Language) -> Cells:
    name, state = plain(report.site.name, 60), say(report.level.word, language)
    took, status = f"{decimal(report.took_s, language)} s", report.status
    if status is None:
        return Cells(name, state, NONE, NONE, NONE, NONE, NONE, NONE, NONE, took)
    counts, alerts = status["counts"], status["alerts"]
    return Cells(
        name,
        state,
        plain(f"{counts['recording']}/{counts['all']}", MOST_CHARS),
        _percent(status["coverage"]["worst"], language),
        _percent(status["disk"]["used_ratio"], language),
        _promise(status["promise"], language),
        plain(str(alerts["critical"] + alerts["warning"]), MOST_CHARS),
        say("row", language, row=status["audit"]["row"]),
        plain(status["version"], MOST_CHARS),
        took,
    )


def heads(language: Language) -> Cells:
    return Cells(*(say(name, language) for name in Cells._fields))


def _percent(ratio: float | None, language: Language) -> str:
    return NONE if ratio is None else f"{decimal(percent(ratio), language)} %"


def _promise(promise: StatusPromise, language: Language) -> str:
    holds, promised = promise["holds_days"], promise["promised_days"]
    if holds is None or promised is None:
        return NONE
    return say("days", language, holds=float(holds), promised=promised)
