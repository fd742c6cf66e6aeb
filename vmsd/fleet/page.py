"""The sites on one page that needs no server, no network and no script: everything is in the file."""

from __future__ import annotations

from vmsd.clock import rfc3339
from vmsd.fleet.cells import NONE, cells_of, heads
from vmsd.fleet.finding import Level
from vmsd.fleet.page_template import PAGE
from vmsd.fleet.rounds import Report, Round
from vmsd.fleet.words import Language, say

SIGNS = {Level.GREEN: "✓", Level.AMBER: "!", Level.RED: "✕"}
SERIAL_DIGITS = 12


def page_of(found: Round, language: Language) -> str:
    """Whatever a site says is escaped: in a text, never in a tag, a style or an address."""
    from jinja2 import Environment, StrictUndefined  # late: only a page needs it

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    at = rfc3339(found.at_ms)
    counts = {level.word: found.count(level) for level in Level}
    return environment.from_string(PAGE).render(
        language="pt-BR" if language == "pt" else "en",
        title=say("title", language),
        made=say("made", language, at=f"{at[:10]} {at[11:16]}"),
        checked=say("unseen", language),
        counts=[(level, counts[level], say(level, language)) for level in ("red", "amber", "green")],
        heads=heads(language)._asdict(),
        none_known=NONE,
        reports=[_shown(report, language) for report in found.reports],
        box=say("box", language),
    )


def _shown(report: Report, language: Language) -> dict[str, object]:
    status = report.status
    return {
        "cells": cells_of(report, language)._asdict(),
        "level": report.level.word,
        "sign": SIGNS[report.level],
        "url": report.site.url,
        "box": None if status is None else status["box"]["fingerprint"][:SERIAL_DIGITS].upper(),
        "findings": [(one.level.word, SIGNS[one.level], one.text(language)) for one in report.findings],
    }
